"""Two runs of the same cases as a report: decision, differences, discordant cases, drift of the explanations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xaimed.comparing import SAME_MODEL, measure_of
from xaimed.plural import plural
from xaimed.report.blocks import (
    NOT_ASSESSED,
    Attachment,
    Block,
    Cell,
    Column,
    Document,
    Heading,
    Mono,
    Notice,
    Pairs,
    SignOff,
    Table,
    Text,
    Tone,
)
from xaimed.report.families import estimate_table
from xaimed.report.sections.comparison import paired_tables
from xaimed.report.sections.data import synthetic
from xaimed.report.sections.provenance import DIGEST
from xaimed.report.wording import counts, given, measured, moment, number
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from xaimed.comparing import RunComparison

MOST = 40
FEWEST = 10
FIELDS = (("model", "model", "name"), ("digest", "model", "digest"), ("operating point", "model", "operating_point"),
          ("audited", "created"), ("log head", "log", "head"))
TONES: dict[str, Tone] = {"superior": "good", "not inferior": "good", "inferior": "bad", "not shown": "warn"}
ASKED = ("Asked: is the new model, on the same cases, not worse than the earlier one by more than the margin that was "
         "set beforehand? A difference is the new model's value minus the earlier one's; both are taken from the "
         "same resamples of patients, so the interval is that of the difference.")
DRIFT = ("Agreement is Spearman's rank correlation of the two maps of one target, corrected for chance: 1 for the same "
         "map, 0 for a map that is no more alike than the new model's map of another patient. A low agreement says "
         "that the new model explains the same finding in another way; it does not say which of them is right.")
LIMITS = ("Both models were judged on the same cases and reference, each at its own operating point. What holds on "
          "these cases need not hold elsewhere, and a test set that was used to choose the new model favours it.")


def comparison_document(found: RunComparison) -> Document:
    """The comparison as a report, with all of it as JSON attached; the same bytes for the same two runs."""
    names = [given(run.meta.get("model", {}).get("name")) for run in (found.earlier, found.new)]
    data = found.new.meta.get("data", {})
    title, created = given(data.get("title") or data.get("name")), moment(str(found.new.meta["created"]))
    head = str(found.new.meta.get("log", {}).get("head", ""))
    text = json.dumps(found.to_json(), indent=1, ensure_ascii=False).encode()
    blocks: list[Block] = [*_decision(found), *_identity(found), *_differences(found), *_discordant(found),
                           *_drift(found), Heading("Limits"), Text(LIMITS)]
    return Document(
        eyebrow="MODEL COMPARISON", title=f"{names[1]} against {names[0]}", created=created, blocks=tuple(blocks),
        subtitle=f"{title}, split {given(data.get('split'))}: {plural(len(found.new.cases), 'image')} of "
                 f"{plural(found.new.cases['patient'].nunique(), 'patient')}",
        header=f"xaimed comparison · {names[1]} against {names[0]} · {title}",
        footer=f"runs {str(found.earlier.meta.get('log', {}).get('head', ''))[:16]} and {head[:16]} · {created}",
        attachments=(Attachment("comparison.json", text, "application/json", "All differences, cases and drifts"),),
        stamp="SYNTHETIC" if synthetic(found.new) else "", keywords=("comparison", "medical imaging"), log_head=head)


def _decision(found: RunComparison) -> list[Block]:
    tone = TONES.get(found.answer, "bad" if found.worse else "neutral")
    notes: list[Block] = [Notice(found.verdict[:1].upper() + found.verdict[1:], _said(found), tone)]
    if found.same_model:
        notes.append(Notice("One model twice", f"{SAME_MODEL[:1].upper()}{SAME_MODEL[1:]}: differences in its results "
                            "come from the set-up.", "warn"))
    if found.worse:
        names = "; ".join(f"{measure_of(e)} {measured(e)}"
                          for e in found.worse)
        also = f" {found.multiplicity[:1].upper()}{found.multiplicity[1:]}." if found.multiplicity else ""
        notes.append(Notice("Shown to be worse", f"The whole interval says so in: {names}.{also}", "bad"))
    return [Heading("Decision"), Text(ASKED), *notes, Heading("Signatures", 2),
            SignOff(("Compared by", "Reviewed by", "Approved by"))]


def _said(found: RunComparison) -> str:
    main = found.main
    differ = f"The two disagree in {plural(len(found.discordant), 'image or lesion', 'images or lesions')}."
    if main is None:
        return f"{NOT_ASSESSED}: the two runs hold no common measure of the model. {differ}"
    return f"{pretty(main.name)}: {measured(main)}, {main.interval}. {differ}"


def _identity(found: RunComparison) -> list[Block]:
    rows: list[tuple[str, Cell]] = []
    for which, run in (("Earlier", found.earlier), ("New", found.new)):
        for name, *keys in FIELDS:
            text = _value(run.meta, keys)
            rows.append((f"{which}: {name}", Mono(text) if DIGEST.fullmatch(text) else text))
    blocks: list[Block] = [Heading("The two runs"), Pairs(tuple(rows))]
    if not found.settings:
        return [*blocks, Text("Plan, code, versions and device are the same in both runs.")]
    shown: tuple[tuple[Cell, ...], ...] = tuple((name, *pair) for name, pair in list(found.settings.items())[:MOST])
    return [*blocks, Table("Set-up that differs", (
        Column("Setting", share=1.2), Column("Earlier", share=2), Column("New", share=2)), shown,
                           "A difference of the results may come from these and not from the model.")]


def _value(meta: object, keys: Sequence[str]) -> str:
    for key in keys:
        meta = meta.get(key) if isinstance(meta, Mapping) else None
    return given(meta)


def _differences(found: RunComparison) -> list[Block]:
    tables = paired_tables([e for e in found.estimates if not e.group.startswith("method=")])
    silent = [e for e in found.estimates if e.name.startswith("cases left out")]
    tables += [estimate_table("Cases left out", tuple(silent))] if silent else []
    nothing = [Text(f"{NOT_ASSESSED}: the two runs hold no common measure.")]
    return [Heading("Measures"), *tables, *([] if tables else nothing)]


def _discordant(found: RunComparison) -> list[Block]:
    heading = Heading("Discordant cases")
    if not found.discordant:
        return [heading, Text("The two models agree on every image and lesion, each at its own operating point.")]
    rows = tuple((d.case, d.label, d.what, d.right, number(d.earlier), number(d.new))
                 for d in found.discordant[:MOST])
    won = sum(d.right == "new" for d in found.discordant)
    more = len(found.discordant) - len(rows)
    note = f"The new model is right in {won} of {len(found.discordant)}, the earlier one in the others."
    return [heading, Table("Cases on which the two differ", (
        Column("Case", share=1.2), Column("Reference", share=1), Column("What differs", share=3),
        Column("Right", share=0.8), Column(f"Earlier score {found.positive}", "right", 1),
        Column(f"New score {found.positive}", "right", 1)), rows,
        note + (f" {more} more are in comparison.json." if more else ""))]


def _drift(found: RunComparison) -> list[Block]:
    heading = Heading("Drift of the explanations")
    means = [e for e in found.estimates if e.group.startswith("method=")]
    if not means:
        return [heading, Text(f"{NOT_ASSESSED}: the two runs hold no map of the same target by the same method.")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (pretty(e.group.removeprefix("method=")), measured(e), counts(e)) for e in means)
    low = sorted((d for d in found.drift if math.isfinite(d.agreement)), key=lambda d: (d.agreement, d.case))[:FEWEST]
    least = tuple((d.case, d.target, pretty(d.method), number(d.rho), number(d.chance), number(d.agreement))
                  for d in low)
    return [heading, Text(DRIFT), Table("Agreement of maps by method (higher: less drift)", (
        Column("Method", share=2), Column("Agreement (95 %)", "right", 2), Column("Targets", "right")), rows,
        f"Intervals: {means[0].interval}."),
        Table("Targets whose maps agree least", (
            Column("Case", share=2), Column("Target"), Column("Method", share=2), Column("Rank correlation", "right"),
            Column("Chance", "right"), Column("Agreement", "right")), least)]
