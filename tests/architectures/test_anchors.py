"""The anchor audit against known answers, a slow re-implementation, torchvision, phantoms and real films."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from xaimed import open_dataset
from xaimed.architectures.anchors import (
    RATIOS,
    PreparedBoxes,
    anchor_audit,
    anchor_grid,
    audit_cases,
    overlaps,
    prepared_boxes,
)
from xaimed.errors import ModelError
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.training.samples import samples_of
from xaimed.types import Case

ANCHORS = (32, 64, 128, 256)
both_strides = pytest.mark.parametrize("stride", [16, 32])


def slow_best(box: tuple[float, ...], shape: tuple[int, int], stride: int) -> float:
    """The best IoU, one anchor after the other in plain Python."""
    best = 0.0
    for row in range(shape[0] // stride):
        for column in range(shape[1] // stride):
            for side in ANCHORS:
                for ratio in RATIOS:
                    half_w = round(side / math.sqrt(ratio) / 2)
                    half_h = round(side * math.sqrt(ratio) / 2)
                    x, y = column * stride, row * stride
                    w = min(box[2], x + half_w) - max(box[0], x - half_w)
                    h = min(box[3], y + half_h) - max(box[1], y - half_h)
                    shared = max(0.0, w) * max(0.0, h)
                    area = (box[2] - box[0]) * (box[3] - box[1])
                    best = max(best, shared / (area + 4 * half_w * half_h - shared))
    return best


def torchvision_anchors(shape: tuple[int, int], stride: int) -> torch.Tensor:
    generator = AnchorGenerator((ANCHORS,), (RATIOS,))
    features = torch.zeros(1, 1, shape[0] // stride, shape[1] // stride)
    found: torch.Tensor = generator(ImageList(torch.zeros(1, 1, *shape), [shape]), [features])[0]
    return found


def random_boxes(shape: tuple[int, int], number: int) -> np.ndarray:
    draw = np.random.default_rng(5)
    corner = draw.uniform(0, 0.8, (number, 2)) * [shape[1], shape[0]]
    return np.concatenate([corner, corner + draw.uniform(3, 180, (number, 2))], axis=1)


def test_known_answers() -> None:
    """Anchors stand on multiples of the stride; a square of 64 pixels on one of them is met exactly."""
    on_grid, between = [0.0, 32.0, 64.0, 96.0], [16.0, 32.0, 80.0, 96.0]
    found = anchor_audit(np.array([on_grid, between]), (128, 160), 32, [64])
    # Half a stride off: 48 of 64 columns are shared, 48 / (64 + 16).
    assert found.best == pytest.approx([1.0, 48 / 80], abs=1e-12)
    assert (found.count, found.at_half, found.at_seven_tenths) == (2, 1.0, 0.5)
    fine = anchor_audit(np.array([on_grid, between]), (128, 160), 16, [64])
    assert fine.best == pytest.approx([1.0, 1.0], abs=1e-12)
    # A lesion of 8 pixels inside the smallest square anchor: the areas' ratio, whatever the place.
    small = anchor_audit(np.array([[30.0, 30.0, 38.0, 38.0]]), (128, 160), 32, [32], [1.0])
    assert small.best == pytest.approx([64 / 1024])


def test_the_thresholds_are_met_by_equality() -> None:
    half = anchor_audit(np.array([[0.0, 0.0, 32.0, 64.0]]), (64, 64), 32, [64], [1.0])
    assert half.best.tolist() == [0.5]
    assert half.at_half == 1.0


def test_ratios_are_height_over_width() -> None:
    tall = np.array([[64 - 23.0, 64 - 45.0, 64 + 23.0, 64 + 45.0]])
    assert anchor_audit(tall, (128, 128), 32, [64], [2.0]).best == pytest.approx([1.0])
    assert anchor_audit(tall, (128, 128), 32, [64], [0.5]).best[0] < 0.5


@both_strides
def test_it_equals_a_slow_implementation(stride: int) -> None:
    shape = (160, 128)
    boxes = random_boxes(shape, 12)
    assert anchor_audit(boxes, shape, stride, ANCHORS).best == pytest.approx(
        [slow_best(tuple(box), shape, stride) for box in boxes], abs=1e-9)


@both_strides
@pytest.mark.parametrize("shape", [(512, 416), (96, 64)])
def test_the_grid_is_torchvisions_to_the_bit(stride: int, shape: tuple[int, int]) -> None:
    theirs = torchvision_anchors(shape, stride)
    assert np.array_equal(anchor_grid(shape, stride, ANCHORS), theirs.numpy())
    boxes = random_boxes(shape, 40)
    best = box_iou(torch.from_numpy(boxes), theirs.double()).max(dim=1).values.numpy()
    assert anchor_audit(boxes, shape, stride, ANCHORS).best == pytest.approx(best, abs=1e-12)


def test_sizes_whose_halves_end_in_five_tenths_round_as_torchvision_rounds() -> None:
    generator = AnchorGenerator(((33, 35, 37),), ((0.25, 1.0, 4.0),))
    theirs = generator(ImageList(torch.zeros(1, 1, 64, 64), [(64, 64)]), [torch.zeros(1, 1, 4, 4)])[0]
    assert np.array_equal(anchor_grid((64, 64), 16, (33, 35, 37), (0.25, 1.0, 4.0)), theirs.numpy())


def test_iou_is_symmetric_and_bounded() -> None:
    boxes = random_boxes((200, 200), 15)
    table = overlaps(boxes, boxes)
    assert np.array_equal(table, table.T)
    assert np.diag(table) == pytest.approx(np.ones(15))
    assert table.min() >= 0
    assert table.max() <= 1 + 1e-12
    assert overlaps(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]


def test_no_lesion_has_no_share() -> None:
    found = anchor_audit(np.zeros((0, 4)), (64, 64), 16, ANCHORS)
    assert found.count == 0
    assert math.isnan(found.at_half)
    assert audit_cases([], 16, ANCHORS).count == 0


@pytest.mark.parametrize(("stride", "anchors", "ratios"), [
    (0, [32], [1.0]), (128, [32], [1.0]), (16, [], [1.0]), (16, [32], []), (16, [-32], [1.0]), (16, [32], [0.0])])
def test_anchors_that_cannot_be_laid_are_refused(stride: int, anchors: list[int], ratios: list[float]) -> None:
    with pytest.raises(ModelError, match="expected positive numbers"):
        anchor_grid((64, 64), stride, anchors, ratios)


def test_each_case_is_audited_on_its_own_grid() -> None:
    """A box at the far corner has an anchor only where the image reaches so far."""
    box = np.array([[96.0, 96.0, 160.0, 160.0]])
    cases = [PreparedBoxes("a", box, (160, 160)), PreparedBoxes("b", box, (96, 96))]
    found = audit_cases(cases, 32, [64], [1.0])
    assert found.best[0] == 1.0
    assert found.best[1] == pytest.approx(anchor_audit(box, (96, 96), 32, [64], [1.0]).best[0])
    assert found.best[1] < 0.2


@pytest.fixture(scope="module")
def phantoms() -> list[Case]:
    cases = open_dataset("phantom", limit=48)
    return list(cases)


def test_the_boxes_are_those_that_a_training_sees(phantoms: list[Case]) -> None:
    steps = Preprocessing()
    some = [case for case in phantoms if case.boxes][:4]
    ours, theirs = prepared_boxes(some, steps), samples_of(some, steps, ("benign", "malignant"))
    for mine, sample in zip(ours, theirs, strict=True):
        assert mine.case == sample.case
        assert np.array_equal(mine.boxes, sample.boxes)
        assert mine.shape == sample.image.shape[-2:]


def test_phantom_lesions_are_within_reach_of_the_anchors(phantoms: list[Case]) -> None:
    """A dozen patients. Stride 16 is the recommended variant for this reason: it covers far more than stride 32."""
    lesions = prepared_boxes(phantoms, Preprocessing())
    fine, coarse = audit_cases(lesions, 16, ANCHORS), audit_cases(lesions, 32, ANCHORS)
    assert fine.count == coarse.count == sum(len(case.boxes) for case in phantoms)
    # Every anchor of stride 32 is one of stride 16.
    assert (fine.best >= coarse.best - 1e-12).all()
    assert fine.at_half > coarse.at_half + 0.1
    assert fine.at_half >= 0.7


@pytest.mark.real
def test_real_films_are_within_reach_of_the_anchors(data_root: Path) -> None:
    if not (data_root / "mini-mias").is_dir():
        pytest.skip("no mini-mias/ in the data root")
    cases = open_dataset("mini-mias", root=data_root)
    chosen = [i for i, row in enumerate(cases.rows)
              if row.label != "normal" and row.groups["localisation"] != "ignore"][::6]
    lesions = prepared_boxes((cases[i] for i in chosen), Preprocessing())
    fine, coarse = audit_cases(lesions, 16, ANCHORS), audit_cases(lesions, 32, ANCHORS)
    assert fine.count >= len(chosen) >= 15
    assert (fine.best >= coarse.best - 1e-12).all()
    assert fine.at_half >= 0.75
    assert coarse.at_half < fine.at_half
