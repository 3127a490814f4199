"""BUSI and near copies: hashes and likeness by hand, what is left out, one class alone, and the real set."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from xaimed.adapters.modelfile import read_model
from xaimed.content import folder
from xaimed.data import busi
from xaimed.data.copies import copy_groups, difference_hash, likeness
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.split import manifest_digest
from xaimed.errors import NotFound

RNG = np.random.default_rng(0)
Image = NDArray[np.uint8]


def scene(seed: int, side: int = 160) -> Image:
    """Speckle of two sizes, the same for a seed."""
    draw = np.random.default_rng(seed)
    coarse, fine = (cv2.resize(draw.random((n, n)), (side, side), interpolation=cv2.INTER_CUBIC) for n in (10, 40))
    return np.asarray(np.clip((coarse + fine) * 120, 0, 255), np.uint8)


def window(image: Image, down: int, right: int) -> Image:
    return np.ascontiguousarray(image[down:down + 128, right:right + 128])


def filed(folder: Path, images: list[Image], labels: list[int], names: list[str]) -> DataRequest:
    np.savez(folder / "busi_128.npz", images=np.stack(images), labels=np.array(labels, np.uint8),
             classes=np.array(busi.WORST), names=np.array(names))
    return DataRequest("busi", folder)


def test_hash_by_hand() -> None:
    rising = np.tile(np.arange(0, 9, dtype=np.uint8), (8, 1))
    assert difference_hash(rising) == 2**64 - 1
    assert difference_hash(rising[:, ::-1].copy()) == 0
    step = rising.copy()
    step[0] = rising[0, ::-1]
    assert difference_hash(step) == 2**56 - 1


def test_copies_at_another_contrast_join_and_strangers_do_not() -> None:
    smooth = [np.kron(RNG.integers(0, 256, (8, 9)), np.ones((8, 8))).astype(np.uint8) for _ in range(4)]
    images = [smooth[0], smooth[1], (smooth[0] // 2 + 20).astype(np.uint8), smooth[2], smooth[1], smooth[3]]
    assert copy_groups(images, 3) == [0, 1, 0, 3, 1, 5]


def test_likeness_sees_a_shifted_copy_that_the_hash_does_not() -> None:
    whole = scene(1)
    here, there = window(whole, 0, 0), window(whole, 4, 16)
    dim = np.asarray(there * 0.5 + 30, np.uint8)
    assert (difference_hash(here) ^ difference_hash(there)).bit_count() > busi.NEAR
    found = likeness([here], [here, there, dim, window(scene(2), 0, 0)])[0]
    assert found[0] == pytest.approx(1, abs=1e-5)
    assert found[1] > 0.9
    assert found[2] > 0.9
    assert found[3] < busi.ALIKE
    assert likeness([there], [here])[0, 0] == pytest.approx(found[1], abs=1e-5)


def test_likeness_is_the_largest_correlation_of_the_shifts() -> None:
    """Computed again shift by shift with NumPy's correlation, on what both images share."""
    from xaimed.data.copies import _contrasts

    one, two = (_contrasts([window(scene(seed), 0, 0)])[0].astype(float) for seed in (3, 4))
    best = -1.0
    for dy in range(-16, 17):
        for dx in range(-16, 17):
            if (64 - abs(dy)) * (64 - abs(dx)) < 0.75 * 64 * 64:
                continue
            a = one[max(0, dy):64 + min(0, dy), max(0, dx):64 + min(0, dx)]
            b = two[max(0, -dy):64 + min(0, -dy), max(0, -dx):64 + min(0, -dx)]
            best = max(best, float(np.corrcoef(a.ravel(), b.ravel())[0, 1]))
    found = likeness([window(scene(3), 0, 0)], [window(scene(4), 0, 0)])[0, 0]
    assert found == pytest.approx(best, abs=1e-4)


def test_what_is_left_out_and_why() -> None:
    first, second = scene(1), scene(2)
    images = [window(first, 0, 0), window(first, 2, 12), window(second, 0, 0), window(second, 1, 9),
              window(scene(5), 0, 0), window(scene(6), 0, 0), window(scene(7), 0, 0)]
    splits = ("train", "val", "val", "test", "test", "test", "val")
    patients = ("a", "b", "c", "d", "d", "e", "f")
    rows = [CaseRow(f"case-{i}", patients[i], split, "benign") for i, split in enumerate(splits)]
    # 1 copies train; 3 copies val, and 4 is of its group; val itself (2) stays.
    assert busi.left_out(rows, images) == {"case-1", "case-3", "case-4"}


