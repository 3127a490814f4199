"""A blinded reader study: each reader reads each exam without and then with the model, in an order of their own.

    study = Study("Dr B", seed=0, most=40)
    study.exams(run)                       the exams in this reader's order, each with all its views
    upcoming(run, study)                   the exam and stage that are due; a reader goes on where they stopped
    record(run, study, reading)            one answer, kept for good in the journal
    leave_out(run, study, exam, reason)    an exam that cannot be read, with the reason, kept likewise
    leave(run, study)                      the reader stops, or goes to the pages that show the reference

The second answer to an exam is given right after the first, with the model shown (sequential design): the first cannot
be changed then. Sequential reading needs no washout and measures what the model adds to an answer; it tends to
understate it. What the answers show is in `reading_results`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.feedback import LONGEST, journal_of, model_of
from xaimed.ledger import Fact

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.journal import Line
    from xaimed.run import Run

KIND, UNREAD, LEFT, VIEW = "reading", "unread", "study left", "view"
PAGE = "study"
DESIGN = "exams, sequential"
MISSING = "image missing or damaged, not read"
Stage = Literal["without", "with"]
STAGES: tuple[Stage, Stage] = ("without", "with")
COLUMNS = ("time", "reader", "case", "stage", "score", "seconds", "seed", "most", "place", "left_out")


@dataclass(frozen=True)
class Exam:
    """What is read at once: the views of one examination as they hang; named by the first."""

    views: tuple[str, ...]

    @property
    def name(self) -> str:
        """The case of its first view, which stands for the exam in the journal."""
        return self.views[0]


@dataclass(frozen=True)
class Study:
    """Who reads which exams: the reader, the seed that draws exams and orders, and at most so many exams."""

    reader: str
    seed: int = 0
    most: int = 40

    def __post_init__(self) -> None:
        if not 0 < len(self.reader.strip()) <= LONGEST["reader"]:
            found = f"a name of {len(self.reader.strip())} characters" if self.reader.strip() else "no name of a reader"
            raise InputError(f"{found}; expected 1 to {LONGEST['reader']} characters: type a name or a code")
        if self.most < 1:
            raise InputError(f"{self.most} cases; expected 1 or more")

    def exams(self, run: Run) -> list[Exam]:
        """The exams in this reader's order: the same for all readers of a seed, each reader another order."""
        known = exams(run.cases)
        drawn = np.random.default_rng(self.seed).permutation(len(known))[: self.most]
        own = np.random.default_rng([self.seed, zlib.crc32(self.reader.strip().encode())])
        return [known[i] for i in own.permutation(np.sort(drawn))]


@dataclass(frozen=True)
class Reading:
    """One answer: how likely the reader takes the exam to be positive, 0 to 100, and the seconds it took.

    case: the exam's name. seconds: from the images standing on the screen to the answer.
    """

    case: str
    stage: Stage
    score: float
    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 100 or not self.seconds >= 0:
            raise InputError(f"a score of {self.score} in {self.seconds} s; expected 0 to 100 and no negative time")


def exams(cases: pd.DataFrame) -> list[Exam]:
    """All exams whose views all have a label, by name; cases: `Run.cases`.

    The views of a patient are one exam where `viz.hanging` hangs them side by side; any other image is its own.
    """
    from xaimed.viz.hanging import SIDES, VIEWS

    side, view = _places(cases, "group_side", SIDES), _places(cases, "group_view", VIEWS)
    names, patients = cases["case"].astype(str), cases["patient"].astype(str)
    hung = (side >= 0) & (view >= 0) & (patients != "").to_numpy()
    told = cases.assign(side=side, view=view)[hung]
    twice = set(told.loc[told.duplicated(["patient", "side", "view"]), "patient"].astype(str))
    together = hung & ~patients.isin(twice).to_numpy()
    plain = list(names)
    exam = np.where(together, "p" + patients, "c" + names)
    order = np.lexsort((names.to_numpy(str), side, view, exam))
    starts = np.flatnonzero(exam[order][1:] != exam[order][:-1]) + 1
    labelled = cases["label"].notna().to_numpy()
    found = [Exam(tuple(plain[i] for i in own)) for own in np.split(order, starts) if len(own) and labelled[own].all()]
    return sorted(found, key=lambda one: one.name)


def _places(cases: pd.DataFrame, column: str, words: tuple[str, ...]) -> NDArray[np.int64]:
    """(n,) the place of each row's word among `words`, -1 for any other."""
    if column not in cases:
        return np.full(len(cases), -1)
    told = cases[column].astype(str).str.upper().map({word: place for place, word in enumerate(words)})
    return np.asarray(told.fillna(-1), np.int64)


def record(run: Run, study: Study, reading: Reading) -> Line:
    """The line in the journal. Raises InputError for any other answer than the next one of this reader."""
    due = upcoming(run, study)
    if due is None or (due[0].name, due[1]) != (reading.case, reading.stage):
        raise InputError("an answer to another case or stage than the one that is due; expected each once, in order: "
                         "reload the page")
    return _write(run, study, KIND, {"case": reading.case, "stage": reading.stage, "score": float(reading.score),
                                     "seconds": round(float(reading.seconds), 2)})


