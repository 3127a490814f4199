"""NYU screening exam: one real exam of four full-field views, without a label, for classification by BI-RADS.

Geras KJ et al (2017) "High-resolution breast cancer screening with multi-view deep convolutional neural networks",
arXiv 1703.07047; BSD 2-Clause. The folder holds L-CC.png, R-CC.png, L-MLO.png and R-MLO.png.
"""

from __future__ import annotations

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, located
from xaimed.errors import InputError
from xaimed.imaging.files import read_image

SPLIT = "given"  # all of it is test
VIEWS = ("L-CC", "R-CC", "L-MLO", "R-MLO")
ORIGIN = Origin("nyu-birads-exam", "L-CC.png", "the exam is to be had from github.com/nyukat/BIRADS_classifier, "
                                               "images/")
CLASSES = ("BI-RADS 0", "BI-RADS 1", "BI-RADS 2")
ABOUT = About("nyu-birads", "NYU screening exam, four views", "classification", CLASSES, (
    "licence: BSD 2-Clause (the repository's); publications must cite Geras et al (2017)",
    "one exam without a label: no result can be measured on it; it serves to look at explanations of full-field views"))


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (1, H, W), no label. Raises NotFound where absent, InputError for a
    missing view."""
    folder = located(request, ORIGIN).parent
    files = [folder / f"{view}.png" for view in VIEWS]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise InputError(f"{folder}: no {', '.join(missing)}; expected the four views {', '.join(VIEWS)}")
    rows = [CaseRow(f"nyu-{view}", "nyu-1", "test", None, {"side": view[0], "view": view[2:]}) for view in VIEWS]

    def picture(index: int) -> Picture:
        decoded = read_image(files[index])
        return Picture(decoded.image, decoded.digest)

    return Listed(ABOUT, rows, picture)
