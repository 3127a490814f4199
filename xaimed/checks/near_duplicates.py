"""XM104: do two cases of different patients show nearly the same image?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.checks.check import Check, Reply, listed
from xaimed.errors import XaimedError
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.types import Floats

MOST, BITS, GRID = 3000, 4, 16
# Of GRID x GRID comparisons of neighbours: a plain image gives no pattern to compare.
FEWEST = 40


def ask(run: Run) -> Reply:
    """concern: the difference hashes (256 bits) of two images of different patients differ in at most 4 bits."""
    cases, patients = [str(c) for c in run.cases["case"]], [str(p) for p in run.cases["patient"]]
    if not run.pictured or not cases:
        return Reply("NOT ASSESSED", "No image was given, so likeness of images is not known.")
    if len(cases) > MOST:
        return Reply("NOT ASSESSED", f"{plural(len(cases), 'image')}; compared in pairs up to {MOST}.",
                     {"cases": len(cases)})
    try:
        hashes = np.array([difference_hash(run.image(case)) for case in cases])
    except XaimedError as problem:
        return Reply("NOT ASSESSED", f"An image cannot be read: {problem}.")
    found = [(i, j) for i, j in near_pairs(hashes) if patients[i] != patients[j]]
    facts = {"cases": len(cases), "near_pairs": len(found), "bits": BITS}
    if not found:
        return Reply("pass", f"No two of {len(cases)} images of different patients have perceptual hashes within "
                     f"{BITS} of 256 bits.", facts)
    names = [f"{cases[i]} and {cases[j]}" for i, j in found]
    return Reply("concern", f"{len(found)} pairs of images of different patients are nearly the same (hashes within "
                 f"{BITS} of 256 bits): {listed(names, 3)}.", facts)


def difference_hash(image: Floats) -> NDArray[np.bool_]:
    """bool (256,): whether each of 16 x 16 places is brighter than its right neighbour, in the mean of the channels."""
    plane = image.reshape(image.shape[0], -1, image.shape[-1]).mean(axis=0) if image.ndim == 4 else image.mean(axis=0)
    small = cv2.resize(plane.astype(np.float32), (GRID + 1, GRID), interpolation=cv2.INTER_AREA)
    bits: NDArray[np.bool_] = (small[:, 1:] > small[:, :-1] + 1e-4).ravel()
    return bits


def near_pairs(hashes: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Indices of all pairs of hashes (n, bits) that differ in at most BITS bits and have a pattern at all."""
    signs = hashes.astype(np.float32) * 2 - 1
    apart = (hashes.shape[1] - signs @ signs.T) / 2
    patterned = np.minimum(hashes.sum(axis=1), (~hashes).sum(axis=1)) >= FEWEST
    first, second = np.nonzero(np.triu(apart <= BITS, 1) & patterned[:, None] & patterned[None])
    return list(zip(first.tolist(), second.tolist(), strict=True))


CHECK = Check("XM104", "Do two patients' images look nearly the same?", "medium", ask)
