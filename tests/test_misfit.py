"""A dataset of another task, or of classes that the model does not know, is refused; a folder is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xaimed.adapters.modelfile import ModelFile
from xaimed.data.dataset import CaseRow, Selection, select
from xaimed.data.listed import About, Listed, Picture
from xaimed.errors import InputError
from xaimed.misfit import expect_fit

FILE = ModelFile("lenet", {}, "classification", ("normal", "pneumonia"), {}, {},
                 training={"dataset": "pneumoniamnist"})
ROWS = [CaseRow("a", "a", "test", "normal"), CaseRow("b", "b", "test", None)]


def cases(task: str, *, classes: tuple[str, ...] = (), rows: list[CaseRow] = ROWS, name: str = "busi") -> Selection:
    picture = Picture(np.zeros((1, 4, 4), np.float32), "")
    return select(Listed(About(name, name, task, classes, ()), rows, lambda _: picture), "test")


@pytest.mark.parametrize("task", ["segmentation", "generation", "registration"])
def test_another_kind_of_answer_is_refused_both_ways(task: str) -> None:
    with pytest.raises(InputError, match=rf"answers for classification.*dataset for {task}.*\(pneumoniamnist\)"):
        expect_fit(FILE, cases(task))
    with pytest.raises(InputError, match=f"answers for {task}"):
        expect_fit(replace(FILE, task=task), cases("classification"))


def test_labels_decide_between_classification_and_detection() -> None:
    for task in ("classification", "detection", "anomaly"):
        expect_fit(FILE, cases(task))
    strange = [replace(ROWS[0], label="Hand"), ROWS[1]]
    with pytest.raises(InputError, match=r"knows the classes normal, pneumonia, and 'busi' holds Hand; expected"):
        expect_fit(FILE, cases("classification", rows=strange))
    expect_fit(FILE, cases("classification", rows=strange, classes=("pneumonia",)))


def test_what_needs_no_reference_is_never_refused() -> None:
    expect_fit(FILE, cases("segmentation", name="my films"))
    expect_fit(replace(FILE, task="discrimination", classes=("real",)), cases("detection"))
    expect_fit(FILE, cases("classification", rows=[ROWS[1]]))
