"""Volumes from files: NIfTI, TIFF of several pages, and a folder with the slices of one DICOM series.

A volume is a dataset of its slices, as a reader sees them, or one case (1, D, H, W). The grey range is the given one
(low and high in stored units, Hounsfield for CT in NIfTI), else that of the volume.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.data.split import patient_split
from xaimed.errors import InputError, unknown
from xaimed.imaging.decoded import check_finite, check_size, digest_of
from xaimed.imaging.dicom import patient_key
from xaimed.imaging.files import file_format, read_image
from xaimed.optional import need
from xaimed.types import Case, Floats

SUFFIXES = (".nii", ".nii.gz")
FORMS = ("slices", "volume")
WARNINGS = (
    "no annotations: no result can be measured on these images",
    "the patient of a volume is unknown: each volume counts as one")


@dataclass(frozen=True)
class Options:
    """form: slices, or volume for one case each. low, high: grey range in stored units (equal: the volume's own)."""

    form: str = "slices"
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, eq=False)
class Volume:
    """float32 (D, H, W) in [0, 1], the size of a square pixel in mm or None, and the digest of the stored values."""

    values: Floats
    spacing_mm: float | None
    digest: str


def is_volume(path: Path) -> bool:
    """Whether a file is NIfTI by its name, or a TIFF of several pages."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    if not path.is_file() or file_format(path) != "TIFF":
        return False
    try:
        with Image.open(path, formats=["TIFF"]) as image:
            return int(getattr(image, "n_frames", 1)) > 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False  # the reader of images says what is wrong with it


def volumes(places: Sequence[Path], request: DataRequest) -> Listed:
    """The dataset of volumes: files, or folders with the slices of one DICOM series. Options: see Options.

    Opening decodes every volume once. Raises InputError for a file that cannot be used.
    """
    options = chosen(Options, request)
    if options.form not in FORMS:
        raise unknown("form", options.form, FORMS)

    @lru_cache(maxsize=2)
    def read(number: int) -> Volume:
        return read_volume(places[number], options.low, options.high)

    found = [(read(number).digest[:12], len(read(number).values)) for number in range(len(places))]
    patients = [f"v{digest}" for digest, _ in found]
    splits = patient_split(patients, request.seed)
    spots = [(n, z) for n, (_, depth) in enumerate(found) for z in (range(depth) if options.form == "slices" else [-1])]
    rows = [CaseRow(_case(n, z, patients), patients[n], splits[patients[n]], None) for n, z in spots]

    def picture(index: int) -> Picture:
        number, z = spots[index]
        volume = read(number)
        image = volume.values[None] if z < 0 else volume.values[z][None]
        return Picture(image, digest_of(image), spacing_mm=volume.spacing_mm)

    return Listed(About("folder", f"{len(places)} volumes as {options.form}", "detection", (), WARNINGS,
                        people="unknown"), rows, picture)


def slice_of(path: Path, number: int | None = None) -> Case:
    """One slice of a volume's file, counted from 0; None for the middle one. The grey range is the volume's.

    Raises InputError for a number that it does not have.
    """
    listed = volumes([path], DataRequest("folder", path))
    count = len(listed.rows)
    if number is not None and not 0 <= number < count:
        raise InputError(f"{path}: slice {number} of a volume of {count}; expected 0 to {count - 1}")
    return listed[count // 2 if number is None else number]


def _case(number: int, z: int, patients: Sequence[str]) -> str:
    again = patients[:number].count(patients[number])
    return patients[number] + (f"-{again + 1}" if again else "") + (f"-{z:03d}" if z >= 0 else "")


def read_volume(place: Path, low: float = 0.0, high: float = 0.0) -> Volume:
    """The volume of a NIfTI file, a TIFF of several pages, or a folder with one DICOM series.

    Raises InputError, naming the place, for anything else, a damaged file, and slices that do not fit each other.
    """
    if place.is_dir():
        return _series(place)
    if place.name.lower().endswith(SUFFIXES):
        stored, spacing = _nifti(place)
    elif is_volume(place):
        stored, spacing = _pages(place), None
    else:
        raise InputError(f"{place}: no volume; expected NIfTI (.nii, .nii.gz), a TIFF of several pages, or a folder "
                         "with the slices of one DICOM series")
    check_finite(stored, place)
    return Volume(_ranged(stored, low, high, place), spacing, digest_of(stored))


def _ranged(stored: NDArray[Any], low: float, high: float, place: Path) -> Floats:
    if low > high:
        raise InputError(f"{place}: grey range {low:g} to {high:g}; expected low below high")
    if low == high:
        low, high = float(stored.min()), float(stored.max())
    scaled = (stored.astype(np.float64) - low) / ((high - low) or 1.0)
    return np.asarray(np.clip(scaled, 0, 1), np.float32)


def _nifti(path: Path) -> tuple[NDArray[Any], float | None]:
    """The stored values (D, H, W) as axial slices from the feet up, patient's right on the left and front up."""
    nibabel = need("nibabel", "nifti", "to read NIfTI files")
    try:
        image = nibabel.as_closest_canonical(nibabel.load(path))
        if len(image.shape) != 3:
            raise InputError(f"{path}: {len(image.shape)} axes {image.shape}; expected one volume of 3: save it as a "
                             "file of its own")
        check_size(int(np.prod(image.shape)), path)
        values: NDArray[Any] = np.asarray(image.dataobj)
        zooms = [float(size) for size in image.header.get_zooms()[:2]]
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path}: no NIfTI, or damaged ({type(error).__name__}); expected a whole .nii or .nii.gz: "
                         "fetch it again") from error
    if values.dtype.names:
        raise InputError(f"{path}: colour values; expected one number a voxel")
    square = abs(zooms[0] - zooms[1]) < 0.01 * zooms[0]
    return np.ascontiguousarray(values.transpose(2, 1, 0)[:, ::-1, ::-1]), zooms[0] if square else None


