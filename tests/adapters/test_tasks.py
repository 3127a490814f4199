"""Every task but detection on tiny networks with known answers: the scalar, its gradient, and what is predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import Wrapped, small_cnn
from xaimed import load_model
from xaimed.attribution import DeepLIFT, GradCAM, IntegratedGradients, KernelSHAP, Saliency
from xaimed.attribution.method import Method
from xaimed.errors import InputError, ModelError, NotFound, TargetError
from xaimed.scene import Scene
from xaimed.types import Box, Case

SIDE = 16


class Given(nn.Module):
    """A function of the images as a network."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Any:
        return self.function(images)


def case(channels: int = 1, boxes: tuple[Box, ...] = (), side: int = SIDE) -> Case:
    pixels = np.random.default_rng(0).random((channels, side, side), dtype=np.float32)
    return Case(id="p1", image=pixels, boxes=boxes)


def gradient(scene: Scene) -> Tensor:
    image = scene.image.clone().requires_grad_()
    (found,) = torch.autograd.grad(scene.score(image).sum(), image)
    return found[0]


def three() -> Any:
    return load_model(small_cnn(), classes=["normal", "benign", "malignant"])


def test_a_classifier_gives_softmax_and_explains_its_best_class() -> None:
    model, one = three(), case()
    logits = model.network(torch.from_numpy(one.image)[None])[0].detach()
    expected = (logits.exp() / logits.exp().sum()).tolist()
    assert list(model.predict([one])[0].scores.values()) == pytest.approx(expected, abs=1e-6)
    [scene] = model.scenes(one)
    assert scene.target == model.classes[int(logits.argmax())]
    assert scene.score(scene.image).item() == pytest.approx(float(logits.max()), abs=1e-6)
    assert float(scene.similarity(scene.image)[0]) == pytest.approx(max(expected), abs=1e-6)
    assert list(scene.layers) == [str(i) for i in range(7)]
    assert GradCAM(layer="4")(model, one).values.shape == (1, SIDE, SIDE)


def test_logit_odds_probability_and_contrast_share_one_pass() -> None:
    model, names = three(), ["malignant", "odds:malignant", "probability:malignant", "malignant-benign"]
    scenes = model.scenes(case(), names)
    batch = torch.rand(3, 1, SIDE, SIDE)
    logits = model.network(batch)
    p = logits.softmax(1)[:, 2]
    expected = torch.stack([logits[:, 2], (p / (1 - p)).log(), p, logits[:, 2] - logits[:, 1]], 1)
    joint = scenes[0].joint
    assert joint is not None
    assert all(scene.joint is joint and scene.column == i for i, scene in enumerate(scenes))
    assert torch.allclose(joint.scores(batch), expected, atol=1e-5)
    assert torch.allclose(torch.stack([s.score(batch) for s in scenes], 1), expected, atol=1e-5)
    assert torch.allclose(joint.similarities(batch)[:, 3], (logits[:, 2] - logits[:, 1]).sigmoid(), atol=1e-5)


def test_one_logit_stands_for_two_classes_and_several_labels_are_sigmoids() -> None:
    net = Wrapped(lambda x: x.mean((1, 2, 3)) - 0.2)
    model, one = load_model(net, classes=["benign", "malignant"]), case()
    z = float(one.image.mean() - 0.2)
    scores = model.predict([one])[0].scores
    assert scores["malignant"] == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)
    assert scores["benign"] + scores["malignant"] == pytest.approx(1)
    up, down = model.scenes(one, ["malignant", "benign"])
    assert float(up.score(up.image)[0]) == pytest.approx(z, abs=1e-6) == pytest.approx(-float(down.score(up.image)[0]))
    several = load_model(small_cnn(), task="multilabel", classes=["mass", "calcification", "scar"])
    logits = several.network(torch.from_numpy(one.image)[None])[0]
    assert list(several.predict([one])[0].scores.values()) == pytest.approx(logits.sigmoid().tolist(), abs=1e-6)


