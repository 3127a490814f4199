"""How well the detector's anchors cover the lesions of a dataset, for stride 16 and 32.

    python examples/anchor_audit.py                             all phantoms (SYNTHETIC), about two minutes
    python examples/anchor_audit.py --patients 12               the first twelve phantom patients
    python examples/anchor_audit.py mini-mias --data ROOT       real films; ROOT holds mini-mias/

Prints a table: lesions, and the share whose best anchor reaches IoU 0.5 and 0.7. Circles of mini-MIAS that lie off
the tissue, and lesions without a place, are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from xaimed import open_dataset
from xaimed.architectures.anchors import AnchorAudit, audit_cases, prepared_boxes
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.types import Case

ANCHORS = (32, 64, 128, 256)


def cases_of(name: str, root: Path | None, patients: int | None) -> Iterator[Case]:
    """The cases of the first patients whose lesions have a known place."""
    cases = open_dataset(name, root=root)
    order = list(dict.fromkeys(row.patient for row in cases.rows))[:patients]
    for index, row in enumerate(cases.rows):
        if row.patient in order and row.groups.get("localisation") != "ignore":
            yield cases[index]


def main(given: Sequence[str] | None = None) -> dict[int, AnchorAudit]:
    """Print the table; the audits by stride."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="phantom")
    parser.add_argument("--data", type=Path, help="the folder that holds mini-mias/; else XAIMED_DATA")
    parser.add_argument("--patients", type=int, help="the first so many patients; all of them if not given")
    parser.add_argument("--long-side", type=int, default=512)
    chosen = parser.parse_args(given)
    steps = Preprocessing(long_side=chosen.long_side)
    lesions = prepared_boxes(cases_of(chosen.dataset, chosen.data, chosen.patients), steps)
    audits = {stride: audit_cases(lesions, stride, ANCHORS) for stride in (16, 32)}
    print(f"{chosen.dataset}, long side {chosen.long_side}, anchors {', '.join(map(str, ANCHORS))}")
    print(f"{'stride':>6} {'lesions':>8} {'IoU >= 0.5':>11} {'IoU >= 0.7':>11}")
    for stride, audit in audits.items():
        print(f"{stride:>6} {audit.count:>8} {audit.at_half:>11.3f} {audit.at_seven_tenths:>11.3f}")
    return audits


if __name__ == "__main__":
    main()
