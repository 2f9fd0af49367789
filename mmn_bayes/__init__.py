"""Hierarchical Bayesian models of muscle grades, and of any graded outcome.

The verbs everybody needs, and namespaces for the rest; each is imported when it is first used, so
that reading a cohort does not wait for a sampler. `__init__.pyi` lists them.
"""

from importlib.metadata import version

import mmn_bayes.outcomes as _outcomes  # noqa: F401  registers them
from mmn_bayes.public_names import attach

__version__ = version("mmn_bayes")

__getattr__, __dir__, __all__ = attach(__name__, __file__)
