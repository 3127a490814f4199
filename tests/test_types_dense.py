"""References in pixels: what fits the image is kept, anything else is refused with what was found and expected."""

from __future__ import annotations

import numpy as np
import pytest

from xaimed.errors import InputError
from xaimed.types import Case

IMAGE = np.zeros((1, 4, 5), np.float32)


def test_references_of_the_image_s_size_are_kept() -> None:
    case = Case("a", IMAGE, segments={"cell": np.ones((4, 5), bool)}, wanted=np.ones((3, 4, 5), np.float32),
                displacement=np.full((2, 4, 5), -7.5, np.float32))
    assert case.segments["cell"].all()
    assert case.displacement is not None
    assert case.displacement.min() == -7.5


@pytest.mark.parametrize(("given", "named"), [
    ({"segments": {"cell": np.ones((5, 4), bool)}}, r"segments\['cell'\] is bool \(5, 4\)"),
    ({"segments": {"cell": np.ones((4, 5), np.uint8)}}, "uint8"),
    ({"wanted": np.zeros((4, 5), np.float32)}, "wanted is float32"),
    ({"wanted": np.full((1, 4, 5), 2, np.float32)}, "values from 0 to 2"),
    ({"displacement": np.zeros((2, 4, 6), np.float32)}, "displacement"),
])
def test_others_are_refused_with_what_was_found(given: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Case("a", IMAGE, **given)  # type: ignore[arg-type]
