"""Every plug-in has its docstring and its one attribute, and is light enough to be listed."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from tests.contracts.plugins import each
from xaimed import registry

ATTRIBUTES = {
    "data": ("open",),
    "architectures": ("build",),
    "adapters": ("ADAPTER",),
    "attribution": ("METHOD",),
    "metrics": ("METRIC",),
    "probes": ("PROBE",),
    "checks": ("CHECK",),
    "report.sections": ("section",),
    "training": (),
    "cli": ("add", "run"),
}


def test_every_kind_has_a_contract() -> None:
    assert set(ATTRIBUTES) == set(registry.KINDS)


@each(*registry.KINDS)
def test_it_exposes_its_attribute(kind: str, name: str) -> None:
    module = registry.load(kind, name)
    assert isinstance(module, ModuleType)
    missing = [attribute for attribute in ATTRIBUTES[kind] if not hasattr(module, attribute)]
    assert not missing, f"{module.__name__} lacks {', '.join(missing)}; an engine file belongs in ENGINE"


@each(*registry.KINDS)
def test_its_docstring_can_be_listed(kind: str, name: str) -> None:
    line = registry.summary(kind, name)
    assert line, f"{kind}/{name} has no docstring"
    assert line == (registry.load(kind, name).__doc__ or "").strip().partition("\n")[0]
    assert line[-1] in ".:;?", f"{kind}/{name}: the first line of its docstring is no whole sentence: {line!r}"


@each(*registry.KINDS)
def test_its_name_can_be_written_in_a_plan(kind: str, name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name)


@pytest.mark.parametrize("kind", ["attribution", "metrics", "checks", "cli", "data", "architectures"])
def test_there_is_at_least_one(kind: str) -> None:
    assert registry.names(kind)
