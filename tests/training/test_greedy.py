"""Greedy layer-wise training: each layer gets better, the layers below stay, a plan repeats to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.toys import halves
from xaimed.architectures.dbn import DBN
from xaimed.architectures.dbn import build as build_dbn
from xaimed.architectures.rbm import RBM
from xaimed.architectures.stacked_autoencoder import StackedAutoencoder
from xaimed.architectures.stacked_autoencoder import build as build_stack
from xaimed.errors import PlanError
from xaimed.training.greedy import LayerPlan, train_autoencoders, train_dbn, train_rbm

PLAN = LayerPlan(epochs=12, batch=32)


def silent(_: str) -> None:
    pass


def pixels() -> Tensor:
    return halves(160, 10)[0].flatten(1)


def mean_error(data: Tensor) -> float:
    """That of the mean image: what a layer without hidden units can do."""
    return float((data - data.mean(dim=0)).square().mean())


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_a_machine_rebuilds_better_than_the_mean_image(kind: str) -> None:
    data = pixels() if kind == "binary" else 2 * pixels() - 1
    plan = PLAN if kind == "binary" else LayerPlan(epochs=12, batch=32, rate=0.01)
    said: list[str] = []
    error = train_rbm(RBM(100, 16, kind), data, plan, said.append)
    assert error < 0.5 * mean_error(data)
    assert len(said) == 12


def test_every_layer_of_a_stack_is_trained_on_what_the_one_below_gives() -> None:
    torch.manual_seed(0)
    dbn, data = build_dbn(shape=(1, 10, 10), widths=(24, 12)), pixels()
    assert isinstance(dbn, DBN)
    errors = train_dbn(dbn, data, PLAN, silent)
    first, second = dbn.machines
    with torch.no_grad():
        above = first.hidden_mean(data)
        assert errors[1] == pytest.approx(float((second.rebuilt(above) - above).square().mean()))
    assert errors[0] < 0.5 * mean_error(data)
    assert errors[1] < 0.8 * mean_error(above)


def test_denoising_layers_learn_one_upon_the_other() -> None:
    torch.manual_seed(0)
    network, (images, _) = build_stack(shape=(1, 10, 10), widths=(24, 8)), halves(160, 10)
    assert isinstance(network, StackedAutoencoder)
    plan = LayerPlan(epochs=40, batch=32, rate=0.1)
    errors = train_autoencoders(network, images.flatten(1), plan, silent)
    assert errors[0] < 0.5 * mean_error(images.flatten(1))
    with torch.no_grad():
        assert float((network(images) - images).square().mean()) < 0.5 * mean_error(images.flatten(1))


def test_a_plan_repeats_to_the_bit_and_another_seed_does_not() -> None:
    def trained(seed: int) -> Tensor:
        torch.manual_seed(5)
        rbm = RBM(100, 8, "binary")
        train_rbm(rbm, pixels(), LayerPlan(epochs=2, seed=seed), silent)
        return rbm.weight.detach()

    assert torch.equal(trained(0), trained(0))
    assert not torch.equal(trained(0), trained(1))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"rate": 0.0}, {"corruption": 1.0}, {"steps": 0}])
def test_a_plan_that_cannot_be_run_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PlanError, match="expected positive numbers"):
        LayerPlan(**wrong)  # type: ignore[arg-type]
