"""The randomisation gate: a map that stays the same when the network forgets everything explains nothing.

Adebayo J et al. (2018) "Sanity checks for saliency maps", arXiv:1810.03292. The yardstick is how similar the
maps of different images are, as in Arun N et al. (2021) "Assessing the trustworthiness of saliency maps",
Radiol AI 3:e200267: two unrelated maps with one blob each can already have an SSIM above 0.9.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from xaimed.errors import InputError
from xaimed.likeness import Likeness, Plane, likeness, plane
from xaimed.randomise import execution_order, randomised
from xaimed.scene import Scene
from xaimed.types import Floats, Score

MEASURES = ("similarity", "ssim", "spearman", "hog")
ENOUGH = 3
CASES = 8


class Found(Protocol):
    """The map of a scene: values float32 (h, w), signed."""

    @property
    def values(self) -> Floats: ...  # noqa: D102


class Explainer(Protocol):
    """What the gate needs of an attribution method."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def attribute(self, scene: Scene) -> Found:
        """The map of one scene."""


@dataclass(frozen=True)
class Known:
    """A method some of whose maps of the trained network are there already. maps: by case and target of the scene."""

    method: Explainer
    maps: Mapping[tuple[str, str], Found]

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    def attribute(self, scene: Scene) -> Found:
        """The map of one scene with the weights as they are now."""
        return self.method.attribute(scene)

    def trained(self, scene: Scene) -> Found:
        """The map of one scene with the trained weights, which are those that the network has."""
        known = self.maps.get((scene.case, scene.target))
        return self.attribute(scene) if known is None else known


@dataclass(frozen=True)
class Gate:
    """The rules of the gate.

    stages: in how many steps the network is randomised, from the output to the input, each keeping what was random
    before. alone: in how many parts it is also randomised one part at a time; that is told and decides nothing.
    cases: with fewer there is no decision. contrast: maps of two targets that are more alike than this show the
    image rather than the target. tolerance: how far the
    similarity after randomisation may lie above that of maps of different images. ceiling: a map that keeps
    more than this fails anyway, so that one blob in the middle of every image does not pass. grid: maps are
    compared at this many pixels a side. draws: of weights, until a map has contrast. resamples, level: of the
    bootstrap over cases, each with all its scenes, and its one-sided upper bound.
    """

    stages: int = 4
    alone: int = 0
    cases: int = CASES
    contrast: float = 0.9
    tolerance: float = 0.05
    ceiling: float = 0.8
    grid: int = 64
    draws: int = 4
    resamples: int = 2000
    level: float = 0.975


@dataclass(frozen=True)
class GateResult:
    """passed: None is NOT ASSESSED. rows: the numbers, as in scores.parquet. statement: the same in words."""

    passed: bool | None
    rows: list[Score]
    statement: str


def gate(scenes: Sequence[Scene], method: Explainer, seed: int = 0, rules: Gate = Gate(),
         rivals: Sequence[Scene] = ()) -> GateResult:
    """Whether the maps of a method depend on what the network has learnt, with the numbers behind it.

    The network is randomised in stages; the maps of the last one, with every weight re-drawn, are compared
    with the trained network's. Passed: the upper bound of their mean similarity is at most the mean
    similarity of the trained network's maps of different cases plus the tolerance, and at most the ceiling.
    Similarity is the mean of SSIM, |Spearman's rho| and the correlation of HOG features within the tissue.
    Every scene has random weights of its own, so that the bound covers their chance too; a draw whose map has
    no contrast (dead units) says nothing and is drawn again. A scene keeps its proposal, so that the maps stay
    comparable. The weights are bit for bit the same afterwards, on failure too. NOT ASSESSED with fewer than 3
    scenes that have a map, or too few cases.

    rivals: another target of the same image for some of the scenes, on the same grid, such as the other class of a
    box. target_contrast is 1 where the maps of scene and rival differ (signed likeness at most `contrast`), 0 where
    they do not, NaN without rivals; it decides nothing about the gate.
    Raises InputError if the scenes have different networks.
    """
    if len({id(scene.network) for scene in scenes}) > 1:
        raise InputError("the scenes have different networks; expected one: run the gate once for each")
    if len(scenes) < ENOUGH:
        return _not_assessed(method, seed, f"{len(scenes)} scenes; the gate needs {ENOUGH} or more")
    first = method.trained if isinstance(method, Known) else method.attribute
    trained = [plane(first(scene).values, scene.tissue.cpu().numpy(), rules.grid) for scene in scenes]
    usable = [i for i, found in enumerate(trained) if found.contrast]
    kept, planes = [scenes[i] for i in usable], [trained[i] for i in usable]
    least = max(2, rules.cases)
    if len(kept) < ENOUGH or len({scene.case for scene in kept}) < least:
        return _not_assessed(method, seed, f"{len(kept)} of {len(scenes)} scenes, of "
                             f"{len({scene.case for scene in kept})} cases, have a map with contrast; "
                             f"the gate needs {ENOUGH} or more, of {least} cases or more")
    if not execution_order(kept[0]):
        return _not_assessed(method, seed, "the network has no weights to randomise")
    order = execution_order(kept[0])[::-1]
    stages = _changed(kept, planes, _Draw(method, seed), (_growing(order, rules.stages), rules))
    if sum(found.contrast for found in stages[-1]) < ENOUGH:
        return _not_assessed(method, seed, f"with random weights {sum(not f.contrast for f in stages[-1])} of "
                             f"{len(kept)} maps have no contrast, so there is nothing to compare")
    alone = _changed(kept, planes, _Draw(method, seed), (_parts(order, rules.alone), rules))
    contrast = _rivalry(kept, planes, method, (rivals, rules))
    return _judged(_Evidence(method.name, seed, kept, stages, _null(kept, planes), alone, contrast), rules)


