"""mini-MIAS patches of masses, the rare class, and of normal tissue, for classification. Real, research only.

Suckling J et al (1994) "The Mammographic Image Analysis Society Digital Mammogram Database". Masses are the films'
circumscribed, spiculated and ill-defined ones. In train each mass is taken several times, moved a little; in val and
test once.
"""

from __future__ import annotations

from dataclasses import dataclass

from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.data.mias_windows import (
    MASSES,
    WARNINGS,
    Cut,
    checked,
    cut_out,
    films,
    lesion_windows,
    normal_windows,
    rows,
    shifted,
)
from xaimed.errors import InputError

SPLIT = "given"  # that of mini-mias by patient
LABELS = ("normal", "mass")
TITLE = "mini-MIAS patches of masses and normal tissue (research only)"
ABOUT = About("mias-patches", TITLE, "classification", LABELS, (
    *WARNINGS,
    "few masses: patches of one mass in train overlap and are no independent images; val and test hold each mass once"))


@dataclass(frozen=True)
class Options:
    """What patches are cut.

    window: side in film pixels of 0.2 mm. size: side of the image made of it. each: patches of a normal film. turns:
    patches of a mass in train. reach: film pixels by which they are moved at most.
    """

    window: int = 128
    size: int = 64
    each: int = 4
    turns: int = 4
    reach: int = 16


def open(request: DataRequest) -> Listed:
    """The dataset of the mini-MIAS folder below `request.root`: image (1, size, size); options: see Options.

    Raises NotFound where mini-MIAS is absent, InputError where it or an option cannot be used.
    """
    options = chosen(Options, request)
    if options.turns < 1 or options.each < 1 or options.reach < 0:
        raise InputError(f"options of {request.name}: turns {options.turns}, each {options.each}, reach "
                         f"{options.reach}; expected 1, 1 and 0 or more")
    cut = checked(Cut(options.window, options.size), request)
    data = films(request)
    windows = normal_windows(data, options.each)
    for window in lesion_windows(data, MASSES):
        turns = options.turns if data.rows[window.film].split == "train" else 1
        windows += shifted(window, options.reach, turns)

    def picture(index: int) -> Picture:
        return cut_out(data, windows[index], cut)

    return Listed(ABOUT, rows(data, windows, LABELS), picture)
