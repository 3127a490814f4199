"""mini-MIAS: real scanned film mammograms (MLO), benign and malignant lesions as circles. Research only.

Suckling J et al (1994) "The Mammographic Image Analysis Society Digital Mammogram Database", Excerpta Medica,
International Congress Series 1069, pp 375-378. The folder holds the original Info.txt and the films mdbNNN
as PGM or PNG, in itself or in `images/`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.split import patient_split
from xaimed.errors import InputError, NotFound
from xaimed.imaging.files import read_image
from xaimed.types import Box, Case, Mask

SIZE = 1024
SPACING_MM = 0.2
ROW = re.compile(r"^(mdb(\d{3}))[a-z]{0,2}\s+([FGD])\s+([A-Z]{4})(?:\s+([BM]))?(?:\s+(\d+)\s+(\d+)\s+(\d+))?")
SEVERITY = {"B": "benign", "M": "malignant"}
DENSITY = {"F": "fatty", "G": "fatty-glandular", "D": "dense-glandular"}
ABNORMALITY = {
    "CALC": "calcification", "CIRC": "circumscribed mass", "SPIC": "spiculated mass",
    "MISC": "ill-defined mass", "ARCH": "architectural distortion", "ASYM": "asymmetry", "NORM": "none"}
WORST = ("normal", "benign", "malignant")
# Circles of 3 and 11 pixels on near-black background: no lesion is there to be found.
OFF_TISSUE = frozenset({"mdb212", "mdb214"})
WARNINGS = (
    "licence: for research purposes only; publications must refer to the database",
    "the y of the original annotation counts from the bottom-left corner; it is turned to top-left here",
    "odd and even film numbers that follow each other are the right and left breast of one patient",
    "the circles are approximate, and enclose clusters where the abnormality is a calcification",
    "films carry labels, tape and scanner edges (mdb274, say): a model can learn them instead of the tissue")


@dataclass(frozen=True)
class Circle:
    """A lesion's circle in image coordinates (y down), with its severity."""

    label: str
    x: float
    y: float
    radius: float

    @property
    def box(self) -> Box:
        """The square round the circle, clipped to the film."""
        return Box(self.label, max(0.0, self.x - self.radius), max(0.0, self.y - self.radius),
                   min(float(SIZE), self.x + self.radius), min(float(SIZE), self.y + self.radius))

    @property
    def mask(self) -> Mask:
        """bool (1024, 1024): pixels whose centre lies in the circle."""
        rows, columns = np.ogrid[0:SIZE, 0:SIZE]
        distance = (columns + 0.5 - self.x) ** 2 + (rows + 0.5 - self.y) ** 2
        return np.asarray(distance <= self.radius ** 2)


@dataclass(frozen=True)
class Film:
    """What Info.txt says of one film: all its rows together."""

    case: str
    number: int
    density: str
    abnormality: str
    label: str
    circles: tuple[Circle, ...]

    @property
    def patient(self) -> str:
        """The pair of films: mdb001 and mdb002 are patient mias-001."""
        return f"mias-{(self.number + 1) // 2:03d}"

    @property
    def ignored(self) -> bool:
        """Whether localisation cannot be judged: a lesion without a circle, or a circle off the tissue."""
        return self.case in OFF_TISSUE or (self.label != "normal" and not self.circles)

    @property
    def groups(self) -> dict[str, str]:
        """site, view, side, density, abnormality, and localisation: "scored" or "ignore"."""
        return {"site": "MIAS", "view": "MLO", "side": "R" if self.number % 2 else "L",
                "density": DENSITY[self.density], "abnormality": ABNORMALITY[self.abnormality],
                "localisation": "ignore" if self.ignored else "scored"}


