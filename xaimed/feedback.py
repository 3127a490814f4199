"""Feedback: what readers said of a map, bound to the case's image, the method and the digest of the model.

    give(run, Opinion("p0001-L-CC", "d0", "grad_cam", "wrong place", "Dr B", "the mass lies medially"))
    opinions(run)      a row for each thing said, oldest first

A reader who changes their mind says it again; the last word of each reader on a map counts, and the earlier ones stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaimed.errors import InputError, unknown
from xaimed.journal import Journal, Line

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

KIND = "opinion"
AGREE, WRONG_PLACE, WRONG_REASON, NOT_SURE = VERDICTS = (
    "agree", "wrong place", "right for the wrong reason", "not sure")
LONGEST = {"reader": 60, "comment": 1000}
COLUMNS = ("time", "run", "case", "target", "method", "verdict", "comment", "reader", "model", "digest", "line", "hash")


@dataclass(frozen=True)
class Opinion:
    """What one reader says of one map: case, target, method, one of VERDICTS, the reader's name, and a comment.

    Raises InputError: no reader, a text too long, another verdict.
    """

    case: str
    target: str
    method: str
    verdict: str
    reader: str
    comment: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise unknown("verdict", self.verdict, VERDICTS)
        if not self.reader.strip():
            raise InputError("no name of a reader; expected who says it: give a name or a code")
        for name, most in LONGEST.items():
            if len(getattr(self, name)) > most:
                raise InputError(f"{name} of {len(getattr(self, name))} characters; expected up to {most}: shorten it")


def journal_of(run: Run) -> Journal:
    """The journal beside a run."""
    return Journal(run.path.absolute().parent)


def give(run: Run, opinion: Opinion) -> Line:
    """The line that now stands in the journal. Raises NotFound for an unknown case, StoreError."""
    known = run.cases.set_index("case")["digest"]
    if opinion.case not in known.index:
        raise unknown("case", opinion.case, list(known.index[:20]))
    facts = {**vars(opinion), "reader": opinion.reader.strip(), "run": run.path.name,
             "digest": str(known[opinion.case]), "record": str(run.meta.get("log", {}).get("head", ""))}
    return journal_of(run).append(KIND, model_of(run), facts)


def model_of(run: Run) -> str:
    """The digest of the run's model, "" for a run made from tables of outputs."""
    return str(run.meta.get("model", {}).get("digest") or "")


def opinions(run: Run) -> pd.DataFrame:
    """All that was said of this run's model on this run's images, also in other runs beside it: columns COLUMNS.

    Without a digest of the model, what was said in this run. Empty where nothing was.
    """
    import pandas as pd

    model = model_of(run)
    rows = [_row(line) for line in journal_of(run).lines(KIND, model) if line.model == model]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    same = table["digest"] == table["case"].map(run.cases.set_index("case")["digest"])
    return table[same & ((table["run"] == run.path.name) | (model != ""))].reset_index(drop=True)


def _row(line: Line) -> Sequence[object]:
    facts = line.facts
    return (line.time, *(facts.get(name, "") for name in COLUMNS[1:8]), line.model, facts.get("digest", ""),
            line.number, line.hash)


def last_words(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `opinions` that count: the last one of each reader on each map."""
    return table.drop_duplicates(["case", "target", "method", "reader"], keep="last")


def by_case(table: pd.DataFrame) -> pd.Series[str]:
    """For each case that has some: what counts in words, "agree 2, not sure 1", in the order of VERDICTS."""
    counts = last_words(table).groupby(["case", "verdict"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=[verdict for verdict in VERDICTS if verdict in counts])
    told: pd.Series[str] = counts.apply(
        lambda row: ", ".join(f"{verdict} {count}" for verdict, count in row.items() if count), axis=1)
    return told
