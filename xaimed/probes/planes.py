"""Changes of an image plane by plane: grey values alone, no pixel moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from xaimed.types import Case, Floats


def by_plane(image: Floats, change: Callable[[Floats], Floats]) -> Floats:
    """float32 of the same shape, (C, H, W) or (C, D, H, W): every plane (H, W) changed, clipped to [0, 1]."""
    flat = image.reshape(-1, *image.shape[-2:])
    made = np.stack([change(np.ascontiguousarray(plane)) for plane in flat]).astype(np.float32)
    return np.clip(made, 0.0, 1.0).reshape(image.shape)


def with_image(case: Case, image: Floats) -> Case:
    """The case with other pixels, float32 in [0, 1] of the same shape, and all that is known of it as it is."""
    return replace(case, image=np.ascontiguousarray(np.clip(image, 0.0, 1.0), np.float32))


def background(image: Floats) -> Floats:
    """float32 (C, 1, 1), or (C, 1, 1, 1): the dark of each channel, its 1st percentile, as what lies beyond the rim."""
    axes = tuple(range(1, image.ndim))
    return np.asarray(np.percentile(image, 1, axis=axes, keepdims=True), np.float32)
