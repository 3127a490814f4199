"""Small DICOM files made for the tests, with every grey-scale element free to choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

NAME, NUMBER = "Doe^Jane^Secret", "HOSP-4711"


def lut(first: int, bits: int, entries: list[int]) -> Dataset:
    """A lookup table item."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "US", entries)
    return item


def write_dicom(path: Path, values: NDArray[np.generic], bits: int | None = None, **elements: object) -> Path:
    """A DICOM file of `values` (H, W) or (H, W, 3) with identifiers in it; elements replace or add to the header."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    header.PatientName, header.PatientID, header.PatientBirthDate = NAME, NUMBER, "19500101"
    header.SOPClassUID, header.SOPInstanceUID = SecondaryCaptureImageStorage, meta.MediaStorageSOPInstanceUID
    header.Rows, header.Columns = values.shape[:2]
    header.SamplesPerPixel = 3 if values.ndim == 3 else 1
    header.PhotometricInterpretation = "RGB" if values.ndim == 3 else "MONOCHROME2"
    if values.ndim == 3:
        header.PlanarConfiguration = 0
    header.BitsAllocated = values.dtype.itemsize * 8
    if values.dtype.kind == "f":
        header.FloatPixelData = values.tobytes()
    else:
        header.BitsStored = bits or values.dtype.itemsize * 8
        header.HighBit = header.BitsStored - 1
        header.PixelRepresentation = int(values.dtype.kind == "i")
        header.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    for name, value in elements.items():
        setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)
    return path
