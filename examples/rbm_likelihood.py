"""How likely real images are under the Boltzmann machine of chest X-rays, beside pixels that do not know each other.

    python examples/rbm_likelihood.py --data ROOT                      ROOT holds mednist/
    python examples/rbm_likelihood.py --data ROOT --cases 10 --chains 20 --temperatures 200

Binary units are on or off: each grey value of a test image is drawn once as a probability. log Z comes from annealed
importance sampling, so a mean log-likelihood has the interval of log Z. The pseudo-likelihood needs no log Z. The other
machine has the mean of each pixel over the training images and no hidden unit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from xaimed import load_model, open_dataset
from xaimed.adapters.model import Model
from xaimed.architectures.rbm import RBM
from xaimed.content import folder
from xaimed.training.greedy import start_at_mean
from xaimed.training.partition import pseudo_log_likelihood, sampled_log_partition
from xaimed.types import Case

MODEL = "mednist-rbm"


def pixels(model: Model, cases: Sequence[Case]) -> Tensor:
    """(n, pixels) in [0, 1] as the machine sees them."""
    return torch.stack([torch.from_numpy(model.prepare(case).image).flatten() for case in cases])


def main(given: Sequence[str] | None = None) -> dict[str, float]:
    """Print the figures in nats an image; those of the machine and of the independent pixels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that holds mednist/; else XAIMED_DATA")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--temperatures", type=int, default=2000)
    chosen = parser.parse_args(given)
    model = load_model(folder("models") / MODEL / "model.pt", device="cpu")
    rbm = model.network
    if not isinstance(rbm, RBM):
        raise SystemExit(f"{MODEL} is {type(rbm).__name__}; expected a restricted Boltzmann machine")
    train, test = (open_dataset("mednist-normals", split=split, root=chosen.data) for split in ("train", "test"))
    normal = [i for i, row in enumerate(test.rows) if row.label == "normal"][:chosen.cases]
    torch.manual_seed(0)
    shown = torch.bernoulli(pixels(model, [test[i] for i in normal]))
    alone = RBM(shown.shape[1], 1, "binary")
    torch.nn.init.zeros_(alone.weight)
    start_at_mean(alone, pixels(model, [train[i] for i in range(len(train))]))
    partition = sampled_log_partition(rbm, chosen.chains, chosen.temperatures)
    exact = sampled_log_partition(alone, 2, 1).value
    with torch.no_grad():
        found = {
            "log Z": partition.value, "log Z low": partition.low, "log Z high": partition.high,
            "log-likelihood": float(-rbm.free_energy(shown).mean()) - partition.value,
            "log-likelihood, independent pixels": float(-alone.free_energy(shown).mean()) - exact,
            "pseudo-log-likelihood": float(pseudo_log_likelihood(rbm, shown).mean()),
            "pseudo-log-likelihood, independent pixels": float(pseudo_log_likelihood(alone, shown).mean())}
    for name, value in found.items():
        print(f"{name:42} {value:10.1f}")
    return found


if __name__ == "__main__":
    main()
