"""The case study's network as its description says: sizes, order, strides, matching, and arguments."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from xaimed.architectures.five_block_rcnn import FiveBlocks, RoIMaxPool, build
from xaimed.errors import ModelError

WIDTHS = (32, 64, 128, 256, 512)


@pytest.fixture(scope="module", params=[16, 32], ids=["stride 16", "stride 32"])
def stride(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def network(stride: int) -> FasterRCNN:
    torch.manual_seed(0)
    return build(stride=stride).eval()


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_the_parameters_are_as_many_as_the_layers_say(network: FasterRCNN) -> None:
    sizes = (1, *WIDTHS)
    # A convolution has 9 weights a pair of channels and a bias, a batch normalisation two numbers a channel.
    backbone = sum(9 * i * o + o + 2 * o for i, o in itertools.pairwise(sizes))
    proposals = 9 * 512 * 256 + 256 + 256 * 12 + 12 + 256 * 48 + 48
    head = 512 * 49 * 256 + 256 + 256 * 256 + 256 + 256 * 3 + 3 + 256 * 12 + 12
    assert count(network.backbone) == backbone == 1_569_984
    assert count(network) == backbone + proposals + head == 9_257_739


def test_a_block_is_convolution_relu_batchnorm_pool_dropout(stride: int, network: FasterRCNN) -> None:
    order = [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.MaxPool2d, nn.Dropout2d]
    dropouts = (0.1, 0.1, 0.2, 0.2, 0.25)
    for index, (block, width, dropout) in enumerate(zip(network.backbone, WIDTHS, dropouts, strict=True)):
        pools = index < 4 or stride == 32
        assert [type(layer) for layer in block] == [kind for kind in order if pools or kind is not nn.MaxPool2d]
        assert (block[0].kernel_size, block[0].stride, block[0].padding) == ((3, 3), (1, 1), (1, 1))
        assert (block[0].out_channels, block[-1].p) == (width, dropout)
        if pools:
            assert (block[3].kernel_size, block[3].stride) == (2, 2)


def test_both_strides_have_the_same_parameters() -> None:
    fine, coarse = build(stride=16), build(stride=32)
    assert {key: value.shape for key, value in fine.state_dict().items()} == {
        key: value.shape for key, value in coarse.state_dict().items()}
    coarse.load_state_dict(fine.state_dict())
    images = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = fine.eval().backbone(images)
        pooled = coarse.eval().backbone(images)
    # The last pool is all that tells them apart.
    assert torch.allclose(nn.functional.max_pool2d(features, 2), pooled, atol=1e-6)


def test_sizes_of_features_and_proposals(stride: int, network: FasterRCNN) -> None:
    images = torch.rand(2, 1, 96, 128)
    with torch.no_grad():
        features = network.backbone(images)
        objectness, deltas = network.rpn.head([features])
    assert features.shape == (2, 512, 96 // stride, 128 // stride)
    assert objectness[0].shape == (2, 12, 96 // stride, 128 // stride)
    assert deltas[0].shape == (2, 48, 96 // stride, 128 // stride)


def test_the_batch_is_normalised_and_never_resized(network: FasterRCNN) -> None:
    images = [torch.full((1, 64, 96), 0.75), torch.zeros(1, 64, 96)]
    batch, _ = network.transform(images)
    assert batch.image_sizes == [(64, 96)] * 2
    assert batch.tensors[0].unique().tolist() == [1.0]
    assert batch.tensors[1].unique().tolist() == [-2.0]


def test_the_best_anchor_of_a_lesion_is_positive_however_low_its_overlap(stride: int, network: FasterRCNN) -> None:
    """Lesions far smaller than the smallest anchor: no IoU comes near the threshold of 0.6, yet each is learnt."""
    features = torch.zeros(1, 512, 128 // stride, 128 // stride)
    anchors = network.rpn.anchor_generator(ImageList(torch.zeros(1, 1, 128, 128), [(128, 128)]), [features])
    lesions = torch.tensor([[18.0, 18.0, 26.0, 26.0], [90.0, 70.0, 98.0, 78.0]])
    overlap = box_iou(lesions, anchors[0])
    assert overlap.max() < network.rpn.proposal_matcher.low_threshold < network.rpn.proposal_matcher.high_threshold
    labels, matched = network.rpn.assign_targets_to_anchors(anchors, [{"boxes": lesions}])
    for index, row in enumerate(overlap):
        best = row == row.max()
        assert (labels[0][best] == 1).all()
        assert (matched[0][best] == lesions[index]).all()
    ties = (overlap == overlap.max(dim=1, keepdim=True).values).any(dim=0)
    assert torch.equal(labels[0] == 1, ties)
    assert (labels[0][~ties] == 0).all()


def test_roi_max_pooling_takes_the_maximum_of_each_bin() -> None:
    pool = RoIMaxPool(stride=16, size=2)
    features = torch.arange(64.0).reshape(1, 1, 8, 8)
    found = pool({"0": features}, [torch.tensor([[0.0, 0.0, 48.0, 48.0]])], [(128, 128)])
    # Pixels 0 to 48 are cells 0 to 3, in bins of two by two.
    assert found[0, 0].tolist() == [[9.0, 11.0], [25.0, 27.0]]


def test_the_roi_max_variant_finds_and_learns(stride: int) -> None:
    torch.manual_seed(0)
    model = build(stride=stride, roi="max")
    assert isinstance(model.roi_heads.box_roi_pool, RoIMaxPool)
    assert model.state_dict().keys() == build(stride=stride).state_dict().keys()
    image = torch.rand(1, 128, 128)
    target = {"boxes": torch.tensor([[32.0, 32.0, 96.0, 96.0]]), "labels": torch.tensor([2])}
    losses = model([image], [target])
    sum(losses.values()).backward()
    weight = model.backbone[0][0].weight.grad
    assert weight is not None
    assert weight.abs().sum() > 0
    found = model.eval()([image])[0]
    assert set(found["labels"].tolist()) <= {1, 2}
    assert (found["boxes"] >= 0).all()
    assert (found["boxes"] <= 128).all()


def test_classes_and_anchors_set_the_heads() -> None:
    model = build(classes=("cyst", "mass", "node"), anchors=(16, 48), channels=3)
    assert model.roi_heads.box_predictor.cls_score.out_features == 4
    assert model.rpn.head.cls_logits.out_channels == 6
    assert model.backbone[0][0].in_channels == 3


@pytest.mark.parametrize("stride", [0, 8, 31, 64])
def test_another_stride_is_refused(stride: int) -> None:
    with pytest.raises(ModelError, match=f"stride {stride}.*expected stride 16 or 32"):
        build(stride=stride)


def test_another_pooling_is_refused() -> None:
    with pytest.raises(ModelError, match="roi = 'mean'; expected 'align' or 'max'"):
        build(roi="mean")


@pytest.mark.parametrize(("widths", "dropouts"), [((32, 64), (0.1,) * 5), (WIDTHS, (0.1, 0.1))])
def test_other_than_five_blocks_are_refused(widths: tuple[int, ...], dropouts: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="five of each"):
        FiveBlocks(1, widths, dropouts, 16)
