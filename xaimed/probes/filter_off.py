"""Filter off: the model without the smoothing filters of its own preprocessing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xaimed.probes.probe import Level, NotServed, Probe, Setting
from xaimed.types import Case

if TYPE_CHECKING:
    from xaimed.adapters.model import Model

SIZES = ("median", "gaussian", "bilateral")


@dataclass(frozen=True)
class FilterOff(Probe):
    """The filters of the preprocessing switched off, all or one by name; the image itself stays as it is."""

    name: ClassVar[str] = "filter_off"
    says: ClassVar[str] = "a chain that does not smooth the image"
    unit: ClassVar[str] = "which filters"
    levels: ClassVar[tuple[Level, ...]] = ("all",)
    words: ClassVar[tuple[str, ...]] = ("all", *SIZES)

    @contextmanager
    def under(self, model: Model, case: Case, setting: Setting) -> Iterator[Model]:
        """A model of the same weights without them. Raises NotServed where it has none of them."""
        del case
        from xaimed.adapters.replanned import with_preprocessing
        from xaimed.imaging.preprocessing import preprocessing_of

        filters = preprocessing_of(model.file.preprocessing).filters
        names = [name for name in SIZES if setting.level in ("all", name) and getattr(filters, name)]
        if not names:
            raise NotServed("the model's preprocessing has no such filter")
        yield with_preprocessing(model, {"filters": dict.fromkeys(names, 0)})


PROBE = FilterOff()
