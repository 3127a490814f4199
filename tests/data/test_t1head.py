"""The T1 volume: a drawn one of known content, and the real one in its four datasets."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from xaimed.data import t1_anatomy, t1_registration, t1_synthesis, t1_volume, t1head
from xaimed.data.dataset import DataRequest
from xaimed.data.fields import warped
from xaimed.data.listed import Listed
from xaimed.errors import InputError, NotFound
from xaimed.metrics.registration import folding

SHAPE = (24, 40, 120)


def drawn(folder: Path) -> Path:
    """A head of 24 x 40 x 120 voxels: a ramp along the head in white matter, a rod of fluid in the middle."""
    volume, labels = np.zeros(SHAPE), np.zeros(SHAPE)
    labels[2:-2, 4:-4, 10:-10] = 2
    labels[10:14, 18:22, 10:-10] = 4
    volume[labels == 2] = (0.3 + 0.4 * np.arange(SHAPE[2]) / SHAPE[2])[np.nonzero(labels == 2)[2]]
    volume[labels == 4] = 0.1
    folder.mkdir(exist_ok=True)
    np.savez(folder / "test_scan.npz", vol=volume, seg=labels)
    return folder


def asked(name: str, folder: Path, options: dict[str, str] | None = None) -> DataRequest:
    return DataRequest(name, folder, options=options or {})


def test_slices_of_each_plane(tmp_path: Path) -> None:
    head = t1head.read_head(asked("t1", drawn(tmp_path)))
    assert head.slice(t1head.AXES["coronal"], 60).shape == (40, 24)
    assert head.slice(t1head.AXES["axial"], 20).shape == (120, 24)
    assert head.slice(t1head.AXES["sagittal"], 12).shape == (40, 120)
    axial = head.slice(t1head.AXES["axial"], 6)
    assert axial[15, 12] > axial[100, 12] > 0, "the brow is up: the ramp rises to it"
    tissue = head.tissue(t1head.AXES["coronal"], 60)
    assert {int(tissue[20, 12]), int(tissue[6, 6]), int(tissue[0, 0])} == {3, 1, 0}


def test_blocks_keep_their_distance(tmp_path: Path) -> None:
    head = t1head.read_head(asked("t1", drawn(tmp_path)))
    found = t1head.slices(head, "coronal")
    places = {split: np.array([place.index for place in found if place.split == split])
              for split in ("train", "val", "test")}
    assert min(place.index for place in found) == 10
    assert max(place.index for place in found) == 109
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert np.abs(places[one][:, None] - places[other][None]).min() >= 5
    units = defaultdict(set)
    for place in found:
        units[place.patient].add(place.split)
    assert all(len(splits) == 1 for splits in units.values())
    with pytest.raises(NotFound, match="did you mean 'coronal'"):
        t1head.slices(head, "coronel")
    with pytest.raises(InputError, match="option step"):
        t1head.slices(head, "coronal", 0)


def test_bands_take_turns() -> None:
    assert t1head.bands(10, 47) == (("train", 10, 20), ("test", 23, 27), ("train", 30, 40), ("val", 43, 47),
                                    ("train", 50, 57))
    for count in range(40, 90):
        places = {split: [z for kind, start, end in t1head.bands(0, count) if kind == split for z in range(start, end)]
                  for split in ("train", "val", "test")}
        held = places["val"] + places["test"]
        assert max(places["train"] + held) == max(places["train"]) < count, "a held band lies between two of training"
        assert all(abs(a - b) > t1head.GAP for a in places["train"] for b in held)


def test_anatomy(tmp_path: Path) -> None:
    found = t1_anatomy.open(asked("t1-anatomy", drawn(tmp_path), {"radius": "1"}))
    case = found[5]
    assert case.image.shape == (3, 40, 24)
    assert np.all(np.diff(case.image[:, 6, 6]) > 0), "the ramp: neighbours in order, the slice itself in the middle"
    assert case.segments["csf"].sum() == 16
    assert case.segments["white-matter"].sum() == 20 * 32 - 16
    assert not case.segments["grey-matter"].any()


def test_second_contrast(tmp_path: Path) -> None:
    case = t1_synthesis.open(asked("t1-synthesis", drawn(tmp_path)))[30]
    assert case.wanted is not None
    assert case.synthetic
    np.testing.assert_allclose(case.wanted[0, 6:9, 5:8], 0.35, atol=0.01)
    assert case.wanted[0, 20, 12] == pytest.approx(0.95, abs=0.1), "fluid is bright where it is dark in T1"
    assert case.wanted[0, 0, 0] == 0


def pair_error(data: Listed, index: int) -> tuple[float, float]:
    """Mean absolute difference of moving and fixed over tissue, before and after the known displacement."""
    case = data[index]
    assert case.displacement is not None
    half = len(case.image) // 2
    moving, fixed = case.image[half // 2], case.image[half + half // 2]
    back = warped(moving, case.displacement[::-1])
    tissue = fixed > 0
    return float(np.abs(moving - fixed)[tissue].mean()), float(np.abs(back - fixed)[tissue].mean())


def test_real_pairs_meet_under_their_displacement(data_root: Path) -> None:
    data = t1_registration.open(asked("t1-registration", data_root))
    for index in (3, 151, 280):
        before, after = pair_error(data, index)
        assert after < 0.06 * before
        field = data[index].displacement
        assert field is not None
        assert folding(field[::-1].astype(np.float64)) == 0
        assert 4 < np.sqrt((field**2).sum(axis=0)).max() < 9
    assert data[4].digest != data[5].digest, "each field is its own"


def test_real_slab(data_root: Path) -> None:
    data = t1_volume.open(asked("t1-volume", data_root))
    case = data[40]
    assert case.image.shape == (16, 96, 80)
    assert case.displacement is not None
    assert case.displacement.shape == (2, 96, 80)
    assert case.spacing_mm == 2.0
    assert np.abs(case.image[:8] - case.image[8:]).mean() > 0.003
    before, after = pair_error(data, 40)
    assert after < before, "the part in the plane explains some of the difference, the part through it is not given"


def test_every_tissue_is_in_training(data_root: Path) -> None:
    data = t1_anatomy.open(asked("t1-anatomy", data_root))
    for split in ("train", "val", "test"):
        held = [data[number].segments for number, row in enumerate(data.rows) if row.split == split][::4]
        for name in t1head.TISSUES:
            assert np.mean([part[name].mean() for part in held]) > 0.002, (split, name)


def test_real_anatomy_is_what_the_atlas_says(data_root: Path) -> None:
    data = t1_anatomy.open(asked("t1-anatomy", data_root))
    case = data[len(data) // 2]
    white, grey, fluid = (case.image[0][case.segments[name]].mean() for name in ("white-matter", "grey-matter", "csf"))
    assert white > grey + 0.1 > fluid + 0.15


def test_faults(tmp_path: Path) -> None:
    np.savez(tmp_path / "test_scan.npz", vol=np.zeros((2, 3, 4)), seg=np.zeros((2, 3)))
    with pytest.raises(InputError, match="expected two volumes"):
        t1head.read_head(asked("t1", tmp_path))
    drawn(tmp_path / "t1-volume")
    for name, module, options in (("t1-anatomy", t1_anatomy, {"radius": "-1"}),
                                  ("t1-anatomy", t1_anatomy, {"radius": "2"}),
                                  ("t1-volume", t1_volume, {"depth": "1"}),
                                  ("t1-volume", t1_volume, {"depth": "30"}),
                                  ("t1-registration", t1_registration, {"fields": "0"})):
        with pytest.raises(InputError, match="option"):
            module.open(asked(name, tmp_path, options))
