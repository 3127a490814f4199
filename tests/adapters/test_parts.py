"""What prototypes, features and questions add to an answer: sums that are the logit, places, and a tree's own rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from xaimed import load_model
from xaimed.adapters.model import Model
from xaimed.adapters.structure import structural
from xaimed.answers import EDGES, MATCH, PART, QUESTION
from xaimed.architectures import lenet, prototype_net, radiomic, radiomic_tree
from xaimed.architectures.texture import FEATURES
from xaimed.targets import Target
from xaimed.types import Case

SIDE, CLASSES = 16, ("normal", "ill")


def model_of(network: nn.Module) -> Model:
    return load_model(network, task="classification", classes=CLASSES,
                      preprocessing={"channels": 1, "mean": [0.4], "std": [0.5]})


def case_of(seed: int = 0) -> Case:
    return Case("c", np.random.default_rng(seed).random((1, SIDE, SIDE), dtype=np.float32))


def told(model: Model, case: Case, name: str) -> dict[str, float]:
    rows = structural(model, case, [Target(name, name)])
    assert all((row.case, row.target, row.method) == ("c", name, "") for row in rows)
    return {row.metric: row.value for row in rows}


def logit(model: Model, case: Case, name: str) -> float:
    scene = model.scenes(case, [name])[0]
    with torch.no_grad():
        return float(scene.score(scene.image)[0])


@pytest.mark.parametrize("network", [prototype_net.build(widths=(4, 8), per_class=3, depth=4), radiomic.build(),
                                     radiomic.build(1)])
@pytest.mark.parametrize("name", ["normal", "ill", "ill-normal"])
def test_parts_and_the_rest_are_the_logit(network: nn.Module, name: str) -> None:
    model, case = model_of(network), case_of()
    parts = {metric: value for metric, value in told(model, case, name).items() if metric.startswith(PART)}
    assert len(parts) == len(network.part_names) + 1  # type: ignore[arg-type]
    assert sum(parts.values()) == pytest.approx(logit(model, case, name), abs=1e-4)


def test_a_feature_adds_its_weight_by_its_deviations() -> None:
    network = radiomic.build()
    model, case = model_of(network), case_of()
    images = (torch.from_numpy(case.image)[None] - 0.4) / 0.5
    features = network.standard(images)[0].double()
    rows = told(model, case, "ill")
    weight, bias = network.linear.weight.detach()[1, 0], network.linear.bias.detach()[1]
    assert rows["part mean"] == pytest.approx(float(features[0] * weight), abs=1e-6)
    assert rows["part bias"] == pytest.approx(float(bias), abs=1e-5)


def test_a_prototype_is_found_where_the_patch_is_that_it_was_copied_from() -> None:
    torch.manual_seed(2)
    network = prototype_net.build(widths=(4, 8), per_class=1, depth=8).eval()
    model, case = model_of(network), case_of()
    with torch.no_grad():
        network.prototypes[1] = network.codes((torch.from_numpy(case.image)[None] - 0.4) / 0.5)[0, :, 2, 1]
    rows = told(model, case, "ill")
    cell = SIDE // 4
    assert [rows[f"{MATCH}p1 of ill {edge}"] for edge in EDGES] == [cell, 2 * cell, 2 * cell, 3 * cell]
    assert max((name for name in rows if name.startswith(PART)), key=lambda name: rows[name]) == "part p1 of ill"


def test_a_tree_is_told_by_the_questions_that_scikit_learn_asks() -> None:
    draw = np.random.default_rng(1)
    values, classes = draw.normal(size=(200, len(FEATURES))), draw.integers(0, 2, 200)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(values, classes)
    network = radiomic_tree.build(2, 3)
    network.copy(tree)
    model, case = model_of(network), case_of()
    with torch.no_grad():
        features = network.standard((torch.from_numpy(case.image)[None] - 0.4) / 0.5)[0].double().numpy()
    path = tree.decision_path(features[None].astype(np.float32)).indices[:-1]
    expected = {f"{QUESTION}{place} {FEATURES[tree.tree_.feature[node]]}":
                features[tree.tree_.feature[node]] - tree.tree_.threshold[node]
                for place, node in enumerate(path, start=1)}
    assert told(model, case, "ill") == pytest.approx(expected, abs=1e-5)
    assert expected


def test_a_probability_is_no_sum_and_another_network_has_no_parts() -> None:
    model = model_of(radiomic.build())
    assert told(model, case_of(), "probability:ill") == {}
    assert told(model_of(lenet.build(2, 1)), Case("c", np.zeros((1, 28, 28), np.float32)), "ill") == {}
