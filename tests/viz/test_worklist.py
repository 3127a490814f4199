"""The worklist against an independent count, case by case."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.example_run import example_run as make
from xaimed.run import Run
from xaimed.viz import failures, first_measure, worklist
from xaimed.viz.worklist import Filter


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.open(make(tmp_path_factory.mktemp("runs"), cases=12))


def counted(run: Run, case: str) -> tuple[int, int, int]:
    """Lesions, missed lesions and false positives of a case, box by box."""
    truth = [row for row in run.truth.to_dict("records") if row["case"] == case]
    marks = [row for row in run.predictions.to_dict("records")
             if row["case"] == case and row["x0"] == row["x0"] and row["score"] >= 0.5]

    def hit(mark: dict[str, float], lesion: dict[str, float]) -> bool:
        x, y = (mark["x0"] + mark["x1"]) / 2, (mark["y0"] + mark["y1"]) / 2
        return lesion["x0"] <= x <= lesion["x1"] and lesion["y0"] <= y <= lesion["y1"]

    missed = sum(not any(hit(m, t) for m in marks) for t in truth)
    return len(truth), missed, sum(not any(hit(m, t) for t in truth) for m in marks)


def test_counts_agree_with_a_count_box_by_box(run: Run) -> None:
    table = worklist.worklist(run)
    assert list(table["case"]) == list(run.cases["case"])
    for row in table.to_dict("records"):
        assert (row["lesions"], row["missed"], row["false_positives"]) == counted(run, row["case"]), row["case"]
        told = set(row["outcome"].split(", "))
        grave = row["missed_positive"] > 0
        assert ({"missed malignant lesion", "missed lesion"} & told) == (
            {"missed malignant lesion"} if grave else {"missed lesion"} if row["missed"] else set())
        assert bool({"false malignant alarm", "false positive"} & told) == (row["false_positives"] > 0)
        assert ("false malignant alarm" in told) == (row["false_positive_class"] > 0)
    assert table["missed"].sum() > 0
    assert table["false_positives"].sum() > 0


def test_energy_is_the_mean_over_the_maps_of_a_case(run: Run) -> None:
    table = worklist.worklist(run).set_index("case")
    rows = [row["value"] for row in run.scores.to_dict("records")
            if row["case"] == "ex000" and row["metric"] == "energy_in_lesion"]
    assert table.loc["ex000", "energy"] == pytest.approx(sum(rows) / len(rows))


def test_a_case_has_one_score_that_of_its_image_or_else_of_its_highest_box(run: Run) -> None:
    table = worklist.worklist(run).set_index("case")
    image = run.predictions[run.predictions["x0"].isna() & (run.predictions["label"] == "malignant")]
    assert table["score"].to_dict() == image.set_index("case")["score"].to_dict()
    boxed = Run(run.path, run.meta)
    boxed.__dict__["predictions"] = run.predictions[run.predictions["x0"].notna()]
    highest = boxed.predictions.groupby("case")["score"].max().to_dict()
    bare = worklist.worklist(boxed).set_index("case")["score"].dropna()
    assert bare.to_dict() == highest
    assert (bare != table.loc[bare.index, "score"]).any(), "the two differ"


def test_a_found_lesion_of_another_class_is_an_outcome_and_a_failure(run: Run) -> None:
    renamed = Run(run.path, run.meta)
    boxes = run.predictions["x0"].notna()
    renamed.__dict__["predictions"] = run.predictions.assign(
        label=run.predictions["label"].where(~(boxes & (run.predictions["case"] == "ex009")), "malignant"))
    before, after = (worklist.worklist(one).set_index("case").loc["ex009"] for one in (run, renamed))
    assert (before["label"], before["outcome"], before["other_class"]) == ("benign", "found", 0)
    assert (after["outcome"], after["other_class"], after["missed"]) == ("found, called malignant", 1, 0)
    table = worklist.worklist(renamed)
    assert failures.failed(table)[table["case"] == "ex009"].all()
    assert not failures.failed(worklist.worklist(run))[table["case"] == "ex009"].any()
    assert "ex009" in set(worklist.filtered(table, Filter(outcomes=("called malignant",)))["case"])


def answered(metric: str, values: dict[str, float], spacing: float = 0.5) -> Run:
    """A run of two cases whose answers in pixels are judged by a metric."""
    made = Run(Path("drawn"), {"model": {"task": "segmentation", "classes": ["a", "b"]}})
    edges = ["x0", "y0", "x1", "y1"]
    made.__dict__ |= {
        "plan": {}, "cases": pd.DataFrame({"case": list(values), "patient": "p", "label": None,
                                           "spacing_mm": spacing}),
        "truth": pd.DataFrame(columns=["case", "target", "label", *edges]),
        "predictions": pd.DataFrame(columns=["case", "condition", "target", "label", "score", *edges]),
        "scores": pd.DataFrame([{"case": case, "target": target, "method": "", "metric": metric, "condition": "clean",
                                 "seed": 0, "value": value + shift} for case, value in values.items()
                                for target, shift in (("a", 0.1), ("b", -0.1))])}
    return made


@pytest.mark.parametrize(("metric", "worst", "unit"), [("Dice", "low", ""),
                                                       ("target registration error", "high", "mm")])
def test_an_answer_in_pixels_has_its_own_measure_and_the_worst_comes_first(metric: str, worst: str,
                                                                         unit: str) -> None:
    run = answered(metric, {"middle": 0.5, "low": 0.2, "high": 0.8})
    # Boxes around the parts of a mask, as the audit stores them: they are no detections that could be missed.
    box = {"x0": 0.0, "y0": 0.0, "x1": 4.0, "y1": 4.0}
    run.__dict__["truth"] = pd.DataFrame([{"case": "high", "target": "a", "label": "a", **box}])
    run.__dict__["predictions"] = pd.DataFrame([{"case": "middle", "condition": "clean", "target": "a", "label": "a",
                                                 "score": 0.9, **box}])
    table = worklist.worklist(run)
    assert not table[list(worklist.FAILED)].to_numpy().any()
    assert table.set_index("case")[metric].to_dict() == pytest.approx({"middle": 0.5, "low": 0.2, "high": 0.8})
    assert worklist.gravest(table) == worst
    assert set(table["outcome"]) == {"not counted"}
    assert first_measure.unit(run, metric) == unit
    assert metric in worklist.gravest_words(run)


def test_filters_keep_what_they_say(run: Run) -> None:
    table = worklist.worklist(run)
    missed = worklist.filtered(table, Filter(outcomes=("missed lesion",)))
    assert set(missed["case"]) == set(table["case"][table["missed"] > 0])
    assert set(worklist.filtered(table, Filter(labels=("normal",)))["label"]) == {"normal"}
    site = worklist.filtered(table, Filter(groups={"group_site": ["A"], "group_view": []}))
    assert set(site["case"]) == set(table["case"][table["group_site"] == "A"])
    low = worklist.filtered(table, Filter(energy=0.5))
    assert 0 < len(low) < len(table)
    assert (low["energy"] < 0.5).all()
    assert list(worklist.filtered(table, Filter(text="EX003"))["case"]) == ["ex003"]
    pd.testing.assert_frame_equal(worklist.filtered(table, Filter()), table)
    assert worklist.outcomes_of(table) == ["clear", "false positive", "found", "missed lesion"]


@pytest.mark.parametrize(("classes", "below"), [(["benign", "malignant"], "benign"),
                                                (["benign", "normal", "malignant"], "not malignant")])
def test_one_scored_class_is_said_from_the_operating_point_on(classes: list[str], below: str) -> None:
    nan = float("nan")
    box = {"x0": nan, "y0": nan, "x1": nan, "y1": nan}
    known = [("a", "malignant", 0.9), ("b", "malignant", 0.4), ("c", "benign", 0.5), ("d", "benign", 0.1)]
    tables = SimpleNamespace(
        path=Path("drawn"), plan={"judging": {"positive": "malignant"}},
        meta={"model": {"task": "classification", "classes": classes, "operating_point": 0.5}},
        cases=pd.DataFrame([{"case": c, "label": x, "patient": c} for c, x, _ in known]),
        truth=pd.DataFrame([{"case": c, "target": "t0", "label": x, **box} for c, x, _ in known]),
        predictions=pd.DataFrame([{"case": c, "condition": "clean", "target": "malignant", "label": "malignant",
                                   "score": s, **box} for c, _, s in known]),
        scores=pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "seed", "value"]))
    table = worklist.worklist(tables)  # type: ignore[arg-type]
    assert list(table["says"]) == ["malignant", below, "malignant", below]
    assert list(table["outcome"]) == ["right class", "wrong class, missed malignant",
                                      "wrong class, false malignant alarm", "right class"]
    assert (list(table["missed"]), list(table["false_positives"])) == ([0, 1, 0, 0], [0, 0, 1, 0])
    assert list(worklist.ordered(table)["case"])[:2] == ["b", "c"]


def test_a_classifier_is_judged_by_its_class() -> None:
    nan = float("nan")
    box = {"x0": nan, "y0": nan, "x1": nan, "y1": nan}
    said = [("a", "cat", 0.9), ("a", "dog", 0.1), ("b", "cat", 0.7), ("b", "dog", 0.3), ("c", "cat", 0.6)]
    tables = SimpleNamespace(
        path=Path("drawn"), meta={"model": {"task": "classification"}}, plan={},
        cases=pd.DataFrame({"case": ["a", "b", "c"], "label": ["cat", "dog", None], "patient": ["p", "q", "r"]}),
        truth=pd.DataFrame([{"case": c, "target": "t0", "label": x, **box} for c, x in (("a", "cat"), ("b", "dog"))]),
        predictions=pd.DataFrame([{"case": c, "condition": "clean", "target": x, "label": x, "score": s, **box}
                                  for c, x, s in said]),
        scores=pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "seed", "value"]))
    table = worklist.worklist(tables)  # type: ignore[arg-type]
    assert list(table["outcome"]) == ["right class", "wrong class", "no reference"]
    assert list(table["missed"]) == [0, 0, 0]


RANKED = [  # case, missed of the positive class, missed, false of the positive class, false, outcome, score
    ("two malignant missed", 2, 2, 0, 0, "missed malignant lesion", 0.9),
    ("malignant missed, nothing seen", 1, 1, 0, 0, "missed malignant lesion", float("nan")),
    ("malignant missed, low score", 1, 1, 0, 0, "missed malignant lesion", 0.1),
    ("malignant missed, high score", 1, 1, 0, 0, "missed malignant lesion", 0.7),
    ("two benign missed", 0, 2, 3, 3, "missed lesion, false malignant alarm", 0.9),
    ("benign missed", 0, 1, 0, 0, "missed lesion", 0.2),
    ("false malignant alarm, high score", 0, 0, 1, 1, "false malignant alarm", 0.9),
    ("false malignant alarm, low score", 0, 0, 1, 1, "false malignant alarm", 0.6),
    ("wrong class", 0, 0, 0, 0, "wrong class", 0.1),
    ("found, of another class", 0, 0, 0, 0, "found, called malignant", 0.05),
    ("false positive, high score", 0, 0, 0, 1, "false positive", 0.8),
    ("false positive, low score", 0, 0, 0, 1, "false positive", 0.6),
    ("nothing wrong", 0, 0, 0, 0, "found", 0.99),
]


def ranked() -> pd.DataFrame:
    table = pd.DataFrame(RANKED, columns=["case", "missed_positive", "missed", "false_positive_class",
                                          "false_positives", "outcome", "score"])
    return table.assign(other_class=table["outcome"].str.contains("called").astype(int))


def test_a_missed_malignant_lesion_stands_before_any_number_of_benign_ones_and_alarms() -> None:
    expected = [row[0] for row in RANKED]
    for seed in range(5):
        mixed = ranked().sample(frac=1, random_state=seed).reset_index(drop=True)
        assert list(worklist.ordered(mixed)["case"]) == expected
    assert list(worklist.ordered(ranked(), descending=True)["case"]) == expected[::-1]
    assert worklist.gravest(ranked()) == expected[0]
    assert worklist.gravest(ranked()[:0]) == ""


def test_the_next_miss_is_a_miss_and_no_false_alarm() -> None:
    table = ranked()
    assert set(table["case"][worklist.was_missed(table)]) == {name for name, _, missed, *_ in RANKED if missed} | {
        "wrong class"}
    said = pd.DataFrame({"outcome": ["wrong class, false malignant alarm"], "missed": [0], "false_positives": [1]})
    assert not worklist.was_missed(said).any()


def test_missed_lesions_of_the_positive_class_are_found_in_one_step(run: Run) -> None:
    table = worklist.worklist(run)
    kept = set(worklist.filtered(table, Filter(worklist.MISSED_CANCERS))["case"])
    assert kept == {case for case in table["case"] if counted(run, case)[1]
                    and "malignant" in set(run.truth["label"][run.truth["case"] == case])}
    assert worklist.missed_words(run) == "missed cancers"
    other = Run(run.path, run.meta)
    other.__dict__["plan"] = {"judging": {"positive": "benign"}}
    assert worklist.missed_words(other) == "missed benign"
    benign = worklist.filtered(worklist.worklist(other), Filter(worklist.MISSED_CANCERS))
    assert list(benign["case"]) == [case for case in table["case"] if counted(run, case)[1]
                                    and "benign" in set(run.truth["label"][run.truth["case"] == case])]
    assert len(benign) > 0


def test_every_word_of_the_search_must_occur_in_some_column(run: Run) -> None:
    table = worklist.worklist(run).assign(feedback="")
    table.loc[table["case"] == "ex006", "feedback"] = "wrong place 1"

    def found(text: str) -> set[str]:
        return set(worklist.filtered(table, Filter(text=text))["case"])

    both = table["case"][(table["label"] == "malignant") & (table["group_view"] == "CC")]
    assert found("malignant cc") == found("  CC   MALIGNANT ") == set(both) != set()
    assert found("missed MLO") == set(table["case"][(table["missed"] > 0) & (table["group_view"] == "MLO")])
    assert found("wrong ex006") == {"ex006"}
    assert found("malignant nowhere") == set()


def test_a_model_of_one_class_raises_or_misses_an_alarm_and_mistakes_no_class() -> None:
    nan = float("nan")
    box = {"x0": nan, "y0": nan, "x1": nan, "y1": nan}
    known = [("a", "anomaly", 0.9), ("b", "anomaly", 0.002), ("c", "normal", 0.02), ("d", "normal", 0.001)]
    tables = SimpleNamespace(
        path=Path("drawn"), plan={"judging": {"positive": "anomaly"}},
        meta={"model": {"task": "anomaly", "classes": ["anomaly"], "operating_point": 0.0033}},
        cases=pd.DataFrame([{"case": c, "label": x, "patient": c} for c, x, _ in known]),
        truth=pd.DataFrame([{"case": c, "target": "t0", "label": x, **box} for c, x, _ in known]),
        predictions=pd.DataFrame([{"case": c, "condition": "clean", "target": "anomaly", "label": "anomaly",
                                   "score": s, **box} for c, _, s in known]),
        scores=pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "seed", "value"]))
    table = worklist.worklist(tables)  # type: ignore[arg-type]
    assert list(table["outcome"]) == ["right", "missed anomaly", "false anomaly alarm", "right"]
    assert list(worklist.ordered(table)["case"])[:2] == ["b", "c"]
    assert list(worklist.was_missed(table)) == [False, True, False, False]
