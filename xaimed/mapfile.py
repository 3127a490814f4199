"""Images and attribution maps of a run in zarr 3: one group a case, one shard an array.

zarr is imported on use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import NotFound, StoreError, unknown
from xaimed.types import Floats

if TYPE_CHECKING:
    import zarr


NONE: Mapping[str, Floats] = MappingProxyType({})
BARE: Mapping[str, Any] = MappingProxyType({"channels": 0, "entries": ()})


@dataclass(frozen=True)
class MapEntry:
    """What one stored map shows: target ("d0"), method, note ("constant"), facts, and the target's own data.

    label, score: class and score of the target; box: x0, y0, x1, y1 in original pixels, or None.
    """

    target: str
    method: str
    note: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)
    label: str = ""
    score: float = float("nan")
    box: tuple[float, float, float, float] | None = None


def write_case(folder: Path, image: Floats, entries: Sequence[MapEntry], maps: Sequence[Floats],
               planes: Mapping[str, Floats] = NONE) -> None:
    """Write the group of one case: image (C, H, W) in [0, 1] as uint16, maps (H, W) as float16 with a scale.

    planes: what the model answered in pixels and its reference, (H, W) by name, kept like the maps.

    Each map is divided by its largest magnitude, so that float16 keeps 11 bits whatever the unit; the scale
    stands in the attributes. Raises StoreError if a map is not the size of the image.
    """
    import zarr

    group = zarr.create_group(str(folder), overwrite=True)
    channels = int(image.shape[0])
    pixels = np.round(image * 65535.0).astype(np.uint16)
    _array(group, "image", pixels[0] if channels == 1 else np.moveaxis(pixels, 0, -1), one_chunk=True)
    stack, scales = _scaled(image.shape[1:], entries, maps)
    _array(group, "maps", stack, one_chunk=False)
    rows = [_row(entry, scale) for entry, scale in zip(entries, scales, strict=True)]
    # whole: arrays of zeros are written too, so that one without a file is missing and not black.
    attributes = {"channels": channels, "entries": rows, "whole": True}
    if planes:
        named = [MapEntry("", name) for name in planes]
        kept, scales = _scaled(image.shape[1:], named, list(planes.values()))
        _array(group, "planes", kept, one_chunk=False)
        attributes["planes"] = [{"name": name, "scale": scale} for name, scale in zip(planes, scales, strict=True)]
    group.attrs.update(cast(dict[str, Any], attributes))


def read_planes(folder: Path) -> dict[str, Floats]:
    """float32 (H, W) by name: what the model answered in pixels and its reference; none where it does not."""
    rows = _attributes(folder).get("planes", [])
    values = _values(folder, "planes", None).astype(np.float32) if rows else ()
    return {str(row["name"]): part * np.float32(row["scale"]) for row, part in zip(rows, values, strict=True)}


def write_unpictured(maps: Path) -> None:
    """Mark the group of all cases as one of which neither an image nor a map was given: no case has a folder then."""
    node = {"zarr_format": 3, "node_type": "group", "attributes": {"unpictured": True}}
    (maps / "zarr.json").write_text(json.dumps(node), encoding="utf-8")


def _array(group: zarr.Group, name: str, values: NDArray[np.generic], one_chunk: bool) -> None:
    from zarr.codecs import BloscCodec

    shape = tuple(max(1, n) for n in values.shape)
    chunks = shape if one_chunk else (1, *shape[1:])
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=chunks, shards=shape,
                               compressors=BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle"),
                               config={"write_empty_chunks": True})
    if values.size:
        array[...] = values


def _scaled(shape: tuple[int, ...], entries: Sequence[MapEntry],
            maps: Sequence[Floats]) -> tuple[NDArray[np.float16], list[float]]:
    stack = np.zeros((len(maps), *shape), np.float16)
    scales = []
    for i, (entry, values) in enumerate(zip(entries, maps, strict=True)):
        if values.shape != shape:
            raise StoreError(f"map {entry.method} of {entry.target} is {values.shape}; "
                             f"expected the image's {shape}")
        finite = np.abs(values[np.isfinite(values)])
        scale = float(finite.max(initial=0.0)) or 1.0
        stack[i] = (values / np.float32(scale)).astype(np.float16)
        scales.append(scale)
    return stack, scales


def _row(entry: MapEntry, scale: float) -> dict[str, object]:
    return {"target": entry.target, "method": entry.method, "note": entry.note, "label": entry.label,
            "facts": {name: _number(value) for name, value in entry.facts.items()},
            "score": _number(entry.score), "scale": scale,
            "box": list(map(float, entry.box)) if entry.box else None}


def _number(value: float) -> float | str:
    return float(value) if np.isfinite(value) else str(float(value))


def read_entries(folder: Path) -> tuple[MapEntry, ...]:
    """The entries of the case's maps, in stored order. Raises StoreError if the group is damaged."""
    return tuple(_entry(row) for row in _attributes(folder)["entries"])