@dataclass(frozen=True, eq=False)
class _Evidence:
    """stages: for each stage the likeness of every scene's map; alone: for each part that was random by itself.

    null: of maps of different cases. contrast: of maps of two targets of one image.
    """

    method: str
    seed: int
    scenes: Sequence[Scene]
    stages: list[list[Likeness]]
    null: list[Likeness]
    alone: list[list[Likeness]]
    contrast: list[Likeness]


def _plane(scene: Scene, method: Explainer, rules: Gate) -> Plane:
    return plane(method.attribute(scene).values, scene.tissue.cpu().numpy(), rules.grid)


def _changed(scenes: Sequence[Scene], trained: Sequence[Plane], draw: _Draw,
             how: tuple[list[Sequence[nn.Module]], Gate]) -> list[list[Likeness]]:
    """For each list of modules the likeness of every scene's map to the trained one, each with weights of its own."""
    parts, rules = how
    return [[_redrawn(scene, before, modules, replace(draw, scene=number), rules)
             for number, (scene, before) in enumerate(zip(scenes, trained, strict=True))] for modules in parts]


def _parts(modules: Sequence[nn.Module], count: int) -> list[Sequence[nn.Module]]:
    """The modules in so many parts, in order; none for 0."""
    cuts = [round(len(modules) * i / count) for i in range(count + 1)] if count else [0]
    return [modules[a:b] for a, b in pairwise(cuts) if b > a]


def _rivalry(scenes: Sequence[Scene], planes: Sequence[Plane], method: Explainer,
             rivals: tuple[Sequence[Scene], Gate]) -> list[Likeness]:
    """The likeness of the maps of a scene and of its rival: another target of the same case on the same grid."""
    others = {scene.case: scene for scene in rivals[0]}
    found = [likeness(own, _plane(others[scene.case], method, rivals[1]))
             for scene, own in zip(scenes, planes, strict=True)
             if scene.case in others and others[scene.case].tissue.shape == scene.tissue.shape]
    return [one for one in found if one.contrast]


@dataclass(frozen=True)
class _Draw:
    """Whose map, under which weights: the scene's number makes the draw the scene's own."""

    method: Explainer
    seed: int
    scene: int = 0

    def seeds(self, count: int) -> list[int]:
        return [int(v) for v in np.random.SeedSequence([self.seed, self.scene]).generate_state(count)]


def _redrawn(scene: Scene, before: Plane, modules: Sequence[nn.Module], draw: _Draw, rules: Gate) -> Likeness:
    """The likeness under the first draw whose map has contrast; without contrast if no draw gives one."""
    found = Likeness(0.0, 0.0, contrast=False)
    for seed in draw.seeds(rules.draws):
        with randomised(modules, seed):
            found = likeness(before, _plane(scene, draw.method, rules))
        if found.contrast:
            break
    return found


def _growing(modules: Sequence[nn.Module], stages: int) -> list[Sequence[nn.Module]]:
    """The first modules of the list, more at each stage, all at the last."""
    count = max(1, min(stages, len(modules)))
    return [modules[:math.ceil(len(modules) * (stage + 1) / count)] for stage in range(count)]


def _null(scenes: Sequence[Scene], planes: Sequence[Plane]) -> list[Likeness]:
    pairs = [(i, j) for i in range(len(planes)) for j in range(i) if scenes[i].case != scenes[j].case]
    return [likeness(planes[i], planes[j]) for i, j in pairs]


