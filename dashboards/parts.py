"""The pieces of pixels that the viewer asks for by name, made when asked and served as files of this session.

    ["image", case]   ["tile", case, column, row]   ["map", case, target, method, smoothing]
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit import runtime

from dashboards import shell
from dashboards.exam import Told
from dashboards.faults import EXPECTED, told
from xaimed.errors import InputError, StoreError, XaimedError
from xaimed.store import Run, tree_digest
from xaimed.viz import levels, planes
from xaimed.viz.hanging import mirrored
from xaimed.viz.levels import Window, Words
from xaimed.viz.planes import SMOOTHINGS, Plane

Key = tuple[str | int, ...]
MOST = 32  # pieces in one answer
SHAPES = {"image": 2, "tile": 4, "map": 5}


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image: its full pixels, those for the screen, the presets of the window, the brighter border's image."""

    pixels: Words
    screen: Words
    windows: tuple[Window, ...]
    turned: frozenset[str]


# Resources, not data: what is kept is shared and read only, and is not copied at every look.
@st.cache_resource(max_entries=8, show_spinner=False)
def image_of(path: str, stamp: int, case: str) -> Loaded:
    """The image of a case. Raises XaimedError where it is damaged or gone."""
    run = shell.opened(path, stamp)
    pixels = levels.words(run.pixels(case))
    if not pixels.any():
        _check(run, case, "image")
    small = levels.screen(pixels)
    plane = (small if small.ndim == 2 else small.mean(axis=2)).astype("float32")
    turned = frozenset(side for side in ("R", "L") if mirrored(side, plane))
    return Loaded(pixels, small, levels.windows(small), turned)


@st.cache_resource(max_entries=96, show_spinner=False)
def plane_of(path: str, stamp: int, key: tuple[str, str, str], smoothing: str) -> Plane:
    """The map of a key (case, target, method). Raises XaimedError where it is damaged or gone."""
    case, target, method = key
    run = shell.opened(path, stamp)
    values = run.map(case, target, method)
    if not values.any():
        _check(run, case, "maps")
    return planes.plane(values, smoothing)


def _check(run: Run, case: str, name: str) -> None:
    """Raise StoreError where an array of zeros is one whose file is gone: the storage reads both alike."""
    recorded = run.meta.get("files", {}).get(f"maps.zarr/{case}")
    folder = run.path / "maps.zarr" / case
    stored = any(file.is_file() for file in (folder / name / "c").rglob("*"))
    if recorded is not None and not stored and recorded != tree_digest(folder):
        raise StoreError(f"{folder / name}: {EXPECTED}")


def asked(wanted: object, cases: Sequence[str]) -> list[Key]:
    """The keys that the browser asks for, those of other shapes or other cases left out; the first MOST."""
    if not isinstance(wanted, list):
        return []
    keys = [tuple(key) for key in wanted if isinstance(key, list) and _well_formed(key, cases)]
    return keys[:MOST]


def _well_formed(key: list[object], cases: Sequence[str]) -> bool:
    if not key or SHAPES.get(str(key[0])) != len(key) or key[1] not in cases:
        return False
    if key[0] == "tile":
        return all(isinstance(number, int) and 0 <= number < 1024 for number in key[2:])
    return all(isinstance(word, str) for word in key) and (key[0] != "map" or key[4] in SMOOTHINGS)


def name_of(key: Key) -> str:
    """The key as the browser writes it."""
    return json.dumps(key, separators=(",", ":"), ensure_ascii=False)


def part(place: tuple[str, int], key: Key) -> Told:
    """What the browser needs to show one piece: its address and size; or {"problem": why it cannot be shown}."""
    try:
        if key[0] == "map":
            return _map(place, key)
        return _image(place, str(key[1])) if key[0] == "image" else _tile(place, key)
    except XaimedError as error:
        return {"problem": told(error)}


def problem(place: tuple[str, int], key: Key) -> str:
    """Why the image or map of that name cannot be shown, in one line; "" if it can."""
    try:
        if key[0] == "map":
            plane_of(*place, _of_map(key), str(key[4]))
        else:
            image_of(*place, str(key[1]))
    except XaimedError as error:
        return told(error)
    return ""


def _image(place: tuple[str, int], case: str) -> Told:
    loaded = image_of(*place, case)
    return {"url": _address(levels.packed(loaded.screen), name_of(("image", case))), **_size(loaded.screen),
            "windows": [asdict(window) for window in loaded.windows], "turned": sorted(loaded.turned),
            "full": [loaded.pixels.shape[1], loaded.pixels.shape[0]]}


def _tile(place: tuple[str, int], key: Key) -> Told:
    piece = levels.tile(image_of(*place, str(key[1])).pixels, int(key[2]), int(key[3]))
    return {"url": _address(levels.packed(piece), name_of(key)), **_size(piece)}


def _map(place: tuple[str, int], key: Key) -> Told:
    made = plane_of(*place, _of_map(key), str(key[4]))
    data = levels.packed(made.read) + levels.packed(made.shown)
    return {"url": _address(data, name_of(key)), **_size(made.shown), "unit": made.unit, "full": made.full,
            "kind": made.kind, "empty": made.problem, "text": made.text}


def _of_map(key: Key) -> tuple[str, str, str]:
    """Case, target and method of the key of a map."""
    return str(key[1]), str(key[2]), str(key[3])


def _size(pixels: NDArray[np.generic]) -> Told:
    return {"width": pixels.shape[1], "height": pixels.shape[0], "channels": 1 if pixels.ndim == 2 else 3}


def _address(data: bytes, name: str) -> str:
    """Where this session's browser gets the bytes; the name never appears in it."""
    if not data:
        raise InputError("an empty piece; expected pixels")
    return str(runtime.get_instance().media_file_mgr.add(data, "application/octet-stream", f"viewer {name}"))
