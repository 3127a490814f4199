"""Columns of a predictions table: the scores of models, or the classes of one model, and what is neither."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from xaimed.data.reference import NORMAL, OF_A_CASE, OF_A_ROW, PATIENT_NAMES
from xaimed.data.textsheet import COMMA, TextSheet
from xaimed.errors import InputError, unknown

EDGE_LIKE = frozenset({"x", "y", "w", "h", "x0", "y0", "x1", "y1", "x2", "y2", "xmin", "ymin", "xmax", "ymax", "x_min",
                       "y_min", "x_max", "y_max", "left", "top", "right", "bottom", "bbox"})
# Numbers that are about a row and are no answer of a model.
ABOUT = frozenset({"fold", "index", "id", "row", "age", "sex", "year", "seed", "epoch", "batch", "weight", "width",
                   "height", "threshold", "prediction", "predicted", "unnamed: 0"})
WORD = "p|prob|proba|probability|score|pred"
AFFIX = re.compile(rf"^(?:{WORD})[ _.-]+|[ _.-]+(?:{WORD})$", re.IGNORECASE)
SCORE = re.compile(r"scores?(?:[ _.-].*|\d.*)?|.*[ _.-]score", re.IGNORECASE)
STRIPPED = re.compile(r"^score[ _.-]+|[ _.-]+score$", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """What the columns of a predictions table are taken for.

    models: column by the name of the model. classes: column by the class that it scores, for one model of several
    classes; then models is empty. unused: columns of numbers that are taken for neither where the user named none.
    """

    models: Mapping[str, str]
    classes: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the table would not expect, in a sentence each."""
        taken = (f"columns {', '.join(self.classes.values())} were taken as the scores of one model for the classes "
                 f"{', '.join(self.classes)}")
        left = (f"not taken as scores: {'column' if len(self.unused) == 1 else 'columns'} {', '.join(self.unused)}; "
                "name what is the score of a model with --score-column")
        return (*((taken,) if self.classes else ()), *((left,) if self.unused else ()))


@dataclass(frozen=True)
class Wanted:
    """What is asked of a table. columns: those that the user named. labels: of the reference. positive: to be found."""

    columns: tuple[str, ...]
    labels: tuple[str, ...]
    positive: str
    detection: bool = False

    @property
    def words(self) -> dict[str, str]:
        """The known classes by the way that they are compared."""
        return {plain(label): label for label in (*self.labels, self.positive) if label}


def plain(name: str) -> str:
    """A name in the form in which names are compared: small letters, one kind of gap."""
    return re.sub(r"[ _.-]+", " ", name.strip()).lower()


def find_columns(sheet: TextSheet, wanted: Wanted) -> Columns:
    """What the columns are: those asked for, else those that look like scores.

    "score" is the model named after the file; then columns that begin or end with score; else every column of numbers
    that is nothing else. Columns that are named after two or more classes, in any case and with p_, prob_ or score_
    before or after, are one model. Raises NotFound for a column that is not there, InputError where a column names a
    class and it cannot be told what the others are.
    """
    for name in wanted.columns:
        if name not in sheet.columns:
            raise unknown("score column", name, sheet.columns)
    if wanted.columns:
        return _asked(sheet, wanted)
    named, numbers = _candidates(sheet)
    found = _classes(sheet, wanted, [*named, *numbers])
    if found is not None:
        return found
    chosen = named or numbers
    return Columns(_models(sheet, chosen), unused=tuple(c for c in _numeric(sheet) if c not in chosen))


def class_words(sheet: TextSheet, labels: Iterable[str]) -> list[str]:
    """The classes that columns stand for beside one that stands for a label, as the columns write them."""
    known, columns = {plain(label) for label in labels}, [c for part in _candidates(sheet) for c in part]
    affixes = {_affix(c) for c in columns if plain(_bare(c)) in known}
    return [_bare(c) for c in columns if _affix(c) in affixes and plain(_bare(c)) not in known]


def _free(sheet: TextSheet) -> list[str]:
    taken = (set(OF_A_ROW) | set(OF_A_CASE) | set(PATIENT_NAMES)) - {"score"}
    return [c for c in sheet.columns if c not in taken and not c.startswith("group_")]


def _numeric(sheet: TextSheet) -> list[str]:
    return [c for c in _free(sheet) if sheet.numeric(c)]


def _candidates(sheet: TextSheet) -> tuple[list[str], list[str]]:
    """The columns that are named as scores, and the other columns of numbers that may be."""
    named = [c for c in _free(sheet) if SCORE.fullmatch(c)]
    numbers = [c for c in _numeric(sheet) if c not in named and c.lower() not in ABOUT | EDGE_LIKE]
    return named, numbers


