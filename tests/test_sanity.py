from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.scenery import Drawn, disc
from xaimed.attribution import GradCAM, Method, RandomMap, Saliency, Sobel
from xaimed.errors import InputError
from xaimed.hooks import frozen
from xaimed.sanity import ENOUGH, Gate, Known, gate, upper_bound
from xaimed.scene import Scene

SIZE = 48
QUICK = Gate(stages=3, resamples=500, cases=3)


def picture(seed: int) -> tuple[Tensor, np.ndarray]:
    """A textured image with a bright disc at a place of its own, and the disc."""
    rng = np.random.default_rng(seed)
    row, column = rng.uniform(8, SIZE - 8, 2)
    truth = disc(SIZE, row, column, 4)
    texture = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE)).astype(np.float32), (0, 0), 1.5)
    return torch.from_numpy((0.4 + 0.25 * texture + 0.5 * truth).astype(np.float32))[None], truth


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Two convolutions that have learnt to mark the disc, with batch norm: seconds on one core."""
    torch.manual_seed(0)
    found = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(),
                          nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 1))
    pairs = [picture(seed) for seed in range(100, 164)]
    images = torch.stack([image for image, _ in pairs])
    truths = torch.stack([torch.from_numpy(truth) for _, truth in pairs])
    rate = torch.optim.Adam(found.parameters(), 0.02)
    for step in range(60):
        part = slice(step % 4 * 16, step % 4 * 16 + 16)
        loss = functional.binary_cross_entropy_with_logits(found(images[part])[:, 0], truths[part].float(),
                                                           pos_weight=torch.tensor(10.0))
        rate.zero_grad()
        loss.backward()
        rate.step()
    with torch.no_grad():
        marks = found.eval()(images)[:, 0] > 0
    assert (marks & truths).sum() / (marks | truths).sum() > 0.5, "the network has not learnt the disc"
    return found


def scenes(network: nn.Module, count: int = 6) -> list[Scene]:
    def score(images: Tensor) -> Tensor:
        return torch.logsumexp(network(images).flatten(1), 1)

    return [Scene(f"c{seed}", "disc", picture(seed)[0][None], torch.ones(SIZE, SIZE, dtype=torch.bool), score,
                  lambda x: score(x).sigmoid().detach(), network, {}, lambda v: v) for seed in range(count)]


@dataclass(frozen=True)
class Gradient:
    """Input times gradient, smoothed: a method that looks at the model."""

    name: str = "gradient"

    def attribute(self, scene: Scene) -> Drawn:
        image = scene.image.clone().requires_grad_()
        with frozen(scene.network):
            (gradient,) = torch.autograd.grad(scene.score(image).sum(), image)
        return Drawn(cv2.GaussianBlur(gradient[0, 0].abs().numpy(), (0, 0), 2))


@dataclass(frozen=True)
class Edges:
    """Sobel: a method that does not."""

    name: str = "sobel"

    def attribute(self, scene: Scene) -> Drawn:
        grey = scene.image[0, 0].numpy()
        return Drawn(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)))


@dataclass(frozen=True)
class Prior:
    """A blob in the middle, whatever the model and the image."""

    name: str = "centre"

    def attribute(self, scene: Scene) -> Drawn:
        y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
        return Drawn(np.exp(-(x**2 + y**2) / 200).astype(np.float32))


@dataclass(frozen=True)
class Failing:
    """Raises once the weights are random."""

    calls: list[int]
    name: str = "failing"

    def attribute(self, scene: Scene) -> Drawn:
        self.calls.append(1)
        if len(self.calls) > 6:
            raise ValueError("no map")
        return Gradient().attribute(scene)


def value(rows: list[object], metric: str, condition: str = "clean", case: str = "") -> float:
    (found,) = [r.value for r in rows if (r.metric, r.condition, r.case) == (metric, condition, case)]
    return found


def test_a_gradient_of_a_trained_network_passes(network: nn.Module) -> None:
    found = gate(scenes(network), Gradient(), 0, QUICK)
    assert found.passed is True, found.statement
    assert "passes" in found.statement
    assert value(found.rows, "gate") == 1
    assert value(found.rows, "gate_similarity_upper") <= value(found.rows, "gate_null") + QUICK.tolerance


def test_an_edge_detector_fails_with_similarity_one(network: nn.Module) -> None:
    found = gate(scenes(network), Edges(), 0, QUICK)
    assert found.passed is False
    assert "fails" in found.statement
    assert value(found.rows, "gate") == 0
    assert value(found.rows, "gate_similarity") == pytest.approx(1)
    assert value(found.rows, "gate_ssim") == pytest.approx(1)
    assert value(found.rows, "gate_null") < 0.5


def test_a_map_that_is_the_same_for_all_images_does_not_pass_by_the_null(network: nn.Module) -> None:
    found = gate(scenes(network), Prior(), 0, QUICK)
    assert value(found.rows, "gate_null") == pytest.approx(1)
    assert found.passed is False


def test_the_numbers_are_those_of_the_maps(network: nn.Module) -> None:
    of = scenes(network, 4)
    found = gate(of, Gradient(), 0, QUICK)
    assert {r.condition for r in found.rows} == {"clean", *(f"random weights {k}/3" for k in (1, 2, 3))}
    last = "random weights 3/3"
    per_scene = [value(found.rows, "gate_similarity", last, scene.case) for scene in of]
    assert np.mean(per_scene) == pytest.approx(value(found.rows, "gate_similarity"))
    assert value(found.rows, "gate_similarity", last) == value(found.rows, "gate_similarity")
    parts = [value(found.rows, f"gate_{name}") for name in ("ssim", "spearman", "hog")]
    assert value(found.rows, "gate_similarity") == pytest.approx(np.mean(parts))
    assert {(r.method, r.seed) for r in found.rows} == {("gradient", 0)}


@pytest.mark.parametrize("method", [Gradient(), Edges()])
def test_weights_are_identical_afterwards(network: nn.Module, method: Gradient) -> None:
    before = {name: v.clone() for name, v in network.state_dict().items()}
    gate(scenes(network, 3), method, 1, QUICK)
    assert all(torch.equal(before[name], v) for name, v in network.state_dict().items())


@pytest.mark.parametrize(("method", "passes"), [
    (GradCAM(), True), (Saliency(), True), (Sobel(), False), (RandomMap(), False)])
def test_the_methods_and_the_controls_of_the_project(network: nn.Module, method: Method, passes: bool) -> None:
    of = [replace(scene, layers={"first": network[2], "last": network[4]}) for scene in scenes(network)]
    found = gate(of, method, 0, QUICK)
    assert found.passed is passes, found.statement


def test_weights_are_identical_when_the_method_raises_on_a_random_network(network: nn.Module) -> None:
    before = {name: v.clone() for name, v in network.state_dict().items()}
    with pytest.raises(ValueError, match="no map"):
        gate(scenes(network), Failing([]), 0, QUICK)
    assert all(torch.equal(before[name], v) for name, v in network.state_dict().items())


def test_the_same_seed_gives_the_same_answer(network: nn.Module) -> None:
    first, again = (gate(scenes(network, 3), Gradient(), 5, QUICK) for _ in range(2))
    assert first == again


def test_too_few_scenes_are_not_assessed_with_the_reason(network: nn.Module) -> None:
    found = gate(scenes(network, ENOUGH - 1), Gradient(), 0, QUICK)
    assert found.passed is None
    assert "NOT ASSESSED: 2 scenes" in found.statement
    assert all(math.isnan(row.value) for row in found.rows)
    assert {row.metric for row in found.rows} == {"gate", "gate_similarity", "gate_null"}


def test_one_case_has_no_maps_of_different_images(network: nn.Module) -> None:
    found = gate([replace(scene, case="c0") for scene in scenes(network)], Gradient(), 0, QUICK)
    assert found.passed is None
    assert "1 cases" in found.statement


def test_maps_without_contrast_are_counted_out(network: nn.Module) -> None:
    @dataclass(frozen=True)
    class Blank:
        name: str = "blank"

        def attribute(self, scene: Scene) -> Drawn:
            return Drawn(np.zeros((SIZE, SIZE), np.float32))

    found = gate(scenes(network), Blank(), 0, QUICK)
    assert found.passed is None
    assert "0 of 6 scenes" in found.statement


@dataclass(frozen=True)
class Dying:
    """A blank map for so many calls once the maps of the trained network are made."""

    blanks: int
    calls: list[int]
    name: str = "dying"

    def attribute(self, scene: Scene) -> Drawn:
        self.calls.append(1)
        blank = 6 < len(self.calls) <= 6 + self.blanks
        return Drawn(np.zeros((SIZE, SIZE), np.float32)) if blank else Gradient().attribute(scene)


def test_a_dead_draw_is_drawn_again_and_does_not_pass_for_a_changed_map(network: nn.Module) -> None:
    one_stage = Gate(stages=1, draws=4, cases=3)
    revived, method = scenes(network), Dying(3, [])
    found = gate(revived, method, 0, one_stage)
    assert len(method.calls) == 6 + 3 + 6
    assert "left out" not in found.statement
    left_out = gate(revived, Dying(8, []), 0, one_stage)
    assert "2 maps without contrast are left out" in left_out.statement
    assert sum(math.isnan(row.value) for row in left_out.rows) == 2
    dead = gate(revived, Dying(100, []), 0, one_stage)
    assert dead.passed is None
    assert "6 of 6 maps have no contrast" in dead.statement


def test_every_scene_has_random_weights_of_its_own(network: nn.Module) -> None:
    seen: list[float] = []

    @dataclass(frozen=True)
    class Spy:
        name: str = "spy"

        def attribute(self, scene: Scene) -> Drawn:
            seen.append(float(network[0].weight.detach().sum()))
            return Gradient().attribute(scene)

    gate(scenes(network, 4), Spy(), 0, Gate(stages=1, cases=3))
    assert len(set(seen[:4])) == 1
    assert len(set(seen[4:])) == 4


def test_a_network_without_weights_is_not_assessed() -> None:
    of = [replace(scene, network=one, score=lambda x: x.sum((1, 2, 3)))
          for one in [nn.ReLU()] for scene in scenes(nn.Conv2d(1, 1, 1))]
    assert "no weights" in gate(of, Edges(), 0, QUICK).statement


def test_scenes_of_two_networks_are_refused(network: nn.Module) -> None:
    with pytest.raises(InputError, match="different networks"):
        gate([*scenes(network, 2), *scenes(nn.Conv2d(1, 1, 1), 2)], Edges())


def test_upper_bound_agrees_with_the_normal_limit_and_is_never_below_the_mean() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, 400)
    each = [str(i) for i in range(400)]
    bound = upper_bound(values, each, Gate(resamples=4000), 0)
    assert bound == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.001)
    assert upper_bound(np.full(3, 0.2), ["a", "b", "c"], Gate(), 0) == pytest.approx(0.2)


def test_scenes_of_one_case_do_not_make_the_bound_surer() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.1, 20)
    alone = upper_bound(values, [str(i) for i in range(20)], Gate(resamples=4000), 0)
    # Four copies of every scene, all of one case, are the same 20 independent values.
    copies = upper_bound(np.repeat(values, 4), [str(i // 4) for i in range(80)], Gate(resamples=4000), 0)
    wrong = upper_bound(np.repeat(values, 4), [str(i) for i in range(80)], Gate(resamples=4000), 0)
    assert copies == pytest.approx(alone, abs=1e-12)
    assert wrong - values.mean() == pytest.approx((alone - values.mean()) / 2, rel=0.15)


def test_there_is_no_decision_below_eight_cases(network: nn.Module) -> None:
    assert gate(scenes(network, 7), Edges(), 0, Gate(stages=1)).passed is None
    assert "8 cases or more" in gate(scenes(network, 7), Edges(), 0, Gate(stages=1)).statement
    assert gate(scenes(network, 8), Edges(), 0, Gate(stages=1)).passed is False
    paired = [replace(scene, case=f"c{i // 2}") for i, scene in enumerate(scenes(network, 8))]
    assert gate(paired, Edges(), 0, Gate(stages=1)).passed is None


def test_parts_that_are_random_alone_are_told_and_decide_nothing(network: nn.Module) -> None:
    before = {name: v.clone() for name, v in network.state_dict().items()}
    plain, alone = (gate(scenes(network, 4), Gradient(), 0, replace(QUICK, alone=count)) for count in (0, 2))
    assert plain.passed is alone.passed
    assert value(alone.rows, "gate") == value(plain.rows, "gate")
    named = {r.condition for r in alone.rows} - {r.condition for r in plain.rows}
    assert named == {"random part 1/2", "random part 2/2"}
    # All at once leaves no more than one part alone does.
    whole = value(alone.rows, "gate_similarity")
    assert all(value(alone.rows, "gate_similarity", name) > whole - 0.1 for name in named)
    assert all(torch.equal(before[name], v) for name, v in network.state_dict().items())


def test_target_contrast_tells_a_method_that_looks_at_the_target(network: nn.Module) -> None:
    def darkest(images: Tensor) -> Tensor:
        return network(images)[..., :20, :20].mean((1, 2, 3)) - network(images)[..., 28:, 28:].mean((1, 2, 3))

    of = scenes(network)
    rivals = [replace(scene, target="rival", score=darkest) for scene in of]
    looks, blind = gate(of, Gradient(), 0, QUICK, rivals), gate(of, Edges(), 0, QUICK, rivals)
    assert value(looks.rows, "target_contrast") == 1
    assert value(blind.rows, "target_contrast") == 0
    assert value(blind.rows, "target_likeness") == pytest.approx(1)
    assert "hardly depend on the target" in blind.statement
    assert not [r for r in gate(of, Edges(), 0, QUICK).rows if r.metric == "target_contrast"]


@dataclass(frozen=True)
class Counting:
    """Counts the maps that are made, and notes of which case."""

    seen: list[str]
    name: str = "gradient"

    def attribute(self, scene: Scene) -> Drawn:
        self.seen.append(scene.case)
        return Gradient().attribute(scene)


def test_known_maps_of_the_trained_network_are_not_made_again_and_change_nothing(network: nn.Module) -> None:
    some = scenes(network)
    known = {(scene.case, scene.target): Gradient().attribute(scene) for scene in some[:4]}
    plain, method = gate(some, Gradient(), rules=QUICK), Counting([])
    found = gate(some, Known(method, known), rules=QUICK)
    assert found == plain
    assert method.seen[:3] == ["c4", "c5", "c0"], "two trained maps are made, then those under random weights"
    assert method.seen.count("c0") == QUICK.stages
    assert method.seen.count("c5") == QUICK.stages + 1


def test_a_known_map_is_that_of_the_trained_network_alone(network: nn.Module) -> None:
    some = scenes(network)
    flat = Drawn(np.zeros((SIZE, SIZE), np.float32))
    found = gate(some, Known(Gradient(), {(scene.case, scene.target): flat for scene in some}), rules=QUICK)
    assert found.passed is None
    assert "0 of 6 scenes" in found.statement, "maps without contrast were taken as they were given"
