"""TextSheet: a CSV file as text cells with the line of each row, so that a message can name the line."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xaimed.errors import InputError, NotFound
from xaimed.stats import Array

MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "missing"})
INDETERMINATE = frozenset({"indeterminate", "inconclusive", "uncertain", "invalid", "failed"})
NO_ANSWER = MISSING | INDETERMINATE


COMMA = re.compile(r"[-+]?\d+,\d+")
WHOLE = re.compile(r"(\d+)\.0+")


@dataclass(frozen=True, eq=False)
class TextSheet:
    """The rows of a CSV file. columns: names in order. cells: n rows of text, stripped. lines: n line numbers."""

    path: Path
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.cells)

    def need(self, *names: str) -> None:
        """Raise InputError in one line if a column is missing."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise InputError(f"{self.path.name} has no column {', '.join(missing)}; found "
                             f"{', '.join(self.columns)}: add it or rename one")

    def column(self, name: str, otherwise: str = "") -> list[str]:
        """The n cells of a column, or n times `otherwise` where there is no such column."""
        if name not in self.columns:
            return [otherwise] * len(self)
        place = self.columns.index(name)
        return [row[place] for row in self.cells]

    def numbers(self, name: str) -> Array:
        """(n,) the column as numbers, NaN where a cell is empty or says that nothing was given.

        Raises InputError that names the first line which holds no finite number.
        """
        values = np.full(len(self), math.nan)
        for i, text in enumerate(self.column(name)):
            if text.lower() not in MISSING:
                values[i] = self._number(i, name, text)
        return values

    def _number(self, row: int, name: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.wrong(row, f"{name} is {text!r}; expected a finite number, or nothing where there is none"
                             f"{comma_hint(text)}")
        return value

    def numeric(self, name: str) -> bool:
        """Whether a column holds numbers only, some of them, gaps and words for no answer left out."""
        given = self._given(name)
        return bool(given) and all(_is_number(text) for text in given)

    def numbers_given(self, name: str) -> list[float]:
        """The numbers of a column of numbers, gaps and words for no answer left out."""
        return [float(text) for text in self._given(name)]

    def _given(self, name: str) -> list[str]:
        return [text for text in self.column(name) if text.lower() not in NO_ANSWER]

    def renamed(self, old: str, new: str) -> TextSheet:
        """The sheet with another name for one column."""
        return replace(self, columns=tuple(new if name == old else name for name in self.columns))

    def without(self, name: str) -> TextSheet:
        """The sheet without one of its columns."""
        place = self.columns.index(name)
        cells = tuple((*row[:place], *row[place + 1:]) for row in self.cells)
        return replace(self, columns=(*self.columns[:place], *self.columns[place + 1:]), cells=cells)

    def relabelled(self, name: str, words: Mapping[str, str]) -> TextSheet:
        """The sheet with other words in the cells of one column; cells that `words` does not hold stay."""
        if name not in self.columns:
            return self
        place = self.columns.index(name)
        cells = tuple((*row[:place], words.get(row[place], row[place]), *row[place + 1:]) for row in self.cells)
        return replace(self, cells=cells)

    def stacked(self, named: Mapping[str, str], name: str, value: str) -> TextSheet:
        """The sheet with a row for each row and each of the columns `named` (by what they stand for).

        Column `name` says what a row stands for and column `value` holds the cell; lines stay those of the file.
        """
        kept = [i for i, column in enumerate(self.columns) if column not in named.values()]
        places = {what: self.columns.index(column) for what, column in named.items()}
        cells = tuple((*(row[i] for i in kept), what, row[place])
                      for row in self.cells for what, place in places.items())
        lines = tuple(line for line in self.lines for _ in places)
        return TextSheet(self.path, (*(self.columns[i] for i in kept), name, value), cells, lines)

    def wrong(self, row: int, problem: str) -> InputError:
        """An error that names file and line."""
        return InputError(f"{self.path.name} line {self.lines[row]}: {problem}")


def whole_labels(sheet: TextSheet) -> TextSheet:
    """The sheet with 0 and 1 for labels that were written as the numbers 0.0 and 1.0."""
    for name in ("label", "target"):
        given = {text for text in sheet.column(name) if text}
        if given and all(WHOLE.fullmatch(text) for text in given):
            sheet = sheet.relabelled(name, {text: text.partition(".")[0] for text in given})
    return sheet


def comma_hint(text: str) -> str:
    """What to do where a number has a decimal comma, else nothing."""
    return f"; for a decimal comma write a point: {text.replace(',', '.')}" if COMMA.fullmatch(text) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_textsheet(path: Path | str) -> TextSheet:
    """The sheet of a CSV file in UTF-8, with commas, semicolons or tabs between the cells.

    A header alone is a table without a row. Raises NotFound for no file, InputError for one that is empty, no text, or
    not a table.
    """
    place = Path(path)
    if not place.is_file():
        raise NotFound(f"no file {place}; expected a CSV table")
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InputError(f"{place.name}: not text in UTF-8; expected a CSV table: save it as CSV UTF-8") from problem
    if "\0" in text:
        raise InputError(f"{place.name}: holds zero bytes, so it is no text; expected a CSV table")
    return _parsed(place, text)


def _parsed(path: Path, text: str) -> TextSheet:
    text = unicodedata.normalize("NFC", text)  # "é" as one letter, however the file was written
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]), strict=True)
    try:
        rows = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader if any(map(str.strip, row))]
    except csv.Error as problem:
        raise InputError(f"{path.name} line {reader.line_num}: not CSV ({problem}); expected a table") from problem
    if not rows:
        raise InputError(f"{path.name}: no line; expected a header and rows")
    columns = rows[0][1]
    _check_shape(path, columns, rows[1:])
    return TextSheet(path, columns, tuple(cells for _, cells in rows[1:]), tuple(line for line, _ in rows[1:]))


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _check_shape(path: Path, columns: Sequence[str], rows: Sequence[tuple[int, tuple[str, ...]]]) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or "" in columns:
        what = f"column {twice[0]} twice" if "" not in columns else "a column without a name"
        raise InputError(f"{path.name}: {what} in the header; expected a name of its own for each column")
    for line, cells in rows:
        if len(cells) != len(columns):
            raise InputError(f"{path.name} line {line}: {len(cells)} cells; expected {len(columns)} as in the header")
