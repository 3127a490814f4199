"""What the parts of the network say: the sweeps that add up to a logit, the scales at which a critic sees the mask."""

from __future__ import annotations

from xaimed.report.blocks import Block, Heading, Text
from xaimed.report.families import estimate_table, members
from xaimed.run import Run

ORDER = 75
SWEEPS = ("The mean logit over the found mask as an exact sum: what the last layer's sweep along each axis adds (z "
          "through the slices, y down the rows, x along the columns, + onward and - back), and the bias. It says in "
          "which direction the logit was read at last, not where in the image the reason lies.")
SCALES = ("The critic's loss at each of its scales, the finest (the masked image itself) being 0, as a share of the "
          "whole, and the share of the loss's slope over the found mask, which is what moves the segmentor. It tells "
          "at which size of detail the critic still tells the found mask from the reference.")


def section(run: Run) -> list[Block]:
    """A table of each kind of parts, or nothing for a network without parts."""
    found = members(run, "structure")
    blocks: list[Block] = []
    for words, text, title in ((("sweep ",), SWEEPS, "By sweep"), (("loss at ", "slope at "), SCALES, "By scale")):
        own = tuple(e for e in found if e.name.startswith(words))
        if own:
            blocks += [Text(text), estimate_table(title, own)]
    return [Heading("Parts of the network"), *blocks] if blocks else []
