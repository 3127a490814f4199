"""Words of a report: a count is a whole number with its noun, a question keeps its mark, an empty start is said."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import cast

import pytest

from xaimed.report.blocks import Table
from xaimed.report.sections import findings, robustness
from xaimed.report.wording import moment, started
from xaimed.run import Run
from xaimed.types import Finding


def test_a_count_is_a_whole_number_with_its_noun() -> None:
    told = [robustness._counted(count, "image") for count in (0.0, 1.0, 12.0, math.nan)]
    assert told == ["0 images", "1 image", "12 images", "n/a"]


def test_a_question_has_no_full_stop_behind_it() -> None:
    found = (Finding("XM1", "Is it so?", "low", "pass", "It is."), Finding("XM2", "It is so", "low", "pass", "Yes."))
    table = findings.section(cast(Run, SimpleNamespace(findings=found)))[1]
    assert [row[2] for row in cast(Table, table).rows] == ["Is it so? It is.", "It is so. Yes."]


def test_an_empty_start_of_a_training_is_random_weights() -> None:
    assert started({"start": "", "epochs": 3}) == {"start": "random weights", "epochs": 3}
    assert started({"start": "imagenet"}) == {"start": "imagenet"}
    assert started({"epochs": 3}) == {"epochs": 3}


@pytest.mark.parametrize("time", ["2026-11-22T20:41:21+00:00", "2026-11-22T20:41:21Z"])
def test_times_have_one_style(time: str) -> None:
    assert moment(time) == "2026-11-22T20:41:21Z"
