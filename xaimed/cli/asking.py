"""What several commands read from their arguments alike."""

from __future__ import annotations

from collections.abc import Iterable

from xaimed.errors import InputError


def dataset_options(given: Iterable[str]) -> dict[str, str]:
    """The options of a dataset's reader from KEY=VALUE arguments. Raises InputError for one without a "="."""
    pairs = [text.split("=", 1) for text in given]
    for pair in pairs:
        if len(pair) < 2 or not pair[0]:
            raise InputError(f"--dataset-option {'='.join(pair)!r}; expected KEY=VALUE, such as radius=2")
    return dict(pairs)
