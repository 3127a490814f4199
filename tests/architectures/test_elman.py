"""Elman's cell and the multiplicative one against loops in NumPy; an LSTM over rows against its equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from xaimed.architectures.elman import build
from xaimed.architectures.lstm_rows import build as build_lstm
from xaimed.errors import ModelError

IMAGES = torch.rand(3, 2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def numbers(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: weight.detach().numpy() for name, weight in network.named_parameters()}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def states(w: dict[str, np.ndarray], steps: np.ndarray) -> list[np.ndarray]:
    out = [np.zeros(w["cell.recur.weight"].shape[0])]
    for x in steps:
        carried = out[-1]
        if "cell.input_factor.weight" in w:
            carried = np.diag(w["cell.input_factor.weight"] @ x) @ w["cell.state_factor.weight"] @ carried
        out.append(np.tanh(w["cell.enter.weight"] @ x + w["cell.recur.weight"] @ carried + w["cell.enter.bias"]))
    return out[1:]


@pytest.mark.parametrize("cell", ["elman", "multiplicative"])
@pytest.mark.parametrize("axis", ["rows", "slices"])
def test_the_logits_of_every_step_are_those_of_the_equations(cell: str, axis: str) -> None:
    torch.manual_seed(0)
    inputs = 8 if axis == "rows" else 20
    network = build(outputs=3, sizes=(inputs, 6), cell=cell, axis=axis, every=True).double()
    w, got = numbers(network), network(IMAGES).detach().numpy()
    for image, logits in zip(IMAGES.numpy(), got, strict=True):
        # A row holds the row of the first channel, then that of the second.
        steps = np.concatenate([image[0], image[1]], axis=1) if axis == "rows" else image.reshape(2, 20)
        expected = [w["linear.weight"] @ h + w["linear.bias"] for h in states(w, steps)]
        assert logits == pytest.approx(np.stack(expected), abs=1e-12)
    last = build(outputs=3, sizes=(inputs, 6), cell=cell, axis=axis).double()
    last.load_state_dict(network.state_dict())
    assert torch.equal(last(IMAGES), network(IMAGES)[:, -1])


def test_elmans_cell_is_torchs() -> None:
    torch.manual_seed(0)
    network = build(outputs=2, sizes=(8, 6), every=True).double()
    theirs = nn.RNN(8, 6, batch_first=True).double()
    cell = network.get_submodule("cell")
    theirs.load_state_dict({
        "weight_ih_l0": cell.get_parameter("enter.weight"), "bias_ih_l0": cell.get_parameter("enter.bias"),
        "weight_hh_l0": cell.get_parameter("recur.weight"), "bias_hh_l0": torch.zeros(6)})
    steps = IMAGES.transpose(1, 2).flatten(2)
    torch.testing.assert_close(network.get_submodule("cell")(steps), theirs(steps)[0], rtol=0, atol=1e-12)


def test_an_earlier_answer_does_not_see_later_rows() -> None:
    network = build(outputs=2, sizes=(8, 6), every=True).double()
    images = IMAGES.clone().requires_grad_()
    gradient = torch.autograd.grad(network(images)[:, 2].sum(), images)[0]
    assert (gradient[:, :, 3:] == 0).all()
    assert (gradient[:, :, :3] != 0).any()


@pytest.mark.parametrize("reading", ["last", "every", "both"])
def test_the_lstm_is_that_of_the_equations(reading: str) -> None:
    torch.manual_seed(0)
    network = build_lstm(outputs=2, sizes=(8, 5), reading=reading).double()
    w = numbers(network)

    def run(steps: np.ndarray, mark: str) -> list[np.ndarray]:
        h, c, out = np.zeros(5), np.zeros(5), []
        for x in steps:
            gates = (w[f"lstm.weight_ih_l0{mark}"] @ x + w[f"lstm.bias_ih_l0{mark}"]
                     + w[f"lstm.weight_hh_l0{mark}"] @ h + w[f"lstm.bias_hh_l0{mark}"])
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            out.append(h)
        return out

    steps = IMAGES[0].transpose(0, 1).flatten(1).numpy()
    onward = run(steps, "")
    read = {"last": lambda: onward[-1], "every": lambda: np.stack(onward),
            "both": lambda: np.concatenate([onward[-1], run(steps[::-1], "_reverse")[-1]])}[reading]()
    expected = read @ w["linear.weight"].T + w["linear.bias"]
    assert network(IMAGES)[0].detach().numpy() == pytest.approx(expected, abs=1e-12)
    assert w["lstm.bias_ih_l0"][5:10] == pytest.approx(np.ones(5))


@pytest.mark.parametrize("make", [build, build_lstm])
def test_rows_of_another_length_and_other_axes_are_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ModelError, match="8 numbers in each of its rows; expected 9"):
        make(sizes=(9, 4)).double()(IMAGES)
    with pytest.raises(ModelError, match="expected"):
        make(axis="columns")
