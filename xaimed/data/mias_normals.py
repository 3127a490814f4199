"""mini-MIAS windows: normal tissue to learn from, and lesions to be found as anomalies. Real films, research only.

Suckling J et al (1994) "The Mammographic Image Analysis Society Digital Mammogram Database". Train holds normal tissue
alone; val and test hold normal tissue and windows round lesions with their circles as boxes and masks.
"""

from __future__ import annotations

from dataclasses import dataclass

from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.data.mias_windows import WARNINGS, Cut, checked, cut_out, films, lesion_windows, normal_windows, rows

SPLIT = "given"  # that of mini-mias by patient, less the lesions of train
LABELS = ("normal", "anomaly")
TITLE = "mini-MIAS windows of normal tissue and lesions (research only)"
ABOUT = About("mias-normals", TITLE, "anomaly", ("anomaly",), (
    *WARNINGS,
    "the held-out splits have few lesions (a dozen each): intervals are wide"))


@dataclass(frozen=True)
class Options:
    """window: side in film pixels of 0.2 mm. size: side of the image made of it. each: windows of a normal film."""

    window: int = 128
    size: int = 64
    each: int = 8


def open(request: DataRequest) -> Listed:
    """The dataset of the mini-MIAS folder below `request.root`: image (1, size, size); options: window, size, each.

    Raises NotFound where mini-MIAS is absent, InputError where it or an option cannot be used.
    """
    options = chosen(Options, request)
    cut = checked(Cut(options.window, options.size), request)
    data = films(request)
    held = [window for window in lesion_windows(data) if data.rows[window.film].split != "train"]
    windows = [*normal_windows(data, options.each), *held]

    def picture(index: int) -> Picture:
        return cut_out(data, windows[index], cut, LABELS[1])

    return Listed(ABOUT, rows(data, windows, LABELS), picture)
