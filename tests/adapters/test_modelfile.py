"""model.pt: what goes in comes out, nothing in it runs, and everything that is no model is refused in one line."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from xaimed import load_model
from xaimed.adapters import modelfile
from xaimed.adapters.loading import device_of
from xaimed.adapters.modelfile import FORMAT, ModelFile, network_of, read_model, write_model
from xaimed.architectures.five_block_rcnn import build
from xaimed.errors import InputError, ModelError, NotFound, UnsafeFile

SMALL = ModelFile(
    "five_block_rcnn", {"stride": 32}, "detection", ("benign", "malignant"), {"long_side": 256},
    {"b": torch.arange(6.0).reshape(2, 3) / 7, "a": torch.tensor([3], dtype=torch.int64)}, operating_point=0.37,
    calibration={"malignant": {"slope": 1.5, "intercept": -0.25}}, training={"patients": ["p1"]}, card={"name": "n"})


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    found: dict[str, Tensor] = build(stride=16).state_dict()
    return found


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    write_model(path, SMALL)
    return path


def content(path: Path) -> dict[str, object]:
    found: dict[str, object] = torch.load(path, weights_only=True)
    return found


def test_what_is_written_is_read(saved: Path) -> None:
    found = read_model(saved)
    for field in dataclasses.fields(ModelFile):
        if field.name != "state":
            assert getattr(found, field.name) == getattr(SMALL, field.name), field.name
    assert found.state.keys() == SMALL.state.keys()
    assert found.state["b"].dtype == torch.float16
    assert torch.equal(found.state["b"], SMALL.state["b"].half())
    assert torch.equal(found.state["a"], SMALL.state["a"])


def test_a_network_comes_back_within_half_precision(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "deep" / "model.pt"
    file = dataclasses.replace(SMALL, arguments={"stride": 16}, state=state)
    write_model(path, file)
    assert path.stat().st_size < 20e6
    network = network_of(read_model(path))
    assert not any(part.training for part in network.modules())
    for key, value in network.state_dict().items():
        assert value.dtype == state[key].dtype
        assert torch.allclose(value.float(), state[key].float(), rtol=1e-3, atol=1e-7), key
    model = load_model(path, device="cpu")
    assert (model.task, model.classes, model.file.digest) == ("detector", SMALL.classes, read_model(path).digest)


def test_the_digest_is_that_of_the_tensors(saved: Path) -> None:
    whole = hashlib.sha256()
    whole.update(b"a:torch.int64:(1,)" + (3).to_bytes(8, "little"))
    whole.update(b"b:torch.float32:(2, 3)" + SMALL.state["b"].numpy().tobytes())
    assert SMALL.digest == whole.hexdigest()


def test_the_digest_is_stable(saved: Path, tmp_path: Path) -> None:
    """Written again, in another order or with another card it stays; one changed bit of a weight changes it."""
    first = read_model(saved)
    turned = dataclasses.replace(first, state=dict(reversed(list(first.state.items()))), card={"name": "other"})
    write_model(tmp_path / "again.pt", turned)
    assert read_model(tmp_path / "again.pt").digest == first.digest
    moved = {**first.state, "b": first.state["b"].clone()}
    moved["b"].view(torch.int16)[0, 0] ^= 1
    others = [moved, {**first.state, "b": first.state["b"].T}, {"a": first.state["a"], "c": first.state["b"]},
              {**first.state, "a": first.state["a"].int()}]
    digests = {first.digest, *(dataclasses.replace(first, state=state).digest for state in others)}
    assert len(digests) == 5


def test_bfloat16_has_a_digest() -> None:
    file = dataclasses.replace(SMALL, state={"a": torch.tensor([1.5], dtype=torch.bfloat16)})
    assert len(file.digest) == 64


class Trap:
    """Unpickling this makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    path, harm = tmp_path / "model.pt", tmp_path / "harm"
    torch.save({"format": FORMAT, "state_dict": {}, "card": Trap(harm)}, path)
    with pytest.raises(UnsafeFile, match=r"model.pt holds objects that run code when they are read, and was not read"):
        read_model(path)
    assert not harm.exists()


def test_a_bare_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, harm = tmp_path / "model.pt", tmp_path / "harm"
    path.write_bytes(pickle.dumps(Trap(harm)))
    with pytest.raises(ModelError, match="is no model file"):
        read_model(path)
    assert not harm.exists()


