"""Whether the draws support the numbers: one table of checks with thresholds, and a gate."""

from collections.abc import Mapping

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.convergence import convergence
from mmn_bayes.engine.sampling import DRAWN_GIVEN_REST
from mmn_bayes.engine.stopping import MOST_R_HAT
from mmn_bayes.errors import NotConverged

# Vehtari et al., Bayesian Analysis 2021;16:667: R-hat by ranks below 1.01 (`MOST_R_HAT`) and, with
# 4 chains, an effective sample size above 400; Betancourt, arXiv:1604.00695, for the energy.
LEAST_ESS = 400.0
MOST_DIVERGENCES = 0.0
LEAST_BFMI = 0.3


def diagnose(fit: xr.DataTree, derived: Mapping[str, xr.DataArray] | None = None) -> pd.DataFrame:
    """Tabulate convergence diagnostics of the sampler and of every quantity of a fit.

    Parameters
    ----------
    fit : DataTree
        A fit.
    derived : mapping of str to DataArray or None, optional
        Draws (dims `chain`, `draw` and any others) of quantities computed from the fit, by the name
        to show: what is reported must be checked itself, since its chains may mix worse than those
        of the parameters.

    Returns
    -------
    DataFrame
        Columns `quantity`, `check`, `value`, `threshold`, `passed`, `synthetic`. For a quantity
        with further dims, the worst of its members. A quantity that never varies has nothing to
        check and passes with a missing value. Effects that were integrated out, and drawn
        afterwards from their law given the other parameters of each draw, do not move by
        themselves: they are as far from or near to the posterior as these, and are checked for
        being numbers only (`share finite`).

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> checks = mb.diagnose(fit)
    >>> checks.drop_duplicates("check").set_index("check")["threshold"].to_dict()
    {'divergences': 0.0, 'share at maximum tree depth': 0.0, 'e_bfmi': 0.3, 'r_hat': 1.01,
    'ess_bulk': 400.0, 'ess_tail': 400.0, 'share finite': 1.0}
    """
    rows = _sampler_rows(fit)
    named = {str(name): draws for name, draws in fit["posterior"].data_vars.items()}
    for name, draws in {**named, **(derived or {})}.items():
        members = draws.transpose("chain", "draw", ...).to_numpy()
        members = members.reshape(*members.shape[:2], -1)
        if DRAWN_GIVEN_REST in draws.attrs:
            # The largest R-hat of hundreds of such effects, none of which has a chain of its own,
            # would measure how many there are.
            finite = float(np.isfinite(members).mean())
            rows.append((name, "share finite", finite, 1.0, finite == 1.0))
            continue
        # What never varies has nothing to check; anything else without a value has failed: one
        # chain gives no R-hat, and draws that are not numbers give nothing.
        varies = (members != members[:1, :1]).any(axis=(0, 1))
        found = convergence(np.where(np.isfinite(members), members, np.nan)[:, :, varies])
        worst = found.r_hat.max() if varies.any() else np.nan
        rows.append((name, "r_hat", worst, MOST_R_HAT, not varies.any() or worst <= MOST_R_HAT))
        for kind, sizes in (("ess_bulk", found.ess_bulk), ("ess_tail", found.ess_tail)):
            least = sizes.min() if varies.any() else np.nan
            rows.append((name, kind, least, LEAST_ESS, not varies.any() or least >= LEAST_ESS))
    table = pd.DataFrame(rows, columns=["quantity", "check", "value", "threshold", "passed"])
    table["passed"] = table["passed"].astype(bool)
    return table.assign(synthetic=bool(fit.attrs["synthetic"]))


def require_converged(
    fit: xr.DataTree | pd.DataFrame, derived: Mapping[str, xr.DataArray] | None = None
) -> None:
    """Raise unless every check of `diagnose` is passed.

    Parameters
    ----------
    fit, derived : DataTree or DataFrame, mapping of str to DataArray or None
        A fit, with draws of quantities computed from it by the name to show (as `diagnose` takes
        them); or, instead of a fit, the table that `diagnose` made of it.

    Raises
    ------
    NotConverged
        With each check that failed, its value and its threshold, and what to do.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml` with 80 draws, which are too few:

    >>> mb.require_converged(fit)
    Traceback (most recent call last):
        ...
    mmn_bayes.errors.NotConverged: The draws do not support the numbers asked of them: ...
    """
    table = fit if isinstance(fit, pd.DataFrame) else diagnose(fit, derived)
    failed = table[~table["passed"]]
    if len(failed):
        columns = (failed[name] for name in ("quantity", "check", "value", "threshold"))
        lines = [
            f"  {quantity}: {check} is {value:.4g}, the threshold is {threshold:g}"
            + (" (one chain, or draws that are not numbers)" if np.isnan(value) else "")
            for quantity, check, value, threshold in zip(*columns, strict=True)
        ]
        raise NotConverged(
            "The draws do not support the numbers asked of them: "
            "sample longer (draws, tune), and if that does not help look at the model.\n"
            + "\n".join(lines)
        )


def _sampler_rows(fit: xr.DataTree) -> list[tuple[str, str, float, float, bool]]:
    stats = fit["sample_stats"]
    divergences = float(stats["diverging"].sum())
    deepest = float(stats["maxdepth_reached"].mean())
    bfmi = float(np.min(_bfmi(xr.DataArray(stats["energy"]))))
    return [
        ("sampler", "divergences", divergences, MOST_DIVERGENCES, divergences <= MOST_DIVERGENCES),
        ("sampler", "share at maximum tree depth", deepest, 0.0, deepest <= 0.0),
        ("sampler", "e_bfmi", bfmi, LEAST_BFMI, bfmi >= LEAST_BFMI),
    ]


def _bfmi(energy: xr.DataArray) -> np.ndarray:
    """Energy's fraction of missing information, one a chain."""
    return np.asarray(az.bfmi(energy.to_dataset(name="energy"))["energy"])
