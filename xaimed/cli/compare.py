"""The command `xaimed compare`: an earlier and a new model on the same cases."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.errors import InputError

if TYPE_CHECKING:
    from xaimed.comparing import RunComparison

EXAMPLES = """examples:
  xaimed compare runs/version-1 runs/version-2 --margin 0.05
  xaimed compare runs/version-1 runs/version-2 --out comparison.pdf
  xaimed compare runs/version-1 runs/version-2 --json

exit code: 0 non-inferiority is shown (without a margin: no measure is shown to be worse), 1 not, 2 usage or a known
error, such as two runs of different data.
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "compare", help="compare two runs on the same cases", epilog=EXAMPLES,
        description="Compare a new model's run with an earlier one's on the same cases: paired tests, "
                    "non-inferiority, the cases on which the two differ, and how far their explanations drifted.")
    parser.add_argument("earlier", metavar="RUN_A", type=Path, help="the run of the earlier model")
    parser.add_argument("new", metavar="RUN_B", type=Path, help="the run of the new model")
    parser.add_argument("--margin", type=float, metavar="AUC",
                        help="by how much AUC the new model may be worse, as declared (default: the new run's plan)")
    parser.add_argument("--out", metavar="FILE.pdf", type=Path, help="write the report, and FILE.json beside it")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(options: argparse.Namespace) -> int:
    """0 if the new model is shown to be not inferior, 1 if not."""
    from xaimed.comparing import compare_runs
    from xaimed.run import Run

    if options.out is not None and options.out.suffix.lower() != ".pdf":
        raise InputError(f"--out {options.out}; expected a file that ends with .pdf")
    found = compare_runs(Run.open(options.earlier), Run.open(options.new), options.margin)
    written = _written(found, options.out)
    if options.json:
        print(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        print("\n".join([*told(found), *(f"report     {path}" for path in written)]))
    return found.exit_code


def told(found: RunComparison) -> list[str]:
    """The comparison as lines of text: verdict, differences, discordant cases, drift."""
    from xaimed.metrics.criteria import worded

    shown = [e for e in found.estimates if e.name.startswith("difference in ")]
    maps = [e for e in found.estimates if e.group.startswith("method=")]
    won = sum(d.right == "new" for d in found.discordant)
    return [f"verdict    {found.verdict}", *(f"           {worded(e)}" for e in shown),
            *([f"note       {found.multiplicity}"] if found.multiplicity else []),
            f"discordant {len(found.discordant)} images or lesions; the new model is right in {won}",
            *(f"drift      {worded(e)}" for e in maps),
            *(f"set-up     {name}: {a} -> {b}" for name, (a, b) in found.settings.items())]


def _written(found: RunComparison, out: Path | None) -> list[Path]:
    if out is None:
        return []
    from xaimed.report.compared import comparison_document
    from xaimed.report.typst import Renderer

    with Renderer() as renderer:
        out.write_bytes(renderer.pdf(comparison_document(found)))
    beside = out.with_suffix(".json")
    beside.write_text(json.dumps(found.to_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    return [out, beside]
