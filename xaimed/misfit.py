"""Whether a dataset holds what a model answers: cases of its task, and its classes."""

from __future__ import annotations

from xaimed.adapters.modelfile import ModelFile
from xaimed.answers import PIXELS
from xaimed.data.dataset import Selection
from xaimed.errors import InputError
from xaimed.registry import names

IMAGES = ("discrimination",)  # asks nothing but images


def expect_fit(file: ModelFile, cases: Selection) -> None:
    """Nothing where the cases can judge the model; folders of images always can, for they need no references.

    Raises InputError for a dataset of another task, or of classes none of which the model knows.
    """
    if cases.name not in names("data") or file.task in IMAGES:
        return
    if file.task != cases.task and (file.task in PIXELS or cases.task in PIXELS):
        raise InputError(f"the model answers for {file.task}, and {cases.name!r} is a dataset for {cases.task}; "
                         f"expected a dataset for {file.task}, such as the one it was trained on"
                         f"{_own(file)}")
    labels = {str(row.label) for row in cases.dataset.rows if row.label is not None} | set(cases.classes)
    if file.classes and labels and not labels & set(file.classes):
        raise InputError(f"the model knows the classes {_listed(file.classes)}, and {cases.name!r} holds "
                         f"{_listed(tuple(sorted(labels)))}; expected a dataset with one of the model's classes at "
                         f"least{_own(file)}")


def _own(file: ModelFile) -> str:
    name = str(file.training.get("dataset", ""))
    return f" ({name})" if name else ""


def _listed(classes: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(classes[:most]) + (" ..." if len(classes) > most else "")
