"""The zip archive of torch.save: whole, unharmed and without code before anything in it is used."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from xaimed.errors import ModelError, NotFound, UnsafeFile

LIMIT = 4 * 1024**3
ZIP = b"PK\x03\x04"
AGAIN = "copy or download it again"
TYPES = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool, torch.uint8, torch.int8,
                   torch.int16, torch.int32, torch.int64, torch.complex64})


def load_tensors(path: Path, old: bool = False) -> object:
    """What torch.save wrote: tensors and plain values, never an object with code (weights_only=True, no fallback).

    old: accept files from before torch 1.6, which are no archives, too. Raises NotFound for no file, UnsafeFile for
    code, ModelError for a damaged file or none of torch.
    """
    if not path.is_file():
        raise NotFound(f"no model file at {path}; expected a model.pt: 'xaimed list models' names those that are here")
    if path.stat().st_size > LIMIT or not (old or _begins(path) == ZIP or zipfile.is_zipfile(path)):
        raise ModelError(f"{path.name} is no model file: expected a zip archive of torch.save of at most "
                         f"{LIMIT // 1024**3} GiB; a file of an old or foreign kind may hold code and is not read")
    if not old or _begins(path) == ZIP:
        check_whole(path)
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise UnsafeFile(f"{path.name} holds objects that run code when they are read, and was not read; "
                         "expected tensors and plain values: ask its maker for the weights alone") from error
    except (RuntimeError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path.name} is damaged or no torch file; expected a model.pt: {AGAIN}") from error


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(ZIP))


def check_whole(path: Path) -> None:
    """Nothing for a zip archive whose every part has the checksum (CRC-32) that was written beside it.

    An archive without any checksum, which torch.save can be told to write, is taken as it is. Raises ModelError.
    """
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path.name} is damaged: it begins as a zip archive and has no directory at its end, as one "
                         f"that was cut off at {path.stat().st_size} bytes; expected a whole file: {AGAIN}")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            size = sum(part.file_size for part in parts)
            if size > LIMIT:
                raise ModelError(f"{path.name} is no model file: it unpacks to {size / 1024**3:.1f} GiB; expected at "
                                 f"most {LIMIT // 1024**3} GiB")
            bad = archive.testzip() if any(part.CRC for part in parts) else None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path.name} is damaged: {' '.join(str(error).split())[:150]}; expected a whole zip archive "
                         f"of torch.save: {AGAIN}") from error
    if bad is not None:
        raise ModelError(f"{path.name} is damaged: the bytes of its part {bad!r} are not those that were written (the "
                         f"checksum differs); expected a whole file: {AGAIN}")


def check_tensors(name: str, state: Mapping[str, Tensor]) -> None:
    """Nothing for plain tensors whose every value is stored in the file. Raises ModelError.

    A view that shows one stored value a million times would take the memory of a million when it is copied.
    """
    whole = sum({value.untyped_storage().data_ptr(): value.untyped_storage().nbytes() for value in state.values()
                 if _plain(value)}.values())
    for key, value in state.items():
        if not _plain(value):
            raise ModelError(f"{name}: {key!r} is a tensor of another kind ({value.dtype}, {value.layout}, "
                             f"{value.device}); expected plain numbers: write it with torch.save from a CPU")
    shown = sum(value.numel() * value.element_size() for value in state.values())
    if shown > SHARED * whole:
        raise ModelError(f"{name}: {shown / 1e6:.1f} MB of weights from {whole / 1e6:.1f} MB that are stored; expected "
                         "every value in the file: write it again from contiguous tensors")


SHARED = 4  # times that a network may use one stored tensor, as tied layers do


def _plain(value: Tensor) -> bool:
    return value.layout is torch.strided and value.device.type == "cpu" and value.dtype in TYPES
