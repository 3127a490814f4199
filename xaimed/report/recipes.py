"""How the maps of a case were made, how stable they are, and what deleting the regions that they name does.

pandas is imported on use, with the tables of viz.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from xaimed.mapfile import MapEntry
from xaimed.metrics.concordance import NAME as CONCORDANCE
from xaimed.metrics.probed import RHO
from xaimed.report.blocks import Badge
from xaimed.report.wording import listed, percent
from xaimed.viz.names import titled
from xaimed.viz.pairs import place_words

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.curvefile import KeptCurve
    from xaimed.run import Run

# Facts of a map that say what came out, not how it was made; those of the layer are told as one.
RESULTS = ("seconds", "map_error", "f_input", "layer_height", "layer_width")
USUAL_LAYER = "by default (the last, or the level of the box)"
# The unit of the scores on a page, of tasks in which it is not that of the score that is explained; and of the latter.
SCORED = {"anomaly": " (mean squared error over the tissue, at most 1)",
          "energy": " (from 0 to 1, of the free energy by the calibration in the model's file)"}
EXPLAINED = {"anomaly": "the squared error summed over the tissue", "energy": "the free energy in nats",
             "classification": "the logit", "multilabel": "the logit", "detection": "the logit",
             "discrimination": "the logit", "segmentation": "the logit summed over the mask",
             "generation": "the mean grey value", "registration": "the displacement in pixels of the network's input"}
SHARE = 0.25  # of the tissue, near which a stored point of the deletion curves is told


def recipes(run: Run, entries: Sequence[MapEntry]) -> str:
    """For each method its layer, baseline, steps and the plan's parameters, then the seed; "" without maps."""
    if not entries:
        return ""
    given, usual = run.plan.get("explaining", {}).get("parameters", {}), run.meta.get("methods", {})
    told = []
    for method in dict.fromkeys(entry.method for entry in entries):
        settings = {**_words(usual.get(method, {})), **given.get(method, {})}
        parts = _parts([entry for entry in entries if entry.method == method], settings)
        told.append(f"{titled(method, task_of(run))}: {', '.join(parts) or 'as set by default'}")
    told += _explained(run, entries)
    seed = run.plan.get("seed")
    return f"{'. '.join(told)}." + ("" if seed is None else f" Seed {seed}.")


def task_of(run: Run) -> str:
    """The task of the run's model; "" where it is not known."""
    return str(run.meta.get("model", {}).get("task", ""))


def _explained(run: Run, entries: Sequence[MapEntry]) -> list[str]:
    """What the score is that the maps explain, with its value for the image where one target is explained."""
    words = EXPLAINED.get(task_of(run))
    if words is None or not any("f_baseline" in entry.facts for entry in entries):
        return []
    found = {entry.target: entry.facts["f_input"] for entry in entries if "f_input" in entry.facts}
    value = f", {next(iter(found.values())):.4g} for this image" if len(found) == 1 else ""
    return [f"The explained score, and that of a baseline, is {words}{value}"]


def _words(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings of a method that are names, of a baseline, say, or of a layer; numbers are told by the facts."""
    found = {name: ", ".join(map(str, value)) if isinstance(value, list) else value
             for name, value in settings.items()}
    kept: dict[str, object] = {name: value for name, value in found.items() if isinstance(value, str) and value}
    return {**kept, "layer": USUAL_LAYER} if found.get("layer", "") is None else kept


def _parts(entries: Sequence[MapEntry], given: dict[str, object]) -> list[str]:
    facts = {name: [e.facts[name] for e in entries if name in e.facts and math.isfinite(e.facts[name])]
             for name in dict.fromkeys(name for e in entries for name in e.facts)}
    parts = []
    if facts.get("layer_height") and facts.get("layer_width"):
        parts.append(f"layer of {facts['layer_height'][0]:g} x {facts['layer_width'][0]:g} cells")
    parts += [f"{_named(name)} {_span(values)}" for name, values in facts.items() if values and name not in RESULTS
              and not name.startswith("completeness")]
    return parts + [f"{_named(name)} {value}" for name, value in given.items() if name not in facts]


def _named(name: str) -> str:
    return {"f_baseline": "score of the baseline"}.get(name, name.replace("_", " "))


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def deletion_words(curves: Sequence[KeptCurve], targets: Sequence[str], task: str = "") -> str:
    """What is left of each target's prediction when the regions that each method ranks highest are replaced."""
    told = []
    for target in targets:
        own = [curve for curve in curves if curve.target == target and len(curve.fraction) > 2]
        if own:
            told.append(_left(place_words(target) or target, [curve for curve in own if curve.fill == own[0].fill],
                              task))
    return " ".join(told)


def _left(target: str, curves: Sequence[KeptCurve], task: str) -> str:
    """One sentence, at the stored inner point of the first curve that is nearest to SHARE."""
    share = min(curves[0].fraction[1:-1], key=lambda fraction: abs(fraction - SHARE))
    left = listed([f"{titled(c.method, task)} {percent(float(np.interp(share, c.fraction, c.left)))}"
                   for c in curves])
    fill = curves[0].fill.replace("_", " ")
    return (f"With the {percent(share)} of the tissue that a map ranks highest replaced ({fill}), of the prediction of "
            f"{target} is left: {left}.")


def stability_badges(run: Run, case: str, entry: MapEntry, agreed: float, sensitivity: float) -> list[Badge]:
    """Badges for what was measured: agreement with other methods, sensitivity to noise, and the map under probes."""
    from xaimed.viz.trust import ALIKE

    found = []
    if math.isfinite(agreed):
        found.append(Badge(f"methods agree {agreed:.2f}" if agreed >= ALIKE else f"methods differ {agreed:.2f}",
                           "neutral" if agreed >= ALIKE else "warn"))
    if math.isfinite(sensitivity):
        found.append(Badge(f"max sensitivity {sensitivity:.2f}"))
    probed = _under_probes(run).get((case, entry.target, entry.method), math.nan)
    if math.isfinite(probed):
        found.append(Badge(f"under probes {probed:.2f}", "neutral" if probed >= ALIKE else "warn"))
    return found


@lru_cache(maxsize=8)
def _under_probes(run: Run) -> dict[tuple[str, str, str], float]:
    """The lowest rank correlation of each map with itself under a probe that is no control."""
    from xaimed.viz.probes import is_control

    rows: pd.DataFrame = run.scores[(run.scores["metric"] == RHO) & run.scores["value"].notna()]
    rows = rows[~rows["condition"].isin([name for name in rows["condition"].unique() if is_control(str(name))])]
    lowest = rows.groupby(["case", "target", "method"], sort=False)["value"].min()
    return {(str(case), str(target), str(method)): float(value)
            for (case, target, method), value in lowest.items()}


__all__ = ["CONCORDANCE", "SCORED", "deletion_words", "recipes", "stability_badges", "task_of"]
