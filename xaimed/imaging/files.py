"""Image files to [0, 1], told apart by their content: DICOM, PNG, TIFF, PGM and PPM, JPEG."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xaimed.errors import InputError
from xaimed.imaging.decoded import Decoded, check_finite, check_size, digest_of
from xaimed.imaging.dicom import is_dicom, read_dicom

MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG", b"II*\x00": "TIFF", b"MM\x00*": "TIFF", b"\xff\xd8\xff": "JPEG",
    b"P2": "PPM", b"P3": "PPM", b"P5": "PPM", b"P6": "PPM"}
SUFFIXES = frozenset([".dcm", ".dicom", ".png", ".tif", ".tiff", ".pgm", ".ppm", ".jpg", ".jpeg"])
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
COLOUR_16 = {2: (2, 1, 0), 4: (0,), 6: (2, 1, 0)}  # PNG colour type -> channels of OpenCV's BGR to keep


def file_format(path: Path) -> str:
    """The format by content: "DICOM", "PNG", "TIFF", "PPM" (PGM too), "JPEG", or "" for anything else.

    Raises InputError where there is no such file.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {what}; expected an image file: check the path")
    with path.open("rb") as file:
        start = file.read(132)
    if is_dicom(start):
        return "DICOM"
    found = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")
    if found == "PPM" and not start[2:3].isspace():
        return ""
    return found


def read_image(path: Path) -> Decoded:
    """The decoded image of a file; grey keeps one channel, colour has three, transparency is dropped.

    8 and 16 bit values are divided by the largest value of their depth. A floating-point image has to be in
    [0, 1]. Raises InputError for any other content, a DICOM extension on another format, a damaged file,
    several pages, NaN pixels or more than MAX_VALUES pixel values.
    """
    kind = file_format(path)
    if kind == "DICOM":
        return read_dicom(path)
    if path.suffix.lower() in DICOM_SUFFIXES:
        raise InputError(f"{path}: {_article(kind)} by its content, not DICOM; expected DICOM under this "
                         "extension: give the original file or rename it")
    if not kind:
        raise InputError(f"{path}: {_article(kind)} by its content; expected DICOM, PNG, TIFF, PGM or JPEG")
    stored = _stored(path, kind)
    check_finite(stored, path)
    return _normalised(stored, path)


def _article(kind: str) -> str:
    return f"a {kind} file" if kind else "not an image"


def _stored(path: Path, kind: str) -> NDArray[Any]:
    """The stored values, (H, W) or (H, W, 3)."""
    deep = _deep_colour(path) if kind == "PNG" else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=[kind]) as image:
                check_size(image.width * image.height * len(image.getbands()), path)
                _check_pages(image, path)
                if deep is None:
                    return _values(image, path)
                image.load()
        return _deep(path, deep)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: more pixels than an image may have; crop or reduce it") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{path}: the {kind} file is damaged or truncated; expected a whole image: "
                         "fetch the file again") from error


def _check_pages(image: Image.Image, path: Path) -> None:
    pages = int(getattr(image, "n_frames", 1))
    if pages != 1:
        raise InputError(f"{path}: {pages} pages; expected one image: save the page wanted as a file of its "
                         "own")


def _values(image: Image.Image, path: Path) -> NDArray[Any]:
    mode = image.mode
    if mode == "I" and image.format == "PPM":
        return np.asarray(image).astype(np.uint16)
    if mode in ("L", "RGB", "F") or mode.startswith("I;16"):
        return np.asarray(image).astype("<u2") if mode.startswith("I;16") else np.array(image)
    for known, target in (("1", "L"), ("LA", "L"), ("La", "L"), ("P", "RGB"), ("PA", "RGB"), ("RGBA", "RGB")):
        if mode == known:
            return np.array(_opaque(image, target))
    raise InputError(f"{path}: pixels of the kind {mode!r}; expected grey or RGB of 8 or 16 bits: convert "
                     "the image")


def _opaque(image: Image.Image, target: str) -> Image.Image:
    # Dropping the channel, unlike Image.convert of a palette with transparency, changes no colour.
    return image.getchannel("L") if target == "L" and "A" in image.getbands() else image.convert(target)


def _deep_colour(path: Path) -> int | None:
    """The PNG colour type of a file with 16 bits and several channels, which Pillow would cut to 8 bits."""
    with path.open("rb") as file:
        header = file.read(26)
    return header[25] if len(header) == 26 and header[24] == 16 and header[25] in COLOUR_16 else None


def _deep(path: Path, colour: int) -> NDArray[Any]:
    import cv2

    values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise InputError(f"{path}: the PNG file is damaged; expected a whole image: fetch the file again")
    if values.ndim == 2:
        return values
    kept = values[..., list(COLOUR_16[colour])]
    return kept[..., 0] if colour == 4 else kept


def _normalised(stored: NDArray[Any], path: Path) -> Decoded:
    if stored.dtype.kind == "f":
        low, high = float(stored.min()), float(stored.max())
        if low < 0 or high > 1:
            raise InputError(f"{path}: floating-point values from {low:g} to {high:g}; expected [0, 1] or "
                             "integers: convert the image")
        bits, scaled = 32, stored.astype(np.float32)
    else:
        bits = stored.dtype.itemsize * 8
        scaled = stored.astype(np.float32) / np.float32((1 << bits) - 1)
    planes = scaled[None] if scaled.ndim == 2 else np.moveaxis(scaled, -1, 0)
    return Decoded(image=np.ascontiguousarray(planes), digest=digest_of(stored), bits=bits)
