"""XM101: is any patient on both sides of a split, or in the training of the model?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Evidence, Reply, listed
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run

ONE = ("All images of this dataset are of one person, animal or piece of tissue, and the model was trained on others "
       "of them: results say nothing about another one.")
UNKNOWN = ("The dataset does not say which images are of one patient, so that patients of the training may be here "
           "under other names.")


def ask(run: Run) -> Reply:
    """fail: a patient in two splits or in the training, or all images are of one.

    NOT ASSESSED: nothing tells who was trained on, or which images are of one patient.
    """
    reply, people = _by_name(run), run.meta.get("data", {}).get("people", "known")
    if reply.outcome not in ("pass", "concern") or people == "known":
        return reply
    if people == "one":
        return Reply("fail", ONE, {**reply.evidence, "people": 1})
    return Reply("NOT ASSESSED", f"{UNKNOWN} By the names it has: {reply.statement}", reply.evidence)


def _by_name(run: Run) -> Reply:
    patients = run.cases["patient"].astype(str)
    splits = run.cases.assign(patient=patients).groupby("patient")["split"].nunique()
    double = sorted(splits[splits > 1].index)
    total = int(patients.nunique())
    if not total:
        return Reply("NOT ASSESSED", "There is no case.")
    if double:
        return Reply("fail", f"{len(double)} of {plural(total, 'patient')} are in more than one split: "
                     f"{listed(double)}.", {"patients": total, "in_two_splits": len(double)})
    return _against_training(run, set(patients), total)


def _against_training(run: Run, patients: set[str], total: int) -> Reply:
    training, data = run.meta.get("model", {}).get("training", {}), run.meta.get("data", {})
    apart = f"None of {plural(total, 'patient')} is in two splits of this run"
    if "patients" in training and training.get("dataset") == data.get("name"):
        # Pseudonyms of another dataset say nothing: the same name there is another person.
        seen = {str(p) for p in (*training["patients"], *training.get("validation_patients", ()))}
        shared = sorted(patients & seen)
        text = (f"{apart}; {len(shared)} of them are among the {plural(len(seen), 'patient')} of the training and "
                "its validation")
        return Reply("fail" if shared else "pass", f"{text}{': ' + listed(shared) if shared else ''}.",
                     {"patients": total, "in_training": len(shared)})
    if not training.get("dataset"):
        return Reply("NOT ASSESSED", f"{apart}; the model does not say which patients it was trained on.",
                     {"patients": total})
    if training["dataset"] != data.get("name"):
        return Reply("NOT ASSESSED", f"{apart}; the model was trained on {training['dataset']!r}, this is "
                     f"{data.get('name')!r}, and no list of patients tells whether they overlap.", {"patients": total})
    return _same_dataset(run, total, apart)


def _same_dataset(run: Run, total: int, apart: str) -> Reply:
    training, data = run.meta["model"]["training"], run.meta["data"]
    seen = int(run.cases["split"].isin(["train", "val"]).sum())
    facts: Evidence = {"patients": total, "cases_seen_in_training": seen, "manifest": str(data.get("manifest", ""))}
    if seen:
        return Reply("fail", f"{seen} of {len(run.cases)} cases are of the splits train or val of "
                     f"{data['name']!r}, on which the model was trained and tuned.", facts)
    if training.get("manifest") and training["manifest"] == data.get("manifest"):
        return Reply("pass", f"{apart}; model and run name the same split by patient of {data['name']!r} "
                     f"(manifest {str(data['manifest'])[:12]}), and all {len(run.cases)} cases are outside train "
                     "and val.", facts)
    return Reply("concern", f"{apart}; the split of {data['name']!r} that the model was trained with is not known "
                 "to be that of this run (the manifests differ or are missing), so training patients may be here.",
                 facts)


CHECK = Check("XM101", "Is a patient in two splits, or in the training of the model?", "high", ask)
