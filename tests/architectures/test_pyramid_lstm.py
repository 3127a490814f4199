"""PyraMiD-LSTM: the published number of parameters, its sweeps against a loop over voxels, and their exact sum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from xaimed.architectures.conv_lstm import ConvLSTM
from xaimed.architectures.pyramid_lstm import SWEEPS, PyramidLSTM, SixSweeps, build
from xaimed.errors import ModelError


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def loop(lstm: ConvLSTM, planes: np.ndarray) -> np.ndarray:
    """States (T, hidden, h, w) of planes (T, inputs, h, w), one convolution a gate and channel."""
    weight, bias = (value.detach().numpy() for value in (lstm.gates.weight, lstm.gates.get_parameter("bias")))
    k = lstm.hidden
    h, c = np.zeros((2, k, *planes.shape[2:]))
    out = []
    for plane in planes:
        both = np.concatenate([plane, h])
        gates = np.stack([sum(correlate2d(both[j], kernel[j], "same") for j in range(len(both))) + b
                          for kernel, b in zip(weight, bias, strict=True)])
        i, f, o, g = gates[:k], gates[k:2 * k], gates[2 * k:3 * k], gates[3 * k:]
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.stack(out)


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_parameters_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        assert count(build(2, (16, 32, 64), (25, 45), 7)) == 10_673_400
        assert count(build()) == 126_124


def test_a_convolutional_lstm_is_a_loop_over_planes_either_way() -> None:
    torch.manual_seed(0)
    planes = torch.rand(2, 4, 2, 5, 6, dtype=torch.float64)
    onward, back = (ConvLSTM(2, 3, 3, reverse).double() for reverse in (False, True))
    for lstm, order in ((onward, slice(None)), (back, slice(None, None, -1))):
        found = lstm(planes)[1].detach().numpy()
        assert found == pytest.approx(loop(lstm, planes[1].numpy()[order])[order], abs=1e-12)


def test_the_gradient_of_a_sweep_fills_no_stack_for_each_plane() -> None:
    torch.manual_seed(0)
    lstm, sizes = ConvLSTM(1, 2, 3), (1, 32, 1, 4, 4)
    planes = torch.rand(sizes, requires_grad=True)
    states = lstm(planes)
    seen, kinds = [states.grad_fn], set()
    while seen:
        node = seen.pop()
        if node is not None and node not in kinds:
            kinds.add(node)
            seen += [other for other, _ in node.next_functions]
    names = [node.name() for node in kinds]
    assert not any(name.startswith(("SelectBackward", "SliceBackward")) for name in names), "quadratic in the planes"
    # The same as finite differences say.
    lstm.double()
    small = torch.rand(1, 3, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lstm, (small,))


def test_the_six_sweeps_run_along_three_axes_both_ways() -> None:
    torch.manual_seed(0)
    six = SixSweeps(2, 3, 3).double()
    stack = torch.rand(1, 2, 3, 4, 5, dtype=torch.float64)
    states = six.states(stack)[0].detach().numpy()
    for number, name in enumerate(SWEEPS):
        axis = {"z": 1, "y": 2, "x": 3}[name[0]]
        planes = np.moveaxis(stack[0].numpy(), axis, 0)
        order = slice(None) if name[1] == "+" else slice(None, None, -1)
        lstm = six.get_submodule(f"parts.{number}.lstm")
        assert isinstance(lstm, ConvLSTM)
        expected = np.moveaxis(loop(lstm, planes[order])[order], 0, axis)
        assert states[number] == pytest.approx(expected, abs=1e-12), name
    assert six(stack)[0].detach().numpy() == pytest.approx(states.sum(axis=0), abs=1e-12)


def small() -> PyramidLSTM:
    torch.manual_seed(0)
    network = build(3, (3, 4), (5,), 3).double()
    assert isinstance(network, PyramidLSTM)
    return network


def test_the_logits_of_the_centre_are_exactly_the_sum_of_six_parts_and_the_bias() -> None:
    network, stack = small(), torch.rand(2, 5, 6, 7, dtype=torch.float64)
    parts, logits = network.decomposed(stack), network(stack)
    assert parts.sweeps.shape == (2, 6, 3, 6, 7)
    torch.testing.assert_close(parts.whole, logits, rtol=0, atol=1e-12)
    assert torch.equal(network.volume(stack)[:, :, 2], logits)
    # Each of the six matters.
    assert (parts.sweeps.abs().amax(dim=(0, 2, 3, 4)) > 1e-3).all()


def test_a_sweep_sees_only_the_planes_behind_it() -> None:
    six = SixSweeps(1, 2, 3).double()
    stack = torch.rand(1, 1, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    states = six.states(stack)
    for number, name in enumerate(SWEEPS):
        axis = {"z": 2, "y": 3, "x": 4}[name[0]]
        middle = states[:, number].select(axis, 2)
        gradient = torch.autograd.grad(middle.sum(), stack, retain_graph=True)[0]
        seen = gradient.abs().sum(dim=[d for d in range(5) if d != axis]) > 0
        assert seen.tolist() == [p <= 2 if name[1] == "+" else p >= 2 for p in range(stack.shape[axis])], name


def test_lists_that_do_not_match_and_volumes_are_refused() -> None:
    with pytest.raises(ModelError, match="one layer less than widths"):
        build(widths=(4, 8), between=(3, 3))
    with pytest.raises(ModelError, match="odd kernel"):
        build(kernel=4)
    with pytest.raises(ModelError, match="the slices as channels"):
        small()(torch.zeros(1, 1, 3, 8, 8))
