"""Explain a model on image files: one picture and one NPZ file of maps for each image."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaimed.errors import InputError

EPILOG = """examples:
  xaimed explain models/mammogram-detector-mias/model.pt film.dcm
  xaimed explain model.pt *.dcm --methods grad_cam,integrated_gradients --out explained/
  xaimed explain classifier.pt film.png --target malignant-benign --target probability:malignant

Files are named by a pseudonym made from the pixels, never by the source file; the terminal prints which is which.
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `explain`."""
    parser = subparsers.add_parser("explain", help="heatmaps for image files", description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a model.pt")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="DICOM, PNG, TIFF, PGM or JPEG files, or folders")
    parser.add_argument("--methods", default="grad_cam,integrated_gradients,gradient_shap,kernel_shap", metavar="A,B",
                        help="attribution methods (default: %(default)s)")
    parser.add_argument("--targets", type=int, default=3, metavar="N",
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


def run(options: argparse.Namespace) -> int:
    """Carry out the explanation; 0 when done."""
    from xaimed.adapters.loading import load_model
    from xaimed.cli.progress import progress_bar
    from xaimed.data.folder import open_files
    from xaimed.explain import method_of
    from xaimed.explanation import explain_case, write_explanation

    model = load_model(options.model, options.device)
    methods = [name.strip().replace("-", "_") for name in options.methods.split(",") if name.strip()]
    for name in methods:
        method_of(name)
    files = _files(options.images)
    cases = open_files(files)
    out = Path(options.out)
    lines = []
    with progress_bar() as progress:
        for index, path in enumerate(files):
            progress("explaining", index, len(cases))
            found = explain_case(model, cases[index], methods, options.targets, options.target)
            written = write_explanation(found, out)
            lines.append(f"{path} -> {written}  ({found.summary})")
        progress("explaining", len(cases), len(cases))
    print("\n".join(lines))
    return 0


def _files(given: list[str]) -> list[Path]:
    from xaimed.data.folder import image_files

    files: list[Path] = []
    for name in given:
        path = Path(name)
        if not path.exists():
            raise InputError(f"no file {name}; expected image files or folders")
        files += image_files(path) if path.is_dir() else [path]
    return files

