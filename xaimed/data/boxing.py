"""Boxing: whether two tables are of boxes or of whole images, and boxes that carry no class."""

from __future__ import annotations

from xaimed.data.columns import EDGE_LIKE
from xaimed.data.reference import NORMAL
from xaimed.data.textsheet import TextSheet
from xaimed.errors import InputError

EDGES = ("x0", "y0", "x1", "y1")
ANY = "lesion"  # the class of every lesion where boxes carry none


def task_of(truth: TextSheet, outputs: TextSheet) -> str:
    """"detection" where the outputs have boxes, else "classification".

    Raises InputError for boxes under other names.
    """
    for sheet in (truth, outputs):
        given = [name for name in EDGES if name in sheet.columns]
        if given and len(given) < len(EDGES):
            sheet.need(*EDGES)
    if "x0" not in outputs.columns:
        _refuse_near_misses(truth, outputs)
        return "classification"
    if "x0" not in truth.columns:
        if not any(outputs.column("x0")):
            return "classification"
        truth.need(*EDGES)
    return "detection"


def _refuse_near_misses(truth: TextSheet, outputs: TextSheet) -> None:
    """Refuse outputs without edges beside a truth with boxes, where they look like boxes."""
    if not any(truth.column("x0")) and len(_alike(truth)) < len(EDGES):
        return
    if alike := _alike(outputs):
        raise InputError(f"{truth.path.name} has boxes and {outputs.path.name} has none under the names x0, y0, x1, "
                         f"y1; found {', '.join(alike)}: name the edges x0, y0, x1, y1, in pixels")
    keys = list(zip(outputs.column("case"), outputs.column("label"), outputs.column("target"), strict=True))
    if len(set(keys)) < len(keys):
        raise InputError(f"{truth.path.name} has boxes, and {outputs.path.name} has several rows of a case and no "
                         "edges; expected x0, y0, x1, y1 in pixels for each box: add them, or leave one row a case")


def _alike(sheet: TextSheet) -> list[str]:
    return [c for c in sheet.columns if c.strip().lower() in EDGE_LIKE]


def unused_boxes(truth: TextSheet, outputs: TextSheet) -> list[str]:
    """A note where the truth has boxes and the outputs are of whole images."""
    if not any(truth.column("x0")) or "x0" in outputs.columns:
        return []
    note = (f"{truth.path.name} has boxes and {outputs.path.name} has none: images are judged as wholes, and nothing "
            "is said of where the model looks or marks")
    return [note]


def one_class(truth: TextSheet, outputs: TextSheet) -> tuple[TextSheet, TextSheet, list[str]]:
    """Truth and outputs with one class for all lesions where one of them has classes and the other has none."""
    said, known = _classes(outputs), _classes(truth)
    if known and (len(known) < 2 or any(text for name in ("label", "target") for text in outputs.column(name))):
        return truth, outputs, []
    if known:
        note = (f"no box of {outputs.path.name} has a class: {', '.join(known)} are judged as one class, {ANY!r}, and "
                "nothing can be said of telling them apart; add a column label to the predictions if the model names "
                "classes")
        return truth.relabelled("label", dict.fromkeys(known, ANY)), outputs, [note]
    if not any(truth.column("x0")) or any(truth.column("label")) or not said:
        return truth, outputs, []
    note = (f"no box of {truth.path.name} has a class: {', '.join(said)} of {outputs.path.name} are judged as one "
            f"class, {ANY!r}; add the column label to the truth to judge them apart")
    plainly = truth.without("label") if "label" in truth.columns else truth
    return plainly, outputs.relabelled("label", dict.fromkeys(said, ANY)), [note]


def _classes(sheet: TextSheet) -> list[str]:
    return sorted({text for text in sheet.column("label") if text and text.lower() not in NORMAL})
