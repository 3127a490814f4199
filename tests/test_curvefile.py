"""The kept deletion curves: as written, of one case, sealed with the run, and what a damaged or newer file gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import example_run as example
from xaimed import curvefile
from xaimed.curvefile import KeptCurve
from xaimed.errors import StoreError
from xaimed.run import Run
from xaimed.store import Store
from xaimed.verifying import verify


def curve(case: str, metric: str = "deletion[blur]") -> KeptCurve:
    return KeptCurve(case, "d0", "grad_cam", metric, (0.0, 0.25, 1.0), (1.0, 0.5, 0.125))


def test_what_was_written_is_read_case_by_case(tmp_path: Path) -> None:
    kept = [curve("a"), curve("a", "deletion[noise]"), curve("b")]
    curvefile.write(tmp_path / curvefile.NAME, curvefile.rows(kept))
    assert curvefile.read(tmp_path / curvefile.NAME, "a") == tuple(kept[:2])
    assert [one.fill for one in kept[:2]] == ["blur", "noise"]
    assert curvefile.read(tmp_path / curvefile.NAME, "nobody") == ()
    assert curvefile.read(tmp_path / "none.parquet", "a") == ()


def test_a_damaged_or_newer_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / curvefile.NAME
    file.write_bytes(b"PAR1 nothing")
    with pytest.raises(StoreError, match="damaged"):
        curvefile.read(file, "a")
    pq.write_table(pa.table({"case": ["a"]}, metadata={curvefile.MARK: b"9"}), file)
    with pytest.raises(StoreError, match="version 9"):
        curvefile.read(file, "a")


def test_a_run_keeps_them_sealed_and_the_area_is_that_under_the_curve(example_run: Path) -> None:
    run = Run.open(example_run)
    assert curvefile.NAME in run.meta["files"]
    assert verify(run)[0] == []
    rows = run.scores[(run.scores["case"] == "ex000") & (run.scores["metric"] == "deletion_auc[blur]")]
    areas = {(row["target"], row["method"]): row["value"] for row in rows.to_dict("records")}
    found = [one for one in run.curves("ex000") if one.fill == "blur"]
    assert {(one.target, one.method) for one in found} == set(areas)
    for one in found:
        assert np.trapezoid(one.left, one.fraction) == pytest.approx(areas[one.target, one.method], abs=0.01)


def test_a_resumed_run_keeps_those_of_before_and_one_without_has_no_file(tmp_path: Path) -> None:
    drawn = [example.draw(i) for i in (0, 1)]
    meta = example.meta(drawn, 0)
    with Store.create(tmp_path / "run", example.PLAN, meta) as store:
        first = drawn[0]
        store.add_case(first.case, first.prediction, first.entries, first.scores, first.curves)
    with Store.create(tmp_path / "run", example.PLAN, meta, resume=True) as store:
        store.add_case(drawn[1].case, drawn[1].prediction, drawn[1].entries, drawn[1].scores)
        run = store.finish(example.results(2), example.findings(2), example.dataset_scores(), example.axis(2))
    assert len(run.curves("ex000")) == len(drawn[0].curves) > 0
    assert run.curves("ex001") == ()
    with Store.create(tmp_path / "bare", example.PLAN, meta) as store:
        store.add_case(drawn[1].case, drawn[1].prediction, drawn[1].entries, drawn[1].scores)
        bare = store.finish(example.results(1), example.findings(1), example.dataset_scores(), example.axis(1))
    assert not (bare.path / curvefile.NAME).exists()
    assert curvefile.NAME not in json.loads((bare.path / "run.json").read_text())["files"]
