"""`xaimed audit --reproduce RUN [MODEL]`: run the stored plan again and compare every stored value."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaimed.errors import InputError, XaimedError

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.audit import Audit
    from xaimed.data.dataset import Selection
    from xaimed.run import Run


def run_reproduction(options: argparse.Namespace) -> int:
    """0 if every stored value comes out the same within the tolerance, 1 if not."""
    from xaimed.audit import run_audit
    from xaimed.cli.progress import progress_bar
    from xaimed.reproducing import Tolerance, reproduced
    from xaimed.run import Run

    refused = [name for name in ("plan", "methods", "limit", "seed", "split") if getattr(options, name) is not None]
    if refused:
        raise InputError(f"--reproduce with --{refused[0]}; expected the stored plan and cases alone")
    stored = Run.open(options.reproduce)
    tolerance = Tolerance() if options.tolerance is None else Tolerance(relative=options.tolerance)
    with _place(options.out) as out:
        audit = _asked(options, stored, out)
        with progress_bar(options.json, out) as progress:
            again = run_audit(audit, progress)
        found = reproduced(stored, again, tolerance)
    print(json.dumps(found.to_json()) if options.json else "\n".join(found.lines()))
    return found.exit_code


@contextmanager
def _place(out: str | None) -> Iterator[Path]:
    """Where the run is made again: the folder that was asked for, or one that is removed afterwards."""
    if out is not None:
        yield Path(out)
        return
    with tempfile.TemporaryDirectory(prefix="xaimed-again-") as folder:
        yield Path(folder) / "run"


def _asked(options: argparse.Namespace, stored: Run, out: Path) -> Audit:
    from xaimed.audit import Audit
    from xaimed.plan import plan_of
    from xaimed.surroundings import surroundings

    if not stored.pictured:
        raise InputError(f"{stored.path}: was made from tables of outputs, without a model; expected a run of a model: "
                         "judge the same tables again with --predictions and --truth, and compare the two runs")
    model = _model(options, stored)
    # What was told to the audit and is no result of it.
    told = {name: stored.meta[name] for name in ("request", "reuse", "left_out") if name in stored.meta}
    return Audit(model, _cases(options, stored), plan_of(stored.plan), out,
                 provenance={**told, "device": getattr(model, "device", "cpu"), **surroundings()})


def _model(options: argparse.Namespace, stored: Run) -> Model:
    """The model that was given or the one among the models that has the stored digest."""
    from xaimed.adapters.loading import load_model

    wanted = str(stored.meta.get("model", {}).get("digest", ""))
    device = str(stored.meta.get("device", "cpu")) if options.device == "auto" else options.device
    device = device if device in ("cpu", "cuda") else "auto"
    if options.model is None:
        return load_model(_found(str(stored.meta.get("model", {}).get("name", "")), wanted), device)
    model = load_model(options.model, device)
    if model.file.digest != wanted:
        raise InputError(f"{options.model}: digest {model.file.digest[:16]}..., and the run was made with "
                         f"{wanted[:16]}...; expected the same model")
    return model


def _found(name: str, digest: str) -> Path:
    from xaimed.adapters.modelfile import read_model
    from xaimed.content import folder

    paths = sorted(folder("models").glob("*/model.pt"), key=lambda path: (path.parent.name != name, path))
    for path in paths:
        try:
            if read_model(path).digest == digest:
                return path
        except XaimedError:
            continue  # a model that cannot be read is not the one
    raise InputError(f"none of {len(paths)} models has the digest {digest[:16]}... of the run; expected the model: "
                     "give its model.pt after --reproduce RUN")


def _cases(options: argparse.Namespace, stored: Run) -> Selection:
    from xaimed.data.dataset import DataRequest, opened
    from xaimed.data.split import manifest_digest

    data: Mapping[str, Any] = stored.meta.get("data", {})
    name = str(data.get("name", "")) if options.dataset == "test" else options.dataset
    own = dict(stored.meta.get("request", {}).get("options", {})) or _trained_with(stored, name)
    own |= dict(text.split("=", 1) for text in options.dataset_option if "=" in text)
    root, boxes = (Path(given) if given else None for given in (options.data, options.annotations))
    cases = opened(DataRequest(name, root, boxes, limit=len(stored.cases), options=own), str(data.get("split")))
    found = manifest_digest(cases.rows)
    if found != data.get("selection"):
        raise InputError(f"dataset {name!r}, split {data.get('split')!r}: its {len(cases)} cases are not the "
                         f"{len(stored.cases)} of the run (manifest {found[:12]}..., stored "
                         f"{str(data.get('selection'))[:12]}...); expected the same data: name it with --dataset, "
                         "--data and --dataset-option")
    return cases


def _trained_with(stored: Run, name: str) -> dict[str, str]:
    training = stored.meta.get("model", {}).get("training", {})
    own = training.get("data_options", {}) if name == training.get("dataset") else {}
    return {str(key): str(value) for key, value in own.items()}
