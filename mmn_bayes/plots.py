"""Figures for a paper, drawn on canvases of their own: no state of the drawing library matters."""

from mmn_bayes.exposure.dose_response_figure import dose_response_figure
from mmn_bayes.exposure.kernel_figure import kernel_figure
from mmn_bayes.exposure.trajectory_figure import trajectory_figure
from mmn_bayes.outcomes.blocks.figure import blocks_figure
from mmn_bayes.outcomes.classes.figure import classes_figure
from mmn_bayes.outcomes.evidence.figure import conflict_figure, history_figure
from mmn_bayes.outcomes.grade.grade_distribution_figure import shares_figure
from mmn_bayes.outcomes.grade.patient_figure import patient_figure
from mmn_bayes.outcomes.response.calibration_figure import calibration_figure
from mmn_bayes.outcomes.response.definitions_figure import definitions_figure
from mmn_bayes.outcomes.response.figure import response_figure
from mmn_bayes.outcomes.response.missing_figure import delta_figure
from mmn_bayes.outcomes.states.figure import occupancy_figure
from mmn_bayes.predictors.figure import predictors_figure

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
