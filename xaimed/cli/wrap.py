"""Make a model.pt of plain torch weights, so that they can be explained and audited."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from xaimed.errors import InputError

EPILOG = """examples:
  xaimed wrap resnet.pth --architecture torchvision/resnet18 --classes benign,malignant --out model.pt
  xaimed wrap frcnn.pth --architecture torchvision/fasterrcnn_resnet50_fpn --task detection --classes mass --out m.pt
  xaimed wrap net.pth --factory mynets.density:build --classes a,b,c,d --out model.pt
  xaimed wrap resnet.pth --architecture torchvision/resnet18 --classes a,b --out model.pt \\
      --preprocessing long_side=224 multiple=224 mean=0.485,0.456,0.406 std=0.229,0.224,0.225

The weights are a state_dict that torch.save wrote; a file that holds code is refused. --classes are in the order of
the outputs, without background. Nothing is done to the images unless --preprocessing says so; its keys are segment,
crop, margin, long_side, stretch, multiple, channels, mean and std.
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `wrap`."""
    parser = subparsers.add_parser("wrap", help="make a model.pt of plain weights", description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", metavar="WEIGHTS", help="a state_dict that torch.save wrote, such as weights.pth")
    built = parser.add_mutually_exclusive_group(required=True)
    built.add_argument("--architecture", metavar="NAME", help="torchvision/NAME, timm/NAME or one of "
                       "'xaimed list architectures'")
    built.add_argument("--factory", metavar="MODULE:FUNCTION", help="a function of your own that returns the network; "
                       "its code runs, now and whenever XAIMED_FACTORY allows it")
    parser.add_argument("--classes", default="", metavar="A,B", help="names of the outputs, without background")
    parser.add_argument("--task", metavar="TASK", default="classification",
                        help="classification (default), multilabel, detection, segmentation, anomaly, energy, "
                             "generation, discrimination or registration")
    parser.add_argument("--arguments", nargs="+", default=[], metavar="K=V", help="further arguments of the network")
    parser.add_argument("--preprocessing", nargs="+", default=[], metavar="K=V",
                        help="what is done to an image first (default: nothing)")
    parser.add_argument("--operating-point", type=float, default=0.5, metavar="P",
                        help="score from which an image or box counts as positive, chosen on validation (default 0.5)")
    parser.add_argument("--precision", choices=("half", "single"), default="half",
                        help="how weights are kept (default: half)")
    parser.add_argument("--out", default="model.pt", metavar="FILE", help="the file to write (default: model.pt)")


def run(options: argparse.Namespace) -> int:
    """Write the file; 0 when it is there."""
    from xaimed.adapters.wrapping import Wrapping, wrap

    out = Path(options.out)
    asked = Wrapping(
        weights=Path(options.weights), architecture=options.factory or options.architecture,
        classes=[name.strip() for name in options.classes.split(",") if name.strip()], task=options.task,
        factory=bool(options.factory), options=table(options.arguments, "--arguments"),
        preprocessing=table(options.preprocessing, "--preprocessing"),
        operating_point=options.operating_point, half=options.precision == "half")
    file = wrap(asked, out)
    print(f"model      {out}  ({file.task}: {', '.join(file.classes) or 'no classes'})")
    print(f"weights    {len(file.state)} tensors, sha256 {file.digest[:16]}")
    print(f"explain    xaimed explain {out} IMAGE --methods grad_cam,integrated_gradients")
    print(f"audit      xaimed audit {out} --dataset FOLDER --split all")
    return 0


def table(pairs: list[str], option: str) -> dict[str, Any]:
    """The keys and values of k=v: true, false, none, numbers, lists of numbers with commas, or text.

    Raises InputError for a pair without "=".
    """
    found = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise InputError(f"{option} {pair!r}; expected KEY=VALUE")
        found[key] = [_value(part) for part in text.split(",")] if "," in text else _value(text)
    return found


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
