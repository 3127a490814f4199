"""Memorisation: whether made images lie nearer to the images a generator was trained on than unseen real ones do.

After Meehan C, Chaudhuri K, Dasgupta S (2020) "A non-parametric test to detect data-copying in generative models",
AISTATS, arXiv:2004.05675: nearest-neighbour distances to the training images, of made images and of held-out real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xaimed.errors import InputError
from xaimed.stats import Array, Estimate, Resampling, Results, percentile
from xaimed.types import Floats

NEARER = "made images nearer to training images than held-out ones are"
ORIGIN = "made images whose nearest real image is a training image"
APART = "AUC of the discriminator, held-out images against made ones"
DISTANCES = ("made to training", "held-out to training", "made to held-out")
COPIED = 0.5  # what both shares are expected to be without copying
TURNS = 200  # subsets of the training images that are as many as the held-out ones
PAIRS = "memorisation pairs"  # the curve that holds some made images, each with its nearest training image
LEAST = 5
POINTS = 51  # of the curve
RULE = "distance of images less their mean and of length 1, or of their mirror image"


@dataclass(frozen=True, eq=False)
class Images:
    """Images (n, ...) of one size: made ones, those of the training, and real ones held out with their patients."""

    made: Floats
    training: Floats
    held: Floats
    patients: Sequence[str]


def memorisation(images: Images, draws: Resampling) -> Results:
    """Both shares with their intervals, the median distances, and the sorted distances as the curve "memorisation".

    A share well above 0.5 says that the generator copies. Below 0.5 it says only that made images are unlike real ones:
    copies among bad images are not ruled out. Intervals: bootstrap of made images and of held-out patients.
    Raises InputError for too few images of a kind, or of several sizes.
    """
    _check(images)
    to_training, to_each = between(images.made, images.training), between(images.made, images.held)
    to_held = to_each.min(axis=1)
    nearer, others = to_training.min(axis=1), between(images.held, images.training).min(axis=1)
    counts = f"{len(images.made)} made, {len(images.training)} training and {len(images.held)} held-out images"
    pairs = (nearer[:, None] < others) + 0.5 * (nearer[:, None] == others)
    shares = [_paired(Estimate(NEARER, 0.0, rule=f"{RULE}; {counts}"), pairs, images.patients, draws),
              _origin(to_training, to_each, (images.patients, draws), counts)]
    parts = dict(zip(DISTANCES, (nearer, others, to_held), strict=True))
    medians = [Estimate(f"median nearest distance, {name}", float(np.median(part)), unit="image", rule=RULE,
                        denominator=float(len(part)), interval="none given") for name, part in parts.items()]
    levels = np.linspace(0, 1, POINTS)
    curve = {"quantile": levels, **{name: np.quantile(part, levels) for name, part in parts.items()}}
    return Results((*shares, *medians), {"memorisation": {name: [float(v) for v in part]
                                                         for name, part in curve.items()}})


def standardised(images: Floats) -> Array:
    """(n, pixels): each image less its mean, of length 1; an image of one grey is 0. Grey level and contrast go."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, length, out=np.zeros_like(flat), where=length > 0))


def between(some: Floats, others: Floats) -> Array:
    """(n, m) in [0, 2]: the distance of standardised images, sqrt(2 (1 - correlation)), or that of the mirror image."""
    own = standardised(some)
    closest = np.maximum(own @ standardised(others).T, own @ standardised(others[..., ::-1]).T)
    return np.asarray(np.sqrt(np.clip(2 - 2 * closest, 0, None)))


def nearest(made: Floats, training: Floats) -> list[int]:
    """The number of the training image that is nearest to each made one."""
    return [int(i) for i in between(made, training).argmin(axis=1)]


