"""What the parts of the network and of its input say: sweeps that add up to a logit, scales of a critic, planes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from xaimed.report.blocks import Block, Cell, Column, Table, Text
from xaimed.report.contents import opening, order
from xaimed.report.families import estimate_table, members
from xaimed.report.parts import part_blocks, part_words
from xaimed.report.wording import number
from xaimed.run import Run
from xaimed.viz.pairs import place_words

TITLE = "Parts of the network"
ORDER = order(TITLE)
SWEEPS = ("The mean logit over the found mask as an exact sum: what the last layer's sweep along each axis adds (z "
          "through the slices, y down the rows, x along the columns, + onward and - back), and the bias. It says in "
          "which direction the logit was read at last, not where in the image the reason lies.")
SCALES = ("The difference that the critic sees between the found mask and the reference at each of its scales, the "
          "finest (the masked image itself) being 0, by the difference between an empty mask and the reference at the "
          "same scale: 0 where the critic cannot tell the found mask from the reference, 1 where it is as far off as "
          "no mask at all. The size of the critic's features cancels, so the scales can be compared. The slope is each "
          "scale's share of the slope of the critic's loss over the found mask, which moved the segmentor in training; "
          "it follows the size of the features too, and says what counted, not what the critic sees.")
PLANES = ("Share of |gradient x input| of the explained score that falls on each plane of the input, over the cases: a "
          "property of the model and the image, the same for every map.")
CONTEXT = ("Share of |gradient x input| of the explained score that the last round takes from what the round before "
           "made, rather than from the image.")
ORDERED = ("z+", "z-", "y+", "y-", "x+", "x-", "bias", "sum")  # the terms of the decomposition as they are read
MINUS, FIRM = "\u2212", "\u00a0"
SHARES = ("plane_share", "context_share")  # measured with the maps, but not of them


def section(run: Run) -> list[Block]:
    """A table of each kind of parts, or nothing for a network without parts."""
    found = members(run, "structure")
    blocks: list[Block] = []
    for words, text, title in ((("sweep ",), SWEEPS, "By sweep"),
                               (("difference at ", "slope at "), SCALES, "By scale")):
        own = tuple(sorted((e for e in found if e.name.startswith(words)), key=lambda e: _place(e.name)))
        if own:
            blocks += [Text(text), estimate_table(title, own)]
    blocks += [*_shares(run, "plane_share", PLANES, "By plane of the input"),
               *_shares(run, "context_share", CONTEXT, "By round")]
    blocks += part_blocks(run)
    return [opening(TITLE), *blocks] if blocks else []


def _place(name: str) -> int:
    """Where a term of the decomposition stands; 0 for what is none, which keeps its order."""
    term = name.removeprefix("sweep ")
    return ORDERED.index(term) if term in ORDERED else 0


def _shares(run: Run, stem: str, text: str, title: str) -> list[Block]:
    """The mean over cases of a share and its range over them, a row a plane."""
    scores = run.scores[run.scores["metric"].astype(str).str.startswith(stem) & run.scores["value"].notna()
                        & (run.scores["condition"] == "clean")]
    means = scores.groupby(["metric", "case"], sort=False)["value"].mean()
    count = scores["metric"].nunique()
    task, channels = str(run.meta.get("model", {}).get("task", "")), run.meta.get("data", {}).get("channels", ())
    rows: list[tuple[Cell, ...]] = []
    for place, (_, values) in enumerate(means.groupby("metric", sort=False)):
        name = plane_name(place, count, task, channels) if count > 1 else "the context"
        rows.append((name, number(values.mean()), f"{number(values.min())} to {number(values.max())}",
                     str(len(values))))
    columns = (Column("Part", share=1.4), Column("Mean share", "right"), Column("Range over cases", "right", 1.4),
               Column("Cases", "right", 0.7))
    return [Text(text), Table(title, columns, tuple(rows))] if rows else []


def share_words(scores: Mapping[tuple[str, str, str], float], targets: Sequence[str], task: str,
                names: Sequence[str] = ()) -> str:
    """The shares and the sweeps of a case's targets in a sentence each; scores: by target, method and metric.

    names: of the channels, where they are modalities.
    """
    told = []
    for target in targets:
        planes = {metric: value for (of, _, metric), value in scores.items()
                  if of == target and metric.startswith("plane_share") and math.isfinite(value)}
        if len(planes) > 1:
            told.append(f"{_of(target)}: |gradient x input| falls {_split(list(planes.values()), task, names)}.")
        terms = {metric.removeprefix("sweep "): value for (of, _, metric), value in scores.items()
                 if of == target and metric.startswith("sweep ")}
        if "sum" in terms:
            # A line must not end between the sign of a sweep and its value.
            parts = ", ".join(f"{name.replace('-', MINUS)}{FIRM}{number(terms[name])}" for name in ORDERED[:-1]
                              if name in terms)
            told.append(f"{target}: the mean logit over the found mask, {number(terms['sum'])}, is the sum of what the "
                        f"last layer's sweeps add, {parts}.")
    return " ".join([*told, *filter(None, [part_words(scores, targets)])])


def _of(target: str) -> str:
    place = place_words(target)
    return place[:1].upper() + place[1:] if place else target


def _split(shares: Sequence[float], task: str, names: Sequence[str]) -> str:
    if task == "registration":
        moving = sum(shares[:len(shares) // 2])
        return f"by {number(moving)} on the moving image and by {number(sum(shares) - moving)} on the fixed one"
    return "by " + ", ".join(f"{number(share)} on {plane_name(i, len(shares), task, names)}"
                             for i, share in enumerate(shares))


def plane_name(place: int, count: int, task: str, names: Sequence[str] = ()) -> str:
    """What plane `place` of `count` is: of the moving or fixed image, a slice about the middle one, or a channel.

    names: of the channels, where they are modalities.
    """
    if len(names) == count:
        return names[place]
    if task == "registration":
        image, inside = ("moving" if place < count // 2 else "fixed"), place % max(1, count // 2)
        return f"{image} image" + (f", slice {inside + 1}" if count > 2 else "")
    if task == "segmentation" and count % 2 and count > 1:
        offset = place - count // 2
        return "the slice that is segmented" if offset == 0 else f"slice {offset:+d}"
    return f"channel {place + 1}"
