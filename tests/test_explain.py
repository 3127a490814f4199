from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import SIZE, images, scene, small_cnn
from xaimed.attribution import GradCAM, Saliency
from xaimed.errors import InputError, ModelError, NotFound, PlanError, TargetError
from xaimed.explain import explain, maps_of, method_of
from xaimed.scene import Scene
from xaimed.targets import Target
from xaimed.types import Case, Floats


class Doubling:
    """A model whose network sees every second pixel of a case, with one target or the ones asked for."""

    def __init__(self) -> None:
        self.net = small_cnn()

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        image = torch.from_numpy(case.image[None, :, ::2, ::2].copy())

        def place(values: Floats) -> Floats:
            return values.repeat(2, 0).repeat(2, 1)

        names = [str(name) for name in (targets or ["d0"])]
        return [
            replace(scene(self.net, image, int(name[1:])), case=case.id, target=name, place=place)
            for name in names
        ]


def cases() -> list[Case]:
    generator = np.random.default_rng(0)
    return [
        Case(id=f"c{i}", image=generator.random((1, 2 * SIZE, 2 * SIZE), dtype=np.float32)) for i in range(3)
    ]


def test_an_xaimed_model_gives_maps_in_original_pixels_for_each_target() -> None:
    model, done = Doubling(), []
    found = explain(
        model,
        cases(),
        ["grad_cam", Saliency()],
        targets=["d1", "d2"],
        progress=lambda i, n: done.append((i, n)),
    )
    assert [a.method for a in found] == ["grad_cam", "saliency"]
    assert found[0].cases == ("c0", "c0", "c1", "c1", "c2", "c2")
    assert found[0].targets == ("d1", "d2") * 3
    assert done == [(1, 3), (2, 3), (3, 3)]
    small = Saliency().attribute(model.scenes(cases()[1], ["d2"])[0])
    assert np.array_equal(found[1].maps[3], small.values.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(found[1].images[3], cases()[1].image)
    assert np.array_equal(Saliency()(model, cases()[1], targets=["d2"]).maps[0], found[1].maps[3])


def test_a_plain_module_and_one_name_work_too() -> None:
    net, batch = small_cnn(), images(2)
    (found,) = explain(net, batch, "saliency", targets=[2, 0])
    assert np.array_equal(found.values, Saliency()(net, batch, targets=[2, 0]).values)
    assert found.cases == ("image0", "image1")
    assert found.targets == ("2", "0")
    assert np.array_equal(Saliency()(net, batch.numpy(), targets=[2, 0]).values, found.values)


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"'grad_cm'; did you mean 'grad_cam'"):
        explain(small_cnn(), images(1), ["grad_cm"])
    with pytest.raises(InputError, match="expected a name"):
        method_of(GradCAM)  # type: ignore[arg-type]


def test_a_default_method_that_cannot_explain_is_left_out_with_a_warning_and_a_given_one_is_refused() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 2))
    with pytest.warns(UserWarning, match=r"grad_cam is left out: .*no layer gives a feature map"):
        (found,) = explain(flat, images(2), targets=[0, 1])
    assert found.method == "integrated_gradients"
    assert len(found) == 2
    assert [one.method for one in explain(small_cnn(), images(1))] == ["grad_cam", "integrated_gradients"]
    with pytest.raises(ModelError, match="no layer gives a feature map"):
        explain(flat, images(2), ["grad_cam", "integrated_gradients"])
    sealed = nn.Sequential(nn.Flatten(), Sealed())
    with pytest.raises(ModelError, match=r"none of grad_cam, integrated_gradients can explain this model \(grad_cam: "):
        explain(sealed, images(1))


class Sealed(nn.Module):
    """Logits without gradient."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows[:, :2].detach()


def test_maps_of_a_scene_go_by_name_and_two_of_a_name_are_refused() -> None:
    view = scene(small_cnn(), images(1))
    [found] = maps_of([view], ["saliency", GradCAM(relu=False)])
    assert list(found) == ["saliency", "grad_cam"]
    assert np.array_equal(found["grad_cam"].values, GradCAM(relu=False).attribute(view).values)
    with pytest.raises(PlanError, match="grad_cam is given twice"):
        maps_of([view], ["grad_cam", GradCAM(relu=False)])


def test_tensors_for_an_xaimed_model_are_refused() -> None:
    with pytest.raises(InputError, match="expected cases"):
        explain(Doubling(), images(1))
    with pytest.raises(TargetError, match="expected a name"):
        explain(Doubling(), cases(), targets=[1])
    for alone in ("d0", 1):
        with pytest.raises(TargetError, match=r"expected a list with one name or more, such as \['d0'\]"):
            explain(Doubling(), cases(), targets=alone)  # type: ignore[arg-type]
