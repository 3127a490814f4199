"""Edges of boxes and objectness as targets of a detector: the detector's own numbers, with gradients that are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.adapters.stock import PLAIN, adapted, case, mobilenet_detector, resnet_detector
from xaimed.adapters.detector import Detector
from xaimed.adapters.modelfile import ModelFile
from xaimed.adapters.reference import reference_mask
from xaimed.architectures.five_block_rcnn import build
from xaimed.attribution import ODAM, GradCAM, IntegratedGradients, Saliency
from xaimed.attribution.gradient import image_gradient, joint_gradients
from xaimed.errors import TargetError
from xaimed.hooks import frozen
from xaimed.imaging.geometry import mirror
from xaimed.scene import Scene
from xaimed.target_names import SIDES, BoxName, box_name
from xaimed.targets import Target, rpn_objectness
from xaimed.types import Box, Case, Detection


@pytest.fixture(scope="module")
def detector() -> Detector:
    return adapted(resnet_detector())


def within(model: Detector, one: Case) -> Detection:
    """The surest detection that no edge of the image cuts."""
    return next(d for d in model.predict([one])[0].detections
                if d.x0 > 1 and d.y0 > 1 and d.x1 < one.width - 1 and d.y1 < one.height - 1)


def flipped() -> Case:
    """A case whose original file is its mirror image."""
    return replace(case(), affine=mirror(100))


@pytest.mark.parametrize("one", [case(), flipped()], ids=["upright", "mirrored"])
def test_an_edge_is_that_of_the_reported_box(detector: Detector, one: Case) -> None:
    box = within(detector, one)
    scenes = detector.scenes(one, [f"{box.name}:{side}" for side in SIDES])
    joint = scenes[0].joint
    assert joint is not None
    with torch.no_grad():
        assert joint.scores(scenes[0].image)[0].tolist() == pytest.approx(list(box.edges), abs=1e-3)
        assert [float(scene.score(scene.image)) for scene in scenes] == pytest.approx(list(box.edges), abs=1e-3)


def test_an_edge_of_a_windowed_box_is_in_original_pixels() -> None:
    torch.manual_seed(0)
    file = ModelFile("five_block_rcnn", {}, "detection", ("benign", "malignant"),
                     {**PLAIN, "multiple": 32, "channels": 1, "long_side": 640}, {})
    model, one = Detector(file, build(stride=16)), case(240, 320)
    # With no shift of the box its edges are the RoI's, here at half its scale.
    for weight in model.network.roi_heads.box_predictor.bbox_pred.parameters():
        torch.nn.init.zeros_(weight)
    targets = [Target(f"m0:{side}", "malignant", (250, 150, 290, 200)) for side in SIDES]
    scenes = model.scenes(one, targets)
    roi = model._asked(model._find(one), targets[0]).roi
    assert all(scene.joint is None and scene.image.shape[-1] < 640 for scene in scenes)
    with torch.no_grad():
        values = [float(scene.score(scene.image)) for scene in scenes]
    assert values == pytest.approx((roi / 2).tolist(), abs=1e-3)


@pytest.mark.parametrize("build", [resnet_detector, mobilenet_detector])
def test_objectness_is_the_one_that_the_proposal_was_ranked_by(build: type, monkeypatch: pytest.MonkeyPatch) -> None:
    model, one = adapted(build()), case(seed=2)
    kept: list[tuple[Tensor, Tensor]] = []
    filtered = model.network.rpn.filter_proposals

    def noted(*args: object) -> object:
        boxes, scores = filtered(*args)
        kept.append((boxes[0], scores[0]))
        return boxes, scores

    monkeypatch.setattr(model.network.rpn, "filter_proposals", noted)
    names = [d.name for d in model.predict([one])[0].detections[:5]]
    boxes, scores = kept[0]
    scenes = model.scenes(one, [f"rpn:{name}" for name in names])
    asked = [model._asked(model._find(one), target) for target in model_targets(model, one, names)]
    joint = scenes[0].joint
    assert joint is not None
    with torch.no_grad():
        found = joint.scores(scenes[0].image)[0].sigmoid()
    for value, ask in zip(found, asked, strict=True):
        same = (boxes - ask.roi).abs().amax(1) < 1e-4
        assert bool(same.any())
        assert float((scores[same] - value).abs().min()) < 1e-6


def model_targets(model: Detector, one: Case, names: list[str]) -> list[Target]:
    return [Target(f"rpn:{d.name}", d.label, d.edges) for d in model.predict([one])[0].detections if d.name in names]


@pytest.fixture(scope="module")
def mixed(detector: Detector) -> list[Scene]:
    box = within(detector, case())
    return detector.scenes(case(), [box.name, f"{box.name}:x1", f"rpn:{box.name}", f"{box.name}:y0"])


def test_gradients_of_mixed_targets_equal_one_by_one(mixed: list[Scene]) -> None:
    images = torch.cat([mixed[0].image, 0.7 * mixed[0].image])
    with frozen(mixed[0].network):
        scores, gradients = joint_gradients(mixed, images)
        for column, scene in enumerate(mixed):
            expected, gradient = image_gradient(scene, images)
            assert torch.allclose(scores[:, column], expected, atol=1e-4)
            assert float(gradient.abs().max()) > 0
            assert torch.allclose(gradients[:, column], gradient, atol=1e-5 * float(gradient.abs().max()))


@pytest.mark.parametrize("number", [1, 2])
def test_the_gradient_predicts_what_a_small_change_does(mixed: list[Scene], number: int) -> None:
    scene = mixed[number]
    with frozen(scene.network):
        gradient = image_gradient(scene, scene.image)[1]
        step = 2e-3 * gradient / gradient.norm()
        with torch.no_grad():
            moved = float(scene.score(scene.image + step) - scene.score(scene.image - step))
    assert moved == pytest.approx(2 * float((gradient * step).sum()), rel=0.05)


def test_only_objectness_has_a_gradient_in_the_region_proposal_network(mixed: list[Scene]) -> None:
    weights = list(mixed[0].network.rpn.parameters())
    reached = [any(gradient is not None and bool(gradient.any()) for gradient in torch.autograd.grad(
        scene.score(scene.image).sum(), weights, allow_unused=True)) for scene in mixed]
    assert reached == [False, False, True, False]


@pytest.mark.parametrize("method", [GradCAM(relu=False), ODAM(relu=False), Saliency(),
                                    IntegratedGradients(max_steps=15, tolerance=0)])
def test_maps_of_mixed_targets_equal_one_by_one(mixed: list[Scene], method: GradCAM) -> None:
    for left, scene in zip(method.attribute_all(mixed), mixed, strict=True):
        right = method.attribute(scene)
        assert np.abs(right.values).max() > 0
        assert np.allclose(left.values, right.values, atol=1e-4 * np.abs(right.values).max())


def test_objectness_on_the_extra_coarse_level_has_its_map_at_the_coarsest_of_the_pyramid(detector: Detector) -> None:
    target = Target("rpn:m0", "benign", (0, 0, 100, 75))
    scene = detector.scenes(case(), [target])[0]
    assert detector._asked(detector._find(case()), target).anchor is not None
    assert scene.layer.startswith("fpn.")
    coarse = replace(detector._asked(detector._find(case()), target).anchor, level=4, place=0, name="pool")
    asked = replace(detector._asked(detector._find(case()), target), anchor=coarse)
    whole = detector._window(detector._find(case()), asked)
    scenes = detector._together(detector._find(case()), [asked], whole)
    assert scenes[0].layer == "fpn.3"
    assert float(np.abs(GradCAM(relu=False).attribute_all(scenes)[0].values).max()) > 0


def test_anchors_are_numbered_level_by_level_row_by_row() -> None:
    levels = [torch.arange(12.0).view(1, 3, 2, 2), 100 + torch.arange(3.0).view(1, 3, 1, 1)]
    found = rpn_objectness(levels, torch.tensor([0, 1, 3, 11, 12, 14]))
    assert found.tolist() == [[0, 4, 1, 11, 100, 102]]


def test_names() -> None:
    assert box_name("d0") == BoxName("score", "d0")
    assert box_name("m3:y1") == BoxName("edge", "m3", 3)
    assert box_name("rpn:d2") == BoxName("objectness", "d2")
    assert box_name("d0:z") == BoxName("score", "d0:z")
    for name in ("d0", "d1:x0", "rpn:m0"):
        assert box_name(name).renamed(box_name(name).box) == name


def test_a_target_that_does_not_exist_says_what_does(detector: Detector) -> None:
    for name in ("d0:z9", "rpn:d9999", "q:x0"):
        with pytest.raises(TargetError, match=r"unknown target .*an edge of one \(d0:x0.*objectness \(rpn:d0\)"):
            detector.scenes(case(), [name])
    label = detector.predict([case()])[0].detections[0].label
    assert detector.scenes(case(), [f"rpn:{label}", f"{label}:x0"])[1].target == "d0:x0"


def test_the_lesion_of_an_edge_is_that_of_its_box() -> None:
    one = replace(case(), boxes=(Box("benign", 10, 10, 30, 30),))
    for name in ("m0", "m0:x0", "rpn:m0", "d0:y1", "rpn:d0"):
        mask = reference_mask(one, Target(name, "benign", (12, 12, 28, 28)))
        assert mask is not None
        assert mask.sum() == 400
    assert reference_mask(one, Target("rpn:d1", "benign", (60, 60, 70, 70))) is None
