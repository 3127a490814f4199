"""D-RISE through whole detectors: a stock one against the paper's sum, and the one that comes with the project."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.adapters.stock import adapted, case, resnet_detector
from tests.attribution.networks import images, small_cnn
from xaimed import load_model
from xaimed.attribution import DRISE, RISE
from xaimed.attribution.baseline import baseline
from xaimed.attribution.masks import Grids, Stream
from xaimed.content import folder
from xaimed.data.phantom import Phantoms
from xaimed.targets import Target
from xaimed.types import Case

BOXES = ((10.0, 10.0, 60.0, 50.0), (40.0, 20.0, 90.0, 70.0), (5.0, 30.0, 45.0, 72.0))


def likeness(boxes: Tensor, probabilities: Tensor, box: tuple[float, ...], wanted: NDArray[np.float64]) -> float:
    """The best of IoU * (1 - background) * cosine of the class scores, box by box in numpy."""
    best = 0.0
    for edges, scores in zip(boxes.double().numpy(), probabilities.double().numpy(), strict=True):
        width, height = (min(edges[2 + a], box[2 + a]) - max(edges[a], box[a]) for a in (0, 1))
        shared = max(width, 0.0) * max(height, 0.0)
        areas = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (edges, box))
        cosine = scores[1:] @ wanted / (np.linalg.norm(scores[1:]) * np.linalg.norm(wanted))
        best = max(best, shared / (areas - shared) * (1 - scores[0]) * cosine)
    return best


def test_the_boxes_of_a_stock_detector_share_the_papers_sum_over_masks() -> None:
    """16 masks and their complements: the mean of similarity times mask, box by box, from the detector's proposals."""
    model = adapted(resnet_detector())
    scenes = model.scenes(case(), [Target(f"m{i}", "malignant", box) for i, box in enumerate(BOXES)])
    found = DRISE(masks=32, error=0.0, cells=4, seed=3).attribute_all(scenes)
    image, height, width = scenes[0].image, *scenes[0].image.shape[-2:]
    content = baseline(scenes[0], "tissue_median")
    masks = Stream(Grids((height, width), 4, 0.5, 3), torch.device("cpu")).draw(16)
    masks = torch.cat([masks, 1 - masks])[:, None]
    with torch.no_grad():
        proposed = [model.propose(image * mask + content * (1 - mask))[0] for mask in masks[:, None]]
    for map_, box in zip(found, BOXES, strict=True):
        said = np.array([likeness(one.boxes, one.probabilities, box, np.array([0.0, 1.0])) for one in proposed])
        weighted = np.einsum("n,nhw->hw", said, masks[:, 0].double().numpy()) / 16
        assert np.ptp(said) > 1e-3
        assert np.allclose(map_.values, weighted - said.mean(), atol=1e-5 * np.abs(weighted).max())
        assert map_.facts["masks"] == 32
    assert sum(one.facts["evaluations"] for one in found) == 32


def alone(count: int) -> list[Case]:
    """SYNTHETIC images of test patients with one mass each."""
    data = Phantoms()
    rows = [i for i, row in enumerate(data.rows) if row.split == "test" and row.label != "normal"]
    return [one for one in map(data.__getitem__, rows[: 2 * count]) if len(one.boxes) == 1][:count]


@pytest.mark.slow
def test_the_projects_detector_looks_at_the_mass() -> None:
    """With 300 masks the peak lies on the mass and the energy is far above its share of the image."""
    file = folder("models") / "mammogram-detector" / "model.pt"
    if not file.is_file():
        pytest.skip(f"no {file}: xaimed train models/mammogram-detector/recipe.toml makes it")
    model, seen = load_model(file, "cpu"), 0
    for film in alone(3):
        box = film.boxes[0]
        scene = model.scenes(film, ["d0"])[0]
        found = scene.place(DRISE(masks=300, error=0.0).attribute(scene).values)
        y, x = np.unravel_index(found.argmax(), found.shape)
        inside = np.zeros(found.shape, bool)
        inside[int(box.y0):int(box.y1), int(box.x0):int(box.x1)] = True
        energy = np.maximum(found, 0)
        assert inside[y, x], film.id
        assert energy[inside].sum() / energy.sum() > 10 * inside.mean(), film.id
        seen += 1
    assert seen == 3


def test_on_a_plain_module_it_is_rise() -> None:
    net, batch = small_cnn(), images(1)
    ours, theirs = (method(masks=32, error=0.0, cells=4, seed=3)(net, batch, targets=[1]) for method in (DRISE, RISE))
    assert np.ptp(ours.maps[0]) > 0
    assert np.array_equal(ours.maps[0], theirs.maps[0])
