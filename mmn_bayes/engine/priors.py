"""The distributions of the vocabulary, as PyMC writes them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Interval, ordered
from pymc.logprob.transforms import Transform
from scipy.special import gammaln

from mmn_bayes.model_file.prior import Prior
from mmn_bayes.undocumented import rv_size_is_none

Dims = str | tuple[str, ...] | None


def partial_correlations(name: str, prior: Prior, n_effects: int, dims: str | None) -> Any:
    """Add the partial correlations of a matrix with an LKJ prior; shape (pair,).

    Pairs (j, k), j < k, in the order (1, 2), (1, 3), ..., (2, 3), ...: the correlation of effects j
    and k given those before j. They are independent, each a beta stretched to (-1, 1) with both
    parameters shape + (n - 1 - j) / 2, j counted from 1; two effects have one, their correlation.

    References
    ----------
    Lewandowski, Kurowicka and Joe, J Multivar Anal 2009;100:1989, section 2.4.
    """
    given = np.repeat(np.arange(n_effects - 1), np.arange(n_effects - 1, 0, -1))
    # In double precision: a plain 2.0 would be a number in single, and what is computed of it.
    shape = np.float64(prior["shape"]) + (n_effects - 2 - given) / 2.0
    return pm.CustomDist(
        name,
        shape if dims else shape[0],
        dist=lambda shape, size: 2.0 * pm.Beta.dist(shape, shape, size=size) - 1.0,
        default_transform=Interval(-1.0, 1.0),
        dims=dims,
    )


_REAL: Mapping[str, Callable[..., Any]] = {
    "normal": pm.Normal.dist,
    "student_t": lambda df, mean, sd, **size: pm.StudentT.dist(nu=df, mu=mean, sigma=sd, **size),
}


def increasing(name: str, prior: Prior, n: int, dims: str) -> Any:
    """Add n numbers that have one prior each and increase; shape (n,).

    n draws of a prior, put in order, have n! times the product of its densities.
    """
    one = _REAL[prior.distribution]
    parameters = [np.full(n, value) for _, value in prior.parameters]
    letters = ["(n)"] * len(parameters)

    def put_in_order(*arguments: Any) -> Any:
        *stated, size = arguments
        several = None if rv_size_is_none(size) else (*size, n)
        return pt.sort(one(*stated, size=several), axis=-1)

    def log_density(value: Any, *stated: Any) -> Any:
        each = pm.logp(one(*stated), value)
        increase = pt.all(value[..., 1:] > value[..., :-1], axis=-1)
        return pt.switch(increase, each.sum(axis=-1) + gammaln(n + 1.0), -np.inf)

    return pm.CustomDist(
        name,
        *parameters,
        dist=put_in_order,
        logp=log_density,
        signature=f"{','.join(letters)}->(n)",
        default_transform=ordered,
        dims=dims,
    )


class LogOdds(Transform):
    """Shares that sum to 1, sampled by the log-odds of each but the last against the last.

    PyMC's own transform compiles for longer: it takes logarithms of sums of exponentials twice. Log
    odds of more than 700 make no number here, which the sampler rejects like a density of 0.
    """

    name = "log_odds"
    ndim_supp = 1
    __props__ = ("n",)

    def __init__(self, n: int) -> None:
        self.n = n

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Return the log-odds; shape (..., n - 1)."""
        logs = pt.log(value)
        return logs[..., :-1] - logs[..., -1:]

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Return the shares; shape (..., n)."""
        odds = pt.exp(value)
        # Taken by their numbers, as the effects of patients are: joining compiles for seconds.
        place, last = np.arange(self.n) % (self.n - 1), np.eye(self.n)[-1]
        return (odds[..., place] * (1.0 - last) + last) / (1.0 + odds.sum(-1, keepdims=True))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Return the sum of the logarithms of the shares."""
        return value.sum(-1) - self.n * pt.log(1.0 + pt.exp(value).sum(-1))


def _dirichlet(name: str, prior: Prior, dims: Dims) -> Any:
    concentration = np.asarray(prior["concentration"], dtype=float)
    constant = gammaln(concentration.sum()) - gammaln(concentration).sum()

    def draw(a: Any, size: Any) -> Any:
        return pm.Dirichlet.dist(a=a, size=None if rv_size_is_none(size) else size)

    def log_density(value: Any, a: Any) -> Any:
        return ((a - 1.0) * pt.log(value)).sum(axis=-1) + constant

    return pm.CustomDist(
        name,
        concentration,
        dist=draw,
        logp=log_density,
        signature="(k)->(k)",
        default_transform=LogOdds(concentration.size),
        dims=dims,
    )


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
    # In double precision, as above.
    "beta": lambda name, p, dims: pm.Beta(
        name, alpha=np.float64(p["alpha"]), beta=np.float64(p["beta"]), dims=dims
    ),
    "lkj": lambda name, p, dims: partial_correlations(name, p, 2, dims),
    "dirichlet": _dirichlet,
    # No parameter of the fit: a number of the graph.
    "fixed": lambda name, p, dims: pt.constant(p["value"], dtype="float64"),
}


def parameter(name: str, prior: Prior, dims: Dims = None) -> Any:
    """Add one parameter with its prior to the model in context, and return its variable.

    With several dims its members are independent, those of the last dim together one simplex where
    the prior is of such.
    """
    return MAKERS[prior.distribution](name, prior, dims)


def parameter_in_units(name: str, prior: Prior, unit: Any) -> Any:
    """Add a parameter that is sampled in units of its own, which may be parameters too.

    Its law is that of the prior, normal or Student t. What is sampled is `<name>_scaled`, the
    parameter over the unit, whose law given the unit is the prior stretched by it.
    """
    stretched = dict(prior.parameters)
    stretched |= {part: stretched[part] / unit for part in ("mean", "sd")}
    own = MAKERS[prior.distribution](f"{name}_scaled", stretched, None)
    return pm.Deterministic(name, own * unit)


# The law on both sides of 0 of which each is the law of the size.
_BOTH_SIDES: Mapping[str, str] = {"half_normal": "normal", "half_student_t": "student_t"}


def may_be_folded(prior: Prior) -> bool:
    """Whether a prior is that of the size of a normal or Student t around 0."""
    return prior.distribution in _BOTH_SIDES


def folded(name: str, prior: Prior) -> tuple[Any, Any]:
    """Add a sd that is sampled with a sign, and return that number and the sd, its size.

    By its logarithm, as PyMC samples it, a sd of which the data do not exclude 0 has a tail without
    end to the left, from which a chain comes back late. With a sign 0 is a value like others, that
    chains pass. What the sd multiplies must have a law that is the same with the other sign.
    """
    both = Prior(_BOTH_SIDES[prior.distribution], (("mean", 0.0), *prior.parameters), prior.why)
    signed = MAKERS[both.distribution](f"{name}_signed", both, None)
    return signed, pm.Deterministic(name, pt.abs(signed))
