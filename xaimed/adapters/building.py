"""A network whose architecture and arguments a file names: it never gets more memory than the file's weights need.

The network is first built without memory (PyTorch's device "meta"), and its names and shapes are compared with the
weights; only what fits is built. A factory's code, which runs once, and a constructor that needs values have the second
bound alone: the bytes that are asked for while it runs. Both bounds hold for a number of tensors and modules, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration
from torch.overrides import TorchFunctionMode

from xaimed.errors import ModelError

Build = Callable[[], nn.Module]
SHOWN = 3
TIMES, LEAST = 8, 64 * 1024**2  # bytes asked for while building: so many times those of the weights, and so many more
PARTS, EACH = 10_000, 20  # modules, parameters and buffers of a network, and more for each tensor of its file
VALUES, NESTED, LARGEST, LETTERS = 1000, 8, 2**31, 200  # of the arguments that a file names
SAID = 400  # letters of what a constructor says of them
# What a constructor raises for arguments that it cannot use.
WRONG = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NotImplementedError, RuntimeError,
         TypeError, ValueError)

# New tensors of a size that is given.
RANDOM = frozenset({torch.rand, torch.randn})
SIZED = RANDOM | {torch.empty, torch.zeros, torch.ones, torch.full, torch.randint, torch.randperm, torch.arange,
                  torch.linspace, torch.eye, torch.tril_indices, torch.triu_indices}


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Nothing for arguments that an architecture can have: no more than VALUES, NESTED, LARGEST and LETTERS say.

    Raises ModelError.
    """
    count, values = 0, [(value, 1) for value in arguments.values()]
    while values:
        value, depth = values.pop()
        count += 1
        if isinstance(value, Mapping | list | tuple):
            values += [(part, depth + 1) for part in (value.values() if isinstance(value, Mapping) else value)]
        if count + len(values) > VALUES or depth > NESTED or (isinstance(value, str) and len(value) > LETTERS):
            raise ModelError(f"the arguments of the file's architecture are more than {VALUES} values, nested more "
                             f"than {NESTED} deep, or words of more than {LETTERS} letters; expected a few numbers, "
                             "words and lists: ask the file's maker for another")
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ModelError(f"the arguments of the file's architecture hold a number beyond {LARGEST}; expected "
                             "widths, depths and the like: ask the file's maker for another")


def fitted(build: Build, state: Mapping[str, Tensor], who: str, once: bool = False) -> nn.Module:
    """The network that `build` makes, with the weights `state`.

    who: what is built, in words. once: it runs a user's code, which must not run twice. Raises ModelError for weights
    of other names or shapes, and for a network that asks for more memory or more parts than these weights justify.
    """
    with _few_parts(PARTS + EACH * len(state), who):
        skeleton = None if once else _skeleton(build)
        if skeleton is not None:
            expect_weights(skeleton, state, who)
        network = _within(build, state, who)
    expect_weights(network, state, who)
    network.load_state_dict(dict(state))
    return network


def _within(build: Build, state: Mapping[str, Tensor], who: str) -> nn.Module:
    """The network, if the bytes that are asked for while it is built stay within those that its weights justify."""
    size = sum(value.numel() * max(value.element_size(), 4) for value in state.values())
    try:
        with _Bounded(TIMES * size + LEAST, who):
            return build()
    except WRONG as error:
        raise ModelError(f"{who} cannot be built: {_said(error)}; expected the arguments that its weights were trained "
                         "with") from error


def _said(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if len(said) <= SAID else f"{said[:SAID]} ..."


def expect_weights(network: nn.Module, state: Mapping[str, Tensor], who: str) -> None:
    """Nothing where the names and shapes of the weights are those of the network. Raises ModelError."""
    parts = misfits(network, state)
    if parts:
        raise ModelError(f"weights do not fit {who}: {'; '.join(parts)}; expected those that were trained with its "
                         "arguments")


def misfits(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """What is missing, unexpected and "of another size" among the weights, in words; nothing where they fit."""
    own = network.state_dict()
    shapes = [f"{key} {tuple(state[key].shape)} where {tuple(own[key].shape)} is expected"
              for key in own if key in state and state[key].shape != own[key].shape]
    kinds = {"missing": [key for key in own if key not in state],
             "unexpected": [key for key in state if key not in own], "of another size": shapes}
    return [f"{len(names)} {what}: {', '.join(name[:160] for name in names[:SHOWN])}{', ...' * (len(names) > SHOWN)}"
            for what, names in kinds.items() if names]


def _skeleton(build: Build) -> nn.Module | None:
    """The network without memory; None where it cannot be built so.

    Some constructors need values of their tensors. An error that has another reason comes again when the network is
    built within bounds.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return build()
    except WRONG:
        return None
    except ModelError as error:
        if "meta" in str(error.__cause__):
            return None
        raise ModelError(_said(error)) from error


class _Unfilled(TorchFunctionMode):
    """Leaves out the random values of new weights: "meta" holds none, and would load a thousand modules to say so."""

    def __torch_function__(self, func: Any, types: Iterable[type], args: Sequence[Any] = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        """The tensor itself for a function that fills it; else what the function gives."""
        if getattr(func, "__module__", "") == "torch.nn.init" or func is Tensor.normal_:
            return args[0] if args else (kwargs or {})["tensor"]
        return _unset(func, args, kwargs or {}) if func in RANDOM else func(*args, **(kwargs or {}))


def _unset(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    """The tensor that a function of SIZED would give, without memory."""
    wanted = {**{key: value for key, value in given.items() if key != "generator"}, "device": "meta"}
    found: Tensor = (torch.empty if func in RANDOM else func)(*args, **wanted)
    return found


class _Bounded(TorchFunctionMode):
    """Refuses tensors beyond a number of bytes in all; a new one of a given size before it has any."""

    def __init__(self, most: int, who: str) -> None:
        super().__init__()
        self.most, self.who, self.asked = most, who, 0

    def __torch_function__(self, func: Any, types: Iterable[type], args: Sequence[Any] = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        """What the function gives. Raises ModelError."""
        given = dict(kwargs or {})
        if func in SIZED:
            self._count(_unset(func, args, given))
            return func(*args, **given)
        found = func(*args, **given)
        if isinstance(found, Tensor) and not any(found is arg for arg in args):
            self._count(found)
        return found

    def _count(self, new: Tensor) -> None:
        self.asked += new.numel() * new.element_size()
        if self.asked > self.most:
            raise ModelError(f"{self.who} with the arguments of its file needs more than {self.most / 1e6:.0f} MB, "
                             "which its weights do not justify; expected the arguments that they were trained with")


@contextmanager
def _few_parts(most: int, who: str) -> Iterator[None]:
    """While it lasts, a network of more modules, parameters and buffers is refused. Raises ModelError."""
    count = 0

    def add(_module: nn.Module, _name: str, _part: object) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise ModelError(f"{who} with the arguments of its file has more than {most} parts, which its weights do "
                             "not justify; expected the arguments that they were trained with")

    handles = [register(add) for register in (
        registration.register_module_module_registration_hook, registration.register_module_buffer_registration_hook,
        registration.register_module_parameter_registration_hook)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