def test_another_file_is_computed_and_train_stays_whole(tmp_path: Path) -> None:
    images = [window(scene(seed), 0, 0) for seed in range(30)]
    labels, names = [i % 3 for i in range(30)], [f"image ({i}).png" for i in range(30)]
    before = busi.open(filed(tmp_path, images, labels, names))
    assert len(before) == 30
    train = next(i for i, row in enumerate(before.rows) if row.split == "train")
    test = next(i for i, row in enumerate(before.rows) if row.split == "test")
    whole = scene(train)
    images[test] = window(whole, 4, 16)
    after = busi.open(filed(tmp_path, images, labels, names))
    kept = [row for i, row in enumerate(before.rows) if i != test]
    assert list(after.rows) == kept
    assert any("1 images of val and test are left out" in text for text in after.warnings)
    assert [after[i].digest for i in range(29)] == [before[i].digest for i in range(30) if i != test]


def test_one_class_alone_has_the_splits_of_all(tmp_path: Path) -> None:
    labels, names = [i % 3 for i in range(30)], [f"image ({i}).png" for i in range(30)]
    request = filed(tmp_path, [window(scene(seed), 0, 0) for seed in range(30)], labels, names)
    whole = busi.open(request)
    found = busi.open(DataRequest("busi", tmp_path, options={"only": "malignant"}))
    assert list(found.rows) == [row for row in whole.rows if row.label == "malignant"]
    assert found.classes == ("malignant",)
    assert found[1].digest == whole[5].digest
    assert busi.open(DataRequest("busi", tmp_path, options={"only": "all"})).rows == whole.rows
    with pytest.raises(NotFound, match="malignnant"):
        busi.open(DataRequest("busi", tmp_path, options={"only": "malignnant"}))


def test_the_table_is_what_the_rule_finds(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = busi.open(DataRequest("busi", data_root))
    monkeypatch.setattr(busi, "LEFT_OUT", frozenset[str]())
    whole = busi.open(DataRequest("busi", data_root))
    assert manifest_digest(whole.rows) == busi.KNOWN
    images = [np.asarray((whole[i].image[0] * 255).round(), np.uint8) for i in range(len(whole))]
    found = busi.left_out(whole.rows, images)
    monkeypatch.undo()
    assert found == busi.LEFT_OUT
    assert {"benign-140", "benign-141", "benign-116", "malignant-39"} <= found
    assert not found & {row.case for row in kept.rows}
    assert [row for row in whole.rows if row.case not in found] == list(kept.rows)
    assert Counter(row.split for row in kept.rows) == {"train": 621, "val": 71, "test": 65}


def test_real_busi(data_root: Path) -> None:
    found = busi.open(DataRequest("busi", data_root))
    assert Counter(row.label for row in found.rows) == {"normal": 133, "benign": 422, "malignant": 202}
    pixels = np.stack([case.image[0] for case in (found[i] for i in range(len(found)))])
    small = pixels.reshape(-1, 32, 4, 32, 4).mean(axis=(2, 4)).reshape(len(pixels), -1)
    small = (small - small.mean(axis=1, keepdims=True)) / small.std(axis=1, keepdims=True)
    alike = np.argwhere(np.triu(small @ small.T / small.shape[1] > 0.985, 1))
    assert len(alike) > 80, "copies by correlation, found without the hash"
    apart = [(i, j) for i, j in alike if found.rows[i].split != found.rows[j].split]
    assert not apart
    splits = defaultdict(set)
    for row in found.rows:
        splits[row.patient].add(row.split)
    assert all(len(held) == 1 for held in splits.values())
    assert max(Counter(row.patient for row in found.rows).values()) <= 6
    assert any("near copies" in text for text in found.warnings)


@pytest.mark.parametrize(("name", "labels"), [("busi-alexnet", busi.WORST), ("busi-transfer", busi.WORST),
                                              ("busi-dcgan", ("malignant",))])
def test_the_models_name_this_split_and_what_they_learned(data_root: Path, name: str, labels: tuple[str, ...]) -> None:
    training = read_model(folder("models") / name / "model.pt").training
    found = busi.open(DataRequest("busi", data_root, options=training["data_options"]))
    assert {row.label for row in found.rows if row.split == "test"} == set(labels)
    assert training["manifest"] == manifest_digest(found.rows)
    seen = {row.patient for row in found.rows if row.split != "test"}
    assert seen == {*training["patients"], *training["validation_patients"]}
