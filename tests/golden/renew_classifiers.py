"""Writes classifiers.json again: the scores of the committed classifiers for one drawn image.

    python -m tests.golden.renew_classifiers
"""

from __future__ import annotations

import json

from tests.models.test_classifiers import GOLDEN, scores
from xaimed.content import folder

NAMES = ("bccd-tiles-coudray", "busi-alexnet", "busi-transfer", "mednist-lenet", "mias-crops-transfer",
         "pneumoniamnist-alexnet", "pneumoniamnist-bagnet", "pneumoniamnist-cnn", "pneumoniamnist-dbn",
         "pneumoniamnist-lenet", "pneumoniamnist-prototypes", "pneumoniamnist-radiomic", "pneumoniamnist-tree")


def main() -> None:
    """Write the file; models that are not there are left out."""
    made = [name for name in NAMES if (folder("models") / name / "model.pt").is_file()]
    table = {name: {key: round(value, 5) for key, value in scores(name).items()} for name in made}
    GOLDEN.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
