"""Splits by patient: stable, disjoint, in proportion."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xaimed.data.dataset import CaseRow
from xaimed.data.split import manifest_digest, patient_split
from xaimed.errors import InputError

names = st.lists(st.text("abc0123", min_size=1, max_size=6), min_size=1, max_size=80, unique=True)


@settings(max_examples=60)
@given(names, st.integers(0, 5), st.randoms())
def test_the_order_of_arguments_does_not_matter(patients: list[str], seed: int, random: object) -> None:
    strata = [name[0] for name in patients]
    once = patient_split(patients, seed, strata)
    pairs = list(zip(patients, strata, strict=True))
    random.shuffle(pairs)  # type: ignore[attr-defined]
    again = patient_split([p for p, _ in pairs] * 2, seed, [s for _, s in pairs] * 2)
    assert once == again
    assert set(once) == set(patients)


@settings(max_examples=60)
@given(st.integers(3, 400), st.integers(1, 4))
def test_proportions_overall_and_in_strata(count: int, kinds: int) -> None:
    patients = [f"p{i}" for i in range(count)]
    strata = {patient: str(i % kinds) for i, patient in enumerate(patients)}
    found = patient_split(patients, 0, list(strata.values()))
    total = Counter(found.values())
    assert total["val"] == total["test"] == max(1, round(0.1 * count))
    for kind in set(strata.values()):
        members = [p for p in patients if strata[p] == kind]
        for split in ("val", "test"):
            held = sum(found[p] == split for p in members)
            assert abs(held - total[split] * len(members) / count) <= 1.0001


def test_known_split_never_changes() -> None:
    """A change here breaks every split manifest that was ever published."""
    found = patient_split([f"p{i:02d}" for i in range(20)], seed=0)
    assert {s: sorted(p for p, v in found.items() if v == s) for s in ("val", "test")} == KNOWN
    assert patient_split([f"p{i:02d}" for i in range(20)], seed=1) != found


KNOWN = {"val": ["p09", "p12"], "test": ["p06", "p07"]}


def test_few_patients() -> None:
    assert set(patient_split(["a", "b"]).values()) == {"train"}
    assert sorted(patient_split(["a", "b", "c"]).values()) == ["test", "train", "val"]
    assert patient_split([]) == {}


def test_a_patient_has_one_stratum() -> None:
    with pytest.raises(InputError, match="patient a"):
        patient_split(["a", "a"], 0, ["x", "y"])
    with pytest.raises(InputError, match="1 strata for 2"):
        patient_split(["a", "b"], 0, ["x"])


def test_manifest_by_hand() -> None:
    rows = [CaseRow("b", "p", "test", None), CaseRow("a", "q", "train", "x", {"g": "1"})]
    expected = hashlib.sha256(b"a\tq\ttrain\nb\tp\ttest\n").hexdigest()
    assert manifest_digest(rows) == manifest_digest(rows[::-1]) == expected
    assert manifest_digest([rows[0], CaseRow("a", "q", "val", "x")]) != expected
