"""A dataset of another task, or of classes that the model does not know, is refused; a folder is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xaimed.adapters.modelfile import ModelFile
from xaimed.data.dataset import CaseRow, Selection, select
from xaimed.data.listed import About, Listed, Picture
from xaimed.errors import InputError, ModelError
from xaimed.misfit import expect_fit, expect_input

FILE = ModelFile("lenet", {}, "classification", ("normal", "pneumonia"), {}, {},
                 training={"dataset": "pneumoniamnist"})
ROWS = [CaseRow("a", "a", "test", "normal"), CaseRow("b", "b", "test", None)]


def cases(task: str, *, classes: tuple[str, ...] = (), rows: list[CaseRow] = ROWS, name: str = "busi") -> Selection:
    picture = Picture(np.zeros((1, 4, 4), np.float32), "")
    return select(Listed(About(name, name, task, classes, ()), rows, lambda _: picture), "test")


@pytest.mark.parametrize("task", ["segmentation", "generation", "registration"])
def test_another_kind_of_answer_is_refused_both_ways(task: str) -> None:
    with pytest.raises(InputError, match=rf"answers for classification.*is for {task}.*\(pneumoniamnist\)"):
        expect_fit(FILE, cases(task))
    with pytest.raises(InputError, match=f"answers for {task}"):
        expect_fit(replace(FILE, task=task), cases("classification"))


def test_labels_decide_between_classification_and_detection() -> None:
    for task in ("classification", "detection", "anomaly"):
        expect_fit(FILE, cases(task))
    strange = [replace(ROWS[0], label="Hand"), ROWS[1]]
    with pytest.raises(InputError, match=r"knows the classes normal, pneumonia, and dataset 'busi' holds Hand; "):
        expect_fit(FILE, cases("classification", rows=strange))
    expect_fit(FILE, cases("classification", rows=strange, classes=("pneumonia",)))


def test_what_needs_no_reference_is_never_refused() -> None:
    expect_fit(FILE, cases("segmentation", name="my films"))
    expect_fit(FILE, cases("classification", rows=[ROWS[1]]))


def test_a_folder_without_references_fits_any_task_and_is_not_called_a_dataset_for_detection() -> None:
    blank = [ROWS[1]]
    for task in ("segmentation", "generation", "registration", "classification"):
        expect_fit(replace(FILE, task=task), cases("detection", rows=blank, name="folder"))
    def titled(label: str) -> Selection:
        about = About("folder", "folder of 2 images", "detection", (label,), ())
        return select(Listed(about, ROWS[1:], lambda _: Picture(np.zeros((1, 4, 4), np.float32), "")), None)

    with pytest.raises(InputError, match=r"knows the classes normal, pneumonia, and the folder of 2 images holds cyst"):
        expect_fit(FILE, titled("cyst"))
    with pytest.raises(InputError, match=r"answers for segmentation, and the folder of 2 images is for detection;"):
        expect_fit(replace(FILE, task="segmentation"), titled("mass"))


def test_a_discriminator_judges_what_it_learned_or_a_folder() -> None:
    file = replace(FILE, task="discrimination", classes=("real",), training={"dataset": "busi"})
    expect_fit(file, cases("classification"))
    expect_fit(file, cases("detection", name="folder"))
    expect_fit(replace(file, training={}), cases("detection", name="mednist"))
    with pytest.raises(InputError, match=r"images of 'busi', which it learned.*'mednist' holds others; expected"):
        expect_fit(file, cases("classification", name="mednist"))


def test_the_first_image_is_tried_before_a_run_begins() -> None:
    from xaimed import load_model
    from xaimed.architectures.lenet import build

    model = load_model(build(outputs=2, side=28), classes=["normal", "pneumonia"])
    expect_input(model, select(cases("classification").dataset, "test", limit=0, empty=True))
    with pytest.raises(ModelError, match=r"lenet: images .*expected \(B, 1, 28, 28\)"):
        expect_input(model, cases("classification"))
    volume = Picture(np.zeros((1, 5, 28, 28), np.float32), "")
    scans = select(Listed(About("folder", "2 volumes", "detection", (), ()), ROWS, lambda _: volume), "test")
    with pytest.raises(InputError, match=r"a volume \(1, 5, 28, 28\); the model expects one image"):
        expect_input(model, scans)
