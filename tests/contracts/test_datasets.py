"""Every dataset: rows without decoding, cases that agree with them, no patient in two splits, clear refusals."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.contracts.plugins import every
from xaimed import registry
from xaimed.data.dataset import DataRequest, Dataset
from xaimed.errors import XaimedError

EMBEDDED = ("phantom", "phantom-modes", "phantom-pairs", "planted")
TASKS = ("classification", "detection", "segmentation", "registration", "generation", "anomaly")
NAMELESS = ("registration", "generation")  # tasks whose datasets need no classes


def opened(name: str, request: pytest.FixtureRequest) -> Dataset:
    """The dataset: embedded ones as they are, real ones where the data root has their folder."""
    module = registry.load("data", name)
    if name == "folder":
        pytest.skip("a folder is what a user gives; tests/data holds its tests")
    root: Path | None = None
    if name not in EMBEDDED:
        root = request.getfixturevalue("data_root")
        folder = module.ORIGIN.folder if hasattr(module, "ORIGIN") else "mini-mias" if "mias" in name else name
        if not (root / folder).is_dir():
            pytest.skip(f"{root} holds no {folder}")
    found: Dataset = module.open(DataRequest(name=name, root=root))
    return found


@every("data")
def test_rows_and_cases_agree(name: str, request: pytest.FixtureRequest) -> None:
    data = opened(name, request)
    assert len(data) == len(data.rows) > 0
    assert len({row.case for row in data.rows}) == len(data.rows)
    for index in sorted({0, len(data) // 2, len(data) - 1}):
        case, row = data[index], data.rows[index]
        assert (case.id, case.patient, case.split) == (row.case, row.patient, row.split)
        assert case.synthetic is data.synthetic
        assert len(case.digest) == 64
        assert {box.label for box in case.boxes} <= set(data.classes)
        assert data.task != "segmentation" or set(case.segments) == set(data.classes)
        assert data.task != "registration" or case.displacement is not None
        assert data.task != "generation" or case.wanted is not None
        if row.label is not None:
            assert case.label == row.label
        assert all(case.groups.get(group) == value for group, value in row.groups.items())


@every("data")
def test_a_patient_is_in_one_split(name: str, request: pytest.FixtureRequest) -> None:
    splits = defaultdict(set)
    for row in opened(name, request).rows:
        splits[row.patient].add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    if getattr(registry.load("data", name), "SPLIT", "ours") == "given":
        assert {split for found in splits.values() for split in found} <= {"train", "val", "test"}
        return
    counts = {split: sum(split in found for found in splits.values()) for split in ("train", "val", "test")}
    assert abs(counts["test"] / len(splits) - 0.1) < 0.05
    assert abs(counts["val"] / len(splits) - 0.1) < 0.05


@every("data")
def test_the_same_request_gives_the_same_pixels(name: str, request: pytest.FixtureRequest) -> None:
    assert opened(name, request)[1].digest == opened(name, request)[1].digest
    assert opened(name, request).rows == opened(name, request).rows


@every("data")
def test_it_says_what_it_is(name: str, request: pytest.FixtureRequest) -> None:
    data = opened(name, request)
    assert data.name == name
    assert data.task in TASKS
    assert data.classes or data.task in NAMELESS
    assert data.warnings
    assert data.synthetic is ("SYNTHETIC" in data.title)


@every("data")
def test_an_absent_folder_is_one_clear_line(name: str, tmp_path: Path) -> None:
    if name in EMBEDDED:
        pytest.skip("made by seed, not read")
    with pytest.raises(XaimedError) as caught:
        registry.load("data", name).open(DataRequest(name=name, root=tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)
    assert "nowhere" in str(caught.value)