def _pages(path: Path) -> NDArray[Any]:
    try:
        with Image.open(path, formats=["TIFF"]) as image:
            count = int(getattr(image, "n_frames", 1))
            check_size(image.width * image.height * count, path)
            planes = []
            for page in range(count):
                image.seek(page)
                planes.append(np.array(image))
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{path}: a damaged or truncated TIFF file; expected whole pages: fetch it again") from error
    if len({plane.shape for plane in planes}) > 1 or planes[0].ndim != 2:
        raise InputError(f"{path}: pages of {sorted({plane.shape for plane in planes})}; expected grey pages of one "
                         "size")
    return np.stack(planes)


def _series(folder: Path) -> Volume:
    """The slices of one DICOM series, by their place along the slices' normal."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and file_format(path) == "DICOM"]
    if len(files) < 2:
        raise InputError(f"{folder}: {len(files)} DICOM files in it; expected the slices of one series")
    heads = [_place(path) for path in files]
    if len({series for series, _ in heads}) > 1 or len({patient_key(path) for path in files}) > 1:
        raise InputError(f"{folder}: more than one series or patient; expected one: give each a folder of its own")
    decoded = [read_image(path) for _, path in sorted(zip([height for _, height in heads], files, strict=True))]
    if len({one.image.shape for one in decoded}) > 1 or decoded[0].image.shape[0] != 1:
        raise InputError(f"{folder}: slices of {sorted({one.image.shape for one in decoded})}; expected grey slices of "
                         "one size")
    values = np.concatenate([one.image for one in decoded])
    return Volume(values, decoded[0].spacing_mm, digest_of(values))


def _place(path: Path) -> tuple[str, float]:
    """The series and the place along the normal of the slice in mm (PS3.3 C.7.6.2.1.1), else the instance number."""
    pydicom = need("pydicom", "dicom", "to read DICOM files")
    tags = ["SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"]
    head = pydicom.dcmread(path, specific_tags=tags, stop_before_pixels=True)
    position, axes = head.get("ImagePositionPatient"), head.get("ImageOrientationPatient")
    if position and axes:
        normal = np.cross([float(v) for v in axes[:3]], [float(v) for v in axes[3:]])
        height = float(np.dot(normal, [float(v) for v in position]))
    else:
        height = float(head.get("InstanceNumber") or 0)
    return str(head.get("SeriesInstanceUID", "")), height
