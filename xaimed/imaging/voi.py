"""The grey-scale steps of DICOM PS3.3 C.11.1 (modality) and C.11.2 (VOI), with output in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """A lookup table: `entries` in [0, 2**bits - 1]; `first` is the input value of entry 0."""

    first: int
    bits: int
    entries: NDArray[np.uint16]

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16 or not self.entries.size:
            raise InputError(f"a lookup table of {self.entries.size} entries of {self.bits} bits; "
                             "expected entries of 8 to 16 bits: repair the LUT Descriptor")
        if int(self.entries.max()) >= 1 << self.bits:
            raise InputError(f"a lookup table holds {int(self.entries.max())} but its descriptor says "
                             f"{self.bits} bits; expected values that fit: repair the LUT Descriptor")

    def __call__(self, values: Reals) -> Reals:
        """float64, the shape of `values`: table entries; inputs outside the table take its first or last."""
        index = np.clip(np.rint(values) - self.first, 0, self.entries.size - 1).astype(np.intp)
        shown: Reals = self.entries[index].astype(np.float64)
        return shown


@dataclass(frozen=True)
class Window:
    """A window: centre and width in modality units, and the function LINEAR, LINEAR_EXACT or SIGMOID."""

    centre: float
    width: float
    function: str = "LINEAR"

    def __post_init__(self) -> None:
        if self.function not in _FUNCTIONS:
            raise InputError(f"VOI LUT Function {self.function[:16]!r}; expected {', '.join(_FUNCTIONS)}")
        least = 1.0 if self.function == "LINEAR" else 0.0
        finite = np.isfinite(self.centre) and np.isfinite(self.width)
        if not finite or self.width < least or self.width == 0:
            raise InputError(f"window width {self.width:g} at centre {self.centre:g}; expected a width of 1 "
                             "or more (LINEAR) or above 0 (LINEAR_EXACT, SIGMOID): repair the window")

    def __call__(self, values: Reals) -> Reals:
        """float64 in [0, 1], the shape of `values` (PS3.3 C.11.2.1.2 and C.11.2.1.3 with y from 0 to 1)."""
        shown: Reals = _FUNCTIONS[self.function](values, self.centre, self.width)
        return shown


def _linear(values: Reals, centre: float, width: float) -> Reals:
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0.0, 1.0)


def _linear_exact(values: Reals, centre: float, width: float) -> Reals:
    return np.clip((values - centre) / width + 0.5, 0.0, 1.0)


def _sigmoid(values: Reals, centre: float, width: float) -> Reals:
    # Beyond +-700 the exponential of float64 overflows; the value there is 0 or 1 anyway.
    return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700.0, 700.0)))


_FUNCTIONS = {"LINEAR": _linear, "LINEAR_EXACT": _linear_exact, "SIGMOID": _sigmoid}


@dataclass(frozen=True)
class Range:
    """A plain range: `low` becomes 0 and `high` becomes 1, in modality units."""

    low: float
    high: float

    def __call__(self, values: Reals) -> Reals:
        """float64 in [0, 1], the shape of `values`; all 0 where the range is empty."""
        if self.high <= self.low:
            return np.zeros_like(values)
        return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
