"""The rows of the phantoms, known without drawing, say what the drawn cases say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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


def test_the_markers_are_the_letters_in_the_air() -> None:
    phantoms = Phantoms(patients=4, first=20)
    shown = [phantoms[index] for index in range(len(phantoms))]
    for case in shown:
        assert case.markers is not None
        assert bool(case.markers.any()) == (case.groups["marker"] == "yes")
    bright = [case.image[0][case.markers] for case in shown if case.markers is not None and case.markers.any()]
    assert bright
    # Letters are white with soft edges; round them is air.
    assert all(values.max() > 0.8 for values in bright)
    case = next(c for c in shown if c.groups["marker"] == "yes")
    without = Phantoms(patients=4, first=20, options=replace(phantoms.options, marker_rate=0.0))
    plain = without[[row.case for row in without.rows].index(case.id)]
    assert case.markers is not None
    assert plain.markers is not None
    assert not plain.markers.any()
    assert np.array_equal(case.image[0] != plain.image[0], case.markers & (case.image[0] != plain.image[0]))