def _entry(row: Mapping[str, Any]) -> MapEntry:
    box = row["box"]
    return MapEntry(row["target"], row["method"], row["note"],
                    {name: float(value) for name, value in row["facts"].items()}, row["label"],
                    float(row["score"]), (box[0], box[1], box[2], box[3]) if box else None)


def read_map(folder: Path, target: str, method: str) -> Floats:
    """float32 (H, W), signed: the map of one target and method. Raises NotFound, or StoreError if damaged."""
    rows = _attributes(folder)["entries"]
    names = [f"{row['target']}/{row['method']}" for row in rows]
    wanted = f"{target}/{method}"
    if wanted not in names:
        raise unknown(f"map of case {folder.name}", wanted, names)
    index = names.index(wanted)
    values = _values(folder, "maps", index).astype(np.float32)
    values *= np.float32(rows[index]["scale"])  # in place: a mammogram's map holds 55 MB
    return values


def read_image(folder: Path) -> Floats:
    """float32 (C, H, W) in [0, 1]: the image as stored with 16 bits. Raises NotFound where none was given."""
    values = read_pixels(folder).astype(np.float32) / np.float32(65535.0)
    return values[None] if _attributes(folder)["channels"] == 1 else np.ascontiguousarray(np.moveaxis(values, -1, 0))


def read_pixels(folder: Path) -> NDArray[np.uint16]:
    """uint16 (H, W), or (H, W, C) for C channels: the image as it is stored, 65535 for 1.0. Raises as read_image."""
    if not _attributes(folder)["channels"]:
        raise NotFound(f"case {folder.name}: no image was given: this run was made from tables of outputs alone; "
                       "expected a run of `xaimed audit MODEL --dataset NAME`")
    return np.asarray(_values(folder, "image", None), np.uint16)


def _values(folder: Path, name: str, index: int | None) -> NDArray[np.generic]:
    import zarr

    if _attributes(folder).get("whole") and not any(path.is_file() for path in (folder / name / "c").rglob("*")):
        raise _fault(folder / name, "missing")
    try:
        array = zarr.open_array(str(folder / name), mode="r")
        return np.asarray(array[...] if index is None else array[index])
    except Exception as problem:  # codecs raise their own kinds of error: all mean damaged bytes here
        raise _fault(folder / name, f"damaged ({type(problem).__name__})") from problem


def _attributes(folder: Path) -> Mapping[str, Any]:
    if not folder.is_dir():
        if _unpictured(folder.parent):
            return BARE
        raise NotFound(f"{folder}: no maps of case {folder.name!r}; expected one of the run's cases")
    try:
        found = json.loads((folder / "zarr.json").read_bytes())["attributes"]
        if "entries" in found and "channels" in found:
            return cast(Mapping[str, Any], found)
        raise KeyError("entries")
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise _fault(folder / "zarr.json", f"damaged ({type(problem).__name__})") from problem


def _unpictured(maps: Path) -> bool:
    try:
        return bool(json.loads((maps / "zarr.json").read_bytes())["attributes"].get("unpictured"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # then each case has a folder, or its maps are missing


def _fault(path: Path, what: str) -> StoreError:
    return StoreError(f"{path}: {what}; expected the array that the audit wrote: restore it from a copy or run the "
                      "audit again")
