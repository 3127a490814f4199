"""What a dataset holds: counts per split, class and group, its split digest and its warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xaimed.data.dataset import CaseRow, Dataset, People, Selection
from xaimed.data.split import manifest_digest

ORDER = ("train", "val", "test")
UNKNOWN = "not given"
MOST_VALUES = 12
GROUPS = {"unknown": "groups (patients are not known)", "one": "groups (all of one person, animal or tissue)"}


@dataclass(frozen=True)
class Description:
    """Counts of a dataset.

    splits: the splits present, in order. patients: split -> patients, or what stands for them where people is not
    "known". classes: label -> split -> cases. groups: group -> value -> split -> cases. manifest: the split's digest.
    """

    name: str
    title: str
    task: str
    synthetic: bool
    cases: int
    splits: tuple[str, ...]
    patients: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]
    groups: Mapping[str, Mapping[str, Mapping[str, int]]]
    warnings: tuple[str, ...]
    manifest: str
    people: People = "known"

    def __str__(self) -> str:
        """The description as text for a terminal."""
        kind = "SYNTHETIC" if self.synthetic else "real"
        size = f"{self.cases} images of {sum(self.patients.values())} {GROUPS.get(self.people, 'patients')}"
        lines = [f"{self.name}: {self.title}", f"{self.task}, {kind}, {size}", ""]
        units = "groups" if self.people in GROUPS else "patients"
        totals = {units: self.patients, "images": _sum(self.classes, self.splits)}
        lines += _table("", self.splits, totals)
        lines += ["", *_table("class", self.splits, self.classes)]
        for group, values in self.groups.items():
            lines += ["", *_table(group, self.splits, _shortened(values))]
        lines += ["", f"split digest: {self.manifest}"]
        lines += ["", "warnings:", *(f"- {text}" for text in self.warnings)] if self.warnings else []
        return "\n".join(lines)


def describe(dataset: Dataset | Selection) -> Description:
    """The counts of a dataset, from its rows alone: no pixel is decoded."""
    rows = dataset.rows
    present = {row.split for row in rows}
    splits = tuple(s for s in ORDER if s in present) + tuple(sorted(present - set(ORDER)))
    names = sorted({name for row in rows for name in row.groups})
    return Description(
        name=dataset.name, title=dataset.title, task=dataset.task, synthetic=dataset.synthetic,
        cases=len(rows), splits=splits,
        patients={s: len({row.patient for row in rows if row.split == s}) for s in splits},
        classes=_counts(rows, [row.label or UNKNOWN for row in rows]),
        groups={name: _counts(rows, [row.groups.get(name, UNKNOWN) for row in rows]) for name in names},
        warnings=dataset.warnings, manifest=manifest_digest(rows),
        people=getattr(dataset, "people", "known"))


def _counts(rows: Sequence[CaseRow], values: Sequence[str]) -> dict[str, dict[str, int]]:
    found = Counter((value, row.split) for row, value in zip(rows, values, strict=True))
    table: dict[str, dict[str, int]] = {}
    for (value, split), count in sorted(found.items()):
        table.setdefault(value, {})[split] = count
    return table


def _sum(table: Mapping[str, Mapping[str, int]], splits: Sequence[str]) -> dict[str, int]:
    return {split: sum(row.get(split, 0) for row in table.values()) for split in splits}


def _shortened(values: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
    if len(values) <= MOST_VALUES:
        return values
    kept = sorted(values, key=lambda v: (-sum(values[v].values()), v))[:MOST_VALUES]
    rest = [values[v] for v in values if v not in kept]
    other = {s: sum(row.get(s, 0) for row in rest) for row in rest for s in row}
    return {**{v: values[v] for v in kept}, f"{len(rest)} other values": other}


def _table(title: str, splits: Sequence[str], rows: Mapping[str, Mapping[str, int]]) -> list[str]:
    wide = max([len(title), *map(len, rows)])
    lines = [f"{title:<{wide}}" + "".join(f"{name:>8}" for name in (*splits, "all"))]
    for name, counts in rows.items():
        cells = [counts.get(split, 0) for split in splits]
        lines.append(f"{name:<{wide}}" + "".join(f"{cell:>8}" for cell in (*cells, sum(cells))))
    return lines
