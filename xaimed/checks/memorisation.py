"""XM503: does a model that makes images copy those that it was trained on?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.stats import Estimate

NEARER = "made images nearer to training images than held-out ones are"
ORIGIN = "made images whose nearest real image is a training image"
CHANCE = 0.5


def ask(run: Run) -> Reply:
    """fail: either share is above 0.5 with its interval. concern: the made images are too unlike real ones to say."""
    found = [one for name in (NEARER, ORIGIN) if (one := run.results.find(name)) is not None]
    if len(found) < 2:
        return Reply("not applicable", "The model makes no images of noise, or none was compared with its training "
                                       "images in this run.")
    nearer, origin = found
    told = f"{_told(nearer)}; {_told(origin)}; 0.5 is expected of a generator that does not copy."
    facts = {"nearer": nearer.value, "origin": origin.value}
    if nearer.low > CHANCE or origin.low > CHANCE:
        return Reply("fail", f"Made images are too near to training images: {told}", facts)
    if nearer.high < CHANCE:
        return Reply("concern", f"Made images are farther from the training images than unseen real ones are, so they "
                     f"are unlike real images, and a copy among them would not show: {told}", facts)
    return Reply("pass", f"Made images are no nearer to training images than unseen real ones are: {told}", facts)


def _told(one: Estimate) -> str:
    return f"{one.name}: {one.value:.2f} ({one.low:.2f} to {one.high:.2f})"


CHECK = Check("XM503", "Are made images copies of training images?", "high", ask)
