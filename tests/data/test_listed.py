"""Options as text, and a folder that is not there, said in one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from xaimed.data import pneumoniamnist, t1_anatomy
from xaimed.data.dataset import CaseRow, DataRequest, Selection
from xaimed.data.listed import About, Listed, Origin, Picture, chosen, located, moved, slug
from xaimed.errors import InputError, NotFound


@dataclass(frozen=True)
class Options:
    radius: int = 3
    share: float = 0.5
    whole: bool = False
    plane: str = "axial"


def test_options_take_the_type_of_their_default() -> None:
    given = DataRequest("x", options={"radius": "1", "share": "2", "whole": "Yes", "plane": "coronal"})
    assert chosen(Options, given) == Options(1, 2.0, True, "coronal")
    assert chosen(Options, DataRequest("x")) == Options()


@pytest.mark.parametrize(("options", "said"), [
    ({"radus": "1"}, "did you mean 'radius'"), ({"radius": "1.5"}, "expected int, such as 3"),
    ({"share": "much"}, "expected float"), ({"whole": "perhaps"}, "expected yes or no")])
def test_other_options_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises((InputError, NotFound), match=said):
        chosen(Options, DataRequest("x", options=options))


def test_the_folder_below_the_root_or_the_root_itself(tmp_path: Path) -> None:
    origin = Origin("busi", "busi*.npz", "ask the authors")
    with pytest.raises(NotFound, match=r"no busi\*\.npz in .*ask the authors"):
        located(DataRequest("busi", tmp_path), origin)
    with pytest.raises(NotFound, match="XAIMED_DATA"):
        located(DataRequest("busi"), origin)
    (tmp_path / "busi_1.npz").touch()
    assert located(DataRequest("busi", tmp_path), origin) == tmp_path / "busi_1.npz"
    (tmp_path / "busi").mkdir()
    (tmp_path / "busi" / "busi_2.npz").touch()
    assert located(DataRequest("busi", tmp_path), origin) == tmp_path / "busi" / "busi_2.npz"


def test_pseudonyms_and_windows() -> None:
    assert slug("AbdomenCT/000026 (1)") == "AbdomenCT-000026-1"
    x, y, _ = moved(10, 20, 2.0) @ (3.0, 4.0, 1.0)
    assert (x, y) == (16, 28)


def test_a_selection_says_what_is_known_of_the_people() -> None:
    rows = [CaseRow("a", "p", "test", None)]
    about = About("one-head", "One head", "segmentation", (), (), people="one")
    listed = Listed(about, rows, lambda index: Picture(np.zeros((1, 2, 2), np.float32), ""))
    assert Selection(listed, [0], "test").people == "one"
    assert Selection(Listed(replace(about, people="known"), rows, listed.picture), [0], "test").people == "known"
    assert [t1_anatomy.ABOUT.people, pneumoniamnist.ABOUT.people] == ["one", "unknown"]
