"""A run of rows alone: no images, nothing kept of one that was cut off."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from xaimed.errors import NotFound, StoreError
from xaimed.stats import Results
from xaimed.store import Store


def test_rows_alone_make_a_run_without_images(tmp_path: Path) -> None:
    row = {"case": "a", "patient": "p", "split": "s", "label": "1", "width": 0, "height": 0, "spacing_mm": math.nan,
           "digest": "", "synthetic": False}
    said = {"case": "a", "condition": "clean", "target": "1", "label": "1", "score": 0.5,
            **dict.fromkeys(("x0", "y0", "x1", "y1"), math.nan)}
    rows = {"cases": [row], "predictions": [said]}
    left = Store.create(tmp_path / "r", "", {})
    left.add_rows(rows)
    left.close()
    assert not list(tmp_path.iterdir()), "a run that takes seconds is not kept for --resume"
    with Store.create(tmp_path / "r", "", {"pictured": False}) as store:
        store.add_rows({"cases": [{**row, "case": "old"}]})
        store.add_rows(rows)
        run = store.finish(Results((), {}), ())
    assert list(run.cases["case"]) == ["a"]
    assert (run.entries("a"), run.pictured) == ((), False)
    with pytest.raises(NotFound, match="case a: no image was given"):
        run.image("a")


def test_rows_stand_by_case_and_a_stranger_is_refused(tmp_path: Path) -> None:
    row = {"patient": "p", "split": "s", "label": "1", "width": 0, "height": 0, "spacing_mm": math.nan, "digest": "",
           "synthetic": False}
    with Store.create(tmp_path / "r", "", {"pictured": False}) as store:
        store.add_rows({"cases": [{"case": name, **row} for name in "cab"]})
        assert store.done == {"a", "b", "c"}
        assert list(store.draft().cases["case"]) == ["a", "b", "c"]
        store.add_rows({"cases": [{**row, "case": "u", "label": math.nan}]})
        assert store.draft().cases["label"].isna().all()
        with pytest.raises(StoreError, match="row of case 'z'"):
            store.add_rows({"cases": [{"case": "a", **row}], "truth": [{"case": "z"}]})
