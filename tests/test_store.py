"""Store and Run: what goes in comes out, a cut-off run goes on, damage and full disks are named."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import example_run as example
from xaimed import ledger, mapfile, tables
from xaimed.errors import NotFound, StoreError
from xaimed.stats import Results
from xaimed.store import MapEntry, Run, Store, partial_path
from xaimed.types import Case, Floats, Prediction, Score

ROOT = Path(__file__).resolve().parents[1]
NOTHING = Results((), {})


def small_case(name: str, seed: int = 0, channels: int = 1) -> Case:
    image = np.random.default_rng(seed).uniform(0, 1, (channels, 24, 16)).astype(np.float32)
    return Case(name, image, label="benign", patient=f"p-{name}", split="test")


def started(path: Path, cases: int = 0, resume: bool = False) -> Store:
    store = Store.create(path, "seed = 1\n", {"model": {"digest": "m"}, "data": {"manifest": "d"}}, resume)
    for i in range(cases):
        store.add_case(small_case(f"c{i}", i), Prediction(f"c{i}", (), {"benign": 0.5}), [], [])
    return store


def test_everything_comes_back_as_it_went_in(tmp_path: Path) -> None:
    drawn = [example.draw(i) for i in range(6)]
    run = Run.open(example.example_run(tmp_path))
    assert list(run.cases["case"]) == [d.case.id for d in drawn]
    for d in drawn:
        assert np.abs(run.image(d.case.id) - d.case.image).max() <= 0.5 / 65535 + 1e-7
        truth = run.truth[run.truth["case"] == d.case.id]
        assert [tuple(row) for row in truth[["x0", "y0", "x1", "y1"]].to_numpy()] == [b.edges for b in d.case.boxes]
        found = run.predictions[(run.predictions["case"] == d.case.id) & run.predictions["x0"].notna()]
        assert list(found["score"]) == [x.score for x in d.prediction.detections]
        for entry, values in d.entries:
            kept = run.map(d.case.id, entry.target, entry.method)
            assert np.abs(kept - values).max() <= np.abs(values).max() * 2.0**-11 + 1e-12
        kept_entries = run.entries(d.case.id)
        assert [(e.target, e.method, e.box) for e in kept_entries] == [
            (e.target, e.method, e.box) for e, _ in d.entries]
        rows = run.scores[run.scores["case"] == d.case.id]
        assert [None if np.isnan(v) else v for v in rows["value"]] == [
            None if np.isnan(s.value) else s.value for s in d.scores]
    assert run.results.estimates == example.results(6).estimates
    assert run.findings == tuple(example.findings(6))
    pd.testing.assert_frame_equal(run.axis, example.axis(6), check_dtype=False)
    assert run.plan["criteria"][1] == {"name": "image AUC malignant", "at_least": 0.70, "on": "low"}
    assert run.meta["status"] == "complete"
    assert [e.event for e in run.log_entries()] == ["started", "finished", "sealed"]


def test_the_folder_holds_the_files_of_the_design_and_nothing_else(tmp_path: Path) -> None:
    path = example.example_run(tmp_path)
    assert {p.name for p in path.iterdir()} == {
        "run.json", "plan.toml", "cases.parquet", "truth.parquet", "predictions.parquet", "scores.parquet",
        "maps.zarr", "results.json", "findings.json", "log.jsonl", "curves.parquet"}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    for name, columns in tables.COLUMNS.items():
        assert list(pd.read_parquet(path / f"{name}.parquet").columns)[: len(columns)] == list(columns)


def test_maps_are_one_shard_of_compressed_float16(tmp_path: Path) -> None:
    path = example.example_run(tmp_path)
    folder = path / "maps.zarr" / "ex000" / "maps"
    meta = json.loads((folder / "zarr.json").read_text())
    assert meta["data_type"] == "float16"
    assert meta["codecs"][0]["name"] == "sharding_indexed"
    inner = meta["codecs"][0]["configuration"]["codecs"]
    blosc = next(codec for codec in inner if codec["name"] == "blosc")["configuration"]
    assert (blosc["cname"], blosc["shuffle"]) == ("zstd", "bitshuffle")
    assert len([p for p in folder.rglob("*") if p.is_file()]) == 2


@settings(max_examples=20, deadline=None)
@given(st.floats(-30, 4), st.integers(0, 2**31))
def test_a_map_keeps_its_digits_whatever_its_unit(tmp_path_factory: pytest.TempPathFactory, power: float,
                                                   seed: int) -> None:
    values = (np.random.default_rng(seed).normal(0, 1, (5, 7)) * 10.0**power).astype(np.float32)
    folder = tmp_path_factory.mktemp("map") / "c"
    mapfile.write_case(folder, np.zeros((1, 5, 7), np.float32), [MapEntry("d0", "m")], [values])
    kept = mapfile.read_map(folder, "d0", "m")
    assert np.abs(kept - values).max() <= np.abs(values).max() * 2.0**-11
    assert np.all(np.sign(kept)[np.abs(values) > np.abs(values).max() / 1000] == np.sign(values)[
        np.abs(values) > np.abs(values).max() / 1000])


def test_colour_images_and_maps_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    case = small_case("rgb", channels=3)
    values = np.zeros((24, 16), np.float32)
    values[0, :3] = (np.nan, np.inf, 4.0)
    with started(tmp_path / "r") as store:
        entry = MapEntry("benign", "m", "not finite", {"steps": float("inf")})
        store.add_case(case, Prediction("rgb"), [(entry, values)], [])
        run = store.finish(NOTHING, ())
    assert run.image("rgb").shape == (3, 24, 16)
    kept = run.map("rgb", "benign", "m")
    assert np.isnan(kept[0, 0])
    assert np.isinf(kept[0, 1])
    assert kept[0, 2] == 4.0
    assert run.entries("rgb")[0].facts == {"steps": float("inf")}


def test_classification_truth_is_one_row_a_case(tmp_path: Path) -> None:
    with Store.create(tmp_path / "r", "", {"model": {"task": "classification"}}) as store:
        store.add_case(small_case("a"), Prediction("a", (), {"benign": 0.2}), [], [])
        run = store.finish(NOTHING, ())
    assert run.truth[["case", "target", "label"]].to_numpy().tolist() == [["a", "t0", "benign"]]
    assert run.truth["x0"].isna().all()


def test_a_draft_is_readable_before_the_run_is_finished(tmp_path: Path) -> None:
    with started(tmp_path / "r", 2) as store:
        draft = store.draft([Score("", "", "m", "gate", 1.0)], NOTHING, example.axis(2))
        assert list(draft.cases["case"]) == ["c0", "c1"]
        assert list(draft.scores["metric"]) == ["gate"]
        assert draft.image("c0").shape == (1, 24, 16)
        assert len(draft.axis) == 4
        with pytest.raises(StoreError, match="resume"):
            Run.open(tmp_path / "r")


def test_a_run_without_a_case_is_whole(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, cases=0))
    assert len(run.cases) == len(run.truth) == len(run.predictions) == 0


KILLED = """
import sys, os, signal
from pathlib import Path
from tests.test_store import started, small_case
from xaimed.types import Prediction
store = started(Path(sys.argv[1]), 3)
import xaimed.store as module
def stop(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "part":
    module._write = stop          # the maps of the fourth case are there, its part is not
else:
    module.mapfile.write_case = stop
store.add_case(small_case("c3", 3), Prediction("c3"), [], [])
"""


@pytest.mark.parametrize("moment", ["part", "maps"])
def test_a_killed_run_goes_on_with_the_same_result(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "r"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), moment], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    with (partial_path(path) / "log.jsonl").open("ab") as log:
        log.write(b'{"event":"torn')
    with pytest.raises(StoreError, match=r"3 cases.*--resume"):
        started(path)
    with started(path, resume=True) as store:
        assert store.done == {"c0", "c1", "c2"}
        assert not (partial_path(path) / "maps.zarr" / "c3").exists()
        store.add_case(small_case("c3", 3), Prediction("c3"), [], [])
        run = store.finish(NOTHING, ())
    with started(tmp_path / "whole", 4) as store:
        whole = store.finish(NOTHING, ())
    pd.testing.assert_frame_equal(run.cases, whole.cases)
    assert run.meta["created"] is not None
    assert [e.event for e in run.log_entries()] == ["started", "resumed", "finished", "sealed"]
    assert np.array_equal(run.image("c3"), whole.image("c3"))


def test_resume_refuses_another_plan_or_model(tmp_path: Path) -> None:
    started(tmp_path / "r", 1).close()
    with pytest.raises(StoreError, match="another plan"):
        Store.create(tmp_path / "r", "seed = 2\n", {"model": {"digest": "m"}, "data": {"manifest": "d"}}, True)
    with pytest.raises(StoreError, match="another model"):
        Store.create(tmp_path / "r", "seed = 1\n", {"model": {"digest": "x"}, "data": {"manifest": "d"}}, True)


def test_two_writers_of_one_run_are_refused(tmp_path: Path) -> None:
    with started(tmp_path / "r", 1), pytest.raises(StoreError, match="another process"):
        started(tmp_path / "r", resume=True)


def test_a_finished_run_and_a_foreign_folder_stay_as_they_are(tmp_path: Path) -> None:
    path = example.example_run(tmp_path)
    before = ledger.sha256_file(path / "run.json")
    with pytest.raises(StoreError, match="holds a finished run"):
        started(path)
    assert ledger.sha256_file(path / "run.json") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="is no run"):
        started(tmp_path / "mine")
    assert not partial_path(tmp_path / "mine").exists()


def test_a_case_twice_and_a_map_of_another_size_are_refused(tmp_path: Path) -> None:
    with started(tmp_path / "r", 1) as store:
        with pytest.raises(StoreError, match="stored already"):
            store.add_case(small_case("c0"), Prediction("c0"), [], [])
        with pytest.raises(StoreError, match="expected the image's"):
            store.add_case(small_case("c9"), Prediction("c9"),
                           [(MapEntry("d0", "m"), np.zeros((2, 2), np.float32))], [])
        assert store.done == {"c0"}
        assert not (partial_path(tmp_path / "r") / "maps.zarr" / "c9").exists()


def test_an_abandoned_run_without_a_case_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), started(tmp_path / "r"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def whole_run(store: Store, names: list[str], image: Floats | None = None) -> Run:
    for i, name in enumerate(names):
        case = small_case(name, i) if image is None else Case(name, image)
        store.add_case(case, Prediction(name), [], [])
    return store.finish(NOTHING, ())


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["mapfile.write_case", "_write", "tables.write_parquet", "ledger.append"])
def test_a_full_disk_is_one_line_and_the_run_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                       place: str) -> None:
    earlier = example.example_run(tmp_path)
    before = {p: p.read_bytes() for p in earlier.rglob("*") if p.is_file()}
    path = tmp_path / "r"
    store = started(path, 2)

    def full(*arguments: object) -> None:
        raise FULL

    with monkeypatch.context() as patched:
        patched.setattr(f"xaimed.store.{place}", full)
        with store, pytest.raises(StoreError, match="disk is full") as caught:
            whole_run(store, ["c2"])
    assert "\n" not in str(caught.value)
    assert not path.exists()
    assert {p: p.read_bytes() for p in earlier.rglob("*") if p.is_file()} == before
    with started(path, resume=True) as again:
        if "c2" not in again.done:
            again.add_case(small_case("c2", 2), Prediction("c2"), [], [])
        assert list(again.finish(NOTHING, ()).cases["case"]) == ["c0", "c1", "c2"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Path:
    """A file system of 400 kB, where this machine lets one be mounted."""
    place = tmp_path / "tiny"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("a small file system needs root and mount")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)], capture_output=True,
                          check=False)
    if made.returncode:
        pytest.skip("this machine does not let a file system be mounted")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk(tiny_disk: Path) -> None:
    image = np.random.default_rng(0).uniform(0, 1, (1, 256, 256)).astype(np.float32)
    with started(tiny_disk / "r") as store, pytest.raises(StoreError, match="disk is full"):
        whole_run(store, [f"c{i}" for i in range(20)], image)
    assert not (tiny_disk / "r").exists()
    assert len(store.done) >= 1
    kept = {p.name for p in (partial_path(tiny_disk / "r") / "maps.zarr").iterdir() if p.is_dir()}
    assert kept == store.done


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = example.example_run(tmp_path)
    meta = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**meta, "format": 2}))
    with pytest.raises(StoreError, match=r"format 2 is newer .*update"):
        Run.open(path)


@pytest.mark.parametrize("name", ["cases", "truth", "predictions", "scores"])
def test_a_damaged_table_is_named(tmp_path: Path, name: str) -> None:
    path = example.example_run(tmp_path, 2)
    data = (path / f"{name}.parquet").read_bytes()
    (path / f"{name}.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(StoreError, match=rf"{name}\.parquet: damaged"):
        Run.open(path)


@pytest.mark.parametrize("name", ["results.json", "findings.json", "plan.toml"])
def test_a_damaged_text_file_is_named(tmp_path: Path, name: str) -> None:
    path = example.example_run(tmp_path, 1)
    (path / name).write_text("{ not")
    run = Run.open(path)
    with pytest.raises(StoreError, match=name):
        _ = (run.results, run.findings, run.plan)
    (path / name).unlink()
    with pytest.raises(StoreError, match=f"{name}: missing"):
        Run.open(path)


def test_a_damaged_map_is_named(tmp_path: Path) -> None:
    path = example.example_run(tmp_path, 1)
    shard = next(p for p in (path / "maps.zarr" / "ex000" / "maps" / "c").rglob("*") if p.is_file())
    shard.write_bytes(shard.read_bytes()[:-50])
    with pytest.raises(StoreError, match="ex000/maps: damaged"):
        Run.open(path).map("ex000", "d0", "grad_cam")


@pytest.mark.parametrize("name", ["image", "maps"])
def test_a_deleted_array_is_missing_and_one_of_zeros_is_not(tmp_path: Path, name: str) -> None:
    black = np.zeros((6, 8), np.float32)
    mapfile.write_case(tmp_path / "c", black[None], [MapEntry("d0", "occlusion")], [black])
    read = {"image": lambda: mapfile.read_image(tmp_path / "c")[0],
            "maps": lambda: mapfile.read_map(tmp_path / "c", "d0", "occlusion")}
    np.testing.assert_array_equal(read[name](), black)
    for shard in [path for path in (tmp_path / "c" / name / "c").rglob("*") if path.is_file()]:
        shard.unlink()
    with pytest.raises(StoreError, match=f"c/{name}: missing"):
        read[name]()


def test_unknown_names_say_what_is_there(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, 1))
    with pytest.raises(NotFound, match="ex000"):
        run.image("ex00")
    with pytest.raises(NotFound, match="d0/grad_cam"):
        run.map("ex000", "d0", "grad_camm")
    with pytest.raises(StoreError, match=r"no run\.json"):
        Run.open(tmp_path)


def independent_chain(lines: list[str]) -> bool:
    """The chain checked by other code than the ledger's: hash of the line with its own hash cut out."""
    import hashlib
    import re

    prev = "0" * 64
    for line in lines:
        own = re.search(r'"hash":"([0-9a-f]{64})",', line)
        if own is None or f'"prev":"{prev}"' not in line:
            return False
        bare = line.replace(own.group(0), "", 1)
        if hashlib.sha256(bare.encode()).hexdigest() != own.group(1):
            return False
        prev = own.group(1)
    return True


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.text(max_size=9), st.integers(),
                                                                           st.none(), st.booleans()), max_size=3),
                min_size=1, max_size=4), st.data())
