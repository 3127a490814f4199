"""T1 head slices: real MR with white matter, grey matter, fluid and brain stem, for segmentation in 2-D or of a stack.

From the volume of `t1head`. A case is a slice with its neighbours as channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xaimed.data import t1head
from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of

SPLIT = "given"  # blocks of slices
ORIGIN = t1head.ORIGIN
ABOUT = About("t1-anatomy", "T1 head MR slices with anatomical labels", "segmentation", tuple(t1head.TISSUES), (
    *t1head.WARNINGS,
    ("the labels were made by software (FreeSurfer's names) and joined here: thalamus and basal ganglia count as grey "
     "matter, choroid plexus as fluid, ventral diencephalon as brain stem")))


@dataclass(frozen=True)
class Options:
    """plane: coronal, axial or sagittal. radius: slices on either side as channels. step: from one case to the next."""

    plane: str = "coronal"
    radius: int = 0
    step: int = 1


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (2 radius + 1, H, W), segments of the four tissues; options: see Options.

    Raises NotFound where the volume is absent, InputError where it is damaged.
    """
    options = chosen(Options, request)
    if options.radius < 0:
        raise InputError(f"option radius of {request.name}: {options.radius}; expected 0 or more slices on either side")
    head = t1head.read_head(request)
    places = t1head.slices(head, options.plane, options.step)
    last = head.volume.shape[t1head.AXES[options.plane]] - 1

    def picture(index: int) -> Picture:
        place = places[index]
        around = np.clip(np.arange(place.index - options.radius, place.index + options.radius + 1), 0, last)
        image = np.stack([head.slice(place.axis, int(z)) for z in around])
        tissue = head.tissue(place.axis, place.index)
        return Picture(image, digest_of(image), spacing_mm=t1head.SPACING_MM,
                       segments={name: np.asarray(tissue == i) for i, name in enumerate(t1head.TISSUES, start=1)})

    return Listed(ABOUT, [place.row(f"t1-{options.plane}-{place.index:03d}") for place in places], picture)
