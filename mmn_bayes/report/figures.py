"""The figures of the package, each in a module of its own."""

from mmn_bayes.report.delta_figure import delta_figure
from mmn_bayes.report.response_figure import response_figure
from mmn_bayes.report.shares_figure import shares_figure

__all__ = ["delta_figure", "response_figure", "shares_figure"]
