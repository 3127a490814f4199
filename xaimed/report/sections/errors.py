"""Exploratory error analysis: where the errors gather, and the worst cases with their pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from xaimed.answers import DECIDING
from xaimed.errors import XaimedError
from xaimed.plural import plural
from xaimed.report.blocks import Block, Cell, Column, Gallery, Heading, Panel, Picture, Table, Text
from xaimed.report.contents import cited, opening, order, unassessed
from xaimed.report.reading import operating_point, read_case
from xaimed.report.sections.cases import worst
from xaimed.report.wording import number, percent
from xaimed.run import Run
from xaimed.stats import wilson
from xaimed.types import Floats
from xaimed.viz.names import pretty
from xaimed.viz.worklist import worklist

TITLE = "Exploratory error analysis"
ORDER = order(TITLE)
SHOWN, CLUSTERS, SMALLEST, SIDE = 4, 8, 5, 360
HOW = ("Exploratory: groups of cases in which errors gather, the largest excess first. Nothing here was planned or is "
       "corrected for the many groups looked at; it says where to look, not what is so.")
WHOLE = "a model of {0} decides nothing, so no case is right or wrong as a whole; {1} orders them."
BOXED = "a missed lesion, a lesion of another class, or a false alarm at the operating point"
SCORED = "the score on the wrong side of the operating point, the one class that is scored being called from it up"
HIGHEST = "another class than that of the reference having the highest score, whatever the operating point"
NOTE = ("Error: {1}. Excess: errors beyond the share of all cases. Groups, alone and in pairs, of {0} cases up.")


def section(run: Run) -> list[Block]:
    """Groups and pairs of groups with more errors than the rest, then the pictures of the gravest errors."""
    if (task := run.meta.get("model", {}).get("task", DECIDING[0])) not in DECIDING:
        return unassessed(TITLE, WHOLE.format(task, cited("Cases")))
    wrong = wrong_cases(run)
    if wrong is None or not len(wrong):
        return unassessed(TITLE, "the run holds no case with a reference and an answer.")
    blocks: list[Block] = [opening(TITLE), Text(HOW),
                           Text(f"{int(wrong.sum())} of {plural(len(wrong), 'case')} hold an error.")]
    rows = clusters(run, wrong)
    if rows:
        blocks.append(Table("Where errors gather", (
            Column("Group", share=2.4), Column("Errors", "right"), Column("Share (95 %)", "right", 1.6),
            Column("Share elsewhere", "right"), Column("Excess", "right")), rows,
            NOTE.format(SMALLEST, error_rule(run))))
    elif int(wrong.sum()):
        blocks.append(Text(f"No group of cases holds more errors than the others. Error: {error_rule(run)}."))
    return [*blocks, *_pictures(run, wrong)]


def error_rule(run: Run) -> str:
    """What counts as an error of a case in this run, in words."""
    if run.meta.get("model", {}).get("task") in (None, "detection"):
        return BOXED
    clean = run.predictions[(run.predictions["condition"] == "clean") & run.predictions["x0"].isna()]
    return SCORED if clean["target"].nunique() == 1 else HIGHEST


def wrong_cases(run: Run) -> pd.Series[bool] | None:
    """Whether each case, by its name, holds an error; None where the task has no such answer."""
    task = run.meta.get("model", {}).get("task")
    if task in (None, "detection"):
        table = worklist(run).set_index("case")
        return table[["missed", "other_class", "false_positives"]].astype(int).sum(axis=1) > 0
    clean = run.predictions[(run.predictions["condition"] == "clean") & run.predictions["x0"].isna()]
    labels = run.cases.set_index("case")["label"].dropna()
    if clean.empty or not set(labels) & set(clean["target"]):
        return None
    ranked = clean.sort_values(["case", "score"], kind="stable").drop_duplicates("case", keep="last").set_index("case")
    known = labels.loc[ranked.index.intersection(labels.index)]
    said = ranked.loc[known.index]
    if clean["target"].nunique() == 1:
        # One class alone is scored: it is called from the operating point up.
        return (said["score"] >= operating_point(run)) != (known == said["target"])
    return said["target"] != known


def clusters(run: Run, wrong: pd.Series[bool]) -> tuple[tuple[Cell, ...], ...]:
    """Rows of the groups, and pairs of groups, that hold more errors than their share, by falling excess."""
    cases = run.cases.set_index("case").loc[wrong.index]
    columns = [c for c in cases.columns if (c.startswith("group_") or c == "label") and 1 < cases[c].nunique() <= 30]
    names = {c: cases[c].fillna("").astype(str) for c in columns}
    found = [(f"{_named(a)}: {value}", names[a] == value) for a in columns for value in sorted(set(names[a])) if value]
    pairs = [(f"{one}; {other}", first & second) for i, (one, first) in enumerate(found)
             for other, second in found[i + 1:] if one.partition(":")[0] != other.partition(":")[0]]
    ranked = [_cluster(name, inside, wrong) for name, inside in [*found, *pairs] if int(inside.sum()) >= SMALLEST]
    kept = sorted((r for r in ranked if r is not None), key=lambda r: (-r[0], r[1]))[:CLUSTERS]
    return tuple((name, *cells, number(excess, 1)) for excess, name, *cells in kept)


def _cluster(name: str, inside: pd.Series[bool], wrong: pd.Series[bool]) -> tuple[float, str, str, str, str] | None:
    count, errors = int(inside.sum()), int(wrong[inside].sum())
    rest, others = int((~inside).sum()), int(wrong[~inside].sum())
    excess = errors - count * (errors + others) / (count + rest)
    if not rest or excess <= 0 or errors / count <= others / rest:
        return None
    low, high = wilson(errors, count)
    return (excess, name, f"{errors} of {count}", f"{percent(errors / count)} ({percent(low)} to {percent(high)})",
            percent(others / rest))


def _named(column: str) -> str:
    return "Reference" if column == "label" else pretty(column.removeprefix("group_"))


def _pictures(run: Run, wrong: pd.Series[bool]) -> list[Block]:
    if not run.pictured:
        return [Text("No image was given, so no case is shown.")]
    gravest = [case for case in worst(run) if bool(wrong.get(case, False))][:SHOWN]
    panels = tuple(panel for case in gravest for panel in [_panel(run, case)] if panel is not None)
    return [Heading("Cases with the gravest errors", 2), Gallery(panels, SHOWN, 5.0)] if panels else []


def _panel(run: Run, case: str) -> Panel | None:
    read = read_case(run, case)
    try:
        image = run.image(case)
    except XaimedError:
        return None
    marks = [(r.edges, (255, 0, 255)) for r in read.references] + [
        (d.edges, (0, 160, 0)) for d in read.detections if d.above]
    missed = sum(r.missed for r in read.references)
    alarms = sum(d.false for d in read.detections)
    boxed, scores = bool(read.references or read.detections), [f"{name} {number(s)}" for name, s in read.classes[:3]]
    said = f"{missed} missed, {alarms} false alarms" if boxed else ", ".join(scores)
    told = f"reference {read.label}; {said}"
    alt = f"Case {case}: {told}. Magenta: reference, green: detection."
    return Panel(case, Picture(_png(image, marks), alt, "png"), note=told)


def _png(image: Floats, marks: list[tuple[tuple[float, float, float, float], tuple[int, int, int]]]) -> bytes:
    plane = image[:, image.shape[1] // 2] if image.ndim == 4 else image
    grey = (np.clip(plane, 0, 1) * 255).astype(np.uint8)
    rgb = np.stack([grey[0]] * 3, -1) if len(grey) != 3 else np.moveaxis(grey, 0, -1)
    factor = min(1.0, SIDE / max(rgb.shape[:2]))
    small = cv2.resize(np.ascontiguousarray(rgb), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    for edges, colour in marks:
        x0, y0, x1, y1 = (round(edge * factor) for edge in edges)
        cv2.rectangle(small, (x0, y0), (x1, y1), colour, 2)
    return bytes(cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes())
