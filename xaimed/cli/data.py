"""Describe a dataset, convert images to PNG, and say where public datasets are to be had."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from xaimed.errors import InputError, unknown

EPILOG = """examples:
  xaimed data describe mini-mias --data ../shared/data
  xaimed data describe isbi2012-em --data ../shared/data --dataset-option radius=1
  xaimed data describe films/ --annotations films/boxes.json
  xaimed data convert *.dcm --out png/ --bits 16
  xaimed data convert photo.jpg --out png/ --grey
  xaimed data fetch mini-mias
"""
SOURCES = {
    "mini-mias": "get the MIAS mini-database (all-mias.tar.gz, research only) from the PEIPA archive of the "
                 "University of Essex or its copy at the University of Cambridge repository, put Info.txt "
                 "and mdbNNN.pgm into DATA/mini-mias/ and give DATA with --data or XAIMED_DATA",
    "cbis-ddsm": "get CBIS-DDSM (CC BY 3.0, doi 10.7937/K9/TCIA.2016.7O02S9CY) from The Cancer Imaging "
                 "Archive, put its DICOM files into one folder and give that folder in place of a name",
    "phantom": "is made by seed on this machine and needs no file"}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `data` with its actions describe, convert and fetch."""
    parser = subparsers.add_parser("data", help="describe or convert images and datasets",
                                   description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    tell = actions.add_parser("describe", help="counts per split, class and group, and warnings")
    tell.add_argument("name", metavar="NAME|FOLDER", help="a dataset by name, or a folder of images")
    tell.add_argument("--data", metavar="ROOT", help="folder that holds the datasets (default: XAIMED_DATA)")
    tell.add_argument("--annotations", metavar="FILE", help="COCO .json, .csv, VOC .xml or a folder of .xml")
    tell.add_argument("--dataset-option", action="append", default=[], metavar="KEY=VALUE",
                      help="an option of the dataset's reader, such as radius=2")
    turn = actions.add_parser("convert", help="DICOM, TIFF, PGM, JPEG or PNG to PNG")
    turn.add_argument("inputs", nargs="+", metavar="IN", help="image files or folders")
    turn.add_argument("--out", required=True, metavar="FOLDER", help="where the PNG files go")
    turn.add_argument("--bits", type=int, choices=(8, 16), default=16, help="grey depth (default: 16)")
    turn.add_argument("--grey", action="store_true", help="colour to luminance")
    fetch = actions.add_parser("fetch", help="where the public original of a dataset is to be had")
    fetch.add_argument("name", metavar="NAME", help="a dataset by name")


def run(options: argparse.Namespace) -> int:
    """Carry out the action; 0 when done."""
    return {"describe": _describe, "convert": _convert, "fetch": _fetch}[str(options.action)](options)


def _describe(options: argparse.Namespace) -> int:
    from xaimed.cli.asking import dataset_options
    from xaimed.data.dataset import DataRequest, opened
    from xaimed.data.describe import describe

    root, boxes = (Path(given) if given else None for given in (options.data, options.annotations))
    print(describe(opened(DataRequest(options.name, root, boxes, options=dataset_options(options.dataset_option)))))
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from xaimed.registry import load, names

    places = {name: module.ORIGIN.source for name in names("data") if hasattr(module := load("data", name), "ORIGIN")}
    places |= SOURCES
    if options.name not in places:
        raise unknown("dataset", options.name, places)
    print(f"{options.name}: {places[options.name]}")
    return 0


def _convert(options: argparse.Namespace) -> int:
    pairs = _targets(_inputs(options.inputs), Path(options.out))
    count = convert(pairs, bits=options.bits, to_grey=options.grey)
    print(f"{count} PNG of {options.bits} bits in {options.out}")
    return 0


def _inputs(names: Sequence[str]) -> list[Path]:
    from xaimed.data.folder import image_files

    places = [Path(name) for name in names]
    return [file for place in places for file in (image_files(place) if place.is_dir() else [place])]


def _targets(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Output -> input. Raises InputError if two inputs would become one file, or a file is there already."""
    pairs: dict[Path, Path] = {}
    for file in files:
        target = out / f"{file.stem}.png"
        if target in pairs:
            raise InputError(f"{pairs[target]} and {file} would both become {target}; expected different "
                             "names: convert them into two folders")
        if target.exists():
            raise InputError(f"{target} is there already; expected a new file: choose another --out or "
                             "remove it")
        pairs[target] = file
    return pairs


def convert(pairs: dict[Path, Path], bits: int = 16, to_grey: bool = False) -> int:
    """How many PNG were written: output path -> input path; all of them or, on any error, none."""
    from xaimed.imaging.export import grey, write_png
    from xaimed.imaging.files import read_image

    out = next(iter(pairs)).parent
    fresh = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".convert-", dir=out))
    try:
        for target, file in pairs.items():
            image = read_image(file).image
            write_png(grey(image) if to_grey else image, staging / target.name, bits)
        for target in pairs:
            (staging / target.name).replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if fresh and not any(out.iterdir()):
            out.rmdir()
    return len(pairs)
