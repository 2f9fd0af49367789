"""Figures for a paper, drawn on canvases of their own: no state of the drawing library matters."""

from mmn_bayes.report.calibration_figure import calibration_figure
from mmn_bayes.report.definitions_figure import definitions_figure
from mmn_bayes.report.delta_figure import delta_figure
from mmn_bayes.report.dose_figure import dose_response_figure
from mmn_bayes.report.history_figure import conflict_figure, history_figure
from mmn_bayes.report.kernel_figure import kernel_figure
from mmn_bayes.report.long_term_figure import blocks_figure, classes_figure
from mmn_bayes.report.occupancy_figure import occupancy_figure
from mmn_bayes.report.patient_figure import patient_figure
from mmn_bayes.report.predictors_figure import predictors_figure
from mmn_bayes.report.response_figure import response_figure
from mmn_bayes.report.shares_figure import shares_figure
from mmn_bayes.report.trajectory_figure import trajectory_figure

__all__ = [
    "blocks_figure",
    "calibration_figure",
    "classes_figure",
    "conflict_figure",
    "definitions_figure",
    "delta_figure",
    "dose_response_figure",
    "history_figure",
    "kernel_figure",
    "occupancy_figure",
    "patient_figure",
    "predictors_figure",
    "response_figure",
    "shares_figure",
    "trajectory_figure",
]