def pairs(made: Floats, training: Floats, names: Sequence[str], count: int = 5) -> dict[str, list[float]]:
    """Made images (n, C, h, w), each with its nearest training image, as grey pixels by rows, in [0, 1].

    From the made image that lies nearest to the training on to the one that lies farthest, in even steps of rank.
    Columns: "side" (h, w), "distance", "mirrored" (1 where the training image is its mirror image), and "made I" and
    "training I NAME" for each. names: of the training images.
    """
    apart = between(made, training)
    turned = standardised(made) @ standardised(training[..., ::-1]).T
    straight = standardised(made) @ standardised(training).T
    order = apart.min(axis=1).argsort(kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
    near = apart[chosen].argmin(axis=1)
    mirrored = turned[chosen, near] > straight[chosen, near]
    found = {"side": [float(side) for side in made.shape[-2:]], "distance": apart[chosen, near].tolist(),
             "mirrored": mirrored.astype(float).tolist()}
    for place, (own, other, flip) in enumerate(zip(chosen, near, mirrored, strict=True)):
        image = training[other][..., ::-1] if flip else training[other]
        found[f"made {place}"] = _pixels(made[own])
        found[f"training {place} {names[other]}"] = _pixels(image)
    return found


def _pixels(image: Floats) -> list[float]:
    grey: list[float] = image.mean(axis=0).ravel().astype(np.float64).round(3).tolist()
    return grey


def _from_training(to_training: Array, to_held: Array, size: int, draw: np.random.Generator) -> Array:
    """(made,): whether the nearest real image is of the training, one of `size` drawn from it; a half for a tie."""
    own = to_training[:, draw.permutation(to_training.shape[1])[:size]].min(axis=1)
    return np.asarray((own < to_held) + 0.5 * (own == to_held))


def told_apart(made: Floats, held: Floats, patients: Sequence[str], draws: Resampling) -> Estimate:
    """The AUC between the logits of made images (n,) and of held-out real ones (m,): 0.5 where they cannot be told."""
    pairs = (held > made[:, None]) + 0.5 * (held == made[:, None])
    rule = f"{len(made)} made and {len(held)} held-out images"
    return _paired(Estimate(APART, 0.0, rule=rule), np.asarray(pairs, np.float64), patients, draws)


def _paired(told: Estimate, pairs: Array, patients: Sequence[str], draws: Resampling) -> Estimate:
    """The mean of pairs (made, held-out), both resampled: made images one by one, held-out ones by patient."""
    draw = np.random.default_rng(draws.seed)
    count = len(pairs)

    def statistic(weights: Array) -> Array:
        rows = draw.multinomial(count, np.full(count, 1 / count), size=len(weights)) / count
        total = np.maximum(weights.sum(axis=1), 1e-12)
        return np.asarray(((rows @ pairs) * weights).sum(axis=1) / total)

    low, high = percentile(draws.run(patients, statistic))
    return replace(told, value=float(pairs.mean()), low=low, high=high, denominator=float(count),
                   interval=f"{draws.text}, and of made images")


def _origin(to_training: Array, to_held: Array, held: tuple[Sequence[str], Resampling], counts: str) -> Estimate:
    """The share over subsets of the training that are as large as the held-out set; all three sets are resampled."""
    patients, draws = held
    draw = np.random.default_rng(draws.seed)
    nearest_held, size = to_held.min(axis=1), to_held.shape[1]
    value = np.mean([_from_training(to_training, nearest_held, size, draw) for _ in range(TURNS)])

    def statistic(weights: Array) -> Array:
        out = []
        for kept in weights > 0:
            rows = draw.integers(0, len(to_held), len(to_held))
            part = _from_training(to_training[rows], to_held[rows][:, kept].min(axis=1), int(kept.sum()), draw)
            out.append(float(part.mean()))
        return np.array(out)

    low, high = percentile(draws.run(patients, statistic))
    return Estimate(ORIGIN, float(value), low, high, unit="image", rule=f"{RULE}; {counts}",
                    denominator=float(len(to_held)), interval=f"{draws.text}, and of made and training images")


def _check(images: Images) -> None:
    sizes = {part.shape[1:] for part in (images.made, images.training, images.held)}
    if len(sizes) > 1 or len(images.patients) != len(images.held):
        raise InputError(f"images of {len(sizes)} sizes, {len(images.held)} held out of {len(images.patients)} "
                         "patients; expected one size, and a patient for each held-out image")
    few = min(len(images.made), len(images.training), len(images.held))
    if few < LEAST:
        raise InputError(f"{len(images.made)} made, {len(images.training)} training and {len(images.held)} held-out "
                         f"images; expected at least {LEAST} of each")