def _models(sheet: TextSheet, columns: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in columns:
        name = sheet.path.stem if column.lower() == "score" else STRIPPED.sub("", column) or column
        if name in found:
            raise InputError(f"{sheet.path.name}: columns {found[name]} and {column} both name a model {name!r}; "
                             "expected a name for each: rename one")
        found[name] = column
    return found


def _bare(column: str) -> str:
    return AFFIX.sub("", column).strip()


def _affix(column: str) -> str:
    found = AFFIX.search(column)
    return plain(found[0]) if found else ""


def _matched(columns: Iterable[str], wanted: Wanted) -> dict[str, str]:
    """The label that a column stands for, by column."""
    words = wanted.words
    return {c: words[plain(text)] for c in columns for text in (c, _bare(c)) if plain(text) in words}


def _asked(sheet: TextSheet, wanted: Wanted) -> Columns:
    matched = _matched(wanted.columns, wanted)
    if len(wanted.columns) > 1 and len(set(matched.values())) == len(wanted.columns) and not _rowed(sheet, wanted):
        return Columns({}, {label: c for c, label in matched.items()})
    _refuse_other(sheet, matched, wanted)
    return Columns(_models(sheet, wanted.columns))


def _rowed(sheet: TextSheet, wanted: Wanted) -> bool:
    """Whether the class stands in a row of its own."""
    return wanted.detection or bool({"label", "target"} & set(sheet.columns))


def _refuse_other(sheet: TextSheet, matched: Mapping[str, str], wanted: Wanted) -> None:
    other = {c: label for c, label in matched.items() if label != wanted.positive and not label.isdigit()}
    if other and not _rowed(sheet, wanted):
        column, label = next(iter(other.items()))
        raise InputError(f"{sheet.path.name}: column {column} is named after class {label!r}, and {wanted.positive!r} "
                         f"is to be found; expected its score: name another --score-column, or --positive {label}")


def _classes(sheet: TextSheet, wanted: Wanted, columns: Sequence[str]) -> Columns | None:
    """The columns as classes of one model; None where none of them names a class."""
    matched = _matched(columns, wanted)
    if not matched:
        _refuse_within(sheet, columns, wanted)
        return None
    others = [c for c in columns if c not in matched]
    if len(matched) == 1:
        return _one_class(sheet, matched, others, wanted)
    doubled = len(set(matched.values())) < len(matched)
    affixes = {_affix(c) for c in matched}
    family = [c for c in others if _affix(c) in affixes and _is_share(sheet, c) and c.lower() != "score"]
    digits = all(label.isdigit() for label in matched.values())
    left = [c for c in others if c not in family]
    if (doubled or len(affixes) > 1 or _rowed(sheet, wanted) or any(SCORE.fullmatch(c) for c in left)
            or (digits and family and not _sum_to_one(sheet, [*matched, *family]))):
        raise _unclear(sheet, [*matched, *others])
    classes = {matched.get(c, _bare(c)): c for c in columns if c in matched or c in family}
    return Columns({}, classes, tuple(c for c in _numeric(sheet) if c not in classes.values()))


def _one_class(sheet: TextSheet, matched: Mapping[str, str], others: Sequence[str], wanted: Wanted) -> Columns | None:
    """A single column that names a class is the model's; beside others it is a class only if the name is a number."""
    (column, label), = matched.items()
    if not others:
        _refuse_other(sheet, matched, wanted)
        return Columns({sheet.path.stem: column}, unused=tuple(c for c in _numeric(sheet) if c != column))
    if label.isdigit() and all(_bare(c).isdigit() for c in others):
        return None
    raise _unclear(sheet, [column, *others])


def _refuse_within(sheet: TextSheet, columns: Sequence[str], wanted: Wanted) -> None:
    """Refuse columns whose names hold a class that is not to be found, as a word among others."""
    words = {word: label for word, label in wanted.words.items() if len(word) > 2 and label != wanted.positive
             and not label.isdigit()}
    for column in columns:
        if any(f" {word} " in f" {plain(column)} " for word in words):
            raise _unclear(sheet, columns)


def _unclear(sheet: TextSheet, columns: Sequence[str]) -> InputError:
    return InputError(f"{sheet.path.name}: columns {', '.join(columns)}: some are named after classes, so it "
                      "is not clear which is the score of a model; expected a column for each class and nothing else, "
                      "or a row for each case and class: name the score with --score-column")


def _is_share(sheet: TextSheet, column: str) -> bool:
    values = sheet.numbers_given(column)
    return bool(values) and all(0 <= value <= 1 for value in values)


def _sum_to_one(sheet: TextSheet, columns: Sequence[str]) -> bool:
    rows = zip(*(sheet.column(c) for c in columns), strict=True)
    whole = [row for row in rows if all(row)]
    return bool(whole) and all(abs(sum(map(float, row)) - 1) < 0.02 for row in whole)


def no_scores(sheet: TextSheet) -> InputError:
    """The error of a table without a score column."""
    comma = next((c for c in _free(sheet) if any(COMMA.fullmatch(text) for text in sheet.column(c))), "")
    hint = f"; column {comma} has decimal commas: write 0.7 for 0,7" if comma else ""
    return InputError(f"{sheet.path.name} has no column score; found {', '.join(sheet.columns)}: add it, or name the "
                      f"column with --score-column{hint}")


def unseen(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Those of the names that are classes without a case: not known, and no misspelling of a known one."""
    from difflib import get_close_matches

    spelt = {plain(name) for name in known} | NORMAL
    new = [name for name in names if name and plain(name) not in spelt]
    return [name for name in new if not [
        near for near in get_close_matches(plain(name), spelt, cutoff=0.7) if _letters(near) != _letters(name)]]


def _letters(name: str) -> str:
    return re.sub(r"\d", "", plain(name))
