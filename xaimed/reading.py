"""A blinded reader study: each reader reads each case without and then with the model, in an order of their own.

    study = Study("Dr B", seed=0, most=40)
    study.cases(run)                       the cases in this reader's order
    record(run, study, reading)            one answer, kept for good in the journal
    results(run, 0)                        what the multi-reader statistics say, once two readers are through

The second answer to a case is given right after the first, with the model shown (sequential design): the first cannot
be changed then. Sequential reading measures what the model adds to an answer, and tends to understate it.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from xaimed.errors import InputError
from xaimed.feedback import LONGEST, journal_of, model_of
from xaimed.journal import Line
from xaimed.ledger import Fact
from xaimed.metrics.comparison import Contest
from xaimed.metrics.evidence import evidence
from xaimed.metrics.mrmc import reader_mean
from xaimed.metrics.readers import RANDOM, Panel, read_panel
from xaimed.stats import Array, Estimate, Resampling

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

KIND = "reading"
Stage = Literal["without", "with"]
STAGES: tuple[Stage, Stage] = ("without", "with")
COLUMNS = ("time", "reader", "case", "stage", "score", "seconds", "seed", "most", "place")


@dataclass(frozen=True)
class Study:
    """Who reads which cases: the reader, the seed that draws cases and orders, and at most so many cases."""

    reader: str
    seed: int = 0
    most: int = 40

    def __post_init__(self) -> None:
        if not 0 < len(self.reader.strip()) <= LONGEST["reader"]:
            raise InputError(f"a reader's name of {len(self.reader.strip())} characters; expected 1 to "
                             f"{LONGEST['reader']}: give a name or a code")
        if self.most < 1:
            raise InputError(f"{self.most} cases; expected 1 or more")

    def cases(self, run: Run) -> list[str]:
        """The cases in this reader's order: the same cases for all readers of a seed, each reader another order."""
        known = sorted(map(str, run.cases.loc[run.cases["label"].notna(), "case"]))
        drawn = np.random.default_rng(self.seed).permutation(len(known))[: self.most]
        own = np.random.default_rng([self.seed, zlib.crc32(self.reader.strip().encode())])
        return [known[i] for i in own.permutation(np.sort(drawn))]


@dataclass(frozen=True)
class Reading:
    """One answer: how likely the reader takes the case to be positive, 0 to 100, and the seconds it took."""

    case: str
    stage: Stage
    score: float
    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 100 or not self.seconds >= 0:
            raise InputError(f"a score of {self.score} in {self.seconds} s; expected 0 to 100 and no negative time")


def record(run: Run, study: Study, reading: Reading) -> Line:
    """The line in the journal. Raises InputError for any other answer than the next one of this reader."""
    expected = upcoming(run, study)
    if expected != (reading.case, reading.stage):
        raise InputError("an answer to another case or stage than the one that is due; expected each once, in order: "
                         "reload the page")
    facts: dict[str, Fact] = {
        "case": reading.case, "stage": reading.stage, "score": float(reading.score),
        "seconds": round(float(reading.seconds), 2), "reader": study.reader.strip(), "seed": study.seed,
        "most": study.most, "place": study.cases(run).index(reading.case) + 1, "record": _record(run)}
    return journal_of(run).append(KIND, model_of(run), facts)


def upcoming(run: Run, study: Study) -> tuple[str, Stage] | None:
    """The case and stage that this reader answers next; None when all is done."""
    table = readings(run, study.seed, study.most)
    own = table[table["reader"] == study.reader.strip()]
    given = set(zip(own["case"], own["stage"], strict=True))
    return next(((case, stage) for case in study.cases(run) for stage in STAGES if (case, stage) not in given), None)


def readings(run: Run, seed: int, most: int) -> pd.DataFrame:
    """The answers to the study of this run, seed and size, oldest first: columns COLUMNS."""
    import pandas as pd

    lines = [line for line in journal_of(run).lines(KIND, model_of(run))
             if line.facts.get("record") == _record(run) and line.facts.get("seed") == seed
             and line.facts.get("most") == most]
    rows = [(line.time, *(line.facts[name] for name in COLUMNS[1:])) for line in lines]
    return pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates(["reader", "case", "stage"], keep="first")


def _record(run: Run) -> str:
    """What tells this run from all others: the head of its log."""
    return str(run.meta.get("log", {}).get("head", ""))


def finished(table: pd.DataFrame, cases: int) -> list[str]:
    """The readers who have answered all cases in both stages, by name."""
    counts = table.groupby("reader").size()
    return sorted(str(name) for name in counts.index[counts == 2 * cases])


def results(run: Run, study: Study, positive: str) -> list[Estimate]:
    """The multi-reader estimates of the readers who are through; none for fewer than two readers or one class only.

    AUC of the readers without the model, the model against them, and what they gain with it, with readers and cases
    random after Obuchowski and Rockette; then the median seconds a case.
    """
    table, cases = readings(run, study.seed, study.most), sorted(study.cases(run))
    readers = finished(table, len(cases))
    found = evidence(run.cases, run.truth, run.predictions)
    place = {case: i for i, case in enumerate(found.cases)}
    rows = np.array([place[case] for case in cases], int)
    truth = found.truth_of(positive)[0][rows] if len(rows) else np.zeros(0, bool)
    if len(readers) < 2 or truth.all() or not truth.any():
        return []
    patients = [found.patients[i] for i in rows]
    contest = Contest(truth, patients, positive, Resampling.of(patients, 1000, study.seed))
    pivoted = table.pivot_table(index=["stage", "reader"], columns="case", values="score")
    without, aided = (np.stack([pivoted.loc[(stage, name), cases].to_numpy(float) for name in readers])
                      for stage in STAGES)
    name = str(run.meta.get("model", {}).get("name", "the model"))
    model = {name: 100 * found.score(positive)[rows]}
    return [*read_panel(Panel(without, model, contest)), _gain(without, aided, contest), *_times(table, readers)]


def _gain(without: Array, aided: Array, contest: Contest) -> Estimate:
    """What the readers gained with the model: the mean difference of their AUCs with and without it."""
    count = len(without)
    areas, spread = contest.covariance(np.concatenate([aided, without]))
    contrast = np.hstack([np.eye(count), -np.eye(count)])
    mean = reader_mean(contrast @ areas, contrast @ spread @ contrast.T)
    return Estimate(f"difference in image AUC {contest.positive}: readers with the model - without", mean.value,
                    *mean.limits(), rule=RANDOM, denominator=float(len(contest.truth)),
                    interval=f"t on {mean.freedom:.1f} degrees of freedom" if mean.variance > 0
                    else "no variance can be estimated")


def _times(table: pd.DataFrame, readers: list[str]) -> list[Estimate]:
    kept = table[table["reader"].isin(readers)]
    return [Estimate(f"median seconds a case, {stage} the model", float(own["seconds"].median()), math.nan, math.nan,
                     unit="answer", denominator=float(len(own)), interval="no interval: a median of all answers")
            for stage, own in kept.groupby("stage", sort=False)]
