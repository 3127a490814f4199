"""The page of one case: the image beside its maps, what was found, how far the maps can be trusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xaimed import ledger
from xaimed.mapfile import MapEntry
from xaimed.plural import plural
from xaimed.report.answers import (
    DRAWN,
    answer_gallery,
    answer_words,
    channels_of,
    explained_words,
    plane_blocks,
    whole_panels,
)
from xaimed.report.blocks import (
    NOT_ASSESSED,
    Attachment,
    Badge,
    Badges,
    Block,
    Cell,
    Column,
    Document,
    Gallery,
    Heading,
    Mono,
    Pairs,
    Panel,
    SignOff,
    Table,
    Text,
)
from xaimed.report.fitting import width
from xaimed.report.judged import judged_words, lesion_words
from xaimed.report.masks import mask_panels, mask_table, mask_words
from xaimed.report.panels import View, image_panel, map_panel, told_boxes, view_of
from xaimed.report.parts import match_panels
from xaimed.report.reading import RULE, Found, Reading, operating_point, read_case, rows_of, side_of, size_mm
from xaimed.report.recipes import CONCORDANCE, SCORED, deletion_words, recipes, stability_badges, task_of
from xaimed.report.sections.explanation import CONDITIONAL, gate, gate_badge
from xaimed.report.sections.limits import NO_MAPS
from xaimed.report.sections.structure import SHARES, share_words
from xaimed.report.wording import compact, given, listed, moment, number, percent
from xaimed.run import Run
from xaimed.viz.marks import no_map
from xaimed.viz.names import pretty, titled

COMPLETE = 0.01
WHOLE = ("classification", "multilabel", "anomaly", "energy")  # tasks whose answer is a score of the whole image
TEXT_WIDTH, GAP, TALLEST = 17.0, 0.4, 9.5
# Heights in cm that keep a case on two pages, by the number of targets.
PAIR_HEIGHT = {0: 9.5, 1: 9.5, 2: 7.5}
CROWD, SHORT_PAIR = 4, 5.4  # more maps than this of one target stand in two rows, and the pair gives way to them
# Maps in a row where a case has many; then the maps of several targets share a row.
ABREAST, DENSE_GAP, DENSE_TALLEST = 8, 0.25, 2.8
BELOW, WIDEST = 3, 18
NO_PICTURE = ("No image was given: the audit was made from tables of outputs alone. There is no picture of this case "
              "and no map.")


@dataclass(frozen=True)
class Shown:
    """A case with its reading, the maps it has and the window that every picture shows, None without an image."""

    run: Run
    reading: Reading
    entries: tuple[MapEntry, ...]
    view: View | None
    scores: Mapping[tuple[str, str, str], float]

    def score(self, entry: MapEntry, metric: str) -> float:
        """The stored value of a metric for one map, NaN if there is none."""
        return self.scores.get((entry.target, entry.method, metric), math.nan)


def case_document(run: Run, case: str) -> Document:
    """The report of one case. Raises NotFound for an unknown case."""
    entries = run.entries(case)
    reading = read_case(run, case)
    scores = {(str(r.target), str(r.method), str(r.metric)): float(r.value)
              for r in rows_of(run, "scores", case).itertuples()}
    shown = Shown(run, reading, entries, view_of(run, reading, entries) if run.pictured else None, scores)
    model, data = run.meta.get("model", {}), run.meta.get("data", {})
    digest = str(model.get("digest", ""))[:16]
    return Document(
        eyebrow="CASE REPORT", title=case, created=run.meta["created"], blocks=tuple(_blocks(shown)),
        subtitle=f"{given(model.get('name'))} on {given(data.get('title') or data.get('name'))}",
        header=f"xaimed case report · {case} · {given(model.get('name'))}",
        footer=f"model {digest} · run {str(run.meta.get('log', {}).get('head', ''))[:16]} · "
               f"{moment(run.meta['created'])}",
        attachments=(_attachment(shown),), stamp="SYNTHETIC" if reading.synthetic else "",
        keywords=("explainability", "case report"), short=True)


def _blocks(shown: Shown) -> list[Block]:
    return [Heading("Summary"), Text(in_words(shown)), _pair(shown), *_detections(shown), *_acquisition(shown.reading),
            Heading("Explanations"), *_explanations(shown), *_making(shown), *value_tables(shown),
            Heading("Limits"), *_limits(shown),
            Heading("Reader"),
            SignOff(("Reader",), "Agree, wrong place, right for the wrong reason or disagree, and why:")]


def _explanations(shown: Shown) -> list[Block]:
    if shown.view is None:
        return [Text(f"{NOT_ASSESSED}: {NO_PICTURE[0].lower()}{NO_PICTURE[1:]}")]
    if not shown.entries:
        return [Text(f"No attribution map: {no_map(shown.run, shown.reading.case, *shown.reading.outcome)}.")]
    maps = [[entry for entry in shown.entries if entry.target == target]
            for target in dict.fromkeys(entry.target for entry in shown.entries)]
    if len(maps) > 2:
        return _dense(shown, shown.view, maps)
    blocks = [block for entries in maps for block in _target(shown, shown.view, entries, len(maps))]
    return blocks if len(maps) == 1 else [*blocks, *_told(maps)]


def _making(shown: Shown) -> list[Block]:
    """What deleting the regions does, then how the maps were made."""
    targets = list(dict.fromkeys(entry.target for entry in shown.entries))
    curves = shown.run.curves(shown.reading.case)
    told = [deletion_words(curves, targets, task_of(shown.run)), recipes(shown.run, shown.entries)]
    return [Text(words, small=True) for words in told if words]


def _acquisition(reading: Reading) -> list[Block]:
    spacing = f"{reading.spacing_mm:.3g} mm" if math.isfinite(reading.spacing_mm) else given(None)
    groups = " · ".join(f"{pretty(name)}: {given(value)}" for name, value in reading.groups)
    return [Heading("Acquisition and provenance"), Pairs((
        ("Patient (pseudonym)", f"{reading.patient}, split {given(reading.split)}"),
        ("Image", f"{_size(reading)}, pixel spacing {spacing}"),
        *((("Groups", groups),) if groups else ()),
        ("Image digest", Mono(reading.digest) if reading.digest else given(None))))]


def _size(reading: Reading) -> str:
    return f"{reading.width} x {reading.height} pixels" if reading.width and reading.height else "size not given"


def in_words(shown: Shown) -> str:
    """What the tables say of the case, in plain sentences."""
    reading, limit = shown.reading, operating_point(shown.run)
    above = [d for d in reading.detections if d.above]
    if task_of(shown.run) in WHOLE:
        said = listed([f"{name} {number(score)}" for name, score in reading.classes])
        unit = SCORED.get(task_of(shown.run), "")
        return (f"Reference: {reading.label}. Scores of the model{unit}: {said}. The operating point is {limit:g}."
                + judged_words(shown.run, reading.case))
    if _segmented(shown.run):
        return mask_words(shown.scores)
    if task_of(shown.run) in DRAWN:
        return answer_words(shown.scores, task_of(shown.run), math.isfinite(reading.spacing_mm))
    if task_of(shown.run) == "discrimination":
        return f"How real the image looks to the model: {listed([number(score) for _, score in reading.classes])}."
    text = f"The model marks {plural(len(above), 'region')} at or above the operating point {limit:g}."
    return text + lesion_words(reading) + _focus(shown)


def _segmented(run: Run) -> bool:
    return task_of(run) == "segmentation"


def _focus(shown: Shown) -> str:
    parts = []
    for entry in shown.entries:
        share = shown.score(entry, "energy_in_lesion")
        if entry.target == shown.entries[0].target and math.isfinite(share) and gate(shown.run, entry.method) == "pass":
            parts.append(f"{pretty(entry.method)} {percent(share)}")
    if not parts:
        return ""
    return f" Share of the map of {shown.entries[0].target} inside its lesion: {listed(parts)}."


def _pair(shown: Shown) -> Gallery | Text:
    if shown.view is None:
        return Text(NO_PICTURE)
    if _segmented(shown.run):
        panels = (image_panel(shown.view, _sided(shown), marks=()),
                  *mask_panels(shown.view, shown.run.planes(shown.reading.case)))
        columns = min(4, len(panels))
        return Gallery(panels, columns, min(PAIR_HEIGHT[0], width(columns) * shown.view.aspect))
    answer = answer_gallery(shown.view, task_of(shown.run))
    if answer is not None:
        return answer
    targets = len(_explained(shown))
    tallest = SHORT_PAIR if targets == 1 and len(shown.entries) > CROWD else PAIR_HEIGHT.get(targets, 4.2)
    height = min(tallest, (TEXT_WIDTH - GAP) / 2 * shown.view.aspect)
    if task_of(shown.run) in (*WHOLE, "discrimination"):
        marked = image_panel(shown.view, "Reference (magenta, dashed)", marks=shown.reading.references, height=height)
        plain = whole_panels(shown.view, task_of(shown.run)) or [image_panel(shown.view, _sided(shown), marks=())]
        plain += [*([marked] if shown.reading.references else []), *match_panels(shown.view, shown.scores, height)]
        columns = max(2, len(plain))
        return Gallery(tuple(plain), columns, min(height, width(columns) * shown.view.aspect))
    drawn = [found for found in shown.reading.detections if found.above or found.name in _explained(shown)]
    return Gallery((image_panel(shown.view, _sided(shown), marks=()),
                    image_panel(shown.view, told_boxes(drawn, shown.reading.references),
                                marks=(*shown.reading.references, *drawn), height=height)), 2, height)


def _sided(shown: Shown) -> str:
    """The title of the image, with the side of the body where the case has one."""
    side = side_of(shown.reading)
    return f"Image · side {side}" if side else "Image"


def _explained(shown: Shown) -> frozenset[str]:
    return frozenset(entry.target for entry in shown.entries)


def listed_detections(shown: Shown) -> tuple[tuple[Found, ...], int]:
    """The detections of the table and how many more there are below the operating point.

    All that are at or above it or were explained, and the BELOW highest of the others.
    """
    explained = _explained(shown)
    others = [found for found in shown.reading.detections if not found.above and found.name not in explained]
    hidden = sorted(others, key=lambda found: -found.score)[BELOW:]
    return tuple(found for found in shown.reading.detections if found not in hidden), len(hidden)


def _detections(shown: Shown) -> list[Block]:
    reading = shown.reading
    if _segmented(shown.run):
        return [*mask_table(shown.scores)]
    if not reading.detections and not reading.references:
        return []
    kept, more = listed_detections(shown)
    rows: list[tuple[Cell, ...]] = [
        (d.name, pretty(d.label), number(d.score), _pixels(d.edges), size_mm(d.edges, reading.spacing_mm),
         number(d.overlap, 2), _status(d, bool(reading.references))) for d in kept]
    for r in reading.references:
        badge = Badge(f"found by {r.found_by}", "good") if r.found_by else Badge("missed", "bad")
        rows.append((r.name, f"{pretty(r.label)} (reference)", "–", _pixels(r.edges),
                     size_mm(r.edges, reading.spacing_mm), "–", badge))
    note = (f"Hit: {RULE}, whatever the class. Operating point {operating_point(shown.run):g}; marks below it do not "
            "count and are drawn only if they were explained.")
    table = Table("Detections and reference", (
        Column("Name"), Column("Class", share=1.6), Column("Score", "right"),
        Column("Box x0, y0, x1, y1 (px)", share=2.2), Column("Size (mm)", "right", 1.2),
        Column("Best IoU", "right"), Column("Outcome")), tuple(rows),
        (f"{more} more below the operating point (see predictions.parquet). " if more else "") + note)
    return [table]


def _pixels(edges: Sequence[float]) -> str:
    return ", ".join(f"{edge:.0f}" for edge in edges)


def _status(found: Found, has_reference: bool) -> Badge:
    if not found.above:
        return Badge("below operating point", "neutral")
    if found.hit:
        return Badge("hit" if found.same_class else "hit, other class", "good" if found.same_class else "warn")
    return (Badge("false positive" if has_reference else "false positive (no lesion)", "bad") if found.false else
            Badge("place of the lesion unknown", "neutral"))


def _dense(shown: Shown, view: View, maps: list[list[MapEntry]]) -> list[Block]:
    """Rows of small maps; those of a second target stand in the same row where there is room for all of them."""
    together = max(1, ABREAST // max(len(entries) for entries in maps))
    height = min(DENSE_TALLEST, (TEXT_WIDTH - DENSE_GAP * (ABREAST - 1)) / ABREAST * view.aspect)
    blocks: list[Block] = []
    for start in range(0, len(maps), together):
        row = maps[start:start + together]
        panels = tuple(map_panel(view, entry, tuple(badges(shown, entry, brief=True)), brief=True)
                       for entries in row for entry in entries)
        names = " · ".join(explained_words(entries[0]) for entries in row)
        blocks += [Heading(names, 2), Gallery(panels, ABREAST, height)]
    return [*blocks, *_told(maps)]


def _told(maps: list[list[MapEntry]]) -> list[Block]:
    """What the brief badges mean, and the notes that they cut short."""
    notes = [f"{entry.target} {pretty(entry.method)}: {entry.note}." for entries in maps for entry in entries
             if entry.note != _short(entry.note)]
    return [Text(" ".join((SUM_OFF, *notes)), small=True)]


def _short(note: str) -> str:
    """The note up to its first colon, comma or semicolon."""
    return re.split("[:;,]", note, maxsplit=1)[0]


SUM_OFF = ("Sum off: by which share the map's values miss the change of the score (completeness), where it is more "
           f"than {percent(COMPLETE)}.")


def _target(shown: Shown, view: View, entries: list[MapEntry], targets: int) -> list[Block]:
    first, planes = entries[0], plane_blocks(view, entries[0].target, task_of(shown.run))
    panels: list[Panel] = [] if planes else [image_panel(view, _sided(shown), marks=(), target=first)]
    panels += [map_panel(view, entry, tuple(badges(shown, entry, brief=targets > 1))) for entry in entries]
    columns = len(panels) if len(panels) <= 5 else 4 if targets == 1 else min(ABREAST, len(panels))
    columns = max(columns, 3)
    return [Heading(explained_words(first), 2), *planes,
            Gallery(tuple(panels), columns, min(TALLEST, width(columns) * view.aspect))]


def badges(shown: Shown, entry: MapEntry, brief: bool = False) -> list[Badge]:
    """The trust badges of one map: gate, energy in the lesion, pointing game, completeness, notes.

    brief: the gate and what warns alone, for a page with many maps; the table holds the rest.
    """
    found = [gate_badge(shown.run, entry.method)]
    energy = shown.score(entry, "energy_in_lesion")
    if math.isfinite(energy):
        found.append(Badge(f"in lesion {percent(energy)}"))
    pointing = shown.score(entry, "pointing_game")
    if math.isfinite(pointing):
        found.append(Badge("peak in lesion", "good") if pointing >= 0.5 else Badge("peak outside", "warn"))
    gap = shown.score(entry, "completeness")
    if math.isfinite(gap):
        found.append(Badge(f"{'sum off' if brief else 'completeness'} {percent(gap)}",
                           "good" if gap <= COMPLETE else "warn"))
    found += stability_badges(shown.run, shown.reading.case, entry, shown.score(entry, CONCORDANCE),
                              shown.score(entry, "max_sensitivity"))
    if entry.note:
        found.append(Badge(_short(entry.note) if brief else entry.note, "warn"))
    # The first is the gate, which no map goes without.
    return found[:1] + [badge for badge in found[1:] if badge.tone in ("warn", "bad")] if brief else found


def value_tables(shown: Shown) -> list[Block]:
    """All that was measured on the maps: a row a map, a column a metric with its fills side by side."""
    stems: dict[str, list[str]] = {}
    for _, _, metric in shown.scores:
        if metric.startswith(SHARES):
            continue
        names = stems.setdefault(metric.partition("[")[0], [])
        if metric not in names and any(math.isfinite(shown.score(entry, metric)) for entry in shown.entries):
            names.append(metric)
    several = len(_explained(shown)) > 1
    groups = _columns([names for names in stems.values() if names])
    return [Table("Measured on the maps" + (", continued" if i else ""), (
        *((Column("Target"),) if several else ()), Column("Method"), *(_column(names) for names in group)),
        tuple((*((entry.target,) if several else ()), titled(entry.method, task_of(shown.run)),
               *(_together(shown, entry, names) for names in group))
              for entry in shown.entries), annex=True) for i, group in enumerate(groups)] + _shares(shown)


def _shares(shown: Shown) -> list[Block]:
    words = share_words(shown.scores, sorted(_explained(shown)), task_of(shown.run), channels_of(shown.run))
    return [Text(words, small=True)] if words else []


def _columns(metrics: list[list[str]]) -> list[list[list[str]]]:
    """The metrics in tables that are not wider than a page."""
    groups: list[list[list[str]]] = []
    for names in metrics:
        if not groups or sum(len(others) + 1 for others in groups[-1]) + len(names) + 1 > WIDEST:
            groups.append([])
        groups[-1].append(names)
    return groups


def _column(names: list[str]) -> Column:
    title = _title(names)
    return Column(title, "right", max(0.4 + 1.1 * len(names), 0.18 * max(len(word) for word in title.split())))


def _title(names: list[str]) -> str:
    inner = [name.partition("[")[2].removesuffix("]").replace("_", " ") or "whole" for name in names]
    title = pretty(names[0].partition("[")[0])
    return title if inner == ["whole"] else f"{title} ({' / '.join(inner)})"


def _together(shown: Shown, entry: MapEntry, names: list[str]) -> str:
    return " / ".join(compact(shown.score(entry, name)) for name in names)


def _limits(shown: Shown) -> list[Block]:
    if shown.view is None:
        return [Text(NO_MAPS, small=True)]
    blocks: list[Block] = [Text("An attribution map shows what raises or lowers a score. It does not outline a lesion "
                                "and is not meant for primary diagnosis. Each map has its own colour scale. What is "
                                "hatched in a signed map lowers the score: so print without colours shows it too.",
                                small=True)]
    if shown.run.meta.get("model", {}).get("task") == "detection":
        blocks.append(Text(CONDITIONAL, small=True))
    failed = [pretty(m) for m in dict.fromkeys(e.method for e in shown.entries) if gate(shown.run, m) == "fail"]
    if failed:
        blocks.append(Badges((Badge(f"{listed(failed)}: fails the randomisation gate, do not interpret", "bad"),)))
    return blocks


def _attachment(shown: Shown) -> Attachment:
    case = shown.reading.case
    rows = {name: ledger.plain(rows_of(shown.run, name, case).to_dict(orient="records"))
            for name in ("cases", "truth", "predictions", "scores")}
    origin = {"model": shown.run.meta.get("model", {}).get("digest"), "run": shown.run.meta.get("log")}
    text = json.dumps({**origin, **rows}, indent=1, ensure_ascii=False, allow_nan=False)
    return Attachment(f"{case}.json", f"{text}\n".encode(), "application/json", f"The stored rows of case {case}")
