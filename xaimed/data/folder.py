"""A folder of DICOM, PNG, TIFF, PGM or JPEG images, with COCO, VOC or CSV annotations, masks or none; or volumes.

Cases and patients get pseudonyms made from the digests of their pixels: neither file names nor patient
numbers, which may name a person, go any further than this module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xaimed.data.annotations import Annotations, Record, read_annotations
from xaimed.data.dataset import CaseRow, DataRequest, Dataset, People
from xaimed.data.pairs import has_masks, pairs
from xaimed.data.split import patient_split
from xaimed.data.volumes import is_volume, volumes
from xaimed.errors import InputError, NotFound
from xaimed.imaging.decoded import Decoded
from xaimed.imaging.dicom import patient_key
from xaimed.imaging.files import SUFFIXES, file_format, read_image
from xaimed.types import Case

Pair = tuple[Path, Record | None]
SEVERITIES = ("benign", "malignant")


@dataclass(frozen=True)
class Entry:
    """One image of the folder: its file, what is annotated, and what its decoding told."""

    path: Path
    record: Record | None
    digest: str
    key: bytes
    groups: Mapping[str, str]


class FolderDataset:
    """The images of a folder. Opening decodes every image once: for pseudonyms, sizes and readability."""

    synthetic = False

    def __init__(self, files: Sequence[Path], annotations: Annotations | None = None,
                 name: str = "folder", seed: int = 0) -> None:
        pairs, left = _paired(files, annotations)
        entries = [_entry(path, record) for path, record in pairs]
        self.name, self.title = name, f"folder of {len(entries)} images"
        self.classes = _class_order(annotations)
        self.task = "detection" if annotations is None or annotations.boxed else "classification"
        self.files = tuple(entry.path for entry in entries)
        self.records = tuple(entry.record for entry in entries)
        self.rows = _rows(entries, self.classes, seed)
        self.warnings = _warnings(entries, left, annotations)
        self.people: People = "known" if all(entry.key for entry in entries) else "unknown"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Case:
        """The decoded image with its boxes. Raises InputError, naming the file, where it cannot be used."""
        row, record, path = self.rows[index], self.records[index], self.files[index]
        decoded = read_image(path)
        return Case(id=row.case, patient=row.patient, split=row.split, label=row.label, groups=row.groups,
                    image=decoded.image, boxes=record.boxes if record else (), spacing_mm=decoded.spacing_mm,
                    digest=decoded.digest)


def open_files(paths: Sequence[Path], annotations: Path | None = None, name: str = "files") -> FolderDataset:
    """The dataset of the given image files, in their order."""
    return FolderDataset(paths, read_annotations(annotations) if annotations else None, name)


def open(request: DataRequest) -> Dataset:
    """The dataset of the folder `request.root`, with subfolders; of a file, where it is a volume.

    A folder with `images/` and `masks/` or `labels/` is for segmentation; NIfTI files and TIFF of several pages give
    their slices (see `volumes`), and so does a DICOM series where the option form is given.
    Without `request.annotations`, annotations.csv or annotations.json in the folder, or .xml files in it or
    in its folder `annotations`, are taken. Raises NotFound for no folder, InputError for a folder without
    images.
    """
    folder = request.root
    if folder is not None and not request.annotations and folder.exists():
        other = _other(folder, request)
        if other is not None:
            return other
    if folder is None or not folder.is_dir():
        raise NotFound(f"no folder {folder}; expected a folder of DICOM, PNG, TIFF, PGM or JPEG images: "
                       "check the path")
    files = image_files(folder)
    given = request.annotations or _annotations_in(folder)
    return FolderDataset(files, read_annotations(given) if given else None, "folder", request.seed)


def _other(folder: Path, request: DataRequest) -> Dataset | None:
    """The dataset of a folder of volumes or of images with masks, or of one volume; None for any other."""
    if folder.is_file():
        return volumes([folder], request) if is_volume(folder) else None
    if has_masks(folder):
        return pairs(request)
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_volume(path)]
    if found or "form" in request.options:
        return volumes(found or [folder], request)
    return None


def image_files(folder: Path) -> list[Path]:
    """The image files below a folder, sorted: by content, and every file with the extension of an image.

    Raises InputError if there are none.
    """
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path, folder)
             and (path.suffix.lower() in SUFFIXES or file_format(path))]
    if not found:
        raise InputError(f"{folder}: no image in it; expected DICOM, PNG, TIFF, PGM or JPEG files: check the "
                         "path")
    return found


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _annotations_in(folder: Path) -> Path | None:
    places = [folder / "annotations.csv", folder / "annotations.json", folder / "annotations", folder]
    found = [p for p in places if p.is_file() or (p.is_dir() and any(p.glob("*.xml")))]
    if len(found) > 1:
        raise InputError(f"{folder}: annotations in {' and in '.join(p.name for p in found)}; expected one: "
                         "choose it with --annotations")
    return found[0] if found else None


def _paired(files: Sequence[Path], annotations: Annotations | None) -> tuple[list[Pair], int]:
    """Files with their records, and how many files are left out because no record names them."""
    if annotations is None:
        return [(path, None) for path in files], 0
    named = {path: record for record in annotations.records for path in [_file_of(record, files)]}
    if len(named) < len(annotations.records):
        raise InputError("two annotation records name one image; expected one record for each image: join "
                         "them")
    return [(path, named[path]) for path in files if path in named], len(files) - len(named)


def _file_of(record: Record, files: Sequence[Path]) -> Path:
    """The file whose path ends with the parts that the record gives: folders tell equal names apart."""
    parts = Path(record.image.replace("\\", "/")).parts
    found = [path for path in files if path.parts[-len(parts):] == parts]
    if len(found) != 1:
        what = "no file" if not found else f"{len(found)} files"
        raise InputError(f"the annotations name {record.image}, and {what} of that name is among the images; "
                         "expected one: mend the path in the annotations")
    return found[0]


def _entry(path: Path, record: Record | None) -> Entry:
    decoded = read_image(path)
    if record is not None:
        _check_record(record, decoded, path)
    key = record.patient.encode() if record is not None and record.patient else None
    if key is None and file_format(path) == "DICOM":
        key = patient_key(path)
    groups = {**decoded.groups, **(record.groups if record else {})}
    return Entry(path, record, decoded.digest, key or b"", groups)


def _check_record(record: Record, decoded: Decoded, path: Path) -> None:
    height, width = decoded.image.shape[-2:]
    if record.size is not None and record.size != (width, height):
        raise InputError(f"{path}: {width} x {height} pixels, but its annotation says {record.size[0]} x "
                         f"{record.size[1]}; expected the image that was annotated")
    for box in record.boxes:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            raise InputError(f"{path}: box {box.edges} lies outside the image of {width} x {height} pixels; "
                             "expected coordinates inside it: mend the annotation")


def _class_order(annotations: Annotations | None) -> tuple[str, ...]:
    if annotations is None:
        return ()
    graded = annotations.boxed and set(annotations.classes) <= set(SEVERITIES)
    return SEVERITIES if graded else annotations.classes


def _label(record: Record | None, classes: Sequence[str]) -> str | None:
    """The label of the image: of several boxes the last in the order of the classes, malignant of two."""
    if record is None or not record.boxes:
        return record.label if record else None
    return max((box.label for box in record.boxes), key=classes.index)


def _rows(entries: Sequence[Entry], classes: Sequence[str], seed: int) -> tuple[CaseRow, ...]:
    cases, patients = _case_names(entries), _patient_names(entries)
    labels = [_label(entry.record, classes) for entry in entries]
    splits = _splits(entries, patients, labels, seed)
    return tuple(CaseRow(case, patient, split, label, entry.groups) for case, patient, split, label, entry
                 in zip(cases, patients, splits, labels, entries, strict=True))


def _case_names(entries: Sequence[Entry]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for entry in entries:
        name = f"c{entry.digest[:12]}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _patient_names(entries: Sequence[Entry]) -> list[str]:
    """A pseudonym for each entry's patient; images of equal pixels belong to one patient in any case."""
    parent = list(range(len(entries)))
    first: dict[object, int] = {}
    for i, entry in enumerate(entries):
        for key in (entry.digest, *([entry.key] if entry.key else [])):
            parent[_root(parent, i)] = _root(parent, first.setdefault(key, i))
    digests: dict[int, list[str]] = {}
    for i, entry in enumerate(entries):
        digests.setdefault(_root(parent, i), []).append(entry.digest)
    return [_pseudonym(digests[_root(parent, i)]) for i in range(len(entries))]


