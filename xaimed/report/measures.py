"""Names of explanation metrics in words, each with the direction that is better."""

from __future__ import annotations

from typing import Literal

Better = Literal["higher", "lower", "neither"]
# Stem of a stored metric's name: words, and which way is better (as the metric itself says; a test compares them).
MEASURES: dict[str, tuple[str, Better]] = {
    "auprc": ("Area under precision and recall in the lesion", "higher"),
    "completeness": ("Error of completeness", "lower"),
    "context_share": ("Share of the map in the context", "neither"),
    "deletion": ("Deletion AUC", "lower"), "deletion_auc": ("Deletion AUC", "lower"),
    "energy_in_lesion": ("Energy in the lesion", "higher"),
    "energy_lift": ("Energy in the lesion over its area", "higher"),
    "entropy": ("Entropy of the map", "neither"), "gini": ("Gini index of the map", "neither"),
    "infidelity": ("Infidelity", "lower"),
    "insertion": ("Insertion AUC", "higher"), "insertion_auc": ("Insertion AUC", "higher"),
    "iou": ("Overlap with the lesion (IoU)", "higher"),
    "map_convergence": ("Change at twice the effort", "lower"),
    "max_sensitivity": ("Largest change under small noise", "lower"),
    "on_markers": ("Share of the map on markers", "lower"),
    "other_boxes": ("Share of the map on other lesions", "lower"),
    "outside_tissue": ("Share of the map outside the tissue", "lower"),
    "plane_share": ("Share of |gradient x input| that falls on a plane of the input", "neither"),
    "pointing_game": ("Pointing game", "higher"),
    "prediction_saliency_correlation": ("Map and score change together", "higher"),
    "repeatability": ("Repeatability", "higher"), "road": ("ROAD", "higher"),
    "srg": ("Symmetric relevance gain (insertion minus deletion)", "higher")}
WORDS = {"higher": "higher is better", "lower": "lower is better", "neither": "describes, neither is better"}
INNER = {"blur": "fill blur", "tissue_median": "fill tissue median", "noise": "fill noise", "window": "over the window"}


def measure_title(stored: str) -> str:
    """A stored name in words with its direction: "Deletion AUC, fill blur (lower is better)"."""
    from xaimed.viz.names import pretty

    stem, _, inner = stored.partition("[")
    if stem not in MEASURES:
        return pretty(stored)
    words, better = MEASURES[stem]
    detail = inner.removesuffix("]")
    return f"{words}{', ' + INNER.get(detail, detail.replace('_', ' ')) if detail else ''} ({WORDS[better]})"
