"""Response of patients by the rule: counted and estimated, its tables and its figures."""

from mmn_bayes.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
