"""Grades of muscles: their distribution over time, and the course of one patient."""

from mmn_bayes.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
