"""Arrays of an .npz file, read without running code, and 8 or 16 bit pixels as [0, 1]."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError, UnsafeFile
from xaimed.types import Floats

Array = NDArray[Any]


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """The named arrays of a file.

    Raises InputError for a file that is no whole .npz or lacks a name, UnsafeFile for pickled objects in it.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            if not isinstance(held, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: a single array; expected .npz with {', '.join(names)}")
            missing = [name for name in names if name not in held.files]
            if missing:
                raise InputError(f"{path}: no array {', '.join(missing)} (found: {', '.join(held.files)}); expected "
                                 f"{', '.join(names)}: give the original file")
            return {name: held[name] for name in names}
    except ValueError as error:
        if "pickle" in str(error):
            raise UnsafeFile(f"{path}: holds pickled objects, which run code when read, or is no .npz; expected plain "
                             "arrays") from error
        raise InputError(f"{path}: damaged ({error}); expected a whole .npz: fetch it again") from error
    except (zipfile.BadZipFile, EOFError, OSError, AttributeError) as error:
        raise InputError(f"{path}: damaged or no .npz ({type(error).__name__}); expected a whole .npz: fetch it "
                         "again") from error


def unit(pixels: Array) -> Floats:
    """float32 in [0, 1] of unsigned integers, divided by the largest value of their depth; the shape stays."""
    if pixels.dtype.kind != "u":
        raise InputError(f"pixels of the type {pixels.dtype}; expected unsigned integers")
    return np.asarray(pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))


def planes(pixels: Array) -> Floats:
    """float32 (C, H, W) in [0, 1] of unsigned (H, W) or (H, W, 3)."""
    scaled = unit(pixels)
    return np.ascontiguousarray(scaled[None] if scaled.ndim == 2 else np.moveaxis(scaled, -1, 0))
