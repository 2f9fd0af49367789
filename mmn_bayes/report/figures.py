"""Figures for a paper, drawn on canvases of their own: no state of the drawing library matters."""

from mmn_bayes.report.response_figure import response_figure
from mmn_bayes.report.shares_figure import shares_figure

__all__ = ["response_figure", "shares_figure"]
