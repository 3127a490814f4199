"""Counts in words, and that what judges and checks says of one patient is of one patient."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.table_runs import table_run
from xaimed.metrics.criteria import verdict
from xaimed.plural import plural
from xaimed.report.write import sections
from xaimed.run import Run

ONE_OF_MANY = re.compile(r"(?<![\d.])1 (patients|images|cases|warnings|lesions|checks|readers|models|boxes|maps)\b")


@pytest.mark.parametrize(("count", "said"), [(0, "0 cases"), (1, "1 case"), (1.0, "1 case"), (2, "2 cases"),
                                             (2.5, "2.5 cases"), (10_000_000, "10000000 cases")])
def test_one_case_and_two_cases(count: float, said: str) -> None:
    assert plural(count, "case") == said
    assert plural(count, "box", "boxes") == said.replace("cases", "boxes").replace("case", "box")


@pytest.mark.parametrize(("truth", "marks"), [
    ("case,patient,label\na,p1,1\n", "case,score_new,score_old\na,0.9,0.4\n"),
    ("case,patient,label,x0,y0,x1,y1\na,p1,malignant,10,10,30,30\n",
     "case,label,x0,y0,x1,y1,score\na,malignant,11,11,31,31,0.9\n")])
def test_one_patient_is_one_patient_in_every_sentence(tmp_path: Path, truth: str, marks: str) -> None:
    run = table_run(tmp_path / "run", truth, marks)
    meta = {**run.meta, "data": {**run.meta["data"], "warnings": ["One."]}}
    texts = [repr(block) for block in sections(Run(run.path, meta))]
    texts += [text for e in run.results.estimates for text in (e.interval, e.rule, e.name)]
    texts += [f.statement for f in run.findings] + list(verdict(run).lines)
    assert not [found[0] for text in texts for found in ONE_OF_MANY.finditer(text)]
    assert any("1 patient" in text for text in texts)
