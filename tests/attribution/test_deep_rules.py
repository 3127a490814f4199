"""Each rule alone: contributions sum exactly, and equal a closed form where there is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import _get_current_function_mode

from tests.attribution.networks import Wrapped, images, scene
from xaimed.attribution import DeepSHAP
from xaimed.attribution.baseline import Background
from xaimed.attribution.deep_pass import deep_maps
from xaimed.attribution.deep_rules import ELEMENTWISE
from xaimed.errors import ModelError, XaimedError

WEIGHT = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(5)).double()
Work = Callable[[Tensor], Tensor]


def contributed(work: Work, image: Tensor, starts: Tensor) -> tuple[np.ndarray, float]:
    """The map of work's sum over each image's values, and the difference that it must sum to."""
    def score(x: Tensor) -> Tensor:
        return (work(x) * mixing(work(x[:1].detach()))).flatten(1).sum(1)

    found = deep_maps([scene(Wrapped(score), image)], starts)[0]
    with torch.no_grad():
        difference = float(score(image) - score(starts).mean())
    assert found.facts["f_input"] - found.facts["f_baseline"] == pytest.approx(difference)
    assert found.facts["completeness_error"] <= 1e-9
    return found.values, difference


def mixing(value: Tensor) -> Tensor:
    """Fixed weights, so that nothing cancels: a softmax sums to 1."""
    return torch.linspace(-1, 2, value[0].numel(), dtype=value.dtype).view_as(value[0])


def convolved(x: Tensor) -> Tensor:
    return functional.conv2d(x, WEIGHT, padding=1)


PAIR, OTHERS = images(1, channels=2, size=8).double(), images(3, channels=2, size=8, seed=9).double()
POSITIVE = {"log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal"}
EXTRA = {"threshold": (0.1, 0.3), "pow": (3,), "clamp": (-0.2, 0.4), "clip": (-0.2, 0.4), "clamp_min": (0.1,),
         "clamp_max": (0.1,)}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_functions_of_an_element_are_additive(name: str) -> None:
    function = getattr(torch, name, None) or getattr(functional, name)
    contributed(lambda x: function(convolved(x).abs() + 0.5 if name in POSITIVE else convolved(x),
                                   *EXTRA.get(name, ())), PAIR, OTHERS)


OPERATIONS: dict[str, Work] = {
    "method": lambda x: convolved(x).sigmoid(),
    "in place": lambda x: convolved(x).relu_(),
    "in place on a view": lambda x: written_on_a_view(convolved(x)),
    "functional in place": lambda x: functional.hardswish(convolved(x), True),
    "square of one tensor": lambda x: x * x,
    "product": lambda x: convolved(x) * x.mean((2, 3))[:, :1, None, None],
    "product in place": lambda x: in_place_product(convolved(x)),
    "quotient": lambda x: convolved(x) / (1 + x[:, :1]),
    "reciprocal": lambda x: 2 / (1 + x),
    "power": lambda x: (1 + x) ** 1.5,
    "matmul": lambda x: convolved(x) @ x[:, :1],
    "bmm": lambda x: torch.bmm(x[:, 0], x[:, 1]),
    "einsum": lambda x: torch.einsum("bchw,bdhw->bcd", convolved(x), x),
    "maximum": lambda x: torch.maximum(convolved(x)[:, :2], x),
    "minimum": lambda x: torch.minimum(convolved(x)[:, :2], x),
    "max along": lambda x: torch.max(convolved(x), dim=1)[0],
    "min along": lambda x: convolved(x).min(1, keepdim=True).values,
    "amax": lambda x: convolved(x).amax(dim=2),
    "softmax": lambda x: functional.softmax(convolved(x).flatten(1), dim=1),
    "steep softmax": lambda x: (300 * convolved(x)).flatten(1).softmax(1),
    "log softmax": lambda x: convolved(x).log_softmax(1),
    "logsumexp": lambda x: torch.logsumexp(20 * convolved(x), dim=1),
    "layer norm": lambda x: functional.layer_norm(convolved(x), (8, 8)),
    "group norm": lambda x: functional.group_norm(x, 2, torch.tensor([1.0, 3]).double()),
    "instance norm": lambda x: functional.instance_norm(convolved(x)),
    "rms norm": lambda x: functional.rms_norm(convolved(x), (8,)),
    "normalise": lambda x: functional.normalize(convolved(x)),
    "prelu": lambda x: functional.prelu(convolved(x), torch.tensor([0.3]).double()),
    "attention": lambda x: functional.scaled_dot_product_attention(x, x.flip(2), 3 * x, is_causal=True),
    "pool 3/2/1": lambda x: functional.max_pool2d(convolved(x), 3, 2, 1),
    "pool dilated": lambda x: functional.max_pool2d(convolved(x), 2, 1, dilation=2, ceil_mode=True),
    "pool 1d": lambda x: functional.max_pool1d(convolved(x).flatten(2), 3, 2),
    "pool 3d": lambda x: functional.max_pool3d(convolved(x)[:, None], 3, 2, 1),
    "adaptive pool": lambda x: functional.adaptive_max_pool2d(convolved(x), (3, None)),
    "layout": lambda x: functional.interpolate(
        functional.pad(torch.cat([convolved(x).relu(), x], 1), (1, 1, 1, 1)), scale_factor=2, mode="bilinear"),
    "batch in the second axis": lambda x: x.flatten(2).permute(2, 0, 1).softmax(0).permute(1, 0, 2),
    "batch folded with channels": lambda x: x.reshape(-1, 1, 8, 8).sigmoid().reshape(-1, 2, 8, 8),
}


def in_place_product(x: Tensor) -> Tensor:
    y = x.sigmoid()
    x = x + 0
    x *= y
    return x


def written_on_a_view(x: Tensor) -> Tensor:
    x = x + 0
    x[:, :2].relu_()
    return x


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_additive(name: str) -> None:
    contributed(OPERATIONS[name], PAIR, OTHERS)


@pytest.mark.parametrize("name", ["in place", "steep softmax", "pool 3/2/1", "attention"])
def test_an_image_that_is_its_own_background_gets_nothing(name: str) -> None:
    values, _ = contributed(OPERATIONS[name], PAIR, PAIR)
    assert not values.any()


def test_multihead_attention_and_a_transformer_layer_are_additive() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True).double().eval()
    layer.requires_grad_(False)
    contributed(lambda x: layer(x.reshape(-1, 16, 8)), PAIR, OTHERS)


def test_a_product_of_two_pixels_is_shared_as_shapley_says() -> None:
    image, start = torch.tensor([[[[3.0, 5.0]]]]).double(), torch.tensor([[[[1.0, -2.0]]]]).double()
    values, _ = contributed(lambda x: x[..., 0] * x[..., 1], image, start)
    # -1 times: `mixing` weighs a single number by -1.
    assert np.allclose(values, -np.array([[2 * (5 - 2) / 2, 7 * (3 + 1) / 2]]))


def test_a_ratio_is_a_product_with_the_reciprocal() -> None:
    image, start = torch.tensor([[[[3.0, 5.0]]]]).double(), torch.tensor([[[[1.0, 2.0]]]]).double()
    values, _ = contributed(lambda x: x[..., 0] / x[..., 1], image, start)
    assert np.allclose(values, -np.array([[2 * (1 / 5 + 1 / 2) / 2, (1 / 5 - 1 / 2) * (3 + 1) / 2]]))


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
@settings(max_examples=10, deadline=None)
def test_the_larger_of_two_gets_all_where_it_stays_the_larger(numbers: list[float]) -> None:
    (a, b), (c, d) = numbers[:2], numbers[2:]
    image, start = torch.tensor(numbers).double().view(2, 1, 1, 1, 2)
    found = deep_maps([scene(Wrapped(lambda x: torch.maximum(x[:, 0, 0, 0], x[:, 0, 0, 1])), image)], start)[0].values
    assert found.sum() == pytest.approx(max(a, b) - max(c, d), abs=1e-5)
    if min(a - b, c - d) > 1e-3:
        assert found[0] == pytest.approx([a - c, 0.0], abs=1e-5)


def test_overlapping_pooling_equals_a_loop_over_its_windows() -> None:
    x, b = PAIR[:, :1], OTHERS[:1, :1]
    values, _ = contributed(lambda x: functional.max_pool2d(x, 3, 2, 1), x, b)
    sample, other = (np.pad(v[0, 0].numpy(), 1, constant_values=-np.inf) for v in (x, b))
    expected, weights = np.zeros((10, 10)), mixing(torch.zeros(1, 1, 4, 4).double()).numpy()[0]
    for i in range(4):
        for j in range(4):
            window = (slice(2 * i, 2 * i + 3), slice(2 * j, 2 * j + 3))
            difference = sample[window].max() - other[window].max()
            winner = sample if difference >= 0 else other
            row, column = np.unravel_index(winner[window].argmax(), (3, 3))
            expected[2 * i + row, 2 * j + column] += weights[i, j] * difference
    assert np.allclose(values, expected[1:-1, 1:-1], atol=1e-6)


def test_a_tie_takes_the_derivative() -> None:
    """x - y is 0 in both, so the rectified 1 + x - y passes both contributions through and they cancel."""
    image, start = torch.tensor([[[[3.0, 3.0]]]]).double(), torch.tensor([[[[1.0, 1.0]]]]).double()
    for function in (torch.relu, torch.tanh):
        found = deep_maps([scene(Wrapped(lambda x: function(1 + x[:, 0, 0, 0] - x[:, 0, 0, 1])), image)], start)  # noqa: B023
        slope = 1.0 if function is torch.relu else 1 - np.tanh(1.0) ** 2
        assert np.allclose(found[0].values, [[2 * slope, -2 * slope]])


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.square()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return gradients[0]


REFUSED: dict[str, tuple[Work, str]] = {
    "cumulative product": (lambda x: x.cumprod(1), "operation 'Cumprod'"),
    "standard deviation": (lambda x: x.std((1, 2, 3)), "operation 'Std'"),
    "maximum of everything": (lambda x: x / x.max(), "operation 'Max'"),
    "own function": (lambda x: Custom.apply(x), "operation 'Custom'"),
    "sorting": (lambda x: x.sort(1).values, "operation 'Sort'"),
    "statistics of the batch": (
        lambda x: functional.batch_norm(x, None, None, training=True), "batch norm that uses the statistics"),
    "detached part": (lambda x: x * x.detach(), "part of it passes no gradient"),
    "comparison": (lambda x: torch.where(x > 0.5, x, 0.0), "part of it passes no gradient"),
    "dropout that is on": (lambda x: functional.dropout(x, 0.5), "dropout that is on"),
    "another path": (lambda x: x.relu() if len(x) == 1 else x.relu().relu(), "takes another path"),
    "places of maxima": (lambda x: functional.max_pool2d(x, 2, return_indices=True)[0], "'MaxPool2DWithIndices'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_wrong_is_refused_by_name(name: str) -> None:
    work, message = REFUSED[name]
    view = scene(Wrapped(lambda x: work(x).flatten(1).sum(1) if work(x).ndim > 1 else work(x)), PAIR)
    with pytest.raises(XaimedError, match=message) as raised:
        DeepSHAP(background=Background(OTHERS)).attribute(view)
    assert isinstance(raised.value, ModelError)
    assert "kernel_shap" in str(raised.value)
    assert _get_current_function_mode() is None
