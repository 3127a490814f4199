"""Provenance: what was audited, with what, when; every digest that identifies it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xaimed.report.blocks import Block, Cell, Heading, Mono, Pairs, Text
from xaimed.report.contents import opening, order
from xaimed.report.sbom import NAME as SBOM
from xaimed.report.sbom import packages
from xaimed.report.sections.intended_use import locked
from xaimed.report.wording import flattened, given, moment, number, started
from xaimed.run import Run

TITLE = "Identity and provenance"
ORDER = order(TITLE)
DIGEST = re.compile("[0-9a-f]{32,128}")


def section(run: Run) -> list[Block]:
    """Model, data, run and software, as run.json says."""
    model, data = _part(run, "model"), _part(run, "data")
    return [
        opening(TITLE),
        Heading("Model", 2), Pairs((
            ("Name", given(model.get("name"))), ("Architecture", given(model.get("architecture"))),
            ("Task", given(model.get("task"))), ("Classes", given(model.get("classes"))),
            ("Operating point", locked(model)), ("Digest (SHA-256)", _digest(model.get("digest"))),
            *_training(model.get("training")))),
        Heading("Intended use and card", 2), *_card(model.get("card")),
        Heading("Run", 2), Pairs((
            ("Data set", f"{given(data.get('title') or data.get('name'))}, split {given(data.get('split'))}"),
            ("Split manifest", _digest(data.get("manifest"))), ("Started", moment(given(run.meta.get("created")))),
            ("xaimed", given(run.meta.get("xaimed"))), ("Code digest", _digest(run.meta.get("code"))),
            ("Log head", _digest(_part(run, "log").get("head"))), ("Seeds", given(run.meta.get("seeds"))),
            ("Device", given(run.meta.get("device"))), ("Software", _versions(_part(run, "versions"))),
            ("Time", _timings(_part(run, "timings"))), ("Peak memory", _memory(run.meta.get("peak_memory_mb"))),
            ("Hardware", given(run.meta.get("hardware"))), ("Threads", given(run.meta.get("threads"))),
            ("Determinism", given(run.meta.get("determinism"))),
            ("Packages", f"{len(packages(run))}, in the annex and as CycloneDX in {SBOM}"))),
        Text("run.json, results.json, findings.json, plan.toml and sbom.json are attached to this file. run.json "
             "holds the SHA-256 of every table and map; the command xaimed verify checks them and the log.",
             small=True)]


def _part(run: Run, name: str) -> Mapping[str, Any]:
    found = run.meta.get(name)
    return found if isinstance(found, Mapping) else {}


def _digest(value: object) -> Cell:
    return Mono(str(value)) if value else given(None)


def _card(card: object) -> list[Block]:
    if not isinstance(card, Mapping) or not card:
        return [Text(f"Intended use: {given(None)}. The model carries no card.")]
    return [Pairs(tuple((name, _shown(text)) for name, text in flattened({"intended_use": None, **card})))]


def _training(training: object) -> tuple[tuple[str, Cell], ...]:
    if not isinstance(training, Mapping) or not training:
        return (("Training", given(None)),)
    return tuple((name, _shown(text)) for name, text in flattened(started(training), "Training"))


def _shown(text: str) -> Cell:
    return Mono(text) if DIGEST.fullmatch(text) else text


def _versions(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or given(None)


def _memory(value: object) -> str:
    return f"{value:.0f} MB" if isinstance(value, int | float) else given(None)


def _timings(timings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number(float(value), 1)} s" for name, value in timings.items()) or given(None)
