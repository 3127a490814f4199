"""What all tests share: the real data, an example run, and seeds."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real data sets: XAIMED_DATA, or shared/data beside the project."""
    given = os.environ.get("XAIMED_DATA")
    place = Path(given) if given else ROOT.parent / "shared" / "data"
    if not place.is_dir():
        pytest.skip(f"no real data: {place} is not a folder; set XAIMED_DATA to the folder that holds mini-mias/")
    return place


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Every test starts from the same seeds."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test draw from the global generator
    if "torch" in sys.modules:  # a test of what needs no torch does not wait for it
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def example_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run folder of drawn images, made without a model; read only."""
    from tests.example_run import example_run as make

    return make(tmp_path_factory.mktemp("runs") / "example")
