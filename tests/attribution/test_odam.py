from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tests.adapters.stock import adapted, case, resnet_detector
from tests.attribution.networks import SIZE, images
from xaimed.attribution import ODAM, GradCAM
from xaimed.targets import Target


def test_on_a_network_that_is_linear_behind_the_layer_it_sums_to_the_score() -> None:
    """With score = w . A + b the cells are w times A, whose sum is score - b."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * SIZE * SIZE, 2))
    image = images(1)
    found = ODAM(layer="1", relu=False)(net, image, targets=[1])
    with torch.no_grad():
        expected = float(net(image)[0, 1] - net[3].bias[1])
        by_hand = (net[3].weight[1].view(4, SIZE, SIZE) * net[:2](image)[0]).sum(0).numpy()
    assert np.allclose(found.maps[0], by_hand, atol=1e-6)
    assert abs(float(found.maps[0].sum()) - expected) < 1e-5


def test_a_box_has_no_evidence_beyond_its_own_cells_where_grad_cam_has() -> None:
    model, one = adapted(resnet_detector()), case(150, 200)
    model.network.transform.min_size, model.network.transform.max_size = (150,), 400
    scenes = model.scenes(one, [Target("m0", "benign", (10, 10, 40, 40)), Target("m1", "benign", (150, 100, 190, 140))])
    first, second = ODAM(relu=False).attribute_all(scenes)
    cam = GradCAM(relu=False).attribute_all(scenes)[0]
    overlap = np.minimum(np.abs(first.values), np.abs(second.values))
    assert overlap.max() == 0
    assert np.abs(cam.values[100:, 150:]).max() > 0.05 * np.abs(cam.values).max()