def _root(parent: Sequence[int], i: int) -> int:
    while parent[i] != i:
        i = parent[i]
    return i


def _pseudonym(digests: Sequence[str]) -> str:
    return "p" + hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()[:12]


def _splits(entries: Sequence[Entry], patients: Sequence[str], labels: Sequence[str | None],
            seed: int) -> list[str]:
    given = [entry.record.split if entry.record else "" for entry in entries]
    if not any(given):
        worst = {patient: max((labels[i] or "" for i, p in enumerate(patients) if p == patient), key=_severity)
                 for patient in set(patients)}
        made = patient_split(list(worst), seed, list(worst.values()))
        return [made[patient] for patient in patients]
    if not all(given):
        raise InputError(f"{given.count('')} images have no split but others have one; expected a split for "
                         "every image or for none")
    for patient in set(patients):
        found = sorted({given[i] for i, p in enumerate(patients) if p == patient})
        if len(found) > 1:
            raise InputError(f"one patient's images (or two copies of an image) lie in the splits "
                             f"{' and '.join(found)}; expected each patient in one split: mend the column "
                             "split")
    return given


def _severity(label: str) -> tuple[int, str]:
    """Rising: no label, normal, any other class, malignant; within the others by name."""
    known = {"": 0, "normal": 1, "benign": 2, "malignant": 4}
    return known.get(label, 3), label


def _warnings(entries: Sequence[Entry], left: int, annotations: Annotations | None) -> tuple[str, ...]:
    copies = len(entries) - len({entry.digest for entry in entries})
    alone = sum(not entry.key for entry in entries)
    said = [
        (annotations is None, "no annotations: no result can be measured on these images"),
        (left > 0, f"{left} images have no record in the annotations and are left out"),
        (copies > 0, f"{copies} images are copies of others, pixel for pixel"),
        (alone > 0, f"the patient of {alone} images is unknown: each counts as one of its own")]
    return tuple(text for true, text in said if true)

