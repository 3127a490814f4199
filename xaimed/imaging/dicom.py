"""DICOM images to [0, 1]: modality LUT, VOI LUT or window, then MONOCHROME1, then depth (PS3.3 C.11).

The order is the standard's: MONOCHROME1 is inverted after the VOI step, never before. A VOI LUT sequence is
preferred to a window, and of several the first is taken. A file with neither is rendered from the whole
range of its stored bits; a file that uses less than a quarter of that range (12 or 14 bit data that call
themselves 16 bit, research MR) from its own minimum to its maximum, since it would be nearly black.
CBIS-DDSM films use 85 % or more of 16 bits and keep the range of their bits, so that the views of a patient
stay comparable.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.imaging.decoded import Decoded, check_finite, check_size, digest_of
from xaimed.imaging.header import (
    TAGS,
    groups_of,
    modality_table,
    rescale_of,
    spacing_of,
    voi_table,
    window_of,
)
from xaimed.imaging.voi import Range, Reals, Table, Window
from xaimed.optional import need

if TYPE_CHECKING:
    from pydicom import Dataset

FULL_RANGE = 0.25
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_SALT = secrets.token_bytes(16)


@dataclass(frozen=True)
class Depth:
    """How pixel values are stored: bits used, whether signed, and whether floating point."""

    bits: int
    signed: bool
    floating: bool = False

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and largest value that the stored bits can hold."""
        return (-(1 << self.bits - 1), (1 << self.bits - 1) - 1) if self.signed else (0, (1 << self.bits) - 1)


def is_dicom(start: bytes) -> bool:
    """Whether the first 132 bytes of a file are those of DICOM (PS3.10)."""
    return start[128:132] == b"DICM"


def read_dicom(path: Path) -> Decoded:
    """The decoded image of a DICOM file with one frame.

    Raises InputError for another format, a truncated or damaged file, several frames, NaN pixels, a window
    or table that cannot be used, and more than MAX_VALUES pixel values; MissingExtra without pydicom.
    """
    try:
        with _quiet():
            header = _opened(path)
            _check_header(header, path)
            stored = _pixels(header, path)
            return _decoded(header, stored)
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    # pydicom warns and logs with the values of elements in the text, which may be identifiers.
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _opened(path: Path) -> Dataset:
    with path.open("rb") as file:
        start = file.read(132)
    if not is_dicom(start):
        raise InputError(f"{path}: not a DICOM file by its content (no DICM after 128 bytes); expected "
                         "DICOM: give the original file, or one of another format under its own extension")
    pydicom = need("pydicom", "dicom", "to read DICOM files")
    try:
        return pydicom.dcmread(path, specific_tags=TAGS, force=False)  # type: ignore[no-any-return]
    except Exception as error:  # noqa: BLE001 - pydicom raises many kinds, whose texts may quote identifiers
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: no such file")
    return InputError(f"{path}: the DICOM file is damaged or truncated ({type(error).__name__}); expected a "
                      "whole, readable image: fetch the file again")


def _check_header(header: Dataset, path: Path) -> None:
    if not any(tag in header for tag in PIXELS):
        raise InputError(f"{path}: a DICOM file without pixels, or truncated before their end; expected a "
                         "whole image, not a report or plan: fetch the file again")
    missing = [t for t in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated")
               if header.get(t) in (None, "")]
    if missing:
        raise InputError(f"{path}: the header lacks {', '.join(missing)}; expected an image: fetch the file "
                         "again")
    frames = int(header.get("NumberOfFrames") or 1)
    check_size(int(header.Rows) * int(header.Columns) * int(header.SamplesPerPixel) * frames, path)
    if frames != 1:
        raise InputError(f"{path}: {frames} frames; expected one image: save the frame wanted as a file of "
                         "its own")
    if header.file_meta.get("TransferSyntaxUID") is None:
        raise InputError(f"{path}: no transfer syntax; expected the file meta information: fetch the file "
                         "again")
    _check_length(header, path)


def _check_length(header: Dataset, path: Path) -> None:
    name = next(tag for tag in PIXELS if tag in header)
    found, needed = len(header[name].value or b""), _raw_bytes(header)
    packed = name == "PixelData" and header.file_meta.TransferSyntaxUID.is_compressed
    if not found or (found < needed and not packed):
        raise InputError(f"{path}: {found} bytes of pixels; expected {needed}: the file is truncated, "
                         "fetch it again")


def _raw_bytes(header: Dataset) -> int:
    count = int(header.Rows) * int(header.Columns)
    samples = 2 if str(header.PhotometricInterpretation) == "YBR_FULL_422" else int(header.SamplesPerPixel)
    return (count * samples * int(header.BitsAllocated) + 7) // 8


def _pixels(header: Dataset, path: Path) -> NDArray[Any]:
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    try:
        stored: NDArray[Any] = pixel_array(header)
        if str(header.PhotometricInterpretation) == "PALETTE COLOR":
            stored = apply_color_lut(stored, header)
    except Exception as error:  # noqa: BLE001 - each decoder has its own kinds
        raise _damaged(path, error) from None
    check_finite(stored, path)
    return stored


