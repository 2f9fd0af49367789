"""What is counted: rates with exact intervals, contrasts, tests, regressions; no model."""

from mmn_bayes.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
