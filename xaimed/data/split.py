"""Splits by patient, and the digest by which a split is recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from xaimed.data.dataset import CaseRow
from xaimed.errors import InputError

SHARE = 0.1


def patient_split(patients: Sequence[str], seed: int = 0,
                  strata: Sequence[str] | None = None) -> dict[str, str]:
    """patient -> "train", "val" or "test", 80/10/10 of the patients, the same wherever it is computed.

    strata: one word for each entry of `patients` (a patient's worst severity, say); every stratum is divided
    80/10/10 to within one patient. Repeated patients count once. The order of the arguments does not matter;
    three or more patients fill all three splits. Raises InputError if a patient has two strata.
    """
    line = _line(patients, seed, strata)
    count = len(line)
    held = max(1, round(count * SHARE)) if count >= 3 else 0
    splits = dict.fromkeys(line, "train")
    for turn in range(held):
        splits[line[int((turn + 0.35) * count / held)]] = "val"
        splits[line[int((turn + 0.75) * count / held)]] = "test"
    return splits


def held_out(units: Sequence[str], share: float, seed: int = 0, strata: Sequence[str] | None = None) -> set[str]:
    """The share of the units (patients, say) that is held out: the same wherever it is computed, alike in each stratum.

    At least one of two or more. Raises InputError if a unit has two strata.
    """
    line = _line(units, seed, strata)
    held = max(1, round(len(line) * share)) if len(line) > 1 else 0
    return {line[int((turn + 0.5) * len(line) / held)] for turn in range(held)}


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` things the least number of its group, where pairs join things to groups."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(i) for i in range(count)]


def _line(units: Sequence[str], seed: int, strata: Sequence[str] | None) -> list[str]:
    """The units once each, for systematic sampling: ordered by stratum and shuffled by hash inside each."""
    stratum = _strata(units, strata)
    return sorted(stratum, key=lambda unit: (stratum[unit], _shuffle(unit, seed)))


def _strata(patients: Sequence[str], strata: Sequence[str] | None) -> dict[str, str]:
    words = [""] * len(patients) if strata is None else list(strata)
    if len(words) != len(patients):
        raise InputError(f"{len(words)} strata for {len(patients)} patients; expected one for each")
    found: dict[str, str] = {}
    for patient, word in zip(patients, words, strict=True):
        if found.setdefault(patient, word) != word:
            raise InputError(f"patient {patient} has the strata {found[patient]!r} and {word!r}; expected "
                             "one")
    return found


def _shuffle(patient: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\t{patient}".encode()).digest()


def manifest_digest(rows: Iterable[CaseRow]) -> str:
    """The sha256 (hex) over the sorted (case, patient, split) of the rows: equal for equal splits alone."""
    lines = sorted(f"{row.case}\t{row.patient}\t{row.split}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
