"""Families: how the probabilities of grades follow from strength, cutpoints and a link."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from mmn_bayes.engine import ordinal, site_integral
from mmn_bayes.engine.link import LINKS, Link, enter
from mmn_bayes.model_file.keys import FAMILY_NAMES


class Integral(NamedTuple):
    """What integrates the effects of sites out of the likelihood, and what draws them."""

    integrated_log_density: Callable[..., TensorVariable]
    draw_site_effects: Callable[..., np.ndarray]


@dataclass(frozen=True)
class Family:
    """Define how the probabilities of the K grades of one grading depend on strength.

    Attributes
    ----------
    name : str
        As `family` of a model file states it.
    text : str
        Description in one line.
    log_probability : callable
        Function of eta (strength in units of the noise, shape (...)), cutpoints (in these units,
        shape (K - 1,) or one that broadcasts with (..., K - 1)) and a `Link`, tensors: the
        logarithms of the probabilities of all grades, shape (..., K). Finite, and so its gradient,
        wherever strength is.
    curvature : callable
        Function of K: the largest curvature of one of these logarithms by eta, in units of the
        link's `curvature`. A probability that is a product of n factors F or 1 - F has n at the
        most.
    increasing : bool
        Whether cutpoints must increase; their prior then is in order.
    one_grade : str
        Which distance of the cutpoints is one grade of strength, in words; empty where none is, so
        that no effect is reported in grades.
    latent : bool
        Whether a grade is the number of cutpoints that strength plus noise passes.
    kernel : module, optional
        With `integrated_log_density` and `draw_site_effects`, for links that are compiled; without,
        and for other links, those of `site_integral` serve.

    Examples
    --------
    Adjacent categories: the log odds of a grade against the one below are strength less a cutpoint.

    >>> import pytensor.tensor as pt
    >>> def log_probability(eta, cutpoints, link):
    ...     steps = pt.cumsum(eta[..., None] - cutpoints, axis=-1)
    ...     logits = pt.concatenate([pt.zeros_like(steps[..., :1]), steps], axis=-1)
    ...     return logits - pt.logsumexp(logits, axis=-1, keepdims=True)
    >>> adjacent = mb.registry.Family(
    ...     "adjacent_example", "adjacent categories", log_probability, curvature=lambda k: k**2
    ... )
    >>> adjacent.increasing, adjacent.latent
    (False, False)
    >>> adjacent.register()  # doctest: +SKIP
    """

    name: str
    text: str
    log_probability: Callable[[Any, Any, Link], TensorVariable]
    curvature: Callable[[Any], Any]
    increasing: bool = False
    one_grade: str = ""
    latent: bool = False
    kernel: ModuleType | None = None

    def register(self) -> "Family":
        """Let model files state this family, in this process; return it.

        A process that reads a model file or a fit of this family registers it before. A fit knows
        a family by its name: give another one another name.

        Raises
        ------
        ValueError
            When the name is none that a model file can state, or is that of a family of the
            package.
        """
        enter(self, FAMILIES, FAMILY_NAMES)
        return self

    def grade_cdf(self, eta: Any, cutpoints: Any, *, link: str) -> TensorVariable:
        """Probability of a grade of code k or lower, k = 0 .. K-2; shape (row, K - 1).

        `eta` has shape (row,); the cutpoints are those of all rows, shape (K - 1,), or of each,
        shape (row, K - 1).
        """
        if self.latent:
            return ordinal.cumulative_probability(eta, cutpoints, link=link)
        logs = self.log_probability(eta, cutpoints, LINKS[link])
        return pt.cumsum(pt.exp(logs), axis=-1)[..., :-1]

    def integral(self, link: str) -> Integral:
        """Return how the effects of sites are integrated out, and drawn, with a link.

        Arguments of the two functions are those of `ordinal`, without the link.
        """
        if self.kernel is not None and LINKS[link].compiled:
            verbs = self.kernel.integrated_log_density, self.kernel.draw_site_effects
            return Integral(*(partial(verb, link=link) for verb in verbs))
        of_link = _with_link(self, LINKS[link])
        verbs = site_integral.integrated_log_density, site_integral.draw_site_effects
        return Integral(*(partial(verb, *of_link) for verb in verbs))


@cache
def _with_link(
    family: Family, link: Link
) -> tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]:
    """Log-probability and curvature of a family as `site_integral` takes them."""
    return (
        lambda eta, cutpoints: family.log_probability(eta, cutpoints, link),
        lambda n_grades: link.curvature * family.curvature(n_grades),
    )


def _cumulative(eta: Any, cutpoints: Any, link: Link) -> TensorVariable:
    """Logarithms of F(c_k - eta) - F(c_{k-1} - eta), by whichever tail keeps its digits."""
    log_odds = link.log_odds_below(cutpoints - eta[..., None])
    below, above = -pt.softplus(-log_odds), -pt.softplus(log_odds)
    upper_tail = log_odds[..., :-1] > 0.0
    large = pt.switch(upper_tail, above[..., :-1], below[..., 1:])
    small = pt.switch(upper_tail, above[..., 1:], below[..., :-1])
    between = large + pt.log1mexp(small - large)
    return pt.concatenate([below[..., :1], between, above[..., -1:]], axis=-1)


FAMILIES: dict[str, Family] = {
    "cumulative": Family(
        name="cumulative",
        text="a grade is where strength plus noise lies between increasing cutpoints",
        log_probability=_cumulative,
        curvature=lambda n_grades: 1.0,
        increasing=True,
        one_grade="mean gap between the cutpoints",
        latent=True,
        kernel=ordinal,
    )
}
