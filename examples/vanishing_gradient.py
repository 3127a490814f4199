"""How far back recurrent networks look: |d score / d x_t| against the row t of an image.

    python examples/vanishing_gradient.py --data ROOT                      the first 60 test images; ROOT holds mednist/
    python examples/vanishing_gradient.py --data ROOT --cases 6 --out steps.svg

Prints for each network the share of the gradient that falls on the first and on the last quarter of the rows, and
writes the figure where --out names a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xaimed import load_model, open_dataset
from xaimed.content import folder
from xaimed.steps import step_figure, step_gradients
from xaimed.viz.figures import svg

MODELS = ("mednist-elman", "mednist-lstm")


def main(given: Sequence[str] | None = None) -> dict[str, tuple[float, float]]:
    """Print the shares of the first and the last quarter, by model, and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that holds mednist/; else XAIMED_DATA")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--out", type=Path, help="an .svg file")
    chosen = parser.parse_args(given)
    data = open_dataset("mednist", split="test", root=chosen.data)
    # The classes follow each other in the file.
    cases = [data[i] for i in np.linspace(0, len(data) - 1, chosen.cases).round().astype(int)]
    norms = {name: step_gradients(load_model(folder("models") / name / "model.pt"), cases) for name in MODELS}
    shares = {}
    for name, found in norms.items():
        quarter = found.shape[1] // 4
        parts = found / found.sum(axis=1, keepdims=True)
        shares[name] = (float(parts[:, :quarter].sum(axis=1).mean()), float(parts[:, -quarter:].sum(axis=1).mean()))
        print(f"{name:15} first quarter {shares[name][0]:.3f}   last quarter {shares[name][1]:.3f}")
    if chosen.out is not None:
        chosen.out.write_bytes(svg(step_figure(norms)))
    return shares


if __name__ == "__main__":
    main()
