"""Effects of candidate predictors: estimated, counted, compared, and judged by their margins."""

from mmn_bayes.public_names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
