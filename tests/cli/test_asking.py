"""Options of a dataset's reader on the command line."""

from __future__ import annotations

import pytest

from xaimed.cli.asking import dataset_options
from xaimed.errors import InputError


def test_the_last_of_two_and_a_value_with_an_equals_sign() -> None:
    assert dataset_options(["radius=1", "radius=2", "where=a=b"]) == {"radius": "2", "where": "a=b"}


@pytest.mark.parametrize("text", ["radius", "=2", ""])
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match="expected KEY=VALUE"):
        dataset_options([text])
