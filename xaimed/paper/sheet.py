"""What a paper reports, read from TOML: its figures with their digits, its counts, its data table, its split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xaimed.errors import PlanError, unknown
from xaimed.paper.figures import CELLS, Figure, figure
from xaimed.settings import read_table, settings

SPLITS = ("image", "patient", "")
LARGEST = 100_000


@dataclass(frozen=True)
class Reported:
    """Counts that the paper states; None for one that it does not. test: how many units were tested."""

    test: int | None = None
    positives: int | None = None
    negatives: int | None = None
    tp: int | None = None
    fn: int | None = None
    fp: int | None = None
    tn: int | None = None


@dataclass(frozen=True)
class Site:
    """A row of the data table: cases (patients), images with a finding and their split; 0 for what is not stated."""

    name: str
    cases: int = 0
    images: int = 0
    used: int = 0
    train: int = 0
    val: int = 0
    test: int = 0


@dataclass(frozen=True)
class Sheet:
    """A paper as far as it can be audited.

    unit: what is counted. split_by: "image", "patient" or "" where the paper does not say. normals_tested: whether
    images without a finding were tested, None where it does not say. auc_from: "scores", "labels" or "".
    bound: the largest matrix that is searched for. unread: what could not be read of the paper.
    """

    title: str
    source: str = ""
    unit: str = "image"
    positive: str = "positive"
    detector: bool = False
    split_by: str = ""
    normals_tested: bool | None = None
    auc_from: str = ""
    bound: int = 2000
    unread: str = ""
    figures: tuple[Figure, ...] = ()
    counts: Reported = field(default_factory=Reported)
    sites: tuple[Site, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """The sheet in a TOML file.

    Raises NotFound for no file or an unknown figure, PlanError for an unknown key or a value that cannot be,
    InputError for a figure that is not as printed.
    """
    values = dict(read_table(path, "paper to audit"))
    figures = values.pop("figures", None)
    if not isinstance(figures, Mapping) or not figures:
        raise PlanError(f"{path.name}: no table [figures]; expected lines such as accuracy = \"91.86 %\"")
    values["figures"] = tuple(figure(str(name), text) for name, text in figures.items())
    values["counts"] = settings(Reported, values.get("counts", {}), "counts")
    values["sites"] = tuple(settings(Site, row, "sites") for row in _rows(values.get("sites", []), path))
    sheet = settings(Sheet, {"title": "", **values}, path.name)
    _check(sheet, path.name)
    return sheet


def _rows(rows: object, path: Path) -> list[object]:
    if not isinstance(rows, list):
        raise PlanError(f"{path.name}: sites is {rows!r}; expected tables [[sites]]")
    return rows


def _check(sheet: Sheet, where: str) -> None:
    if not sheet.title:
        raise PlanError(f"{where}: no title; expected title = \"...\"")
    if sheet.split_by not in SPLITS:
        raise PlanError(f"{where}: {unknown('split_by', sheet.split_by, SPLITS)}")
    if sheet.auc_from not in ("scores", "labels", ""):
        raise PlanError(f"{where}: {unknown('auc_from', sheet.auc_from, ('scores', 'labels'))}")
    if not 1 <= sheet.bound <= LARGEST:
        raise PlanError(f"{where}: bound = {sheet.bound}; expected 1 to {LARGEST}")
    if len({f.name for f in sheet.figures}) < len(sheet.figures):
        raise PlanError(f"{where}: a figure is given twice, perhaps under two names; expected each once")
    for table in (dataclasses.asdict(sheet.counts), *map(dataclasses.asdict, sheet.sites)):
        for key, value in table.items():
            if key != "name" and value is not None and not _count(value):
                raise PlanError(f"{where}: {key} = {value!r}; expected a whole number from 0 to {LARGEST}")


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def cell_sums(counts: Reported) -> dict[tuple[int, int, int, int], int]:
    """The stated counts as sums over (tp, fn, fp, tn), without the test size."""
    sums = {(1, 1, 0, 0): counts.positives, (0, 0, 1, 1): counts.negatives}
    for i, cell in enumerate(CELLS):
        sums[(int(i == 0), int(i == 1), int(i == 2), int(i == 3))] = getattr(counts, cell)
    return {weights: value for weights, value in sums.items() if value is not None}