def _decoded(header: Dataset, stored: NDArray[Any]) -> Decoded:
    if stored.ndim == 3:
        image, rendering, bits = _coloured(header, stored)
    else:
        stored, depth = _stored_bits(header, stored)
        image, rendering = _grey(header, stored, depth)
        bits = depth.bits
    return Decoded(image=image, digest=digest_of(stored), bits=bits, spacing_mm=spacing_of(header),
                   groups=groups_of(header), rendering=rendering)


def _coloured(header: Dataset, stored: NDArray[Any]) -> tuple[NDArray[np.float32], str, int]:
    palette = str(header.PhotometricInterpretation) == "PALETTE COLOR"
    bits = stored.dtype.itemsize * 8 if palette else int(header.BitsStored)
    image = np.moveaxis(stored[..., :3], -1, 0).astype(np.float32) / float((1 << bits) - 1)
    return np.ascontiguousarray(np.clip(image, 0, 1)), "palette" if palette else "colour", bits


def _stored_bits(header: Dataset, stored: NDArray[Any]) -> tuple[NDArray[Any], Depth]:
    """The values of the stored bits alone: high bits may hold overlays (PS3.5 8.1.1)."""
    if stored.dtype.kind == "f":
        return stored, Depth(stored.dtype.itemsize * 8, signed=True, floating=True)
    bits = int(header.get("BitsStored") or header.BitsAllocated)
    signed = bool(header.get("PixelRepresentation"))
    shift = max(0, int(header.get("HighBit", bits - 1)) + 1 - bits)
    depth = Depth(bits, signed)
    low, high = depth.limits
    if shift or stored.min() < low or stored.max() > high:
        values = (stored.astype(np.int64) >> shift) & ((1 << bits) - 1)
        stored = np.where(values > high, values - (1 << bits), values).astype(stored.dtype)
    return stored, depth


def _grey(header: Dataset, stored: NDArray[Any], depth: Depth) -> tuple[NDArray[np.float32], str]:
    padding = _padding(header, stored)
    values, limits = _modality(header, stored, depth)
    voi, rendering = _voi(header, values, limits, padding)
    shown = voi(values)
    if isinstance(voi, Table):
        shown = shown / ((1 << voi.bits) - 1)
    if str(header.PhotometricInterpretation) == "MONOCHROME1":
        shown = 1.0 - shown
    return np.where(padding, 0.0, shown).astype(np.float32)[None], rendering


def _padding(header: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """bool (H, W): pixels that the file calls padding; they are shown black and take no part in a range."""
    value = header.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(stored.shape, bool)
    limit = header.get("PixelPaddingRangeLimit")
    edges = (value, limit if isinstance(limit, int) else value)
    return (stored >= min(edges)) & (stored <= max(edges))


def _modality(header: Dataset, stored: NDArray[Any], depth: Depth) -> tuple[Reals, tuple[float, float]]:
    """The values in modality units, and the limits that the stored bits allow in the same units."""
    values = stored.astype(np.float64)
    table = modality_table(header, depth.signed)
    if table is not None:
        return table(values), (0.0, float((1 << table.bits) - 1))
    slope, intercept = rescale_of(header)
    ends = sorted(slope * limit + intercept for limit in depth.limits)
    if depth.floating:
        ends = [-np.inf, np.inf]
    return values * slope + intercept, (ends[0], ends[1])


def _voi(header: Dataset, values: Reals, limits: tuple[float, float],
         padding: NDArray[np.bool_]) -> tuple[Table | Window | Range, str]:
    table = voi_table(header, signed=limits[0] < 0)
    if table is not None:
        return table, "VOI LUT"
    window = window_of(header)
    if window is not None:
        return window, f"window {window.function}"
    seen = values if padding.all() else values[~padding]
    low, high = float(seen.min()), float(seen.max())
    if high - low < FULL_RANGE * (limits[1] - limits[0]):
        return Range(low, high), "minimum to maximum"
    return Range(*limits), "bit depth"


def patient_key(path: Path) -> bytes | None:
    """A key equal for files of one patient within this process and worthless outside it, or None.

    It serves to keep a patient's images in one split; the identifier itself is not kept.
    """
    pydicom = need("pydicom", "dicom", "to read DICOM files")
    with _quiet():
        try:
            header = pydicom.dcmread(path, specific_tags=["PatientID"], stop_before_pixels=True)
        except Exception as error:  # noqa: BLE001 - as in _opened
            raise _damaged(path, error) from None
        value = str(header.get("PatientID") or "").strip()
        # CBIS-DDSM gives each view an identifier of its own: Mass-Test_P_00173_LEFT_CC.
        value = re.sub(r"^(?:Mass|Calc)-(?:Training|Test)_(P_\d{5})_(?:LEFT|RIGHT)_.*$", r"\1", value)
    return hashlib.blake2b(value.encode(), key=_SALT).digest() if value else None
