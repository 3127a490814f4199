"""The rows of the phantoms, known without drawing, say what the drawn cases say."""

from __future__ import annotations

from xaimed.data.phantom import Phantoms


def test_rows_agree_with_the_drawn_cases() -> None:
    phantoms = Phantoms(patients=12, first=20)
    seen = set()
    for index, row in enumerate(phantoms.rows):
        case = phantoms[index]
        assert (row.case, row.patient, row.split, row.label) == (case.id, case.patient, case.split, case.label)
        assert all(case.groups[key] == value for key, value in row.groups.items())
        seen.add(row.label)
    assert {"normal", "malignant"} <= seen
