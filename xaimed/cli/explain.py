"""Explain a model on image files: one picture and one NPZ file of maps for each image."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from xaimed.cli.app import FAILED, one_line
from xaimed.errors import InputError, XaimedError

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.types import Case

EPILOG = """examples:
  xaimed explain models/mammogram-detector-mias/model.pt film.dcm
  xaimed explain model.pt *.dcm --methods grad_cam,integrated_gradients --out explained/
  xaimed explain classifier.pt scan.nii.gz --slice 40
  xaimed explain classifier.pt film.png --target malignant-benign --target probability:malignant

Files are named by a pseudonym made from the pixels, never by the source file; the terminal prints which is which.
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `explain`."""
    parser = subparsers.add_parser("explain", help="heatmaps for image files", description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a model.pt")
    parser.add_argument("images", nargs="+", metavar="IMAGE",
                        help="DICOM, PNG, TIFF, PGM, JPEG or NIfTI files, or folders")
    parser.add_argument("--slice", type=_place, metavar="N",
                        help="which slice of a volume (NIfTI, TIFF of several pages), counted from 0 (default: the "
                             "middle one)")
    parser.add_argument("--methods", metavar="A,B",
                        help="attribution methods; by default grad_cam, integrated_gradients, gradient_shap and "
                             "kernel_shap, without those that cannot explain the model")
    parser.add_argument("--targets", type=_count, default=3, metavar="N",
                        help="at most so many boxes an image, best first; the best one if none reaches the "
                             "operating point (default 3)")
    parser.add_argument("--target", action="append", default=[], metavar="NAME",
                        help="what to explain, again for several: a class (malignant), two of them "
                             "(malignant-benign), a box (d0), an edge of it (d0:x0), the objectness behind it "
                             "(rpn:d0), or as the task has it (mean:x0,y0,x1,y1, dx:x,y)")
    parser.add_argument("--out", default="explained", metavar="FOLDER",
                        help="where the pictures and the maps go (default: explained)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto",
                        help="where the model runs (default: auto, a GPU if there is one)")


def _place(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 0 on")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1 on")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Carry out the explanation; 0 when done, 2 where an image could not be explained, which is told in a line."""
    from xaimed.adapters.loading import load_model
    from xaimed.cli.progress import progress_bar

    methods, out = _methods(options.methods), Path(options.out)
    _check_folder(out)
    files = _files(options.images)
    model = load_model(options.model, options.device)
    asked = _Asked(model, methods, options, sys.stdout)
    with progress_bar(where=out) as progress:
        for index, path in enumerate(files):
            progress("explaining", index, len(files))
            asked.explain(path)
        progress("explaining", len(files), len(files))
    return FAILED if asked.failed else 0


@dataclass
class _Asked:
    """What is asked of every image. told: the stream of the lines that say which file became which."""

    model: Model
    methods: list[str] | None
    options: argparse.Namespace
    told: TextIO
    left_out: set[str] = field(default_factory=set)
    failed: int = 0

    def explain(self, path: Path) -> None:
        """Explain a file and say so at once; of one that cannot be explained, why."""
        from xaimed.explanation import explain_case, write_explanation

        try:
            case = _case(path, self.options.slice)
            found = explain_case(self.model, case, self.methods, self.options.targets, self.options.target)
            written = write_explanation(found, Path(self.options.out))
        except XaimedError as error:
            self.failed += 1
            why = one_line(error)
            print(f"xaimed: {why if str(path) in why else f'{path}: {why}'}", file=sys.stderr, flush=True)
            return
        for name in sorted(set(found.left_out) - self.left_out):
            print(f"{name} is left out: {found.left_out[name]}", file=sys.stderr, flush=True)
        self.left_out |= set(found.left_out)
        # A progress bar on a terminal takes sys.stdout over to write above itself, though a file may stand behind it.
        stream = sys.stdout if self.told.isatty() else self.told
        print(f"{path} -> {written}  ({found.summary})", file=stream, flush=True)


def _case(path: Path, number: int | None) -> Case:
    """The image of a file, or one slice of a volume's."""
    from xaimed.data.folder import open_files
    from xaimed.data.volumes import is_volume, slice_of

    if is_volume(path):
        return slice_of(path, number)
    if number is not None:
        raise InputError(f"{path} is one image, and --slice {number} was given; expected a volume: NIfTI or a TIFF of "
                         "several pages")
    return open_files([path])[0]


def _methods(given: str | None) -> list[str] | None:
    from xaimed.explain import check_methods

    if given is None:
        return None
    names = [name.strip().replace("-", "_") for name in given.split(",") if name.strip()]
    check_methods(names)
    return names


def _check_folder(out: Path) -> None:
    """Raise InputError if a file stands where the folder, or one above it, would be."""
    there = next((place for place in (out, *out.parents) if place.exists()), out)
    if there.exists() and not there.is_dir():
        raise InputError(f"{there} is a file; expected a folder for the pictures: choose another with --out")


def _files(given: list[str]) -> list[Path]:
    files: list[Path] = []
    for name in given:
        path = Path(name)
        if not path.exists():
            raise InputError(f"no file {name}; expected image files or folders")
        files += _within(path) if path.is_dir() else [path]
    return files


def _within(folder: Path) -> list[Path]:
    """The images and volumes below a folder. Raises InputError where there are none."""
    from xaimed.data.folder import image_files
    from xaimed.data.volumes import SUFFIXES

    volumes = [path for path in folder.rglob("*") if path.name.lower().endswith(SUFFIXES) and path.is_file()]
    try:
        images = image_files(folder)
    except InputError:
        if not volumes:
            raise
        images = []
    return sorted({*images, *volumes})

