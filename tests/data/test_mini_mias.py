"""mini-MIAS: the original Info.txt read here a second time, and drawn folders with faults."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.data.dataset import DataRequest, open_dataset
from xaimed.data.mini_mias import MiniMias, read_films
from xaimed.data.mini_mias import open as open_mias
from xaimed.data.split import manifest_digest
from xaimed.errors import InputError, NotFound

HEAD = "MAMMOGRAPHIC IMAGE ANALYSIS SOCIETY\n\n"


@pytest.fixture(scope="module")
def films(data_root: Path) -> MiniMias:
    return open_mias(DataRequest("mini-mias", data_root))


def test_against_the_table_that_was_made_from_it(data_root: Path, films: MiniMias) -> None:
    boxes, labels = defaultdict(list), defaultdict(set)
    with (data_root / "mini-mias" / "annotations.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels[row["image"]].add({"": "normal", "B": "benign", "M": "malignant"}[row["severity"]])
            if row["x1"]:
                label = "benign" if row["severity"] == "B" else "malignant"
                boxes[row["image"]].append((label, *(float(row[k]) for k in ("x1", "y1", "x2", "y2"))))
    assert len(films) == len(labels) == 272
    for film, row in zip(films.films, films.rows, strict=True):
        assert [(c.box.label, *c.box.edges) for c in film.circles] == boxes[row.case]
        assert row.label == next(w for w in ("malignant", "benign", "normal") if w in labels[row.case])
    assert Counter(row.label for row in films.rows)["normal"] == 177
    assert sum(len(film.circles) for film in films.films) == 97


def test_origin_is_turned(data_root: Path, films: MiniMias) -> None:
    """Written from Info.txt's own words: mdb028 F CIRC M 338 314 56 with y from the bottom."""
    line = next(text for text in (data_root / "mini-mias" / "Info.txt").read_text(encoding="latin-1").splitlines()
                if text.startswith("mdb028"))
    assert line.split() == ["mdb028", "F", "CIRC", "M", "338", "314", "56"]
    case = films[[row.case for row in films.rows].index("mdb028")]
    assert case.boxes[0].edges == (338 - 56, 1024 - 314 - 56, 338 + 56, 1024 - 314 + 56)
    # The mass is bright: brighter than the same circle mirrored, where the wrong origin would put it.
    assert case.masks is not None
    mask = case.masks[0]
    assert case.image[0][mask].mean() > 1.15 * case.image[0][mask[::-1]].mean()
    assert mask.sum() == pytest.approx(np.pi * 56**2, rel=0.01)


def test_masks_fill_their_boxes(films: MiniMias) -> None:
    case = films[[row.case for row in films.rows].index("mdb005")]
    assert case.masks is not None
    assert len(case.boxes) == len(case.masks) == 2
    for box, mask in zip(case.boxes, case.masks, strict=True):
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == box.edges


def test_worst_severity_of_a_film_with_both(films: MiniMias) -> None:
    row, film = next((r, f) for r, f in zip(films.rows, films.films, strict=True) if r.case == "mdb144")
    assert row.label == "malignant"
    assert sorted(circle.label for circle in film.circles) == ["benign", "malignant"]


def test_what_cannot_be_localised(films: MiniMias) -> None:
    ignored = {row.case for row in films.rows if row.groups["localisation"] == "ignore"}
    assert ignored == {"mdb059", "mdb212", "mdb214", "mdb216", "mdb233", "mdb245"}
    assert any("mdb216" in text for text in films.warnings)
    assert any("mdb212, mdb214" in text for text in films.warnings)


def test_pairs_and_split(films: MiniMias) -> None:
    splits, sides = defaultdict(set), defaultdict(set)
    for row in films.rows:
        splits[row.patient].add(row.split)
        sides[row.patient].add(row.groups["side"])
    assert len(splits) == 136
    assert all(len(found) == 1 for found in splits.values())
    assert all(found == {"L", "R"} for found in sides.values())
    by_case = {row.case: row for row in films.rows}
    assert by_case["mdb001"].patient == by_case["mdb002"].patient != by_case["mdb003"].patient
    assert by_case["mdb001"].groups["side"] == "R"
    patients = Counter(next(iter(found)) for found in splits.values())
    assert patients == {"train": 108, "val": 14, "test": 14}
    for label in ("benign", "malignant"):
        held = Counter(row.split for row in films.rows if row.label == label)
        assert held["val"] >= 3
        assert held["test"] >= 3


def test_split_is_the_same_every_time(data_root: Path, films: MiniMias) -> None:
    assert manifest_digest(films.rows) == manifest_digest(MiniMias(data_root / "mini-mias").rows)
    assert manifest_digest(films.rows) != manifest_digest(MiniMias(data_root / "mini-mias", seed=1).rows)


def test_by_name(data_root: Path) -> None:
    found = open_dataset("mini-mias", split="test", root=data_root)
    assert {row.split for row in found.rows} == {"test"}
    case = found[0]
    assert case.image.shape == (1, 1024, 1024)
    assert case.spacing_mm == 0.2
    assert not case.synthetic


# Faults

def folder(tmp_path: Path, rows: str, films: tuple[str, ...] = (), size: int = 1024) -> Path:
    (tmp_path / "Info.txt").write_text(HEAD + rows, encoding="latin-1")
    for name in films:
        Image.fromarray(np.zeros((size, size), np.uint8)).save(tmp_path / f"{name}.pgm")
    return tmp_path


def test_drawn_folder_of_pgm(tmp_path: Path) -> None:
    rows = "mdb007 F NORM\nmdb008 D CALC M *NOTE 3*\nmdb009 G SPIC B 10 1020 20\n"
    found = MiniMias(folder(tmp_path, rows, ("mdb007", "mdb008", "mdb009")))
    assert [row.label for row in found.rows] == ["normal", "malignant", "benign"]
    assert [row.patient for row in found.rows] == ["mias-004", "mias-004", "mias-005"]
    assert found[2].boxes[0].edges == (0, 0, 30, 24), "clipped at the film"
    assert found[1].boxes == ()


@pytest.mark.parametrize("row", ["mdb001 X CIRC B 1 2 3", "mdb001 G CIRK B 1 2 3", "mdb001 G CIRC 1 2 3",
                                 "mdb001 G NORM B 1 2 3", "mdb1"])
def test_bad_rows(tmp_path: Path, row: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_films(folder(tmp_path, row) / "Info.txt")


def test_faults(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row"):
        read_films(folder(tmp_path, "") / "Info.txt")
    with pytest.raises(InputError, match=r"1 of 2 films.*mdb002"):
        MiniMias(folder(tmp_path, "mdb001 G NORM\nmdb002 G NORM\n", ("mdb001",)))
    with pytest.raises(InputError, match="expected one channel of 1024 x 1024"):
        MiniMias(folder(tmp_path, "mdb001 G NORM\n", ("mdb001",), size=64))[0]
    with pytest.raises(NotFound, match=r"no Info\.txt"):
        open_mias(DataRequest("mini-mias", tmp_path / "none"))
    with pytest.raises(NotFound, match="XAIMED_DATA"):
        open_mias(DataRequest("mini-mias"))