def test_a_whole_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(UnsafeFile, match="ask its maker for the weights alone"):
        read_model(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(saved: Path, share: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(ModelError, match=r"model\.pt is (no model file|damaged)"):
        read_model(saved)


def test_a_file_with_lost_bytes_in_the_middle_is_refused(saved: Path) -> None:
    whole = bytearray(saved.read_bytes())
    place = whole.find(b"data.pkl") + 40
    whole[place:place + 200] = bytes(200)
    saved.write_bytes(bytes(whole))
    with pytest.raises((ModelError, UnsafeFile), match=r"model\.pt"):
        read_model(saved)


@pytest.mark.parametrize("text", [b"", b"not a model", b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_what_is_no_archive_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(text)
    with pytest.raises(ModelError, match=r"is no model file: expected a zip archive"):
        read_model(path)


def test_another_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ModelError, match="damaged or no torch file"):
        read_model(path)


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no model file at"):
        read_model(tmp_path / "absent.pt")
    with pytest.raises(NotFound, match="no model file at"):
        read_model(tmp_path)


def test_plain_weights_are_sent_to_the_function_that_makes_a_model(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match=r"format None; expected 'xaimed-model/1': .*write_model"):
        read_model(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(ModelError, match="format 'list'"):
        read_model(path)


def test_a_newer_format_is_refused(saved: Path) -> None:
    torch.save({**content(saved), "format": "xaimed-model/2"}, saved)
    with pytest.raises(ModelError, match=r"format 'xaimed-model/2', newer than 'xaimed-model/1'.*update xaimed"):
        read_model(saved)


@pytest.mark.parametrize("key", ["architecture", "arguments", "task", "classes", "preprocessing", "state_dict"])
def test_a_missing_key_is_named(saved: Path, key: str) -> None:
    torch.save({name: value for name, value in content(saved).items() if name != key}, saved)
    with pytest.raises(ModelError, match=f"model.pt: {key} missing"):
        read_model(saved)


@pytest.mark.parametrize(("key", "value"), [
    ("state_dict", [1.0]), ("arguments", 3), ("classes", 5), ("operating_point", "high"), ("preprocessing", None),
    ("architecture", 7), ("state_dict", {"a": 1.0})])
def test_a_value_of_another_kind_is_named(saved: Path, key: str, value: object) -> None:
    torch.save({**content(saved), key: value}, saved)
    with pytest.raises(ModelError, match=f"model.pt: {key}"):
        read_model(saved)


def test_weights_that_do_not_fit_are_refused(state: dict[str, Tensor]) -> None:
    wide = dataclasses.replace(SMALL, arguments={"anchors": [64]}, state=state)
    with pytest.raises(ModelError, match=r"fit 'five_block_rcnn': 4 of another size: rpn.*\(3, 256,") as error:
        network_of(wide)
    assert "\n" not in str(error.value)
    less = dataclasses.replace(SMALL, state={key: value for key, value in state.items() if "cls_score" not in key})
    with pytest.raises(ModelError, match="missing: "):
        network_of(less)
    with pytest.raises(ModelError, match="missing: ") as error:
        network_of(dataclasses.replace(SMALL, state={}))
    assert len(str(error.value)) < 400


def test_unknown_arguments_and_architectures_are_refused(state: dict[str, Tensor]) -> None:
    with pytest.raises(ModelError, match=r"'depth'.*expected its own arguments: .*anchors"):
        network_of(dataclasses.replace(SMALL, arguments={"depth": 9}, state=state))
    with pytest.raises(NotFound, match="did you mean 'five_block_rcnn'"):
        network_of(dataclasses.replace(SMALL, architecture="five_block_rcn", state=state))


def test_an_unknown_task_or_device_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "other.pt", dataclasses.replace(SMALL, task="weather"))
    with pytest.raises(ModelError, match="task 'weather'; expected one of detection"):
        load_model(tmp_path / "other.pt")
    with pytest.raises(InputError, match="device 'tpu'; expected auto, cpu or cuda"):
        device_of("tpu")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_nothing_and_keeps_the_earlier_model(
        saved: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    before = saved.read_bytes()

    def half(content: object, path: Path) -> None:
        Path(path).write_bytes(before[:100])
        raise error

    monkeypatch.setattr(modelfile.torch, "save", half)
    with pytest.raises(type(error)):
        write_model(saved, dataclasses.replace(SMALL, operating_point=0.9))
    assert [path.name for path in saved.parent.iterdir()] == ["model.pt"]
    assert saved.read_bytes() == before
