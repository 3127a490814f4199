"""mini-MIAS crops round lesions and of normal tissue, for classification by a network trained elsewhere. Research only.

Suckling J et al (1994) "The Mammographic Image Analysis Society Digital Mammogram Database". Every lesion with a usable
circle is taken once, with what surrounds it, whatever its kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.data.mias_windows import WARNINGS, Cut, checked, cut_out, films, lesion_windows, normal_windows, rows

SPLIT = "given"  # that of mini-mias by patient
LABELS = ("normal", "lesion")
TITLE = "mini-MIAS crops round lesions and of normal tissue (research only)"
ABOUT = About("mias-crops", TITLE, "classification", LABELS, (
    *WARNINGS,
    "a lesion lies in the middle of its crop, or nearer to the edge at the film's: a model may use its place",
    "the held-out splits have few lesions (a dozen each): intervals are wide"))


@dataclass(frozen=True)
class Options:
    """window: side in film pixels of 0.2 mm. size: side of the image made of it. each: crops of a normal film."""

    window: int = 256
    size: int = 128
    each: int = 1


def open(request: DataRequest) -> Listed:
    """The dataset of the mini-MIAS folder below `request.root`: image (1, size, size), the lesion as box and mask.

    Options: window, size, each. Raises NotFound where mini-MIAS is absent, InputError where it or an option cannot be
    used.
    """
    options = chosen(Options, request)
    cut = checked(Cut(options.window, options.size), request)
    data = films(request)
    windows = [*normal_windows(data, options.each), *lesion_windows(data)]

    def picture(index: int) -> Picture:
        return cut_out(data, windows[index], cut, LABELS[1])

    return Listed(ABOUT, rows(data, windows, LABELS), picture)
