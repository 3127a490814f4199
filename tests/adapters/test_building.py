"""What a file may ask of memory and time: no more than its weights justify, and every architecture still loads."""

from __future__ import annotations

import inspect
import resource
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xaimed.adapters import building
from xaimed.adapters.building import check_arguments, fitted
from xaimed.adapters.modelfile import ModelFile, built, network_of
from xaimed.errors import ModelError, XaimedError
from xaimed.registry import load, names

OWN = [name for name in names("architectures") if name != "zoo"]
FEW = ("u_net", "ku_net_bdc_lstm", "segan", "lenet", "dbm", "voxel_morph", "context_gan", "lstm_rows", "radiomic_tree",
       "rbm", "dcgan", "wavelet_dbn")
ABSURD = (10**6, 2**31, 10**12)


def required(architecture: str) -> dict[str, object]:
    """The arguments that an architecture has no default for."""
    parameters = inspect.signature(load("architectures", architecture).build).parameters.values()
    return {p.name: ("a", "b") for p in parameters if p.default is p.empty}


def file_of(architecture: str, arguments: Mapping[str, Any], state: Mapping[str, Tensor]) -> ModelFile:
    return ModelFile(architecture, arguments, "classification", ("a",), {}, state)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Two GiB more than the process has, so that a test of what is refused cannot take a machine's memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2 * 1024**3, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("architecture", OWN)
def test_every_architecture_is_built_without_memory_first_and_loads_its_weights(architecture: str) -> None:
    given = required(architecture)
    network = built(architecture, given)
    assert building._skeleton(lambda: built(architecture, given)) is not None
    found = network_of(file_of(architecture, given, network.state_dict())).state_dict()
    assert all(torch.equal(found[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["resnet18", "regnet_x_400mf", "swin_t", "ssdlite320_mobilenet_v3_large"])
def test_foreign_networks_load_their_weights(name: str) -> None:
    """regnet's constructor needs values: it has the second bound alone."""
    arguments = {"outputs": 2}
    state = built(f"torchvision/{name}", arguments).state_dict()
    assert network_of(file_of(f"torchvision/{name}", arguments, state)).state_dict().keys() == state.keys()
    assert (building._skeleton(lambda: built(f"torchvision/{name}", arguments)) is None) == name.startswith("regnet")


@pytest.mark.parametrize("architecture", FEW)
@pytest.mark.usefixtures("little_memory")
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_absurd_arguments_are_refused_at_once(architecture: str) -> None:
    state = built(architecture, {}).state_dict()
    for name, parameter in inspect.signature(load("architectures", architecture).build).parameters.items():
        values: list[object] = []
        if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
            values = [*ABSURD, "x", None, [3], -10**9]
        elif isinstance(parameter.default, tuple | list):
            values = [[parameter.default[0]] * 900, [parameter.default[0]] * 10**6, [2**31] * len(parameter.default)]
        for value in values:
            if (architecture, name) == ("wavelet_dbn", "side"):
                continue  # no tensor of it depends on the side of an image
            began = time.monotonic()
            with pytest.raises(XaimedError) as caught:
                network_of(file_of(architecture, {name: value}, state))
            assert time.monotonic() - began < 10
            assert len(str(caught.value)) < 900
            assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("little_memory")
def test_a_hostile_side_gets_no_memory() -> None:
    state = built("lenet", {"outputs": 6, "side": 64}).state_dict()
    with pytest.raises(ModelError, match=r"1 of another size: classifier.0.weight \(120, 3136\) where \(120, 783999"):
        network_of(file_of("lenet", {"outputs": 6, "side": 28_000_000}, state))


@pytest.mark.parametrize("hold", [lambda side: torch.zeros(side, side), lambda side: torch.ones(side).outer(
    torch.ones(side)), lambda side: torch.arange(side * side)])
@pytest.mark.usefixtures("little_memory")
def test_what_no_weight_shows_is_bounded_too(hold: Any) -> None:
    """A factory, or a constructor that needs values: a table beside the weights must stay within what they justify."""

    class Held(nn.Module):
        def __init__(self, side: int) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.register_buffer("table", hold(side), persistent=False)

    state = nn.ModuleDict({"linear": nn.Linear(2, 2)}).state_dict()
    assert isinstance(fitted(lambda: Held(100), state, "'held'", once=True), Held)
    for once in (True, False):
        with pytest.raises(ModelError, match=r"'held' with the arguments of its file needs more than 67 MB"):
            fitted(lambda: Held(10_000), state, "'held'", once=once)


def test_a_factory_runs_once() -> None:
    ran: list[int] = []

    def build() -> nn.Module:
        ran.append(1)
        return nn.Linear(2, 2)

    fitted(build, nn.Linear(2, 2).state_dict(), "'mine'", once=True)
    assert ran == [1]


def test_a_network_of_many_parts_is_refused() -> None:
    with pytest.raises(ModelError, match=r"has more than 10040 parts, which its weights do not justify"):
        fitted(lambda: nn.Sequential(*(nn.Linear(2, 2) for _ in range(10**7))), nn.Linear(2, 2).state_dict(), "'long'")
    assert len(nn.Sequential(*(nn.Identity() for _ in range(10_100)))) == 10_100


@pytest.mark.parametrize("arguments", [{"a": [0] * 1001}, {"a": "x" * 201}, {"a": 2**40}, {"a": {"b": [-2**40]}}])
def test_arguments_beyond_any_architecture_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"the arguments of the file's architecture .*ask the file's maker"):
        check_arguments(arguments)


def test_arguments_nested_deep_are_refused() -> None:
    nested: list[object] = []
    for _ in range(50_000):
        nested = [nested]
    with pytest.raises(ModelError, match="nested more than 8 deep"):
        check_arguments({"a": nested})
    check_arguments({"widths": [1, 2], "options": {"anchors": [[1, 2], [3]]}, "size": "small"})
