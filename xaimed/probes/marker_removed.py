"""Marker removed: letters, labels and all else outside the tissue replaced by background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from xaimed.imaging.breast import breast_mask
from xaimed.probes.planes import background, with_image
from xaimed.probes.probe import Level, NotServed, Probe, Setting
from xaimed.types import Case, Mask

RIM = 0.01  # how far beyond the tissue nothing is removed, as a share of the longer side
LETTERS = 2  # pixels round a marker that go with it


@dataclass(frozen=True)
class MarkerRemoved(Probe):
    """The dark of the image in place of its markers ("markers"), or of all that lies outside the tissue ("outside").

    Markers are those that the dataset knows. The tissue is the breast of a mammogram (`breast_mask`) with a rim and
    every reference lesion; on other images "outside" removes what is not part of the largest bright body.
    """

    name: ClassVar[str] = "marker_removed"
    says: ClassVar[str] = "no letters, labels or edges of the film to go by"
    unit: ClassVar[str] = "what is removed"
    levels: ClassVar[tuple[Level, ...]] = ("markers", "outside")
    words: ClassVar[tuple[str, ...]] = ("markers", "outside")

    def change(self, case: Case, setting: Setting) -> Case:
        """The case without them. Raises NotServed where no markers are known, or nothing lies outside the tissue."""
        if case.image.ndim != 3:
            raise NotServed("a volume has no markers burned in")
        gone = _markers(case) if setting.level == "markers" else _outside(case)
        return with_image(case, np.where(gone, background(case.image), case.image))


def _markers(case: Case) -> Mask:
    if case.markers is None:
        raise NotServed("the dataset does not say where markers are")
    return _grown(case.markers, LETTERS)


def _outside(case: Case) -> Mask:
    tissue = breast_mask(case.image)
    if tissue.all():
        raise NotServed("no tissue stands out from its background")
    kept = _grown(tissue, max(1, round(RIM * max(tissue.shape))))
    for box in case.boxes:
        kept[int(box.y0):int(np.ceil(box.y1)), int(box.x0):int(np.ceil(box.x1))] = True
    return ~kept


def _grown(mask: Mask, reach: int) -> Mask:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0, np.bool_)


PROBE = MarkerRemoved()
