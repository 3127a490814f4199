"""Performance: FROC and ROC, and every estimate with its rule, count and interval."""

from __future__ import annotations

from dashboards import estimates, shell
from dashboards.estimates import Plot
from xaimed.report.families import members
from xaimed.store import Run
from xaimed.viz import charts, figures

NO_ROC = "these cases hold no positive or no negative image, so there is no curve."
NO_FROC = "these cases hold no reference lesion, so there is none to be found."
PLOTS = (Plot("froc", "Lesions found against false positives", charts.froc_chart, figures.froc_figure, NO_FROC),
         Plot("roc", "Images told apart", charts.roc_chart, figures.roc_figure, NO_ROC))


def performance(run: Run) -> None:
    estimates.plots(run, PLOTS)
    if run.meta.get("model", {}).get("task") == "detection":
        estimates.table("Detection", members(run, "detection"), "estimates-detection")
    estimates.table("Accuracy and other measures", members(run, "performance"), "estimates-performance")
    compared = members(run, "comparison")
    if compared:
        estimates.table("Comparison of models and readers", compared, "estimates-comparison")


shell.show(performance)
