"""T1 head slices: real MR with white matter, grey matter, fluid and brain stem, for segmentation in 2-D or of a stack.

From the volume of `t1head`. A case is a slice with its neighbours as channels. Training, test and val take turns along
the head: in blocks at its ends the training slices would hold hardly any fluid or brain stem.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xaimed.data import t1head
from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of

SPLIT = "given"  # bands of slices
ORIGIN = t1head.ORIGIN
ABOUT = About("t1-anatomy", "T1 head MR slices with anatomical labels", "segmentation", tuple(t1head.TISSUES), (
    *t1head.WARNINGS,
    (f"test and val slices lie {t1head.GAP + 1} mm or more from the next of training: neighbours are alike, so the "
     "figures flatter"),
    ("the labels were made by software (FreeSurfer's names) and joined here: thalamus and basal ganglia count as grey "
     "matter, choroid plexus as fluid, ventral diencephalon as brain stem")), people="one")


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
    most = t1head.GAP // 2
    if not 0 <= options.radius <= most:
        raise InputError(f"option radius of {request.name}: {options.radius}; expected 0 to {most} slices on either "
                         "side: with more, training and test would share slices")
    head = t1head.read_head(request)
    places = t1head.slices(head, options.plane, options.step, t1head.bands)
    last = head.volume.shape[t1head.AXES[options.plane]] - 1

    def picture(index: int) -> Picture:
        place = places[index]
        around = np.clip(np.arange(place.index - options.radius, place.index + options.radius + 1), 0, last)
        image = np.stack([head.slice(place.axis, int(z)) for z in around])
        tissue = head.tissue(place.axis, place.index)
        return Picture(image, digest_of(image), spacing_mm=t1head.SPACING_MM,
                       segments={name: np.asarray(tissue == i) for i, name in enumerate(t1head.TISSUES, start=1)})

    return Listed(ABOUT, [place.row(f"t1-{options.plane}-{place.index:03d}") for place in places], picture)
