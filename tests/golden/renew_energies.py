"""Writes energies.json again: the scores of the committed recurrent, energy-based and anomaly models for one image.

    python -m tests.golden.renew_energies
"""

from __future__ import annotations

import json

from tests.models.test_classifiers import scores
from tests.models.test_energies import GOLDEN
from xaimed.content import folder

NAMES = ("mednist-autoencoder", "mednist-class-rbm", "mednist-dbn", "mednist-elman", "mednist-lstm", "mednist-rbm",
         "mednist-stacked-autoencoder", "mednist-wavelet-dbn", "mias-autoencoder", "phantom-modes-dbm")


def main() -> None:
    """Write the file; models that are not there are left out."""
    made = [name for name in NAMES if (folder("models") / name / "model.pt").is_file()]
    table = {name: {key: round(value, 5) for key, value in scores(name).items()} for name in made}
    GOLDEN.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
