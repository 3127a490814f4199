"""The picture of an explanation: boxes on every panel that belongs to them, notes in full, a key under each map."""

from __future__ import annotations

import numpy as np
import pytest

from xaimed.explanation import Explanation
from xaimed.targets import Target
from xaimed.types import Attribution, Case, Detection, Floats, Prediction
from xaimed.viz import contact_sheet as sheets
from xaimed.viz.overlay import GREEN, MAGENTA, table

HEIGHT, WIDTH = 80, 100
BOX = Detection("d0", "mass", 0.9, 20, 20, 60, 60)


def explained(*targets: Target, values: Floats | None = None, note: str = "") -> Explanation:
    ramp = np.linspace(-2, 2, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH) if values is None else values
    count = len(targets)
    made = Attribution("grad_cam", "GradCAM()", (ramp,) * count, ("c",) * count, tuple(t.name for t in targets),
                       (note,) * count)
    image = np.zeros((1, HEIGHT, WIDTH), np.float32)
    return Explanation(Case("c", image), Prediction("c", (BOX,), {"mass": 0.9, "other": 0.06}), targets, (made,), 0.5)


def panel(found: Explanation, height: int = 400) -> sheets.Picture:
    """The method's panel of the last row, without title and key."""
    made = sheets.contact_sheet(found, height)
    key = sheets.LINE + sheets.MARGIN
    return made[-height - key:-key, made.shape[1] // 2:]


def coloured(picture: sheets.Picture, colour: tuple[int, int, int]) -> int:
    return int((picture == np.array(colour)).all(axis=2).sum())


@pytest.mark.parametrize("name", ["d0", "d0:x0", "rpn:d0"])
def test_an_edge_and_the_objectness_of_a_box_show_the_box(name: str) -> None:
    flat = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    shown = panel(explained(Target(name, "mass", BOX.edges), values=flat))
    # Drawn at 5 times the size: 200 x 200 pixels of outline, less what the label covers.
    assert coloured(shown, GREEN) >= 4 * 150
    assert coloured(panel(explained(Target("other", "other"), values=flat)), GREEN) == 0


def test_a_box_that_is_no_detection_is_drawn_too() -> None:
    flat = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    assert coloured(panel(explained(Target("m0", "mass", BOX.edges), values=flat)), MAGENTA) > 200
    marks = sheets._marks(explained(Target("other:x0", "other", (1, 2, 3, 4))))
    assert list(marks) == ["d0", "other"]
    assert (marks["other"].text, marks["other"].kind, marks["other"].edges) == ("other 0.06", "below", (1, 2, 3, 4))


def test_the_key_runs_between_the_values_of_full_colour() -> None:
    ramp = np.linspace(-2, 2, 400 * 500, dtype=np.float32).reshape(400, 500)
    blank = np.zeros((400, 500, 3), np.uint8)
    signed, positive = (sheets._key(sheets.Panel(blank, "", values)) for values in (ramp, np.abs(ramp)))
    for bar, kind in ((signed, "signed"), (positive, "positive")):
        colours = table(kind)
        row = bar[sheets.LINE // 2]
        starts = [x for x in range(300) if np.array_equal(row[x], colours[0])
                  and np.array_equal(row[x + sheets.KEY - 1], colours[-1])]
        assert starts, kind
    assert not sheets._key(sheets.Panel(blank, "")).any()
    dead = sheets._key(sheets.Panel(blank, "", np.zeros((400, 500), np.float32)))
    assert dead.any()
    assert np.ptp(dead.astype(int), axis=2).max() == 0


def test_a_long_note_is_told_in_full_in_lines_that_fit() -> None:
    note = "fails the sanity gate; not converged: the estimated error of the map is 4 % after 256 steps"
    found = explained(Target("d0", "mass", BOX.edges), note=note)
    text = sheets._title(found.maps[0], 0)
    lines = sheets._lines(text, 238)
    assert " ".join(lines) == f"grad cam ({note})"
    assert len(lines) > 2
    assert all(sheets._wide(line) <= 238 for line in lines)
    made = sheets.contact_sheet(found, 200)
    assert made.shape == (200 + sheets.LINE * len(lines) + sheets.MARGIN + sheets.LINE + sheets.MARGIN, 500, 3)
    last = made[sheets.LINE * (len(lines) - 1):sheets.LINE * len(lines), 250:]
    assert last.any()
