"""Every architecture: built by named arguments with defaults, the same after a seed, with nothing of an audit in it."""

from __future__ import annotations

import inspect

import torch
from torch import nn

from tests.contracts.plugins import every
from tests.test_imports import ROOT, imported
from xaimed import registry


@every("architectures")
def test_it_builds_from_its_defaults_alike_after_a_seed(name: str) -> None:
    build = registry.load("architectures", name).build
    torch.manual_seed(3)
    first: nn.Module = build()
    torch.manual_seed(3)
    second: nn.Module = build()
    assert sum(p.numel() for p in first.parameters()) > 0
    assert first.state_dict().keys() == second.state_dict().keys()
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key


@every("architectures")
def test_its_arguments_have_names_and_types(name: str) -> None:
    for argument in inspect.signature(registry.load("architectures", name).build).parameters.values():
        assert argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)
        assert argument.annotation is not argument.empty


@every("architectures")
def test_it_holds_no_audit_code(name: str) -> None:
    path = ROOT / "xaimed" / "architectures" / f"{name}.py"
    ours = {module for _, module in imported(path) if module.startswith("xaimed.")}
    assert all(module == "xaimed.errors" or module.startswith("xaimed.architectures") for module in ours)
