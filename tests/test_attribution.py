"""An Attribution in a notebook: pictures, figures, arrays, and files that hold what was computed."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.errors import InputError
from xaimed.types import Attribution

HEIGHT, WIDTH = 30, 22


def drawn(count: int = 3) -> Attribution:
    generator = np.random.default_rng(0)
    maps = tuple(generator.normal(size=(HEIGHT, WIDTH)).astype(np.float32) for _ in range(count))
    images = tuple(generator.random((1, HEIGHT, WIDTH), dtype=np.float32) for _ in range(count))
    return Attribution("grad_cam", "GradCAM(<x>)", maps, tuple(f"p{i}" for i in range(count)),
                       ("d0", "a-b", "dx:1,2")[:count], ("", "constant", "")[:count], (), images)


def test_it_stacks_into_arrays() -> None:
    found = drawn()
    assert np.array_equal(np.asarray(found), np.stack(found.maps))
    assert np.array_equal(found.stack()[1], found.maps[1])
    assert np.asarray(found, np.float64).dtype == np.float64


def test_files_hold_the_signed_maps_and_pictures_of_the_original_size(tmp_path: Path) -> None:
    found = drawn()
    written = found.save(tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["p0_d0_grad_cam.png", "p1_a-b_grad_cam.png", "p2_dx_1_2_grad_cam.png",
                                               "grad_cam.npz"]
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == sorted(p.name for p in written)
    for index, path in enumerate(written[:3]):
        assert np.array_equal(np.asarray(Image.open(path)), found.to_image(index))
    kept = np.load(written[-1])
    assert np.array_equal(kept["p2/dx:1,2"], found.maps[2])
    with pytest.raises(InputError, match="holds no map"):
        drawn(0).save(tmp_path)


def test_files_hold_caption_notes_and_facts(tmp_path: Path) -> None:
    found = replace(drawn(2), facts=({"steps": 15.0, "error": math.nan}, {}))
    written = found.save(tmp_path)
    with np.load(written[-1], allow_pickle=False) as kept:
        assert json.loads(str(kept["about"])) == {
            "p0/d0": {"caption": "GradCAM(<x>)", "note": "", "facts": {"steps": 15.0, "error": None}},
            "p1/a-b": {"caption": "GradCAM(<x>)", "note": "constant", "facts": {}}}
    with Image.open(written[1]) as picture:
        assert picture.info["Description"] == "GradCAM(<x>); constant"


def test_its_repr_is_one_line_without_arrays() -> None:
    assert repr(drawn()) == ("<Attribution GradCAM(<x>), 3 maps: p0/d0 30 x 22, p1/a-b 30 x 22, p2/dx:1,2 30 x 22; "
                             "1 with a note>")
    assert repr(Attribution("m", "", (), (), ())) == "<Attribution m, 0 maps>"


def test_two_maps_of_one_target_are_refused(tmp_path: Path) -> None:
    twice = Attribution("m", "M()", drawn(2).maps, ("p", "p"), ("d0", "d0"))
    with pytest.raises(InputError, match="two maps of p/d0"):
        twice.save(tmp_path)


def test_a_notebook_shows_every_map_with_its_note() -> None:
    page = drawn()._repr_html_()
    assert page.count("data:image/png;base64,") == 3
    assert "GradCAM(&lt;x&gt;)" in page
    assert "p1 · a-b (constant)" in page
    data = drawn()._repr_png_()
    assert data is not None
    shown = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(shown[:, :WIDTH], drawn().to_image(0))
    assert drawn(0)._repr_png_() is None
    assert "0 maps" in drawn(0)._repr_html_()


def test_the_interactive_figure_tells_the_signed_value() -> None:
    pytest.importorskip("plotly")
    found = drawn()
    figure = found.plotly(1)
    assert np.array_equal(np.asarray(figure.data[0].customdata), found.maps[1])  # type: ignore[attr-defined]
    long = replace(found, notes=("", " ".join(["not converged"] * 9), ""))
    lines = long.plotly(1).layout.title.text.split("<br>")  # type: ignore[attr-defined]
    assert lines[0] == "grad_cam: p1 · a-b"
    assert " ".join(lines[1:]) == long.notes[1]
    assert max(map(len, lines)) <= 80
    assert found.plotly(0).layout.title.text == "grad_cam: p0 · d0"  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="expected 0 to 2"):
        found.plotly(3)
