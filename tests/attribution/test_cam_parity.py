"""The CAM family equals pytorch-grad-cam where that is right: no in-place ReLU, large gradients, positive logits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from tests.attribution.networks import images
from tests.attribution.test_cam_family import ALL, rectified
from xaimed.attribution import EigenCAM, Method


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
@pytest.mark.usefixtures("quiet")
def test_it_equals_pytorch_grad_cam_where_no_relu_works_in_place(kind: type[Method]) -> None:
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    net, image = rectified(seed=2), images(1, 3).double()
    # Its guard of 1e-6 beside the squared gradient is not in the paper; large gradients drown it.
    net[5].weight.data *= 100
    # Its Ablation-CAM divides by the score and turns over where that is negative.
    net[5].bias.data.fill_(100)
    ours = (EigenCAM(layer="1", centred=True) if kind is EigenCAM else kind(layer="1"))(net, image, targets=[1])
    theirs_kind = getattr(library, kind.__name__)
    with theirs_kind(model=net, target_layers=[net[1]]) as cam:
        theirs = cam(input_tensor=image.clone(), targets=[ClassifierOutputTarget(1)])[0]
    # Theirs is stretched to [0, 1]; an Eigen-CAM of theirs has an arbitrary sign.
    expected = ours.maps[0] / ours.maps[0].max()
    if kind is EigenCAM and np.corrcoef(expected.ravel(), theirs.ravel())[0, 1] < 0:
        signed = -EigenCAM(layer="1", centred=True, relu=False)(net, image).maps[0]
        expected = np.maximum(signed, 0) / signed.max()
    low, high = expected.min(), expected.max()
    assert np.allclose((expected - low) / (high - low), theirs, atol=2e-5)
