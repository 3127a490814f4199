"""The trivial baselines: known answers, and the figures that the cards give."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xaimed.content import folder
from xaimed.types import Case, Floats, Mask, Prediction

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def trivial() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / "trivial_baseline.py"))


@pytest.fixture(scope="module")
def segmenting() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / "segmentation_baseline.py"))


def flat(name: str, grey: float, label: str) -> Case:
    return Case(name, np.full((1, 8, 8), grey, np.float32), label=label)


class Cases(list[Case]):
    """Cases that know their rows, as a selection does."""

    @property
    def rows(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(label=case.label) for case in self]


def test_the_nearest_class_mean_by_hand(trivial: dict[str, Any]) -> None:
    train = Cases([flat("a", 0.0, "dark"), flat("b", 0.2, "dark"), flat("c", 1.0, "light")])
    cases = [flat("d", 0.3, "dark"), flat("e", 0.7, "dark"), flat("f", 0.9, "light")]
    model = SimpleNamespace(classes=("dark", "light"), predict=lambda given: [
        Prediction(case.id, scores={"dark": 1.0, "light": 0.0}) for case in given])
    own, plain = trivial["nearest_mean"](model, train, cases)
    every = np.ones((1, 3))
    # The means are 0.1 and 1.0: 0.7 is nearer to light, so one of two dark ones is wrong. The model says dark always.
    assert float(plain(every)[0]) == pytest.approx(0.75)
    assert float(own(every)[0]) == pytest.approx(0.5)


def test_a_grey_table_that_is_exact_where_the_wanted_image_is_a_function_of_grey(trivial: dict[str, Any]) -> None:
    draw = np.random.default_rng(0)

    def case(name: str) -> Case:
        image: Floats = (draw.integers(0, 64, (1, 16, 16)) / 64).astype(np.float32)
        return Case(name, image, wanted=1 - image)

    train, cases = Cases([case("a"), case("b")]), [case("c")]
    model = SimpleNamespace(predict=lambda given: [Prediction(c.id, dense={"image": c.image[0]}) for c in given])
    own, plain = trivial["grey_table"](model, train, cases)
    assert float(plain(np.ones((1, 1)))[0]) == pytest.approx(1.0, abs=1e-3)
    assert float(own(np.ones((1, 1)))[0]) < 0


def test_the_atlas_takes_the_commonest_class(segmenting: dict[str, Any]) -> None:
    def case(*of_a: bool) -> Case:
        mask: Mask = np.array([of_a])
        return Case("a", np.zeros((1, 1, 3), np.float32), segments={"a": mask, "b": np.zeros_like(mask)})

    cases = [case(True, True, False), case(True, False, False), case(True, True, False)]
    found = segmenting["atlas"](cases, ("a", "b"))
    assert found["a"].tolist() == [[True, True, False]]
    assert not found["b"].any()


def test_the_threshold_that_separates_dark_from_light(segmenting: dict[str, Any]) -> None:
    image = np.repeat(np.array([0.2, 0.8], np.float32), 32)[None, None].repeat(16, axis=1)
    case = Case("a", image, segments={"membrane": image[0] < 0.5})
    assert 0.3 < segmenting["threshold"]([case], "membrane") < 0.7


def test_the_figures_of_a_card(trivial: dict[str, Any], data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not list((data_root / "mednist").glob("*.npz")):
        pytest.skip("mednist is not here")
    found = trivial["main"]([str(folder("models") / "mednist-rbm" / "model.pt"), "--data", str(data_root)])
    assert found["model"][0] == pytest.approx(0.981, abs=0.002)
    assert found["baseline"][0] == pytest.approx(0.884, abs=0.002)
    assert found["difference"][1] > 0
    assert capsys.readouterr().out.count("\n") == 3


def test_the_difference_leaves_probes_out(segmenting: dict[str, Any]) -> None:
    rows = [("a", 0.8, "clean"), ("a", 0.6, "clean"), ("b", 0.5, "clean"), ("a", 0.0, "noise:0.05")]
    run = SimpleNamespace(
        scores=pd.DataFrame([{"case": case, "metric": "Dice", "method": "", "condition": condition, "value": value}
                             for case, value, condition in rows]),
        cases=pd.DataFrame({"case": ["a", "b"], "patient": ["p", "q"]}))
    mean, low, high = segmenting["difference"](run, {"a": 0.5, "b": 0.5})
    # Student's t on two patients, half a width of 12.7 times 0.1, which no difference of two shares reaches.
    assert (mean, low, high) == pytest.approx((0.1, -1.0, 1.0))