def test_a_time_step_is_its_own_target() -> None:
    model = load_model(Given(lambda x: torch.stack([x.mean(3)[:, 0], -x.mean(3)[:, 0]], 2)), classes=["a", "b"])
    early, late = model.scenes(case(), ["a@3", "a"])
    rows = torch.zeros(1, SIDE, SIDE)
    rows[0, 3] = 1 / SIDE
    assert torch.allclose(gradient(early), rows)
    assert torch.allclose(gradient(late), rows.roll(12, 1))
    with pytest.raises(TargetError, match="step 16 of class 'a'; expected 0 to 15"):
        model.scenes(case(), ["a@16"])


def test_mean_and_deviation_are_part_of_the_score_and_grey_is_repeated_for_colour() -> None:
    net = small_cnn(channels=3)
    model = load_model(net, classes=["a", "b", "c"],
                       preprocessing={"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.25]})
    one = case()
    shown = torch.from_numpy(one.image).expand(3, -1, -1)[None]
    wanted = net((shown - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([0.5, 0.5, 0.25])[:, None, None])
    [scene] = model.scenes(one, ["b"])
    assert torch.equal(scene.image, shown)
    assert scene.score(scene.image).item() == pytest.approx(wanted[0, 1].item(), abs=1e-5)
    assert Saliency()(model, case(channels=3)).values.shape == (1, SIDE, SIDE)


def test_the_reference_of_a_class_is_the_lesions_of_that_class() -> None:
    one = case(boxes=(Box("malignant", 2, 3, 6, 8), Box("benign", 10, 10, 12, 12)))
    first, second = three().scenes(one, ["malignant", "normal"])
    assert first.lesion is not None
    assert first.lesion.nonzero().min(0).values.tolist() == [3, 2]
    assert int(first.lesion.sum()) == 20
    assert second.lesion is None


def kernel(side: int = 3) -> tuple[nn.Module, Tensor]:
    net = nn.Conv2d(1, 1, side, padding=side // 2, bias=False)
    weight = torch.arange(1.0, side * side + 1).reshape(1, 1, side, side)
    net.weight.data = weight
    return net, weight[0, 0]


def test_the_gradient_of_a_mask_sum_of_a_convolution_is_its_kernel() -> None:
    net, weight = kernel()
    shifted = nn.Sequential(net, Given(lambda x: x - 1.0))
    pixels = np.zeros((1, SIDE, SIDE), np.float32)
    pixels[0, 4:6, 4:6] = 1  # the mask is where the answer exceeds 1: this square and its rim
    pixels[0, 12:14, 12:14] = 0.5
    model = load_model(shifted, task="segmentation", classes=["lesion"])
    one = Case(id="s", image=pixels)
    found = model.predict([one])[0]
    assert [d.name for d in found.detections] == ["d0", "d1"]
    whole, first, second = model.scenes(one, ["lesion", "d0", "d1"])
    mask = torch.from_numpy((net(torch.from_numpy(pixels)[None])[0, 0] > 1).numpy())
    expected = torch.zeros(SIDE + 2, SIDE + 2)
    for row, column in mask.nonzero().tolist():
        expected[row:row + 3, column:column + 3] += weight
    assert torch.allclose(gradient(whole)[0], expected[1:-1, 1:-1])
    assert torch.allclose(gradient(first) + gradient(second), gradient(whole))
    assert gradient(first)[0, 9:].abs().sum() == 0
    assert whole.layer == "1"
    with pytest.raises(TargetError, match=r"unknown target 'd7'.*known: d0, d1, lesion"):
        model.scenes(one, ["d7"])


def test_a_background_comes_before_the_classes_and_an_empty_mask_is_refused() -> None:
    net = Given(lambda x: {"out": torch.cat([0.5 - x, x - 0.5, x * 0 - 9], 1)})
    model = load_model(net, task="segmentation", classes=["mass", "scar"])
    pixels = np.zeros((1, SIDE, SIDE), np.float32)
    pixels[0, 2:5, 7:11] = 1
    one = Case(id="s", image=pixels)
    [found] = model.predict([one])[0].detections
    assert (found.label, found.edges) == ("mass", (7, 2, 11, 5))
    assert found.score == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)
    with pytest.raises(TargetError, match="nothing is segmented as 'scar'"):
        model.scenes(one, ["scar"])
    with pytest.raises(ModelError, match=r"expected \(B, 1, h, w\), or one channel more"):
        load_model(net, task="segmentation", classes=["mass"]).predict([one])


def test_the_gradient_of_an_anomaly_score_is_twice_the_residual() -> None:
    model, one = load_model(Given(lambda x: torch.full_like(x, 0.25)), task="anomaly"), case()
    image = torch.from_numpy(one.image)
    whole, part = model.scenes(one, ["anomaly", "anomaly:4,2,8,10"])
    assert torch.allclose(gradient(whole), 2 * (image - 0.25), atol=1e-6)
    assert torch.allclose(gradient(part)[0, 2:10, 4:8], 2 * (image - 0.25)[0, 2:10, 4:8], atol=1e-6)
    assert float(gradient(part).abs().sum()) == pytest.approx(float(gradient(part)[0, 2:10, 4:8].abs().sum()))
    assert model.predict([one])[0].scores["anomaly"] == pytest.approx(float((image - 0.25).square().mean()), abs=1e-6)
    rebuilt = model.predict([one])[0].dense["rebuilt"]
    assert rebuilt == pytest.approx(np.full_like(rebuilt, 0.25), abs=1e-6)
    with pytest.raises(TargetError, match="expected anomaly or anomaly:x0,y0,x1,y1"):
        model.scenes(one, ["anomaly:1,2"])


class Boltzmann(nn.Module):
    """Free energy -b v - sum softplus(c + W v) of a restricted Boltzmann machine with 5 hidden units."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(5, SIDE * SIDE) / 8)
        self.seen, self.hidden = nn.Parameter(torch.randn(SIDE * SIDE)), nn.Parameter(torch.randn(5))

    def free_energy(self, images: Tensor) -> Tensor:
        v = images.flatten(1)
        return -v @ self.seen - nn.functional.softplus(v @ self.weight.T + self.hidden).sum(1)


def test_the_gradient_of_a_free_energy_is_its_closed_form() -> None:
    net, one = Boltzmann(), case()
    [scene] = load_model(net, task="energy").scenes(one)
    v = torch.from_numpy(one.image).flatten()
    closed = -(net.seen + net.weight.T @ (net.weight @ v + net.hidden).sigmoid())
    assert torch.allclose(gradient(scene).flatten(), closed, atol=1e-5)
    assert float(scene.similarity(scene.image)[0]) == 1.0
    with pytest.raises(TargetError, match="did you mean 'energy'"):
        load_model(net, task="energy").scenes(one, ["enrgy"])


def test_discriminator_generator_and_registration() -> None:
    one = case(boxes=(Box("bone", 4, 2, 8, 10),))
    patches = load_model(nn.AvgPool2d(4), task="discrimination")
    [real] = patches.scenes(one)
    assert torch.allclose(gradient(real), torch.full((1, SIDE, SIDE), 1 / SIDE**2))
    assert patches.predict([one])[0].scores["real"] == pytest.approx(1 / (1 + np.exp(-one.image.mean())), abs=1e-6)
    [bone] = load_model(Given(lambda x: 3 * x), task="generation").scenes(one)
    expected = torch.zeros(1, SIDE, SIDE)
    expected[0, 2:10, 4:8] = 3 / 32
    assert (bone.target, bool(torch.allclose(gradient(bone), expected))) == ("mean:4,2,8,10", True)
    field = load_model(Given(lambda x: torch.cat([2 * x[:, :1], -x[:, 1:]], 1)), task="registration")
    pair = case(channels=2)
    along, down = field.scenes(pair, ["dx:5.5,7.5", "dy:5.5,7.5"])
    assert float(along.score(along.image)[0]) == pytest.approx(2 * pair.image[0, 7, 5], abs=1e-5)
    assert float(gradient(along)[0, 7, 5]) == pytest.approx(2, abs=1e-4)
    assert float(gradient(down)[1, 7, 5]) == pytest.approx(-1, abs=1e-4)
    assert float(gradient(down).abs().sum()) == pytest.approx(1, abs=1e-3)
    [largest] = field.scenes(pair)
    length = np.hypot(2 * pair.image[0], pair.image[1])
    row, column = np.unravel_index(length.argmax(), length.shape)
    assert largest.target == f"shift:{column + 0.5:g},{row + 0.5:g}"
    assert float(largest.score(largest.image)[0]) == pytest.approx(float(length.max()), abs=1e-4)
    with pytest.raises(TargetError, match="lies outside the image"):
        field.scenes(pair, ["dx:40,2"])
    with pytest.raises(InputError, match="expected 2: the moving image, then the fixed one"):
        field.scenes(one)


def test_a_pass_holds_fewer_images_of_a_network_that_keeps_much_for_its_gradient() -> None:
    """An image of 64 KiB in tanh steps keeps 64 KiB a step: of 2000 steps eight images are just below 1 GiB."""
    def recurrent(steps: int) -> Given:
        def run(images: Tensor) -> Tensor:
            for _ in range(steps):
                images = images.tanh()
            return images

        return Given(run)

    for steps, chunk in ((2, 32), (2000, 8)):
        [scene] = load_model(recurrent(steps), task="generation").scenes(case(side=128))
        assert scene.chunk == chunk


@pytest.mark.parametrize(("name", "words"), [
    ("malignnt", r"did you mean 'malignant'"), ("malignant-scar", "known: "), ("p:malignant", "known: "),
    ("malignant-malignant", "known: ")])
def test_an_unknown_target_names_the_known(name: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        three().scenes(case(), [name])


def test_class_names_may_hold_hyphens() -> None:
    model = load_model(small_cnn(), classes=["non-mass", "mass", "non"])
    batch = torch.rand(1, 1, SIDE, SIDE)
    logits = model.network(batch)[0].detach()
    first, second = model.scenes(case(), ["non-mass", "non-mass-non"])
    assert first.score(batch).item() == pytest.approx(float(logits[0]), abs=1e-6)
    assert second.score(batch).item() == pytest.approx(float(logits[0] - logits[2]), abs=1e-6)


def test_a_foreign_network_is_asked_about_clearly() -> None:
    with pytest.raises(NotFound, match="did you mean 'classification'"):
        load_model(small_cnn(), task="clasification", classes=["a"])
    with pytest.raises(ModelError, match="without classes"):
        load_model(small_cnn())
    with pytest.raises(ModelError, match="3 logits; expected 2"):
        load_model(small_cnn(), classes=["a", "b"]).predict([case()])
    with pytest.raises(InputError, match="std = 0"):
        load_model(small_cnn(), classes=["a", "b", "c"], preprocessing={"std": 0})
    with pytest.raises(InputError, match="names its own"):
        load_model("model.pt", task="classification")


@pytest.mark.parametrize("side", [SIDE, 2 * SIDE, 3 * SIDE + 5, SIDE // 2, 11])
@pytest.mark.parametrize("method", [IntegratedGradients(baselines=("black",)), KernelSHAP(regions=9, baseline="black"),
                                    DeepLIFT(baseline="black")], ids=repr)
def test_additive_maps_add_up_in_original_pixels_whatever_the_resize(method: Method, side: int) -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 2))
    model = load_model(net, classes=["n", "y"], preprocessing={"long_side": SIDE, "stretch": None})
    one = case(side=side)
    [scene] = model.scenes(one, ["y"])
    with torch.no_grad():
        difference = float(scene.score(scene.image) - scene.score(0 * scene.image))
    made = method(model, [one], ["y"])
    assert made.maps[0].shape == (side, side)
    assert float(made.maps[0].sum()) == pytest.approx(difference, abs=1e-4)
    assert float(made.maps[0].sum()) == pytest.approx(made.facts[0]["f_input"] - made.facts[0]["f_baseline"], abs=1e-4)


def test_a_changed_weight_or_buffer_is_seen() -> None:
    model, one = three(), case()
    first = model.predict([one])[0].scores
    with torch.no_grad():
        model.network[8].weight.mul_(0.5)
    second = model.predict([one])[0].scores
    assert second != first
    model.network[1].running_mean.add_(0.5)
    third = model.predict([one])[0].scores
    assert third != second
    again = Case(id="p1", image=one.image)
    assert list(third.values()) == pytest.approx(list(model.predict([again])[0].scores.values()))
