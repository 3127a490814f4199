"""Every probe says what it is, changes a case within its rules, and is the same each time."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.contracts.plugins import every
from xaimed import registry
from xaimed.errors import PlanError
from xaimed.probes.probe import NotServed, Probe, Setting
from xaimed.types import Box, Case

HEIGHT, WIDTH = 96, 80


def case(name: str = "c0") -> Case:
    """A bright body with a lesion and letters in the dark beside it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.where((x < 50) & (abs(y - 48) < 44), 0.5 + 0.1 * np.sin(x / 3) * np.cos(y / 4), 0.02)
    lesion = np.hypot(x - 25, y - 40) < 8
    letters = (abs(x - 70) < 4) & (abs(y - 12) < 4)
    image = np.where(lesion, 0.9, np.where(letters, 1.0, image)).astype(np.float32)[None]
    return Case(name, image, label="malignant", boxes=(Box("malignant", 17, 32, 34, 49),), masks=lesion[None],
                segments={"lesion": lesion}, markers=letters, spacing_mm=0.5)


def probe(name: str) -> Probe:
    found = registry.load("probes", name).PROBE
    assert isinstance(found, Probe)
    return found


@every("probes")
def test_it_says_what_it_is(name: str) -> None:
    one = probe(name)
    assert one.name == name
    assert len(one.says) > 10
    assert one.unit
    assert one.levels
    for level in one.levels:
        one.check(level)


@every("probes")
def test_levels_that_it_does_not_have_are_refused(name: str) -> None:
    for wrong in (-1.0, float("nan"), "sidewise", True, None):
        with pytest.raises(PlanError, match=re.escape(f"probes.levels.{name}")):
            probe(name).check(wrong)


@every("probes")
def test_a_changed_case_is_a_case_of_the_same_size_and_the_same_each_time(name: str) -> None:
    one, given = probe(name), case()
    before = given.image.copy()
    for level in one.levels:
        changed, again = (one.change(given, Setting(level, 3)) for _ in range(2))
        assert changed.image.shape == given.image.shape
        assert changed.image.dtype == np.float32
        assert np.array_equal(changed.image, again.image)
        assert (changed.id, changed.label, len(changed.boxes)) == (given.id, given.label, 1)
        moves = not np.array_equal(one.motion(given, Setting(level, 3)), np.eye(3))
        assert moves or changed.boxes == given.boxes
    assert np.array_equal(before, given.image), "the case that was given stays as it is"


@every("probes")
def test_what_moves_moves_pixels_masks_and_boxes_alike(name: str) -> None:
    one, given = probe(name), case()
    for level in one.levels:
        changed = one.change(given, Setting(level, 1))
        assert changed.masks is not None
        rows, columns = np.nonzero(changed.masks[0])
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert changed.boxes[0].edges == pytest.approx(edges, abs=1.01)
        assert np.array_equal(changed.segments["lesion"], changed.masks[0])
        shown = changed.image[0] > changed.image[0][changed.masks[0]].mean() - 0.1
        assert (shown & changed.masks[0]).sum() > 0.6 * changed.masks[0].sum()


@every("probes")
def test_a_volume_is_changed_slice_by_slice_or_not_served(name: str) -> None:
    flat = case().image
    volume = Case("v0", np.stack([flat, flat], axis=1))
    one = probe(name)
    for level in one.levels:
        if name == "marker_removed":
            with pytest.raises(NotServed, match="a volume has no markers"):
                one.change(volume, Setting(level, 1))
            continue
        changed = one.change(volume, Setting(level, 1)).image
        assert changed.shape == volume.image.shape
        assert name == "noise" or np.array_equal(changed[:, 0], changed[:, 1]), "equal slices are changed alike"
