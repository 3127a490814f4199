"""XM304: what a gradient explanation of a two-stage detector leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, detects
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run

GRADIENT = ("deep_lift", "deep_shap", "grad_cam", "grad_cam_plus_plus", "gradient_shap", "guided_backprop",
            "hires_cam", "input_x_gradient", "integrated_gradients", "layer_cam", "lrp", "odam",
            "saliency", "smooth_grad", "x_grad_cam")


def ask(run: Run) -> Reply:
    """concern, always, for gradient methods on a detector; it states a limit and asks for no repair."""
    # Maps under a probe's condition are none that the run shows.
    plain = run.scores[(run.scores["condition"] == "clean") & (run.scores["case"] != "")]
    shown = sorted(set(plain["method"].dropna().astype(str)) & set(GRADIENT))
    if not detects(run) or not shown:
        return Reply("not applicable", "No gradient explanation of a two-stage detector was made in this run.")
    maps = plain[plain["method"].isin(shown)]
    count = len(maps[["case", "target", "method"]].drop_duplicates())
    made = f"{plural(count, 'map')} of {plural(len(shown), 'method')} ({', '.join(shown)})"
    return Reply("concern", f"{made}: the score of a box is explained "
                 "given its proposal. The proposal network gets no gradient from a detection, so why the model "
                 "looked there at all is not shown; a lesion it never proposed has no such explanation.",
                 {"maps": count, "methods": len(shown)})


CHECK = Check("XM304", "Do gradient maps leave out why a region was proposed?", "low", ask)
