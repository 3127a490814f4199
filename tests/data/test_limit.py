"""At most so many cases: the first of a detection set, spread evenly over any other."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from xaimed.data.dataset import CaseRow, select
from xaimed.types import Case


@dataclass(frozen=True)
class Rows:
    """Ten cases, five of class a and then five of class b."""

    task: str
    name: str = "rows"
    title: str = "rows"
    synthetic: bool = True
    classes: tuple[str, ...] = ("a", "b")
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[CaseRow, ...]:
        return tuple(CaseRow(f"c{i}", f"p{i}", "test", "ab"[i // 5]) for i in range(10))

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Case:
        raise NotImplementedError


@pytest.mark.parametrize(("task", "limit", "wanted"), [
    ("detection", 4, ["c0", "c1", "c2", "c3"]), ("classification", 4, ["c0", "c2", "c5", "c7"]),
    ("classification", 10, [f"c{i}" for i in range(10)]), ("segmentation", 1, ["c0"]),
    ("detection", 99, [f"c{i}" for i in range(10)])])
def test_a_limit_keeps_these(task: str, limit: int, wanted: list[str]) -> None:
    assert [row.case for row in select(Rows(task), "test", limit).rows] == wanted