def read_films(path: Path) -> tuple[Film, ...]:
    """The films of an Info.txt, by number. Raises InputError for a row against its description."""
    rows: dict[str, list[re.Match[str]]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.startswith("mdb"):
            continue
        row = ROW.match(line)
        if row is None or row[4] not in ABNORMALITY or (row[4] == "NORM") != (row[5] is None):
            raise InputError(f"{path}: row {line.strip()!r} cannot be read; expected film, tissue, "
                             "abnormality, severity and circle as in the original Info.txt: fetch it again")
        rows.setdefault(row[1], []).append(row)
    if not rows:
        raise InputError(f"{path}: no row begins with mdb; expected the original Info.txt of mini-MIAS: "
                         "fetch it again")
    return tuple(_film(rows[case]) for case in sorted(rows))


def _film(rows: Sequence[re.Match[str]]) -> Film:
    labels = [SEVERITY[row[5]] if row[5] else "normal" for row in rows]
    worst = max(range(len(rows)), key=lambda i: WORST.index(labels[i]))
    circles = tuple(Circle(label, float(row[6]), float(SIZE - int(row[7])), float(row[8]))
                    for row, label in zip(rows, labels, strict=True) if row[6])
    return Film(case=rows[0][1], number=int(rows[0][2]), density=rows[0][3], abnormality=rows[worst][4],
                label=labels[worst], circles=circles)


class MiniMias:
    """The films of a mini-MIAS folder, split by patient 80/10/10 within the worst severity of the pair."""

    name = "mini-mias"
    title = "mini-MIAS film mammograms (research only)"
    task = "detection"
    synthetic = False
    classes = ("benign", "malignant")

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.films = read_films(_info(folder))
        self.files = _files(folder, self.films)
        self.warnings = WARNINGS + _caveats(self.films)
        self.rows = _rows(self.films, seed)

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, index: int) -> Case:
        """The film: float32 (1, 1024, 1024), a box and a circle mask for each annotated lesion."""
        film, row, path = self.films[index], self.rows[index], self.files[index]
        decoded = read_image(path)
        if decoded.image.shape != (1, SIZE, SIZE):
            raise InputError(f"{path}: {decoded.image.shape} pixels; expected one channel of {SIZE} x "
                             f"{SIZE}: fetch the original film")
        return Case(id=row.case, patient=row.patient, split=row.split, label=row.label, groups=row.groups,
                    image=decoded.image, boxes=tuple(circle.box for circle in film.circles),
                    masks=np.stack([circle.mask for circle in film.circles]) if film.circles else None,
                    spacing_mm=SPACING_MM, digest=decoded.digest)


def _info(folder: Path) -> Path:
    found = [path for path in (folder / "Info.txt", folder / "info.txt") if path.is_file()]
    if not found:
        raise NotFound(f"no Info.txt in {folder}; expected the mini-MIAS folder with Info.txt and "
                       "mdbNNN.pgm: see 'xaimed data fetch mini-mias'")
    return found[0]


def _files(folder: Path, films: Sequence[Film]) -> tuple[Path, ...]:
    found = {path.stem: path for place in (folder, folder / "images") if place.is_dir()
             for path in sorted(place.iterdir()) if path.suffix.lower() in (".png", ".pgm")}
    missing = [film.case for film in films if film.case not in found]
    if missing:
        raise InputError(f"{folder}: {len(missing)} of {len(films)} films in Info.txt have no image, "
                         f"{missing[0]} the first; expected mdbNNN.pgm or .png: fetch them, or cut Info.txt "
                         "to the films that are there")
    return tuple(found[film.case] for film in films)


def _caveats(films: Sequence[Film]) -> tuple[str, ...]:
    without = [f.case for f in films if f.label != "normal" and not f.circles]
    off = [f.case for f in films if f.case in OFF_TISSUE]
    said = []
    if without:
        said.append(f"no circle is given for {', '.join(without)}: their lesions cannot be localised, and "
                    "they are left out of localisation (group localisation = ignore)")
    if off:
        said.append(f"the circles of {', '.join(off)} lie off the tissue: left out of localisation "
                    "(group localisation = ignore)")
    return tuple(said)


def _rows(films: Sequence[Film], seed: int) -> tuple[CaseRow, ...]:
    worst: dict[str, int] = {}
    for film in films:
        worst[film.patient] = max(worst.get(film.patient, 0), WORST.index(film.label))
    splits = patient_split(list(worst), seed, [WORST[rank] for rank in worst.values()])
    return tuple(CaseRow(f.case, f.patient, splits[f.patient], f.label, f.groups) for f in films)


def open(request: DataRequest) -> MiniMias:
    """The dataset below `request.root`: the folder itself, or its folder `mini-mias`.

    Raises NotFound where it is absent, InputError where Info.txt or a film cannot be used.
    """
    if request.root is None:
        raise NotFound("mini-mias needs a folder; give the one that holds mini-mias/ with --data or "
                       "XAIMED_DATA ('xaimed data fetch mini-mias' says where it is to be had)")
    inner = request.root / "mini-mias"
    return MiniMias(inner if inner.is_dir() else request.root, request.seed)
