"""What the model would say without a region: words and chart against curves of known shape."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from xaimed.curvefile import KeptCurve
from xaimed.viz import without

NAMES = {"s": "http://www.w3.org/2000/svg"}


def curve(fraction: tuple[float, ...], left: tuple[float, ...], fill: str = "blur", method: str = "m") -> KeptCurve:
    return KeptCurve("c", "d0", method, f"deletion[{fill}]", fraction, left)


def test_only_stored_points_are_told() -> None:
    line = curve((0.0, 0.2, 1.0), (1.0, 0.4, 0.0))
    assert without.steps_around(line, 0.1) == (0, 1)
    assert without.steps_around(line, 0.2) == (1,)
    assert without.steps_around(curve((0.3, 1.0), (1.0, 0.0)), 0.1) == (0,)
    assert without.first_below(line) == 1
    assert without.first_below(curve((0.0, 1.0), (1.0, 0.6))) is None
    assert without.first_below(curve((0.0, 1.0), (0.3, 0.2))) == 0


def test_words_name_every_fill_with_its_number_and_the_points_that_bound_it() -> None:
    text = without.told([curve((0.0, 0.2, 1.0), (1.0, 0.4, 0.0)), curve((0.0, 0.1, 1.0), (1.0, 0.93, 0.9), "noise")])
    assert "100% at 0% replaced, 40% at 20% replaced (blur); 93% at 10% replaced (noise)." in text
    assert "lost: between 0% and 20% (blur); at no mark (noise)." in text
    assert "asked at the 3 marks" in text
    assert "70%" not in text, "what lies on the line was never asked"


def test_only_the_curves_of_the_map_are_taken_and_all_are_drawn_as_they_are() -> None:
    every = [curve((0.0, 1.0), (1.0, 0.1)), curve((0.0, 1.0), (1.0, 1.2), "noise"), curve((0.0, 1.0), (1.0, 0.5),
                                                                                         method="other")]
    own = without.curves_of(every, "d0", "m")
    assert own == every[:2]
    drawn = ET.fromstring(without.chart(own))
    lines = [group.find("s:path", NAMES) for group in drawn.findall("s:g", NAMES)]
    ends = [[tuple(map(float, point.split())) for point in str(line.get("d"))[1:].split("L")] for line in lines
            if line is not None]
    left, right, floor = without.LEFT, without.WIDTH - without.RIGHT, without.HEIGHT - without.BOTTOM
    high = floor - without.TOP  # of which 1.2 is the highest value
    one, tenth = (pytest.approx(floor - value * high / 1.2, abs=0.06) for value in (1, 0.1))
    assert ends == [[(left, one), (right, tenth)], [(left, one), (right, without.TOP)]]
    assert len({line.get("stroke-dasharray") for line in lines if line is not None}) == 2
    assert "blur" in str(drawn.get("aria-label"))
    table = without.table(own)
    assert list(table["left"]) == [1.0, 0.1, 1.0, 1.2]
    assert set(table["replaced by"]) == {"blur", "noise"}
