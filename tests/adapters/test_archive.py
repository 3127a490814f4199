"""Damage and tricks in the zip archive of torch.save are told in one line, and told apart from foreign files."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from xaimed.adapters.archive import load_tensors
from xaimed.adapters.modelfile import FORMAT, read_model
from xaimed.errors import ModelError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    torch.manual_seed(0)
    torch.save({"format": FORMAT, "architecture": "lenet", "arguments": {}, "task": "classification",
                "classes": ["a"], "preprocessing": {},
                "state_dict": {"w": torch.rand(64, 64), "b": torch.rand(9)}}, path)
    return path


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_zeroed_bytes_of_a_weight_are_found(saved: Path, share: float) -> None:
    whole = bytearray(saved.read_bytes())
    place = int(share * len(whole))
    assert any(whole[place:place + 64])
    whole[place:place + 64] = bytes(64)
    saved.write_bytes(whole)
    torch.load(saved, weights_only=True)  # which does not look at checksums
    with pytest.raises(ModelError, match=r"^model.pt is damaged: the bytes of its part '.*data/0' .*: copy or dow"):
        read_model(saved)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_cut_file_is_called_damaged(saved: Path, share: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(ModelError, match=rf"^model.pt is damaged: .* cut off at {int(share * len(whole))} b") as caught:
        read_model(saved)
    assert "code" not in str(caught.value)


def test_a_foreign_pickle_is_not_called_damaged(saved: Path) -> None:
    for content in (pickle.dumps({"a": 1}), b"", b"GIF89a"):
        saved.write_bytes(content)
        with pytest.raises(ModelError, match=r"is no model file.*may hold code") as error:
            read_model(saved)
        assert "damaged" not in str(error.value)


def test_a_lost_directory_or_header_is_damage(saved: Path) -> None:
    whole = saved.read_bytes()
    place = whole.index(b"PK\x01\x02")
    for start in (place, whole.index(b"PK\x03\x04", 10)):
        saved.write_bytes(whole[:start] + bytes(8) + whole[start + 8:])
        with pytest.raises(ModelError, match=r"model.pt is damaged"):
            read_model(saved)


def test_an_archive_written_without_checksums_is_read(saved: Path) -> None:
    content = torch.load(saved, weights_only=True)
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(content, saved)
    finally:
        torch.serialization.set_crc32_options(before)
    with zipfile.ZipFile(saved) as archive:
        assert not any(part.CRC for part in archive.infolist())
    assert read_model(saved).state.keys() == {"w", "b"}


def test_an_archive_that_unpacks_to_much_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(saved.with_name("bomb.pt"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**7))
    monkeypatch.setattr("xaimed.adapters.archive.LIMIT", 10**6)
    with pytest.raises(ModelError, match=r"bomb.pt is no model file: it unpacks to"):
        load_tensors(saved.with_name("bomb.pt"))


@pytest.mark.parametrize(("value", "said"), [
    (torch.zeros(1).expand(1000, 1000), r"4\.0 MB of weights from 0\.0 MB that are stored"),
    (torch.eye(3).to_sparse(), r"'w' is a tensor of another kind \(torch.float32, torch.sparse_coo"),
    (torch.zeros(3, device="meta"), r"'w' is a tensor of another kind .*meta"),
    (torch.zeros(3, dtype=torch.float8_e5m2), r"'w' is a tensor of another kind \(torch.float8_e5m2")])
@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_tensors_that_are_not_stored_whole_are_refused(saved: Path, value: torch.Tensor, said: str) -> None:
    content = torch.load(saved, weights_only=True)
    content["state_dict"]["w"] = value
    torch.save(content, saved)
    with pytest.raises(ModelError, match=said):
        read_model(saved)


def test_tied_weights_are_read(saved: Path) -> None:
    content = torch.load(saved, weights_only=True)
    content["state_dict"]["again"] = content["state_dict"]["w"]
    torch.save(content, saved)
    assert read_model(saved).state.keys() == {"w", "b", "again"}
