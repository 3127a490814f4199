"""A folder of small drawn images, for the tests of annotations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 30
HEADER = "image,label,x0,y0,x1,y1,patient,site\n"
ROWS = ("a.png,benign,1,2,11,12,Doe Jane,north\n", "a.png,malignant,20.5,3,30,20,Doe Jane,north\n",
        "b.png,normal,,,,,Doe Jane,north\n", "c.png,benign,0,0,40,30,4711,south\n")


def images(folder: Path, names: Iterable[str] = ("a.png", "b.png", "c.png")) -> Path:
    """The folder with one image of noise a name, each different."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
        Image.fromarray(values).save(folder / name)
    return folder


def table(folder: Path, text: str = HEADER + "".join(ROWS)) -> Path:
    """annotations.csv in the folder."""
    path = folder / "annotations.csv"
    path.write_text(text, encoding="utf-8")
    return path
