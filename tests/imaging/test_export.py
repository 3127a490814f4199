"""PNG written and read back, and nothing left behind when writing fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.errors import InputError
from xaimed.imaging.export import grey, write_png
from xaimed.imaging.files import read_image

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_round_trip_within_half_a_step(tmp_path: Path, bits: int, channels: int) -> None:
    image = RNG.random((channels, 9, 6), np.float32)
    image[:, 0, 0], image[:, 0, 1] = 0, 1
    write_png(image, tmp_path / "a.png", bits)
    found = read_image(tmp_path / "a.png")
    assert found.bits == bits
    assert np.abs(found.image - image).max() <= 0.5 / (2**bits - 1) + 1e-6
    np.testing.assert_array_equal(found.image[:, 0, :2], [[0, 1]] * channels)


def test_values_as_another_reader_sees_them(tmp_path: Path) -> None:
    write_png(np.array([[[0, 0.5, 1]]], np.float32), tmp_path / "a.png", 16)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[0, 32768, 65535]]


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"earlier")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_png(np.zeros((1, 4, 4), np.float32), tmp_path / "a.png")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.png", b"earlier")]


def test_wrong_arguments(tmp_path: Path) -> None:
    for image, bits in ((np.zeros((2, 4, 4)), 8), (np.zeros((4, 4)), 8), (np.full((1, 4, 4), 2.0), 8),
                        (np.full((1, 4, 4), np.nan), 16), (np.zeros((1, 4, 4)), 12)):
        with pytest.raises(InputError):
            write_png(image.astype(np.float32), tmp_path / "a.png", bits)
    assert not list(tmp_path.iterdir())


def test_grey_is_luminance() -> None:
    colour = RNG.random((3, 5, 5), np.float32)
    expected = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    np.testing.assert_allclose(grey(colour)[0], expected, atol=1e-6)
    assert grey(colour[:1]) is not None
    np.testing.assert_array_equal(grey(colour[:1]), colour[:1])