def leave_out(run: Run, study: Study, exam: Exam, reason: str = MISSING) -> Line:
    """The line in the journal that says why this reader cannot read an exam; it does not come up again."""
    return _write(run, study, UNREAD, {"case": exam.name, "left_out": reason})


def leave(run: Run, study: Study) -> Line:
    """The line in the journal that says when this reader left a study with something still to read."""
    return journal_of(run).append(LEFT, model_of(run), {**_whose(study), "record": _record(run)})


def refuse(run: Run, study: Study, page: str) -> Line:
    """The line in the journal of a page that this reader asked for in mid-study and that was kept back."""
    return journal_of(run).append(VIEW, model_of(run), {"run": run.path.name, "page": page, "case": "",
                                                        **_whose(study), "kept_back": True})


def looked(run: Run, study: Study) -> dict[str, tuple[list[str], int]]:
    """For each reader of the study the pages of this model seen before their last answer, and how many were kept back.

    Only readers who looked; a page that shows the reference biases the answers after it. A view counts for a reader
    whose name the dashboard knew: one logged in, or one who had left the study in that session.
    """
    own = (study.seed, study.most)
    last = {str(line.facts["reader"]): line.number for line in _lines(run)
            if (line.facts.get("seed"), line.facts.get("most")) == own}
    found: dict[str, tuple[list[str], int]] = {}
    for line in journal_of(run).lines(VIEW, model_of(run)):
        reader, page = str(line.facts.get("reader", "")), str(line.facts.get("page", ""))
        if page == PAGE or line.number > last.get(reader, 0) or line.facts.get("run") != run.path.name:
            continue
        back = bool(line.facts.get("kept_back"))
        if back and (line.facts.get("seed"), line.facts.get("most")) != own:
            continue  # kept back in another study
        pages, kept = found.get(reader, ([], 0))
        found[reader] = (pages, kept + 1) if back else ([*pages, page], kept)
    return found


def _whose(study: Study) -> dict[str, Fact]:
    return {"reader": study.reader.strip(), "seed": study.seed, "most": study.most, "design": DESIGN}


def _write(run: Run, study: Study, kind: str, facts: dict[str, Fact]) -> Line:
    place = [exam.name for exam in study.exams(run)].index(str(facts["case"])) + 1
    return journal_of(run).append(kind, model_of(run), {
        **facts, **_whose(study), "place": place, "record": _record(run)})


def upcoming(run: Run, study: Study) -> tuple[Exam, Stage] | None:
    """The exam and stage that this reader answers next; None when all is done."""
    table = readings(run, study.seed, study.most)
    own = table[table["reader"] == study.reader.strip()]
    given = set(zip(own["case"], own["stage"], strict=True))
    unread = set(own.loc[own["left_out"] != "", "case"])
    return next(((exam, stage) for exam in study.exams(run) if exam.name not in unread for stage in STAGES
                 if (exam.name, stage) not in given), None)


def first_answer(run: Run, study: Study, case: str) -> float | None:
    """The reader's own score of an exam without the model, or None where it is not given yet."""
    table = readings(run, study.seed, study.most)
    own = table[(table["reader"] == study.reader.strip()) & (table["case"] == case) & (table["stage"] == STAGES[0])]
    return float(own["score"].iloc[0]) if len(own) else None


def readings(run: Run, seed: int, most: int) -> pd.DataFrame:
    """The answers to the study of this run, seed and size, and what was left out, oldest first: columns COLUMNS.

    left_out: "" for an answer, else the reason why this reader did not read the exam.
    """
    import pandas as pd

    lines = [line for line in _lines(run) if (line.facts.get("seed"), line.facts.get("most")) == (seed, most)]
    empty = {"stage": "", "score": float("nan"), "seconds": float("nan"), "left_out": ""}
    rows = [(line.time, *({**empty, **line.facts}[name] for name in COLUMNS[1:])) for line in lines]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates(["reader", "case", "stage"], keep="first")
    return table.astype({"score": float, "seconds": float}).reset_index(drop=True)


def begun(run: Run) -> dict[tuple[int, int], set[str]]:
    """For each study of this run, by seed and number of exams, its readers; the one last read in stands last."""
    found: dict[tuple[int, int], set[str]] = {}
    for line in _lines(run):
        key = int(str(line.facts["seed"])), int(str(line.facts["most"]))
        found[key] = {*found.pop(key, set()), str(line.facts["reader"])}
    return found


def _lines(run: Run) -> list[Line]:
    """What stands in the journal of studies of this run, oldest first."""
    journal, model = journal_of(run), model_of(run)
    lines = [*journal.lines(KIND, model), *journal.lines(UNREAD, model)]
    return sorted((line for line in lines if line.facts.get("record") == _record(run)
                   and line.facts.get("design") == DESIGN), key=lambda line: line.number)


def _record(run: Run) -> str:
    """What tells this run from all others: the head of its log."""
    return str(run.meta.get("log", {}).get("head", ""))
