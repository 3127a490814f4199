"""What is read of a DICOM header: pixel module, grey-scale tables, and groups from closed lists.

Only the tags listed here are ever read, so that no identifier of a patient gets into memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from xaimed.imaging.voi import Table, Window

if TYPE_CHECKING:
    from pydicom import Dataset

PALETTE_TAGS = tuple(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue")
                     for part in ("Descriptor", "Data"))
PIXEL_TAGS = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelData", "FloatPixelData", "DoubleFloatPixelData",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
GREY_TAGS = (
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "SharedFunctionalGroupsSequence")
GROUP_TAGS = (
    "Modality", "ViewPosition", "PatientOrientation", "ImageLaterality", "Laterality", "Manufacturer",
    "PresentationIntentType", "PixelSpacing", "ImagerPixelSpacing")
TAGS = list(PALETTE_TAGS + PIXEL_TAGS + GREY_TAGS + GROUP_TAGS)

MODALITIES = frozenset((
    "MG", "DX", "CR", "CT", "MR", "US", "PT", "NM", "XA", "RF", "OT", "SC", "OP", "OPT", "SM", "ES", "IO",
    "PX", "BI", "BMD", "SEG", "XC"))
VIEWS = frozenset((
    "CC", "MLO", "ML", "LM", "LMO", "XCC", "XCCL", "XCCM", "FB", "SIO", "ISO", "CV", "AT", "RL", "RM", "RI",
    "RS", "TAN", "PA", "AP", "LL", "LLD", "RLD"))
SIDES = frozenset(("L", "R", "B"))
INTENTS = {"FOR PRESENTATION": "presentation", "FOR PROCESSING": "processing"}
# Manufacturer is free text: only the name of a known maker passes.
VENDORS = {
    "hologic": "Hologic", "lorad": "Hologic", "ge medical": "GE", "ge healthcare": "GE", "siemens": "Siemens",
    "philips": "Philips", "sectra": "Philips", "fuji": "Fujifilm", "agfa": "Agfa", "carestream": "Carestream",
    "kodak": "Carestream", "konica": "Konica Minolta", "planmed": "Planmed", "planmeca": "Planmed",
    "i.m.s": "IMS Giotto", "giotto": "IMS Giotto", "metaltronica": "Metaltronica", "canon": "Canon",
    "toshiba": "Canon", "samsung": "Samsung", "general electric": "GE"}


def groups_of(header: Dataset) -> dict[str, str]:
    """The groups that the header gives: modality, view, side, vendor, intent; absent ones are left out."""
    orientation = header.get("PatientOrientation")
    # CBIS-DDSM writes the view (CC or MLO) into Patient Orientation, as one plain word.
    view = _known(header.get("ViewPosition"), VIEWS)
    if not view and isinstance(orientation, str):
        view = _known(orientation, frozenset({"CC", "MLO"}))
    found = {
        "modality": _known(header.get("Modality"), MODALITIES), "view": view,
        "side": _known(header.get("ImageLaterality"), SIDES) or _known(header.get("Laterality"), SIDES),
        "vendor": _vendor(header.get("Manufacturer")),
        "intent": INTENTS.get(_word(header.get("PresentationIntentType")), "")}
    return {name: value for name, value in found.items() if value}


def _word(value: object) -> str:
    return value.strip().upper() if isinstance(value, str) else ""


def _known(value: object, allowed: frozenset[str]) -> str:
    word = _word(value)
    return word if word in allowed else ""


def _vendor(value: object) -> str:
    text = _word(value).lower()
    return next((name for word, name in VENDORS.items() if word in text), "other") if text else ""


def spacing_of(header: Dataset) -> float | None:
    """Millimetres of a square pixel, or None where it is absent, zero, or more than 1 % off square."""
    for tag in ("PixelSpacing", "ImagerPixelSpacing"):
        value = header.get(tag)
        if value is None or isinstance(value, str) or len(value) != 2:
            continue
        down, across = float(value[0]), float(value[1])
        if down > 0 and abs(across / down - 1) <= 0.01:
            return (down + across) / 2
    return None


def rescale_of(header: Dataset) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where the header gives none."""
    source = _shared(header, "PixelValueTransformationSequence")
    slope, intercept = source.get("RescaleSlope"), source.get("RescaleIntercept")
    return (1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))


def modality_table(header: Dataset, signed: bool) -> Table | None:
    """The first modality lookup table, or None."""
    return _table(header, "ModalityLUTSequence", signed)


def voi_table(header: Dataset, signed: bool) -> Table | None:
    """The first VOI lookup table, or None. signed: whether its input can be below 0."""
    return _table(header, "VOILUTSequence", signed)


def window_of(header: Dataset) -> Window | None:
    """The first window with its function, or None."""
    source = _shared(header, "FrameVOILUTSequence")
    centre, width = _first(source.get("WindowCenter")), _first(source.get("WindowWidth"))
    if centre is None or width is None:
        return None
    return Window(centre, width, _word(source.get("VOILUTFunction")) or "LINEAR")


def _first(value: object) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, (str, float, int)):
        return float(value)
    items = list(value) if isinstance(value, Iterable) else []
    return float(items[0]) if items else None


def _shared(header: Dataset, macro: str) -> Dataset:
    # An enhanced object keeps these attributes in its shared functional groups.
    groups = header.get("SharedFunctionalGroupsSequence")
    if groups and groups[0].get(macro):
        return groups[0][macro].value[0]  # type: ignore[no-any-return]
    return header


def _table(header: Dataset, name: str, signed: bool) -> Table | None:
    sequence = header.get(name)
    if not sequence or sequence[0].get("LUTDescriptor") is None or sequence[0].get("LUTData") is None:
        return None
    count, first, bits = (int(v) for v in sequence[0].LUTDescriptor)
    count = count % 65536 or 65536
    first = first % 65536
    if signed and first > 32767:
        first -= 65536
    little = header.original_encoding[1] is not False
    return Table(first, bits, _entries(sequence[0].LUTData, count, little))


def _entries(data: object, count: int, little: bool) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    if isinstance(data, bytes):
        wide = len(data) >= 2 * count
        kind = np.dtype("<u2" if little else ">u2") if wide else np.dtype(np.uint8)
        return np.frombuffer(data, kind)[:count].astype(np.uint16)
    items = list(data) if isinstance(data, Iterable) else [data]
    return (np.array(items, np.int64) % 65536).astype(np.uint16)[:count]
