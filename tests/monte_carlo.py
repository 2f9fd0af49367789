"""Monte Carlo errors, from which tests of draws have their bounds."""

import arviz as az
import numpy as np


def mcse(*sides, method="mean", **how):
    """Standard error of a figure of draws, or of the difference of those of several sides.

    Of draws with dims chain and draw, by their effective sample size (Vehtari et al., Bayesian
    Analysis 2021;16:667). Of a normal error one in 1.7 million lies beyond 5 of them.
    """
    return float(np.hypot.reduce([az.mcse(np.asarray(own), method=method, **how) for own in sides]))
