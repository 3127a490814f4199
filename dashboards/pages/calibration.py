"""Calibration: whether scores mean probabilities, and what acting on them is worth."""

from __future__ import annotations

from dashboards import estimates, shell
from dashboards.estimates import Plot
from xaimed.report.families import members
from xaimed.store import Run
from xaimed.viz import charts, figures

NO_BINS = "these cases hold no positive image, so every bin observes none."
BINS = "The score is read as a probability{after}."
WORTH = ("Vickers and Elkin 2006. The score is read as a probability{after}; a model above both other lines is worth "
         "acting on at that threshold.")


def calibration(run: Run) -> None:
    after = (" after the calibration in the model's file" if run.meta.get("model", {}).get("calibration")
             else " as it is, without calibration")
    estimates.plots(run, (
        Plot("reliability", "Reliability", charts.reliability_chart, figures.reliability_figure, NO_BINS,
             BINS.format(after=after)),
        Plot("decision", "Decision curve", charts.decision_chart, note=WORTH.format(after=after))))
    estimates.table("Calibration and net benefit", members(run, "calibration"), "estimates-calibration")


shell.show(calibration)
