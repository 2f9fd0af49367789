"""Cohorts with a known truth: a second author of the models, in plain NumPy."""

from mmn_bayes.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
