"""Two runs of the same cases: known differences, discordant cases, and every kind of other data refused."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.example_run import example_run
from tests.table_runs import BOXES, MARKS, TRUTH, table_run
from xaimed.comparing import RunComparison, compare_runs
from xaimed.errors import InputError
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.unanswered import INTENDED

CASES = "abcdefghij"
OLD = (0.8, 0.6, 0.3, 0.4, 0.9, 0.5, 0.2, 0.1, 0.45, 0.3)
NEW = (0.9, 0.2, 0.8, 0.3, 0.4, 0.6, 0.1, 0.2, 0.7, 0.3)
YES = {"a", "c", "e", "i"}


def scores(values: tuple[float, ...]) -> str:
    return "case,score\n" + "".join(f"{c},{v}\n" for c, v in zip(CASES, values, strict=True))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    root = tmp_path_factory.mktemp("two")
    return table_run(root / "old", TRUTH, scores(OLD)), table_run(root / "new", TRUTH, scores(NEW))


@pytest.fixture(scope="module")
def found(runs: tuple[Run, Run]) -> RunComparison:
    return compare_runs(*runs, margin=0.2)


def test_the_difference_is_new_minus_earlier(found: RunComparison) -> None:
    truth = [c in YES for c in CASES]
    main = found.main
    assert main is not None
    assert main.name == "difference in image AUC 1: new - earlier"
    assert main.value == pytest.approx(roc_auc_score(truth, NEW) - roc_auc_score(truth, OLD))
    shares = {e.name: e.value for e in found.estimates}
    # At 0.5 the earlier model finds a and e of four, the new one a, c and i; b and f against f are called wrongly.
    assert shares["difference in sensitivity: new - earlier"] == pytest.approx(1 / 4)
    assert shares["difference in specificity: new - earlier"] == pytest.approx(1 / 6)


def test_every_discordant_case_is_named_with_who_is_right(found: RunComparison) -> None:
    assert {(d.case, d.right, d.earlier, d.new) for d in found.discordant} == {
        ("b", "new", 0.6, 0.2), ("c", "new", 0.3, 0.8), ("e", "earlier", 0.9, 0.4), ("i", "new", 0.45, 0.7)}


def test_the_same_run_twice_shows_nothing_and_says_that_it_is_one_model(runs: tuple[Run, Run]) -> None:
    same = compare_runs(runs[0], runs[0], margin=0.05)
    assert (same.answer, same.exit_code, same.discordant, same.worse) == ("NOT ASSESSED", 1, (), ())
    assert same.main is not None
    assert math.isnan(same.main.low)
    assert "same score to every image" in same.main.interval
    assert "both runs are of the same model" in same.verdict
    brier = next(e for e in same.estimates if e.name.startswith("difference in Brier"))
    assert (math.isnan(brier.low), brier.interval.startswith("none: 7 patients")) == (True, True)
    assert all(e.value == 0 for e in same.estimates if e.name.startswith("difference"))
    assert same.settings == {}


@pytest.mark.parametrize("margin", [0.01, 0.2, 0.9])
def test_the_margin_decides_by_the_lower_limit(runs: tuple[Run, Run], margin: float) -> None:
    found = compare_runs(runs[1], runs[0], margin)
    main = found.main
    assert main is not None
    shown = main.low > -margin
    assert (found.exit_code == 0) == shown == (found.answer in ("not inferior", "superior"))


def test_without_a_margin_a_measure_that_is_shown_worse_fails(tmp_path: Path) -> None:
    rows = "".join(f"{i},p{i},{i % 2},X\n" for i in range(60))
    truth = "case,patient,label,site\n" + rows
    good = "case,score\n" + "".join(f"{i},{0.7 + 0.004 * i if i % 2 else 0.1}\n" for i in range(60))
    bad = "case,score\n" + "".join(f"{i},{(i * 37 % 60) / 60}\n" for i in range(60))
    first, second = table_run(tmp_path / "good", truth, good), table_run(tmp_path / "bad", truth, bad)
    worse = compare_runs(first, second)
    assert worse.exit_code == 1
    assert {e.name.partition(":")[0] for e in worse.worse} >= {"difference in image AUC 1", "difference in Brier score"}
    assert compare_runs(second, first).exit_code == 0
    assert "NOT ASSESSED" in compare_runs(second, first).verdict


def test_the_verdict_by_a_margin_names_what_else_is_worse(tmp_path: Path) -> None:
    """The same ranks, so that the AUC is the same, and scores that are further from the truth."""
    truth = "case,patient,label,site\n" + "".join(f"{i},p{i},{i % 2},X\n" for i in range(60))
    values = [(0.9 if i % 2 else 0.1) + (0.05 if i % 7 else -0.05) for i in range(60)]
    values[0], values[1] = 0.9, 0.15
    good = "case,score\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values))
    bad = "case,score\n" + "".join(f"{i},{0.45 + v / 10}\n" for i, v in enumerate(values))
    found = compare_runs(table_run(tmp_path / "good", truth, good), table_run(tmp_path / "bad", truth, bad), 0.05)
    assert "shown to be worse in: Brier score" in found.verdict
    assert not found.same_model


def test_lesions_that_one_model_alone_finds(tmp_path: Path) -> None:
    first = table_run(tmp_path / "one", BOXES, MARKS)
    moved = MARKS.replace("a,malignant,11,11,31,31,0.9", "a,malignant,70,11,90,31,0.9")
    second = table_run(tmp_path / "two", BOXES, moved.replace("b,malignant,80,80,90,90,0.4",
                                                              "b,malignant,13,11,31,31,0.8"))
    found = compare_runs(first, second)
    lesions = {(d.case, d.right) for d in found.discordant if "lesion found" in d.what}
    assert lesions == {("a", "earlier"), ("b", "new")}
    left = next(e for e in found.estimates if e.name.startswith("cases left out"))
    assert (left.numerator, left.denominator) == (1, 5)  # case c has no output


def test_an_answer_that_a_missing_output_could_turn_is_not_given(tmp_path: Path) -> None:
    """The new model is silent on six positives that the earlier one finds, and right on all others."""
    rows = "".join(f"{i},p{i},{i % 2},X\n" for i in range(40))
    truth = "case,patient,label,site\n" + rows
    old = "case,score\n" + "".join(f"{i},{(0.3, 0.9, 0.3, 0.2)[i % 4]}\n" for i in range(40))
    said = ["" if i % 4 == 1 and i < 24 else (0.1, 0.9)[i % 2] for i in range(40)]
    new = "case,score\n" + "".join(f"{i},{score}\n" for i, score in enumerate(said))
    first, second = table_run(tmp_path / "old", truth, old), table_run(tmp_path / "new", truth, new)
    found = compare_runs(first, second, margin=0.05)
    assert (found.answer, found.exit_code) == ("NOT ASSESSED", 1)
    whole = {INTENDED in e.rule: e for e in found.estimates
             if e.name == "difference in sensitivity: new - earlier"}
    # Of 20 positives the new model finds the 14 it answered; the earlier one ten.
    assert (whole[True].numerator, whole[True].denominator) == (14 - 10, 20)
    assert "positive from 0.5 up" in whole[False].rule


def altered(folder: Path, source: Path, table: str, change: Callable[[pd.DataFrame], object]) -> Run:
    shutil.copytree(source, folder)
    frame = pd.read_parquet(folder / f"{table}.parquet")
    change(frame)
    frame.to_parquet(folder / f"{table}.parquet")
    return Run.open(folder)


@pytest.mark.parametrize(("table", "column", "value", "words"), [
    ("cases", "digest", "f" * 64, "1 of 6 cases have another digest, such as ex000"),
    ("cases", "label", "benign", "another label"), ("cases", "patient", "stranger", "another patient"),
    ("truth", "x0", 1.0, "reference boxes or labels differ"),
    ("cases", "case", "zz", "6 and 6 cases, 5 of them shared")])
def test_other_data_is_refused_in_one_line(tmp_path: Path, example_run: Path, table: str, column: str, value: object,
                                           words: str) -> None:
    other = altered(tmp_path / "other", example_run, table, lambda frame: frame.__setitem__(
        column, [value, *frame[column].iloc[1:]]))
    with pytest.raises(InputError, match=words) as refused:
        compare_runs(Run.open(example_run), other)
    assert "\n" not in str(refused.value)


def test_a_changed_set_up_is_listed(tmp_path: Path, example_run: Path) -> None:
    shutil.copytree(example_run, tmp_path / "run")
    meta = json.loads((tmp_path / "run" / "run.json").read_text())
    meta["versions"] = {**meta.get("versions", {}), "torch": "0.0.1"}
    (tmp_path / "run" / "run.json").write_text(json.dumps(meta))
    settings = compare_runs(Run.open(example_run), Run.open(tmp_path / "run")).settings
    assert list(settings) == ["versions.torch"]
    assert settings["versions.torch"][1] == '"0.0.1"'


def test_json_has_no_nan_and_all_parts(found: RunComparison) -> None:
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["exit"] == found.exit_code
    assert len(told["discordant"]) == 4
    assert {e["name"] for e in told["estimates"]} == {e.name for e in found.estimates}


def test_maps_that_did_not_change_agree_fully(tmp_path: Path) -> None:
    run = Run.open(example_run(tmp_path))
    same = compare_runs(run, run)
    agreed = [e for e in same.estimates if e.group.startswith("method=")]
    assert {e.group for e in agreed} == {f"method={d.method}" for d in same.drift}
    assert all(e.value == pytest.approx(1.0) for e in agreed if not math.isnan(e.value))


def test_what_is_worse_is_named_apart_by_how_missing_outputs_count_and_with_the_number_of_intervals(
        found: RunComparison) -> None:
    worse = Estimate("difference in image AUC 1: new - earlier", -0.2, -0.3, -0.1, rule="p by DeLong")
    both = replace(found, estimates=(worse, replace(worse, rule=f"p by DeLong; {INTENDED}")))
    assert both.verdict.endswith(
        "shown to be worse in: image AUC 1, image AUC 1 by intention to diagnose (2 differences, each with its own "
        "95 % interval and without correction for their number)")
    assert both.to_json()["multiplicity"] == both.multiplicity
    assert replace(found, estimates=(worse,)).multiplicity == ""


def test_a_difference_of_shares_names_the_discordant_images(found: RunComparison) -> None:
    rules = {e.name: e.rule for e in found.estimates}
    assert "; 2 right by the first alone, 1 by the other alone" in rules["difference in sensitivity: new - earlier"]
    assert "; 1 right by the first alone, 0 by the other alone" in rules["difference in specificity: new - earlier"]
