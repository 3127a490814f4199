"""Annotations of a folder of images: COCO JSON, Pascal VOC XML and CSV, read with plain errors.

Every reader gives boxes in continuous pixel coordinates (x to the right, y down, the origin is the top-left
corner).
COCO: bbox is x, y, width, height (cocodataset.org). VOC: xmin ... ymax count pixels from 1 and include the
last (Everingham M et al (2010), Int J Comput Vis 88:303-338), so that a box is xmin - 1, ymin - 1, xmax,
ymax.
CSV: the columns image, label, x0, y0, x1, y1, and optionally patient, split and groups such as site.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from xaimed.errors import InputError
from xaimed.types import NAME, Box

EDGES = ("x0", "y0", "x1", "y1")
SPLITS = ("train", "val", "test")
# Columns with such words in their name are refused: their values identify a person.
PERSONAL = ("name", "birth", "dob", "mrn", "accession", "address", "phone", "email", "insurance", "ssn")


@dataclass(frozen=True)
class Record:
    """What the annotations say of one image.

    image: the path as written in the annotations. size: width and height as written there, or None. patient:
    the text as written; it is used to group images and never kept.
    """

    image: str
    label: str | None = None
    boxes: tuple[Box, ...] = ()
    patient: str = ""
    split: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Annotations:
    """The records of a folder, the classes in the order that the file gives (else sorted), and boxes left out."""

    records: tuple[Record, ...]
    classes: tuple[str, ...]
    left_out: int = 0

    @property
    def boxed(self) -> bool:
        """Whether any image has a box: a detection set."""
        return any(record.boxes for record in self.records)


def read_annotations(path: Path) -> Annotations:
    """The annotations in a .json (COCO), .csv or .xml (VOC) file, or in a folder of VOC .xml files.

    Raises InputError for no such file, another extension, and anything in it that cannot be used.
    """
    if path.is_dir():
        return read_voc(sorted(path.glob("*.xml")), path)
    if not path.is_file():
        raise InputError(f"{path}: no such annotation file; expected COCO .json, .csv, VOC .xml or a folder "
                         "of .xml")
    suffix = path.suffix.lower()
    if suffix == ".json":
        return read_coco(path)
    if suffix == ".csv":
        return read_csv(path)
    if suffix == ".xml":
        return read_voc([path], path)
    raise InputError(f"{path}: annotations of the kind {suffix!r}; expected COCO .json, .csv or VOC .xml")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}; expected UTF-8: save the file "
                         "anew") from error


def _box(label: str, edges: Sequence[float], where: str) -> Box:
    try:
        return Box(label, *edges)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _number(value: object, where: str) -> float:
    try:
        found = float(str(value))
    except ValueError:
        found = float("nan")
    if isinstance(value, bool) or not abs(found) < 1e9:
        raise InputError(f"{where}: {value!r} is no number; expected pixels")
    return found


# CSV

def read_csv(path: Path) -> Annotations:
    """The annotations of a CSV table: one row a box; an image without a lesion is one row without a box."""
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    found: dict[str, Record] = {}
    try:
        _check_columns([name.strip() for name in reader.fieldnames or []], path)
        for number, row in enumerate(reader, start=2):
            cells = {k.strip(): (v or "").strip() for k, v in row.items() if isinstance(k, str)}
            record = _csv_record(cells, f"{path} line {number}")
            found[record.image] = _joined(found.get(record.image), record, f"{path} line {number}")
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table: {error}") from error
    if not found:
        raise InputError(f"{path}: no row below the header; expected one row for each box or normal image")
    return Annotations(tuple(found.values()), _classes(found.values()))


def _check_columns(columns: Sequence[str], path: Path) -> None:
    boxes = [name for name in EDGES if name in columns]
    missing = [name for name in ("image", "label") if name not in columns]
    missing += [name for name in EDGES if boxes and name not in columns]
    if missing:
        raise InputError(f"{path}: column {', '.join(missing)} is missing (found: "
                         f"{', '.join(columns) or 'none'}); expected image,label,x0,y0,x1,y1 and optionally "
                         "patient, split and groups")
    groups = set(columns) - {"image", "label", "patient", "split", *EDGES}
    for name in sorted(groups):
        if any(word in name.lower() for word in PERSONAL):
            raise InputError(f"{path}: column {name!r} looks like a personal identifier; expected groups "
                             "such as site or density: take the column out")
        if not NAME.match(name):
            raise InputError(f"{path}: column {name!r}; expected names of letters, digits, - and _")


def _csv_record(cells: Mapping[str, str], where: str) -> Record:
    edges = [cells.get(name, "") for name in EDGES]
    given = sum(bool(edge) for edge in edges)
    if not cells.get("image") or given not in (0, 4):
        raise InputError(f"{where}: {'no image' if given in (0, 4) else f'{given} of 4 box edges'}; expected "
                         "an image, and all of x0, y0, x1, y1 or none")
    label, split = cells.get("label", ""), cells.get("split", "")
    if split and split not in SPLITS:
        raise InputError(f"{where}: split {split!r}; expected {', '.join(SPLITS)} or nothing")
    if given and not label:
        raise InputError(f"{where}: a box without a label; expected its class")
    boxes = (_box(label, [_number(edge, where) for edge in edges], where),) if given else ()
    groups = {k: v for k, v in cells.items() if v and k not in ("image", "label", "patient", "split", *EDGES)}
    return Record(cells["image"], label or None, boxes, cells.get("patient", ""), split, groups)


def _joined(before: Record | None, new: Record, where: str) -> Record:
    """Two rows of one image as one record; they have to agree in all but box and label."""
    if before is None:
        return new
    if not before.boxes or not new.boxes:
        raise InputError(f"{where}: image {new.image} has a second row without a box on both; expected one "
                         "row for each box, or a single row: take one out")
    for name in ("patient", "split", "groups"):
        if getattr(before, name) != getattr(new, name):
            raise InputError(f"{where}: image {new.image} has another {name} than in an earlier row; "
                             "expected the same")
    return replace(before, boxes=before.boxes + new.boxes)


def _classes(records: Iterable[Record]) -> tuple[str, ...]:
    kept = list(records)
    boxed = {box.label for record in kept for box in record.boxes}
    return tuple(sorted(boxed or {record.label for record in kept if record.label}))


# COCO

def read_coco(path: Path) -> Annotations:
    """The annotations of a COCO instances file; crowd regions, which are no single object, are refused."""
    try:
        table = json.loads(_text(path))
        images = {entry["id"]: entry for entry in table["images"]}
        names = {entry["id"]: str(entry["name"]) for entry in table["categories"]}
        boxes: dict[object, list[Box]] = {key: [] for key in images}
        for entry in table["annotations"]:
            boxes[entry["image_id"]].append(_coco_box(entry, names, path))
        records = tuple(_coco_record(entry, boxes[key]) for key, entry in images.items())
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON: {error.msg} in line {error.lineno}; expected a COCO "
                         "file") from error
    except (KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else "entries of another form"
        raise InputError(f"{path}: {what}; expected COCO with images, annotations (image_id, category_id, "
                         "bbox) and categories (id, name)") from error
    if not records:
        raise InputError(f"{path}: lists no image; expected COCO with images")
    return Annotations(records, tuple(names[key] for key in sorted(names)))


def _coco_box(entry: Mapping[str, object], names: Mapping[object, str], path: Path) -> Box:
    where = f"{path} annotation {entry.get('id', '?')}"
    if entry.get("iscrowd"):
        raise InputError(f"{where}: a crowd region; expected single objects: take it out")
    edges = entry["bbox"]
    if not isinstance(edges, list) or len(edges) != 4:
        raise InputError(f"{where}: bbox {edges!r}; expected x, y, width, height")
    x, y, width, height = (_number(edge, where) for edge in edges)
    return _box(names[entry["category_id"]], (x, y, x + width, y + height), where)


def _coco_record(entry: Mapping[str, object], boxes: Sequence[Box]) -> Record:
    width, height = entry.get("width"), entry.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return Record(str(entry["file_name"]), None if boxes else "normal", tuple(boxes), size=size)


# Pascal VOC

class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type definition, the means of entity bombs and of reading other files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise InputError("it holds a document type definition; expected plain VOC XML: take the DOCTYPE out")


def read_voc(paths: Sequence[Path], where: Path, skip_empty: bool = False) -> Annotations:
    """The annotations of VOC files, one an image.

    skip_empty: leave boxes whose corners are one point out, and count them. Raises InputError if there is no file.
    """
    if not paths:
        raise InputError(f"{where}: no .xml file; expected one Pascal VOC file for each image")
    read = [_voc_record(path, skip_empty) for path in paths]
    records = tuple(record for record, _ in read)
    return Annotations(records, _classes(records), sum(skipped for _, skipped in read))


def _voc_record(path: Path, skip_empty: bool) -> tuple[Record, int]:
    """The record of a file, and how many boxes were left out."""
    try:
        parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - _NoDoctype refuses entities
        root = ET.fromstring(path.read_bytes(), parser)  # noqa: S314
    except ET.ParseError as error:
        raise InputError(f"{path}: not XML: {error}; expected a Pascal VOC file") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if root.tag != "annotation":
        raise InputError(f"{path}: begins with <{root.tag}>; expected <annotation> of Pascal VOC")
    objects = list(root.iter("object"))
    kept = [item for item in objects if not (skip_empty and _is_point(item))]
    boxes = tuple(_voc_box(item, path) for item in kept)
    size = [root.findtext(f"size/{side}") for side in ("width", "height")]
    known = (int(_number(size[0], str(path))), int(_number(size[1], str(path)))) if all(size) else None
    record = Record(_voc_text(root, "filename", path), None if boxes else "normal", boxes,
                    size=known if known and all(known) else None)
    return record, len(objects) - len(kept)


def _is_point(item: ET.Element) -> bool:
    corners = [[item.findtext(f"bndbox/{axis}{end}") for axis in "xy"] for end in ("min", "max")]
    return corners[0] == corners[1]


def _voc_text(item: ET.Element, name: str, path: Path) -> str:
    found = (item.findtext(name) or "").strip()
    if not found:
        raise InputError(f"{path}: no <{name}>; expected a Pascal VOC file")
    return found


def _voc_box(item: ET.Element, path: Path) -> Box:
    names = ("xmin", "ymin", "xmax", "ymax")
    values = [_number(_voc_text(item, f"bndbox/{name}", path), str(path)) for name in names]
    edges = (values[0] - 1, values[1] - 1, values[2], values[3])
    return _box(_voc_text(item, "name", path), edges, str(path))
