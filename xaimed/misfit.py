"""Whether a dataset holds what a model answers: cases of its task, its classes, and images that it can take."""

from __future__ import annotations

from xaimed.adapters.model import Model
from xaimed.adapters.modelfile import ModelFile
from xaimed.answers import PIXELS
from xaimed.data.dataset import Selection
from xaimed.errors import InputError
from xaimed.registry import names

FOLDER = "folder"


def expect_fit(file: ModelFile, cases: Selection) -> None:
    """Nothing where the cases can judge the model; images without references always can, for there is no task to miss.

    Raises InputError for a dataset of another task, or of classes none of which the model knows; for a discriminator,
    which answers whether an image is of the kind that it learned, for any other dataset than that.
    """
    if cases.name not in names("data"):
        return
    if file.task == "discrimination":
        _expect_own(file, cases)
        return
    labels = {str(row.label) for row in cases.dataset.rows if row.label is not None} | set(cases.classes)
    if cases.name == FOLDER and not labels:
        return
    if file.task != cases.task and (file.task in PIXELS or cases.task in PIXELS):
        raise InputError(f"the model answers for {file.task}, and {_called(cases)} is for {cases.task}; "
                         f"expected a dataset for {file.task}, such as the one it was trained on"
                         f"{_own(file)}")
    if file.classes and labels and not labels & set(file.classes):
        raise InputError(f"the model knows the classes {_listed(file.classes)}, and {_called(cases)} holds "
                         f"{_listed(tuple(sorted(labels)))}; expected a dataset with one of the model's classes at "
                         f"least{_own(file)}")


def expect_input(model: Model, cases: Selection) -> None:
    """Nothing where the model can be asked about the first case. Raises what it says of an image that does not fit it.

    Of a whole dataset the images are of one kind, so that a volume for a model of images, or an image of other planes
    or sides, is refused before a run is begun.
    """
    if len(cases):
        model.predict(cases[:1])


def _expect_own(file: ModelFile, cases: Selection) -> None:
    own = str(file.training.get("dataset", ""))
    if own and cases.name not in (own.replace("_", "-"), FOLDER):
        raise InputError(f"the model tells images of {own!r}, which it learned, from made ones, and {cases.name!r} "
                         "holds others; expected --dataset test, or a folder of images to have any others judged")


def _called(cases: Selection) -> str:
    """The dataset's name, or what a folder was found to hold."""
    return f"the {cases.title}" if cases.name == FOLDER else f"dataset {cases.name!r}"


def _own(file: ModelFile) -> str:
    name = str(file.training.get("dataset", ""))
    return f" ({name})" if name else ""


def _listed(classes: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(classes[:most]) + (" ..." if len(classes) > most else "")
