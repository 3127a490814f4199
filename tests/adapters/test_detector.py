"""Stock torchvision detectors: their own answers, their own scores, exact geometry and no trace."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN

from tests.adapters.stock import PLAIN, adapted, case, mobilenet_detector, resnet_detector
from tests.test_hooks import same, state
from xaimed.adapters.detector import Detector
from xaimed.adapters.modelfile import ModelFile
from xaimed.adapters.roi import each_log_odds, scaled
from xaimed.architectures.five_block_rcnn import build
from xaimed.attribution import ODAM, RISE, GradCAM, Occlusion
from xaimed.attribution.gradient import image_gradient, joint_gradients
from xaimed.attribution.method import Method
from xaimed.errors import ModelError, TargetError
from xaimed.hooks import frozen
from xaimed.scene import Scene
from xaimed.targets import Target, log_odds
from xaimed.types import Case

# In pixels of an image of 100 x 75: the whole, one quarter, one lesion; the last two share a place.
BOXES = (Target("m0", "malignant", (0, 0, 100, 75)), Target("m1", "benign", (50, 37, 100, 75)),
         Target("m2", "benign", (20, 20, 34, 36)), Target("m3", "malignant", (20, 20, 34, 36)))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return adapted(resnet_detector())


@pytest.fixture(scope="module")
def scenes(detector: Detector) -> list[Scene]:
    return detector.scenes(case(), BOXES)


@pytest.mark.parametrize("build", [resnet_detector, mobilenet_detector])
def test_it_finds_what_torchvision_finds(build: type) -> None:
    """With one class the two ways of suppressing duplicates are one; portrait and landscape, one by one or together."""
    network: FasterRCNN = build(2)
    model = adapted(network, ("malignant",))
    both = [case(75, 100, seed=1), case(110, 60, seed=2)]
    for one, found in zip(both, model.predict(both), strict=True):
        with torch.no_grad():
            theirs = network([torch.from_numpy(one.image).repeat(3, 1, 1)])[0]
        wide = ((theirs["boxes"][:, 2:] - theirs["boxes"][:, :2]) > 2).all(1)
        count = min(10, len(found.detections))
        assert count >= 3
        ours = np.array([d.edges for d in found.detections[:count]])
        assert np.allclose(ours, theirs["boxes"][wide][:count], atol=1e-2)
        scores = [d.score for d in found.detections[:count]]
        assert scores == pytest.approx(theirs["scores"][wide][:count].tolist(), abs=1e-6)


def test_a_grey_case_is_three_equal_planes(detector: Detector) -> None:
    grey = case(seed=3)
    colour = type(grey)("p3", np.repeat(grey.image, 3, axis=0))
    assert detector.predict([grey]) == detector.predict([colour])


def test_the_levels_of_the_pyramid_are_layers(detector: Detector) -> None:
    names = list(detector.layers())
    assert names[-4:] == ["fpn.0", "fpn.1", "fpn.2", "fpn.3"]
    assert {"backbone.body.conv1", "backbone.body.layer1", "backbone.body.layer4"} <= set(names)
    assert list(adapted(mobilenet_detector()).layers())[-2:] == ["fpn.0", "fpn.1"]


def test_the_layer_of_a_box_is_the_level_that_made_it() -> None:
    """Lin et al.: level floor(4 + log2(side / 224)), from 2 to 5; sides in pixels of the resized image."""
    network = resnet_detector()
    network.transform.min_size, network.transform.max_size = (448,), 700
    model = adapted(network)
    sides = (0.1, 0.2, 0.5, 1.0)
    targets = [Target(f"m{i}", "benign", (0, 0, 75 * side, 75 * side)) for i, side in enumerate(sides)]
    # Far from every proposal the box itself is pooled.
    found = model._find(case())
    asked = [model._asked(found, target) for target in targets]
    expected = [min(5, max(2, math.floor(4 + math.log2(math.sqrt(area(one.roi)) / 224)))) - 2 for one in asked]
    assert list(model._stages.level_of(torch.stack([one.roi for one in asked]))) == expected
    assert len(set(expected)) > 1


def area(roi: Tensor) -> float:
    return float((roi[2] - roi[0]) * (roi[3] - roi[1]))


def test_the_joint_scores_are_those_of_the_detections(detector: Detector) -> None:
    one = case(seed=4)
    found = detector.predict([one])[0].detections[:6]
    scenes = detector.scenes(one, [d.name for d in found])
    joint = scenes[0].joint
    assert joint is not None
    assert all(scene.joint is joint for scene in scenes)
    with torch.no_grad():
        scores = joint.scores(scenes[0].image)
        twice = joint.scores(torch.cat([scenes[0].image.flip(-1), scenes[0].image]))
        own = torch.stack([scene.score(scene.image)[0] for scene in scenes])
        alike = joint.similarities(scenes[0].image)
    assert scores[0].sigmoid().tolist() == pytest.approx([d.score for d in found], abs=1e-6)
    assert torch.allclose(twice[1], scores[0], atol=1e-5)
    assert torch.allclose(own, scores[0], atol=1e-5)
    assert alike[0].tolist() == pytest.approx([float(scene.similarity(scene.image)) for scene in scenes], abs=1e-6)


def naive_map(network: FasterRCNN, scene: Scene, roi: Tensor, index: int, level: str, odam: bool) -> Tensor:
    """Written out with torchvision's parts: the map before the ReLU, interpolated between the cells' centres."""
    height, width = scene.image.shape[-2:]
    batch, _ = network.transform([scene.image[0]])
    with torch.no_grad():
        features = network.backbone(batch.tensors)
    leaf = features[level].requires_grad_()
    pooled = network.roi_heads.box_roi_pool(features, [roi[None]], batch.image_sizes)
    logits = network.roi_heads.box_predictor(network.roi_heads.box_head(pooled))[0]
    gradient = torch.autograd.grad(log_odds(logits, index).sum(), leaf)[0]
    weights = gradient if odam else gradient.mean((2, 3), keepdim=True)
    cells = (weights * leaf.detach()).sum(1)[0].numpy()
    # A ResNet's cells lie on every 4th, 8th ... pixel of the resized image, from its corner.
    stride = 4 * 2 ** int(level)
    resized = batch.image_sizes[0]
    rows, columns = (((np.arange(n) + 0.5) * to / n - 0.5) / stride for n, to in zip((height, width), resized,
                                                                                     strict=True))
    tall = np.stack([np.interp(rows, np.arange(len(cells)), column) for column in cells.T], axis=1)
    return torch.from_numpy(np.stack([np.interp(columns, np.arange(cells.shape[1]), row) for row in tall]))


@pytest.mark.parametrize("method", [GradCAM(relu=False), ODAM(relu=False)])
def test_maps_at_the_boxs_own_level_equal_the_naive_ones(detector: Detector, method: Method) -> None:
    one = case()
    scenes = detector.scenes(one, BOXES)
    asked = [detector._asked(detector._find(one), target) for target in BOXES]
    network = detector.network
    assert isinstance(network, FasterRCNN)
    for map_, scene, box in zip(method.attribute_all(scenes), scenes, asked, strict=True):
        level = scene.layer.removeprefix("fpn.")
        with frozen(network):
            expected = naive_map(network, scene, box.roi, box.index, level, isinstance(method, ODAM)).numpy()
        assert np.abs(expected).max() > 0
        assert np.allclose(map_.values, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("layer", [None, "backbone.body.layer3", "backbone.body.layer4"])
def test_all_boxes_at_once_equal_one_by_one(scenes: list[Scene], layer: str | None) -> None:
    method = GradCAM(layer=layer, relu=False)
    together, single = method.attribute_all(scenes), [method.attribute(scene) for scene in scenes]
    for left, right in zip(together, single, strict=True):
        assert np.abs(right.values).max() > 0
        assert np.allclose(left.values, right.values, atol=1e-5 * np.abs(right.values).max())
        assert left.facts["f_input"] == pytest.approx(right.facts["f_input"], abs=1e-5)
        assert left.facts["evaluations"] == 1 / len(scenes)
    # The last two boxes lie in one place and are of two classes.
    assert together[2].facts["f_input"] != pytest.approx(together[3].facts["f_input"], abs=1e-3)
    assert not np.allclose(together[2].values, together[3].values, atol=0.1 * np.abs(together[3].values).max())


def test_image_gradients_of_all_boxes_equal_one_by_one(scenes: list[Scene]) -> None:
    images = torch.cat([scenes[0].image, 0.5 * scenes[0].image])
    with frozen(scenes[0].network):
        scores, gradients = joint_gradients(scenes, images)
        assert gradients.shape == (2, len(scenes), *images.shape[1:])
        for column, scene in enumerate(scenes):
            expected, gradient = image_gradient(scene, images)
            assert torch.allclose(scores[:, column], expected, atol=1e-5)
            assert torch.allclose(gradients[:, column], gradient, atol=1e-5 * float(gradient.abs().max()))


def test_a_detection_is_the_surest_proposal_of_its_class_in_that_place(detector: Detector) -> None:
    """Two proposals that end in one place must not be mixed up, whichever comes first."""
    found = detector._find(case())
    best = int(found.proposed.scores.argmax())
    label = int(found.proposed.labels[best])
    twins = type(found.proposed)(*(torch.cat([part, part[best:best + 1]]) for part in (
        found.proposed.proposals, found.proposed.boxes, found.proposed.probabilities)))
    twins.probabilities[best] = twins.probabilities[best].roll(1)
    edges = tuple(float(v) for v in twins.boxes[best])
    doubled = type(found)(found.case, found.prepared, twins, ())
    asked = detector._asked(doubled, Target("d0", detector.classes[label], edges))
    assert torch.equal(asked.wanted, twins.probabilities[-1, 1:])


def test_no_gradient_reaches_the_region_proposal_network(scenes: list[Scene]) -> None:
    network = scenes[0].network
    weights = [*network.rpn.parameters(), *network.roi_heads.parameters()]
    found = torch.autograd.grad(scenes[0].score(scenes[0].image).sum(), weights, allow_unused=True)
    proposing = len(list(network.rpn.parameters()))
    assert all(gradient is None for gradient in found[:proposing])
    assert any(gradient is not None for gradient in found[proposing:])


class Failing(nn.Module):
    def forward(self, pooled: Tensor) -> Tensor:
        raise ValueError("no head")


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_leaks(detector: Detector, scenes: list[Scene], fails: bool) -> None:
    network = detector.network
    before, image, head = state(network), scenes[0].image.clone(), network.roi_heads.box_head
    try:
        if fails:
            network.roi_heads.box_head = Failing()
            with pytest.raises(ValueError, match="no head"):
                GradCAM().attribute_all(scenes)
        else:
            GradCAM().attribute_all(scenes)
    finally:
        network.roi_heads.box_head = head
    assert same(before, state(network))
    assert torch.equal(image, scenes[0].image)
    assert not scenes[0].image.requires_grad


def test_a_level_that_did_not_make_the_box_says_which_did(scenes: list[Scene]) -> None:
    assert scenes[2].layer == "fpn.0"
    with pytest.raises(ModelError, match=r"target m2: the score does not depend on layer fpn\.3; .*: fpn\.0"):
        GradCAM(layer="fpn.3").attribute_all(scenes[2:])
    with pytest.raises(ModelError, match=r"no layer 'fpn\.9'.*nearest: fpn"):
        GradCAM(layer="fpn.9").attribute_all(scenes)


def windowed(size: tuple[int, int]) -> tuple[Detector, Case]:
    torch.manual_seed(0)
    file = ModelFile("five_block_rcnn", {}, "detection", ("benign", "malignant"),
                     {**PLAIN, "multiple": 32, "channels": 1}, {})
    return Detector(file, build(stride=16)), case(*size)


def test_a_box_has_its_own_window_and_large_boxes_share_the_image() -> None:
    model, one = windowed((480, 640))
    small, large = Target("m0", "benign", (0, 0, 30, 30)), Target("m1", "malignant", (10, 10, 630, 470))
    twice = [small, large, replace(small, name="m2"), replace(large, name="m3")]
    first, whole, second, again = model.scenes(one, twice)
    assert first.joint is None
    assert second.joint is None
    assert whole.joint is again.joint is not None
    assert first.image.shape[-1] < whole.image.shape[-1] == 640
    with torch.no_grad():
        shared = model.scenes(one, [replace(large, name="m3")])[0].score(whole.image)
        assert float(shared) == pytest.approx(float(whole.score(whole.image)), abs=1e-5)
        roi = model._asked(model._find(one), small)
        over_all = model._scores([roi])(whole.image)
        assert float(first.score(first.image)) == pytest.approx(float(over_all), abs=1e-4)


@pytest.mark.parametrize("method", [GradCAM(), ODAM(), RISE(masks=16, error=0), Occlusion(window=0.3, stride=1.0)])
def test_a_map_does_not_change_with_the_boxes_beside_it(method: Method) -> None:
    model, one = windowed((320, 416))
    boxes = [Target("m0", "benign", (0, 0, 30, 30)), Target("m1", "malignant", (10, 10, 400, 310)),
             *(Target(f"m{i}", "benign", (20 * i, 250, 20 * i + 40, 290)) for i in range(2, 6))]
    beside = method.attribute_all(model.scenes(one, boxes))
    for box, map_ in zip(boxes, beside, strict=True):
        alone = method.attribute_all(model.scenes(one, [box]))[0]
        assert map_.values.shape == alone.values.shape
        assert np.allclose(map_.values, alone.values, atol=1e-5 * np.abs(alone.values).max())


def test_a_map_of_ones_covers_the_image(scenes: list[Scene]) -> None:
    placed = scenes[0].place(np.ones(scenes[0].image.shape[-2:], np.float32))
    assert placed.shape == (75, 100)
    assert np.all(placed == 1)


def test_a_network_without_heads_and_a_target_without_a_box_are_refused(detector: Detector) -> None:
    with pytest.raises(ModelError, match="has no transform and no backbone and no rpn and no roi_heads"):
        adapted(nn.Sequential(nn.Conv2d(3, 3, 1)))
    with pytest.raises(TargetError, match="expected a box of one of the classes benign, malignant"):
        detector.scenes(case(), [Target("benign", "benign")])


def test_log_odds_of_each_row() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    indices = torch.tensor([0, 1, 2, 1, 0])
    expected = torch.stack([log_odds(logits[i:i + 1], int(k))[0] for i, k in enumerate(indices)])
    assert torch.allclose(each_log_odds(logits, indices), expected)


def test_boxes_are_scaled_by_each_side() -> None:
    assert scaled(torch.tensor([[10.0, 20, 30, 40]]), (50, 100), (100, 150)).tolist() == [[15, 40, 45, 80]]


def test_a_class_is_the_roi_that_gives_its_score() -> None:
    """Also where a box of another class suppressed that RoI: the scene's score is the prediction's, class by class."""
    network = resnet_detector()
    network.roi_heads.nms_thresh = 0.0  # of boxes that overlap at all the best alone is a detection
    detector, suppressed = adapted(network), 0
    for seed in range(3):
        one = case(seed=seed)
        found = detector.predict([one])[0]
        for label, scene in zip(detector.classes, detector.scenes(one, list(detector.classes)), strict=True):
            with torch.no_grad():
                score = scene.score(scene.image).sigmoid().item()
            assert score == pytest.approx(found.scores[label], abs=1e-6)
            box = next((d for d in found.detections if d.name == scene.target), None)
            assert scene.target == label if box is None else (box.label, box.score) == (
                label, pytest.approx(found.scores[label]))
            if box is None:
                suppressed += 1
                edge, behind = detector.scenes(one, [f"{label}:x0", f"rpn:{label}"])
                assert (edge.target, behind.target) == (f"{label}:x0", f"rpn:{label}")
    assert suppressed


def test_an_unknown_box_names_the_nearest_and_few_of_many(detector: Detector) -> None:
    one = case()
    count = len(detector.predict([one])[0].detections)
    assert count > 12
    with pytest.raises(TargetError) as caught:
        detector.scenes(one, ["d999"])
    said = str(caught.value)
    assert said.startswith("case p0: unknown target 'd999'; known: ")
    assert f"boxes more to d{count - 1}" in said
    assert len(said) < 300
    with pytest.raises(TargetError, match=r"'d0:x9'; did you mean 'd0:x0' or 'd0:x1'\? known: "):
        detector.scenes(one, ["d0:x9"])
    with pytest.raises(TargetError, match="'malignent'; did you mean 'malignant'"):
        detector.scenes(one, ["malignent"])
