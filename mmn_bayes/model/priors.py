"""The distributions of the vocabulary, as PyMC writes them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
from pymc.distributions.transforms import Interval

from mmn_bayes.spec.model_spec import Prior

MAKERS: Mapping[str, Callable[..., Any]] = {
    "normal": lambda name, p, dims: pm.Normal(name, mu=p["mean"], sigma=p["sd"], dims=dims),
    "student_t": lambda name, p, dims: pm.StudentT(
        name, nu=p["df"], mu=p["mean"], sigma=p["sd"], dims=dims
    ),
    "half_normal": lambda name, p, dims: pm.HalfNormal(name, sigma=p["sd"], dims=dims),
    "half_student_t": lambda name, p, dims: pm.HalfStudentT(
        name, nu=p["df"], sigma=p["sd"], dims=dims
    ),
    "exponential": lambda name, p, dims: pm.Exponential(name, scale=p["mean"], dims=dims),
    "lognormal": lambda name, p, dims: pm.LogNormal(
        name, mu=np.log(p["median"]), sigma=p["log_sd"], dims=dims
    ),
    "gamma": lambda name, p, dims: pm.Gamma(name, mu=p["mean"], sigma=p["sd"], dims=dims),
    # Two effects have one correlation, whose LKJ density is a beta density stretched to (-1, 1).
    "lkj": lambda name, p, dims: pm.CustomDist(
        name,
        # A plain 2.0 would be a number in single precision, and so would what is computed of it.
        np.float64(p["shape"]),
        dist=lambda shape, size: 2.0 * pm.Beta.dist(shape, shape, size=size) - 1.0,
        default_transform=Interval(-1.0, 1.0),
        dims=dims,
    ),
    "dirichlet": lambda name, p, dims: pm.Dirichlet(
        name, a=np.asarray(p["concentration"]), dims=dims
    ),
}


def parameter(name: str, prior: Prior, dims: str | None = None) -> Any:
    """Add one parameter with its prior to the model in context, and return its variable."""
    return MAKERS[prior.distribution](name, prior, dims)
