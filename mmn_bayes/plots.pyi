"""Every figure."""

from mmn_bayes.exposure.dose_response_figure import dose_response_figure as dose_response_figure
from mmn_bayes.exposure.kernel_figure import kernel_figure as kernel_figure
from mmn_bayes.exposure.trajectory_figure import trajectory_figure as trajectory_figure
from mmn_bayes.outcomes.blocks.figure import blocks_figure as blocks_figure
from mmn_bayes.outcomes.classes.figure import classes_figure as classes_figure
from mmn_bayes.outcomes.evidence.figure import conflict_figure as conflict_figure
from mmn_bayes.outcomes.evidence.figure import history_figure as history_figure
from mmn_bayes.outcomes.grade.distribution_figure import shares_figure as shares_figure
from mmn_bayes.outcomes.grade.patient_figure import patient_figure as patient_figure
from mmn_bayes.outcomes.response.calibration_figure import calibration_figure as calibration_figure
from mmn_bayes.outcomes.response.definitions_figure import definitions_figure as definitions_figure
from mmn_bayes.outcomes.response.figure import response_figure as response_figure
from mmn_bayes.outcomes.response.missing_figure import delta_figure as delta_figure
from mmn_bayes.outcomes.states.figure import occupancy_figure as occupancy_figure
from mmn_bayes.predictors.figure import predictors_figure as predictors_figure
from mmn_bayes.report.frame import entry as entry
from mmn_bayes.report.frame import framed as framed
from mmn_bayes.report.frame import look_of as look_of
from mmn_bayes.report.style import JOURNAL_WIDTH_MM as JOURNAL_WIDTH_MM
