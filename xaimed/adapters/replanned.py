"""A model with another preprocessing: the same weights, another way from a case to the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xaimed.adapters.model import Model
from xaimed.imaging.preprocessing import preprocessing_of


def with_preprocessing(model: Model, given: Mapping[str, Any]) -> Model:
    """The model with the keys of `given` in place of its own preprocessing's, nested tables key by key.

    Raises PlanError for a step that does not exist.
    """
    steps = _merged(model.file.preprocessing, given)
    preprocessing_of(steps)
    changed: Model = type(model)(replace(model.file, preprocessing=steps), model.network,  # type: ignore[call-arg]
                                 getattr(model, "device", "cpu"))
    return changed


def _merged(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    nested = {key: _merged(own.get(key, {}), value) if isinstance(value, Mapping) else value
              for key, value in given.items()}
    return {**own, **nested}