def upper_bound(values: NDArray[np.float64], cases: Sequence[str], rules: Gate, seed: int) -> float:
    """The bootstrap's one-sided upper bound of the mean of values (n,), each of the case named beside it.

    Cases are drawn, with all their values: scenes of one case are not independent.
    """
    names, owner = np.unique(np.asarray(cases), return_inverse=True)
    sums, sizes = (np.bincount(owner, w, len(names)) for w in (values, np.ones(len(values))))
    draws = np.random.default_rng(seed).integers(0, len(names), (rules.resamples, len(names)))
    return float(np.quantile(sums[draws].sum(1) / sizes[draws].sum(1), rules.level))


def _judged(evidence: _Evidence, rules: Gate) -> GateResult:
    pairs = [(found.similarity, scene.case) for found, scene in zip(evidence.stages[-1], evidence.scenes, strict=True)
             if found.contrast]
    last, cases = np.array([value for value, _ in pairs]), [case for _, case in pairs]
    if len(set(cases)) < rules.cases:
        return _not_assessed(evidence, evidence.seed, f"{len(set(cases))} cases are left to compare; expected "
                             f"{rules.cases} or more")
    bound = upper_bound(last, cases, rules, evidence.seed)
    null = _mean(evidence.null, "similarity")
    limit = min(null + rules.tolerance, rules.ceiling)
    passed = bound <= limit
    flat = sum(not found.contrast for found in evidence.stages[-1])
    statement = (
        f"{evidence.method} {'passes' if passed else 'fails'} the randomisation gate: with random weights "
        f"its maps keep a similarity of {last.mean():.2f} to the trained network's (upper bound {bound:.2f}, "
        f"{len(last)} scenes of {len(set(cases))} cases), and maps of different images have {null:.2f}; "
        f"the limit is {limit:.2f}"
        f"{f'; {flat} maps without contrast are left out' if flat else ''}")
    told, rows = _contrast(evidence, rules)
    return GateResult(passed, _rows(evidence, float(passed), bound) + rows, statement + told)


def _contrast(evidence: _Evidence, rules: Gate) -> tuple[str, list[Score]]:
    """What is said of maps of two targets of one image, with its rows; nothing without a pair."""
    if not evidence.contrast:
        return "", []
    alike = float(np.mean([one.signed for one in evidence.contrast]))
    differs = alike <= rules.contrast
    told = (f"; maps of two targets of one image have a likeness of {alike:.2f} ({len(evidence.contrast)} pairs)"
            f"{'' if differs else ', so they hardly depend on the target'}")
    return told, [Score("", "", evidence.method, "target_contrast", float(differs), seed=evidence.seed),
                  Score("", "", evidence.method, "target_likeness", alike, seed=evidence.seed)]


def _rows(evidence: _Evidence, passed: float, bound: float) -> list[Score]:
    def row(metric: str, value: float, condition: str = "clean", scene: Scene | None = None) -> Score:
        case, target = (scene.case, scene.target) if scene else ("", "")
        return Score(case, target, evidence.method, metric, value, condition, evidence.seed)

    rows = [row("gate", passed), row("gate_similarity_upper", bound)]
    for measure in MEASURES:
        rows += [row(f"gate_{measure}", _mean(evidence.stages[-1], measure)),
                 row("gate_null" if measure == "similarity" else f"gate_null_{measure}",
                     _mean(evidence.null, measure))]
    named = [(f"random weights {k}/{len(evidence.stages)}", stage) for k, stage in enumerate(evidence.stages, 1)]
    named += [(f"random part {k}/{len(evidence.alone)}", stage) for k, stage in enumerate(evidence.alone, 1)]
    for condition, stage in named:
        rows += [row(f"gate_{measure}", _mean(stage, measure), condition) for measure in MEASURES]
        rows += [row("gate_similarity", found.similarity if found.contrast else math.nan, condition, scene)
                 for found, scene in zip(stage, evidence.scenes, strict=True)]
    return rows


def _mean(found: Sequence[Likeness], measure: str) -> float:
    values = [getattr(one, measure) for one in found if one.contrast]
    return float(np.mean(values)) if values else math.nan


def _not_assessed(method: Explainer | _Evidence, seed: int, reason: str) -> GateResult:
    name = method.method if isinstance(method, _Evidence) else method.name
    rows = [Score("", "", name, metric, math.nan, seed=seed)
            for metric in ("gate", "gate_similarity", "gate_null")]
    return GateResult(None, rows, f"{name}: randomisation gate NOT ASSESSED: {reason}")
