"""What a case page says of how its maps were made, of their stability, and of deleting what they name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from xaimed.curvefile import KeptCurve
from xaimed.mapfile import MapEntry
from xaimed.report.recipes import deletion_words, recipes, stability_badges
from xaimed.report.wording import listed, percent
from xaimed.run import Run
from xaimed.viz import overlay
from xaimed.viz.names import pretty
from xaimed.viz.overlay import Mark
from xaimed.viz.scalebar import bar_length, scale_bar

NAN = float("nan")


def run_of(rows: list[tuple[str, float]]) -> Run:
    scores = pd.DataFrame([{"case": "c", "target": "d0", "method": "grad_cam", "metric": "probe_rank_correlation",
                            "condition": condition, "seed": 0, "value": value} for condition, value in rows])
    plan = {"seed": 7, "explaining": {"parameters": {"gradient_shap": {"samples": 12, "noise": 0.1}}}}
    if not rows:
        scores = pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "value"])

    class Stored(SimpleNamespace):
        __hash__ = object.__hash__  # type: ignore[assignment]

    return cast(Run, Stored(scores=scores, plan=plan, meta={}))


def test_layer_baseline_parameters_and_seed_are_told() -> None:
    entries = [MapEntry("d0", "grad_cam", facts={"layer_height": 18.0, "layer_width": 12.0, "seconds": 0.1}),
               MapEntry("d0", "gradient_shap", facts={"samples": 12.0, "baselines": 6.0, "f_baseline": -11.88}),
               MapEntry("d1", "gradient_shap", facts={"samples": 16.0, "baselines": 6.0, "f_baseline": -11.88})]
    assert recipes(run_of([]), entries) == (
        "Grad-CAM: layer of 18 x 12 cells. Gradient SHAP: samples 12 to 16, baselines 6, score of the baseline -11.88, "
        "noise 0.1. Seed 7.")
    assert recipes(run_of([]), []) == ""


@pytest.mark.parametrize(("task", "words"), [
    ("anomaly", "Residual (own evidence): as set by default. The explained score, and that of a baseline, is the"),
    ("anomaly", "is the squared error summed over the tissue, 199.3 for this image. Seed 7."),
    ("energy", "the free energy in nats, 199.3 for this image"), ("classification", "is the logit, 199.3 for"),
    ("a task of tomorrow", "Own evidence: as set by default. Seed 7.")])
def test_the_unit_of_the_score_of_a_baseline_is_told(task: str, words: str) -> None:
    run = run_of([])
    run.meta = {"model": {"task": task}}
    facts = {"f_baseline": 132.8, "f_input": 199.3}
    entries = [MapEntry("t", "kernel_shap", facts=facts), MapEntry("t", "own_evidence")]
    assert words in recipes(run, entries)
    assert "explained score" not in recipes(run, entries[1:])


def test_what_deleting_leaves_is_read_from_the_stored_curves() -> None:
    fractions = (0.0, 0.0625, 0.25, 0.5625, 1.0)
    curves = [KeptCurve("c", "d0", "grad_cam", "deletion[blur]", fractions, (1.0, 1.0, 0.82, 0.71, 0.0)),
              KeptCurve("c", "d0", "grad_cam", "deletion[noise]", fractions, (1.0, 0.9, 0.3, 0.2, 0.0)),
              KeptCurve("c", "d0", "gradient_shap", "deletion[blur]", fractions, (1.0, 0.4, 0.08, 0.01, 0.0))]
    said = deletion_words(curves, ["d0", "d1"])
    assert said.startswith(f"With the {percent(0.25)} of the tissue that a map ranks highest replaced (blur), of the")
    assert said.endswith(f"of d0 is left: {listed([f'Grad-CAM {percent(0.82)}', f'Gradient SHAP {percent(0.08)}'])}.")
    assert deletion_words([], ["d0"]) == ""


def test_badges_stand_only_where_something_was_measured() -> None:
    entry = MapEntry("d0", "grad_cam")
    assert stability_badges(run_of([]), "c", entry, NAN, NAN) == []
    run = run_of([("noise:0.05", 0.9), ("filter_off:all", 0.1), ("random_weights:all", -0.5)])
    found = stability_badges(run, "c", entry, 0.6, 0.31)
    assert [(b.text, b.tone) for b in found] == [("methods agree 0.60", "neutral"), ("max sensitivity 0.31", "neutral"),
                                                 ("under probes 0.10", "warn")]
    assert stability_badges(run_of([]), "c", entry, 0.1, NAN)[0].text == "methods differ 0.10"


@pytest.mark.parametrize(("width", "length"), [(170.0, 50.0), (100.0, 20.0), (0.2, 0.05), (NAN, 0.0)])
def test_the_bar_is_the_longest_round_length_that_fits(width: float, length: float) -> None:
    assert bar_length(width) == length


def test_the_bar_is_as_long_as_it_says() -> None:
    drawn = scale_bar(np.zeros((300, 200, 3), np.uint8), 0.5)  # 100 mm wide: 20 mm are 40 pixels
    bar = (drawn[-6] == 255).all(axis=-1)
    assert bar.sum() == 40 + 1  # both ends are drawn
    plain = np.zeros((30, 20, 3), np.uint8)
    assert np.array_equal(scale_bar(plain, NAN), plain)


def test_the_dashes_of_a_reference_are_seen_where_a_detection_coincides() -> None:
    marks = [Mark((5, 5, 60, 60), "", "truth"), Mark((5, 5, 60, 60), "", "detection")]
    drawn = overlay.draw_boxes(np.zeros((80, 80, 3), np.uint8), marks)
    for colour in (overlay.GREEN, overlay.MAGENTA):
        assert (drawn == colour).all(axis=-1).sum() > 40


def test_srg_keeps_its_capitals() -> None:
    assert pretty("srg[tissue_median]") == "SRG (tissue median)"
