"""VoxelMorph: half a network by another hand, what it sees, and that it learns to move one image onto another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from xaimed.architectures.voxel_morph import VoxelMorph, build
from xaimed.architectures.warping import exponential, grown
from xaimed.errors import ModelError
from xaimed.training.registration import losses_of


def network(depth: int = 1, **arguments: int) -> VoxelMorph:
    torch.manual_seed(0)
    made = build(depth=depth, widths=(4, 6, 8), finest=5, **arguments)
    assert isinstance(made, VoxelMorph)
    torch.nn.init.normal_(made.velocity.weight, std=0.1)
    return made.eval()


def test_it_is_the_u_net_of_its_weights() -> None:
    made, images = network(), torch.rand(2, 2, 32, 24)
    weights = dict(made.state_dict())

    def step(name: str, given: Tensor, stride: int) -> Tensor:
        found = functional.conv2d(given, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"], stride, 1)
        return torch.where(found > 0, found, 0.2 * found)

    half = step("down.0", images, 2)
    quarter = step("down.1", half, 2)
    eighth = step("down.2", quarter, 2)
    up = step("up.0", torch.cat([eighth.repeat_interleave(2, 2).repeat_interleave(2, 3), quarter], 1), 1)
    up = step("up.1", torch.cat([up.repeat_interleave(2, 2).repeat_interleave(2, 3), half], 1), 1)
    velocity = functional.conv2d(step("last", up, 1), weights["velocity.weight"], weights["velocity.bias"], 1, 1)
    assert torch.allclose(made(images), grown(exponential(velocity, 7), (32, 24)), atol=1e-5)


def test_it_starts_with_next_to_no_displacement() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        assert float(build()(torch.rand(1, 2, 32, 32)).abs().max()) < 1e-3


def test_parameters_by_hand() -> None:
    # 2-D: 2-16-32-32-32 down, (32+32)-32, (32+32)-32, (32+16)-16 up, 16-16, 16-2, with kernels of 9.
    pairs = ((2, 16), (16, 32), (32, 32), (32, 32), (64, 32), (64, 32), (48, 16), (16, 16), (16, 2))
    assert sum(p.numel() for p in build().parameters()) == sum(9 * a * b + b for a, b in pairs)


@pytest.mark.parametrize("depth", [1, 4, 5])
def test_one_is_as_many_and_gradients_flow(depth: int) -> None:
    made, images = network(depth), torch.rand(3, 2 * depth, 16, 24)
    found = made(images)
    assert found.shape == (3, 2, 16, 24)
    assert torch.allclose(found[1:2], made(images[1:2]), atol=1e-5)
    found.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in made.parameters())


def test_a_volume_shows_the_displacement_of_its_middle_slice() -> None:
    made, images = network(4), torch.rand(1, 8, 16, 16)
    flow = made.flow(images)
    assert flow.shape == (1, 3, 4, 16, 16)
    assert torch.equal(made(images), flow[:, :2, 2])


def test_what_lies_far_away_does_not_move_a_point() -> None:
    made = network(steps=0)
    images = torch.rand(1, 2, 128, 128, requires_grad=True)
    made(images)[0, 0, 16, 16].backward()
    assert images.grad is not None
    seen = images.grad.abs().sum(dim=(0, 1)).nonzero()
    # Three halvings and seven kernels of 3: no pixel beyond 16 + 60 rows or columns counts.
    assert 0 < int(seen.max()) < 76


def test_it_learns_a_shift_the_right_way() -> None:
    torch.manual_seed(0)
    made = build(widths=(8, 8), finest=8, steps=3)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")

    def blobs(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-((columns - x[:, None, None]) ** 2 + (rows - y[:, None, None]) ** 2) / 18)[:, None]

    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(120):
        x, y = 12 + 8 * torch.rand(8), 12 + 8 * torch.rand(8)
        images = torch.cat([blobs(x + 2.0, y - 1.0), blobs(x, y)], dim=1)
        loss = torch.stack(list(losses_of(made, images, 0.001).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    centre = torch.full((1,), 16.0)
    field = made(torch.cat([blobs(centre + 2.0, centre - 1.0), blobs(centre, centre)], dim=1))[0, :, 14:19, 14:19]
    assert (field.mean(dim=(1, 2)) - torch.tensor([2.0, -1.0])).norm().item() < 0.5


def test_what_it_refuses() -> None:
    with pytest.raises(ModelError, match="expected \\(B, 8, h, w\\), moving then fixed"):
        network(4)(torch.rand(1, 2, 16, 16))
    with pytest.raises(ModelError, match="sides of 8 or more"):
        network()(torch.rand(1, 2, 4, 16))
    with pytest.raises(ModelError, match="depth 0"):
        build(depth=0)
