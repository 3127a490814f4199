"""The page of a ladder: the number of explained cases in its head is that of its table."""

from __future__ import annotations

import re

from tests.metrics.test_rungs import DRAWS, EXPLAINED, NAMES, rungs
from xaimed.metrics.axis import axis
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.rungs import ladder_of
from xaimed.report.ladder import ladder_text


def test_a_case_without_room_counts_as_explained_in_head_and_table() -> None:
    steps = rungs()
    for rung in steps:
        run = rung.run
        run.meta = {"data": {"title": "Drawn", "split": "test"}}
        scores = run.scores.copy()
        # The search finds nothing on the first case: it has a gain and no skill.
        ceiling = (scores["condition"] == "oracle") & (scores["case"] == NAMES[0])
        scores.loc[ceiling & scores["metric"].str.startswith("insertion"), "value"] = 0.5
        scores.loc[ceiling & scores["metric"].str.startswith("deletion"), "value"] = 0.7
        run.__dict__["scores"] = scores
        run.__dict__["axis"] = axis(run, JudgeOptions(resamples=DRAWS, seed=3, positive="malignant"))
        assert run.axis["cases"].max() == EXPLAINED - 1
    text = ladder_text(ladder_of(steps, "occlusion"))
    told = re.search(r"up to (\d+) of them explained", text)
    assert told is not None
    cells = {line.split("|")[-2].strip() for line in text.splitlines() if re.match(r"\| \d", line)}
    assert cells == {told[1]} == {str(EXPLAINED)}


def test_accuracies_are_compared_in_words_and_a_number_without_interval_says_so() -> None:
    steps = rungs()
    for rung in steps:
        rung.run.meta = {"data": {"title": "Drawn", "split": "test"}}
    ladder = ladder_of(steps, "occlusion")
    text = ladder_text(ladder)
    first = ladder.behind[0]
    assert f"{first.name} {first.value:+.3f} ({first.low:+.3f} to {first.high:+.3f})" in text
    assert "nan" not in text
    ladder.table.loc[ladder.table["primary"], ["gain_low", "gain_high"]] = float("nan")
    assert text != ladder_text(ladder)
    assert "(no interval)" in ladder_text(ladder)
    assert "nan" not in ladder_text(ladder)
