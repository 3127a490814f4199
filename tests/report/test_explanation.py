"""The section on explanations: values of the run, not of a stage of the gate or of one scene; the axis in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xaimed.report.blocks import Figure, Table
from xaimed.report.sections.explanation import gate, section
from xaimed.run import Run


@pytest.fixture
def run(example_run: Path) -> Run:
    """The example run with stages and scenes of the gate, a gate failed under noise, a null and an oracle."""
    run = Run.open(example_run)
    plain = {"case": "", "target": "", "method": "grad_cam", "metric": "gate_similarity", "condition": "clean",
             "seed": 0, "value": 0.99}
    one = {**plain, "case": "ex000", "target": "d0", "metric": "deletion_auc[blur]"}
    extra = [{**plain, "condition": "random weights 1/2"},
             {**plain, "case": "ex000", "condition": "random weights 2/2"},
             {**plain, "metric": "gate", "condition": "noise", "value": 0.0},
             {**one, "condition": "other patient"}, {**one, "method": "oracle", "condition": "oracle"}]
    run.__dict__["scores"] = pd.concat([run.scores, pd.DataFrame(extra)], ignore_index=True)
    return run


def table(run: Run, caption: str) -> Table:
    (found,) = [b for b in section(run) if isinstance(b, Table) and b.caption.startswith(caption)]
    return found


def test_stages_scenes_and_other_conditions_do_not_enter_a_value(run: Run) -> None:
    assert gate(run, "grad_cam") == "pass"
    rows = {str(row[0]): row for row in table(run, "Randomisation gate").rows}
    assert rows["Grad-CAM"][1] == "0.220"
    assert "Oracle" not in rows
    names = [column.title for column in table(run, "Explanation metrics").columns]
    assert len(names) == 5
    assert not any("racle" in name for name in names)


def test_metrics_that_disagree_are_named(run: Run) -> None:
    for value, words in ((0.31, "they disagree"), (0.83, "W 0.83."), (np.nan, "")):
        run.__dict__["axis"] = run.axis.assign(agreement=value)
        (text,) = [b.caption for b in section(run) if isinstance(b, Figure)]
        assert words in text
        assert ("Kendall" in text) == bool(words)
