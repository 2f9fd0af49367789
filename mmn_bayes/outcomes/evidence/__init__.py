"""Counts of responders in other studies: priors made of them, and what papers print."""

from mmn_bayes.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
