"""Links: the distribution of the noise of one grading, for graphs, kernels and replicates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.dist_math import normal_lcdf
from pytensor.tensor.variable import TensorVariable

from mmn_bayes.engine import kernel_general
from mmn_bayes.model_file.keys import FAMILY_NAMES, LINK_NAMES

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OF_PACKAGE = frozenset((*LINK_NAMES, *FAMILY_NAMES))
Noise = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Link:
    """Define a link by the distribution F of the noise of one grading, at a scale of 1.

    Attributes
    ----------
    name : str
        As `link` of a model file states it.
    mean, variance : float
        Mean and variance of the noise.
    below : callable
        F(x), from tensor to tensor.
    log_odds_below : callable
        log F(x) - log(1 - F(x)), without loss of digits in either tail.
    draw : callable
        Draws noise of a shape with a random generator: an array in single precision.
    curvature : float
        About the largest curvature of log(F(a) - F(b)) by a shift of both.

    Examples
    --------
    >>> import pytensor.tensor as pt
    >>> laplace = mb.registry.Link(
    ...     name="laplace",
    ...     mean=0.0,
    ...     variance=2.0,
    ...     below=lambda x: pt.switch(x < 0, pt.exp(-abs(x)) / 2, 1 - pt.exp(-abs(x)) / 2),
    ...     log_odds_below=lambda x: pt.sign(x) * pt.log(2 * pt.exp(abs(x)) - 1),
    ...     draw=lambda shape, rng: rng.laplace(size=shape).astype("float32"),
    ...     curvature=1.0,
    ... )
    >>> float(laplace.below(pt.constant(0.0)).eval()), laplace.compiled
    (0.5, False)
    >>> laplace.register()  # doctest: +SKIP
    """

    name: str
    mean: float
    variance: float
    below: Callable[[Any], TensorVariable]
    log_odds_below: Callable[[Any], TensorVariable]
    draw: Noise
    curvature: float

    @property
    def compiled(self) -> bool:
        """Whether the kernels have this link; the likelihood of others is `site_integral`'s."""
        return self.name in kernel_general.LINKS

    def register(self) -> "Link":
        """Let model files state this link, in this process; return it.

        Raises
        ------
        ValueError
            When the name is none that a model file can state, or is that of a link of the package.
        """
        enter(self, LINKS, LINK_NAMES)
        return self


def enter(record: Any, records: dict[str, Any], names: list[str]) -> None:
    """Add a record of a user to those of the package, under its name; a second one replaces it."""
    kind = type(record).__name__.lower()
    if not _NAME.fullmatch(record.name):
        raise ValueError(
            f"A {kind} cannot be named {record.name!r}; take small letters, digits and _, a letter "
            "first."
        )
    if record.name in _OF_PACKAGE:
        raise ValueError(f"'{record.name}' is a {kind} of the package; take another name.")
    records[record.name] = record
    if record.name not in names:
        names.append(record.name)


def _draw_logistic(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    # By its quantiles: 3 ns a number, where scipy's take 24 and two exponentials 12.
    uniform = rng.random(shape, dtype=np.float32)
    with np.errstate(divide="ignore"):  # 0, once in 2^24, is the lowest grade
        uniform /= 1.0 - uniform
        return np.log(uniform, out=uniform)


def _draw_minimum(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(rng.standard_exponential(shape, dtype=np.float32))


LINKS: dict[str, Link] = {
    link.name: link
    for link in (
        Link(
            name="logit",
            mean=0.0,
            variance=np.pi**2 / 3.0,
            below=pt.sigmoid,
            log_odds_below=lambda x: x,
            draw=_draw_logistic,
            curvature=0.5,
        ),
        Link(
            name="probit",
            mean=0.0,
            variance=1.0,
            below=lambda x: 0.5 * pt.erfc(-x / np.sqrt(2.0)),
            log_odds_below=lambda x: normal_lcdf(0.0, 1.0, x) - normal_lcdf(0.0, 1.0, -x),
            draw=lambda shape, rng: rng.standard_normal(shape, dtype=np.float32),
            curvature=1.0,
        ),
        Link(  # the noise is the negative of Gumbel's
            name="cloglog",
            mean=-np.euler_gamma,
            variance=np.pi**2 / 6.0,
            below=lambda x: -pt.expm1(-pt.exp(x)),
            log_odds_below=lambda x: pt.log(-pt.expm1(-pt.exp(x))) + pt.exp(x),
            draw=_draw_minimum,
            curvature=1.0,
        ),
    )
}
