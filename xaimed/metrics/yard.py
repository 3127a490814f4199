"""What a plan spends on the two ends of the axis; imports nothing, so that a plan can be read without a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Yard:
    """How much is spent on the two ends of the axis. donors: other patients' maps a target; 0 for no axis.

    targets: at most so many targets, evenly spread over the cases, 0 for all. regions, rounds, fill: of the search
    for the ceiling, see metrics.oracle.Oracle.
    """

    donors: int = 1
    targets: int = 16
    regions: int = 24
    rounds: int = 1
    fill: str = "tissue_median"
