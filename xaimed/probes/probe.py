"""Probe: what every probe is; a change of the image, or of the conditions under which the model works."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from xaimed.errors import InputError, PlanError
from xaimed.types import Case, Matrix

if TYPE_CHECKING:
    from xaimed.adapters.model import Model

Level = float | str


class NotServed(InputError):
    """The probe has nothing to say of this case or this model; the message is the reason, the same for all alike."""


@dataclass(frozen=True)
class Setting:
    """A probe's level and the seed of the audit."""

    level: Level
    seed: int = 0

    @property
    def number(self) -> float:
        """The level as a number."""
        return float(self.level)

    def draws(self, case: Case) -> np.random.Generator:
        """A generator of the case's own: the same whatever other cases are asked, and in what order."""
        return np.random.default_rng([self.seed, zlib.crc32(case.id.encode())])


@dataclass(frozen=True)
class Probe:
    """A condition. A probe of the image overrides `change` (and `motion` if pixels move), one of the model `under`.

    name: that of its file. says: what it stands for, in words. unit: what a level is. levels: those of a plan that
    names none. bounds: least and greatest level, for numbers. words: the levels that are words. control: whether the
    model must get worse, which shows that harm would be seen.
    """

    name: ClassVar[str]
    says: ClassVar[str]
    unit: ClassVar[str] = ""
    levels: ClassVar[tuple[Level, ...]] = ()
    bounds: ClassVar[tuple[float, float] | None] = None
    words: ClassVar[tuple[str, ...]] = ()
    control: ClassVar[bool] = False

    def change(self, case: Case, setting: Setting) -> Case:
        """The case under the probe, its reference moved with the pixels. Raises NotServed."""
        del setting
        return case

    def motion(self, case: Case, setting: Setting) -> Matrix:
        """(3, 3) from pixel coordinates of the case to those of the changed case; the identity if no pixel moves."""
        del case, setting
        return np.eye(3)

    def under(self, model: Model, case: Case, setting: Setting) -> AbstractContextManager[Model]:
        """The model as it works on the case under the probe, for as long as the block lasts. Raises NotServed."""
        del case, setting
        return _as_it_is(model)

    def check(self, level: object) -> None:
        """Raise PlanError for a level that the probe does not have."""
        if isinstance(level, str) and level in self.words:
            return
        is_number = isinstance(level, int | float) and not isinstance(level, bool) and math.isfinite(level)
        if self.bounds and is_number and self.bounds[0] <= float(level) <= self.bounds[1]:  # type: ignore[arg-type]
            return
        raise PlanError(f"probes.levels.{self.name}: {level!r}; expected {self._expected()}")

    def _expected(self) -> str:
        numbers = [f"a number from {self.bounds[0]:g} to {self.bounds[1]:g} ({self.unit})"] if self.bounds else []
        return " or ".join([*numbers, *map(repr, self.words)])


@contextmanager
def _as_it_is(model: Model) -> Iterator[Model]:
    yield model


def label_of(name: str, level: Level) -> str:
    """The condition as the run's tables name it: "noise:0.05"."""
    return f"{name}:{level if isinstance(level, str) else format(float(level), 'g')}"
