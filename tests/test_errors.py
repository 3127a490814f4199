"""What an unknown name is answered with: known names, and only such suggestions as may have been meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaimed.adapters.modelfile import built
from xaimed.errors import NotFound, near, unknown

KNOWN = ["alexnet", "lenet", "u_net", "voxel_morph", "grad_cam", "grad_cam_plus_plus", "kernel_shap", "mini-mias",
         "rbm", "dbm", "torchvision/resnet18", "torchvision/resnet34"]


@pytest.mark.parametrize(("name", "found"), [
    ("resnext9000", []), ("resnet", ["torchvision/resnet18", "torchvision/resnet34"]), ("densenet", []),
    ("lennet", ["lenet"]), ("unet", ["u_net"]), ("VoxelMorph", ["voxel_morph"]), ("grad_cma", ["grad_cam"]),
    ("shap", ["kernel_shap"]), ("minimias", ["mini-mias"]), ("rmb", ["rbm"]), ("resnet18", ["torchvision/resnet18"]),
    ("", []), ("x" * 10**5, [])])
def test_only_near_names_are_suggested(name: str, found: list[str]) -> None:
    assert near(name, KNOWN)[:len(found) or None] == found


@given(st.sampled_from(KNOWN), st.integers(0, 30), st.sampled_from("abcxyz019"))
def test_one_wrong_letter_is_forgiven(name: str, place: int, letter: str) -> None:
    wrong = name[:place % len(name)] + letter + name[place % len(name) + 1:]
    assert name in near(wrong, [name, "entirely different"])


def test_a_long_name_is_cut_in_the_line() -> None:
    assert len(str(unknown("model", "y" * 10**5, ["a"]))) < 200


def test_an_unknown_architecture_suggests_none_that_is_far_and_those_of_the_zoo() -> None:
    with pytest.raises(NotFound, match=r"unknown architecture 'resnext9000'; known: alexnet, "):
        built("resnext9000", {})
    with pytest.raises(NotFound, match=r"unknown architecture 'resnet18'; did you mean 'torchvision/resnet18'"):
        built("resnet18", {})
