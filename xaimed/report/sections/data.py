"""Data: what the model was measured on, with its warnings, and SYNTHETIC where images are not of people."""

from __future__ import annotations

from collections.abc import Sequence

from xaimed.plural import plural
from xaimed.report.blocks import NOT_ASSESSED, Block, Column, Notice, Pairs, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.wording import given, number
from xaimed.run import Run
from xaimed.viz.names import pretty

TITLE = "Data"
ORDER = order(TITLE)
FEW = 3
NO_CASE = f"{NOT_ASSESSED}: the run holds no case, so nothing could be measured."


def section(run: Run) -> list[Block]:
    """Counts by label and group, image sizes, what people set down on the reference, and the data set's warnings."""
    data, scope = run.meta.get("data", {}), run.plan.get("scope", {})
    blocks: list[Block] = [opening(TITLE)]
    if synthetic(run):
        blocks.append(Notice("SYNTHETIC", "Some or all images were made by a program and show no person. Results on "
                             "them say nothing about patients.", "bad"))
    blocks.append(Pairs((("Data set", given(data.get("title") or data.get("name"))),
                         ("Split", given(data.get("split"))), ("Images", str(len(run.cases))),
                         ("Patients", str(run.cases["patient"].nunique())),
                         *_boxes(run),
                         ("Image size", _sizes(run)), ("Pixel spacing", _spacing(run)),
                         ("Reference standard", given(scope.get("reference_standard"))),
                         ("Number of cases", given(scope.get("sample_size"))))))
    blocks += _warnings(data.get("warnings") or [])
    if len(run.cases):
        blocks += [_counts(run, "label", "Reference label of the image"), *_groups(run)]
    else:
        blocks.append(Text(NO_CASE))
    return blocks


def synthetic(run: Run) -> bool:
    """Whether any image of the run, or its data set, is synthetic."""
    return bool(run.meta.get("data", {}).get("synthetic")) or bool(run.cases["synthetic"].astype(bool).any())


def _boxes(run: Run) -> tuple[tuple[str, str], ...]:
    """How many reference boxes there are; nothing for a task without boxes."""
    count = int(run.truth["x0"].notna().sum())
    boxed = count or run.meta.get("model", {}).get("task") in (None, "detection")
    return (("Reference boxes", str(count)),) if boxed else ()


def _warnings(texts: Sequence[object]) -> list[Block]:
    """A notice for each warning; the lines of a table where there are many."""
    if len(texts) <= FEW:
        return [Notice("Warning of the data set", str(text), "warn") for text in texts]
    return [Table("Warnings of the data set", (Column("Warning", share=1),), tuple((str(text),) for text in texts))]


def _sizes(run: Run) -> str:
    known = run.cases[(run.cases["width"] > 0) & (run.cases["height"] > 0)]
    sizes = sorted({(int(w), int(h)) for w, h in zip(known["width"], known["height"], strict=True)})
    if not sizes:
        return "size not given" if len(run.cases) else given(None)
    if len(sizes) == 1:
        return f"{sizes[0][0]} x {sizes[0][1]} pixels"
    return f"{plural(len(sizes), 'size')}, from {sizes[0][0]} x {sizes[0][1]} to {sizes[-1][0]} x {sizes[-1][1]} pixels"


def _spacing(run: Run) -> str:
    known = run.cases["spacing_mm"].dropna()
    if known.empty:
        return given(None)
    values = sorted({f"{value:.3g}" for value in known})
    text = f"{values[0]} mm" if len(values) == 1 else f"{values[0]} to {values[-1]} mm"
    return text + ("" if len(known) == len(run.cases) else f" ({len(known)} of {plural(len(run.cases), 'image')})")


def _groups(run: Run) -> list[Block]:
    columns = [name for name in run.cases if name.startswith("group_")]
    return [_counts(run, name, f"Group: {pretty(name.removeprefix('group_'))}") for name in columns
            if run.cases[name].nunique() <= 30]


def _counts(run: Run, column: str, caption: str) -> Table:
    rows = []
    for value, part in run.cases.fillna({column: "unknown"}).groupby(column, sort=True):
        share = len(part) / len(run.cases)
        rows.append((str(value) or "unknown", str(len(part)), str(part["patient"].nunique()),
                     f"{number(share * 100, 1)} %"))
    return Table(caption, (Column("Value", share=3), Column("Images", "right", 1), Column("Patients", "right", 1),
                           Column("Share of images", "right", 1.4)), tuple(rows))
