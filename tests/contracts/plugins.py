"""What the contract tests share: the plug-ins of a kind as parameters of a test."""

from __future__ import annotations

import pytest

from xaimed import registry


def each(*kinds: str) -> pytest.MarkDecorator:
    """A parametrisation over (kind, name) of every plug-in of the kinds."""
    found = [(kind, name) for kind in kinds for name in registry.names(kind)]
    return pytest.mark.parametrize(("kind", "name"), found, ids=[f"{kind}-{name}" for kind, name in found])


def every(kind: str) -> pytest.MarkDecorator:
    """A parametrisation over the name of every plug-in of one kind."""
    return pytest.mark.parametrize("name", registry.names(kind))
