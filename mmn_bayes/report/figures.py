"""Figures for a paper, drawn on canvases of their own: no state of the drawing library matters."""

from mmn_bayes.report.definitions_figure import definitions_figure
from mmn_bayes.report.delta_figure import delta_figure
from mmn_bayes.report.history_figure import conflict_figure, history_figure
from mmn_bayes.report.response_figure import response_figure
from mmn_bayes.report.shares_figure import shares_figure

__all__ = [
    "conflict_figure",
    "definitions_figure",
    "delta_figure",
    "history_figure",
    "response_figure",
    "shares_figure",
]