def test_any_changed_byte_of_the_log_is_found(tmp_path_factory: pytest.TempPathFactory,
                                              events: list[dict[str, ledger.Fact]], data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    for i, facts in enumerate(events):
        ledger.append(path, f"e{i}", facts)
    whole = path.read_bytes()
    assert [dict(e.facts) for e in ledger.read(path)] == events
    lines = whole.decode().split("\n")[:-1]
    if all('"hash"' not in str(facts) for facts in events):
        assert independent_chain(lines)
    place = data.draw(st.integers(0, len(whole) - 2))
    changed = bytes([whole[place] ^ 1])
    path.write_bytes(whole[:place] + changed + whole[place + 1:])
    with pytest.raises(StoreError, match="does not fit the chain"):
        ledger.read(path)


def test_store_and_run_do_not_import_torch() -> None:
    code = "import sys, xaimed.store, xaimed.report.write; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_maps_take_images_of_any_size(tmp_path: Path) -> None:
    tiny: Floats = np.full((1, 1, 1), 0.25, np.float32)
    with started(tmp_path / "r") as store:
        store.add_case(Case("one", tiny), Prediction("one"), [(MapEntry("d0", "m"), tiny[0])], [])
        run = store.finish(NOTHING, ())
    assert run.map("one", "d0", "m")[0, 0] == 0.25
