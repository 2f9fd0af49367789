"""Known truth beside the posterior: a credible interval of every parameter that has one."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import CohortWarning
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.simulation.cohort import simulate_cohort
from mmn_bayes.simulation.recipe import Recipe

_KEPT = ("estimate", "sd", "lower", "upper", "level", "interval", "ess_bulk", "ess_tail", "r_hat")
_OF_FIT = "fit_"  # before the names of the columns that are of a whole fit


# What a likelihood has one term of: its dim, and what it is called.
_COUNTED = {"row": "grade", "interval": "interval"}


def truth_intervals(
    tree: xr.DataTree, truth: Mapping[str, object], level: float = 0.9
) -> pd.DataFrame:
    """Tabulate equal-tailed credible intervals of the parameters whose true value is known.

    Parameters
    ----------
    tree : DataTree
        Fit to a simulated cohort.
    truth : mapping of str to object
        True values by the name of the parameter: a number, one number for each member in the order
        of the fit, or numbers by the label of the member.
    level : float, default 0.9
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row a parameter and member: `parameter`, `member` ("" where there is one only), `truth`,
        `estimate` (posterior mean), `sd`, `lower`, `upper`, `level`, `interval`, `ess_bulk`,
        `ess_tail`, `r_hat`, `covers`, `synthetic`. A truth that the model has no parameter for has
        no row; nor has a parameter without a truth, such as the sd of muscles whose effects are
        fixed.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> table = mb.studies.truth_intervals(fit, {"noise": 0.042, "gain": 0.04})
    >>> table[["parameter", "truth", "level"]]
      parameter  truth  level
    0     noise  0.042    0.9
    1      gain  0.040    0.9
    """
    posterior = tree["posterior"].to_dataset()
    parts = [
        _beside(posterior[name], true, summarise(posterior[name], level=level, interval="eti"))
        for name, true in truth.items()
        if name in posterior
    ]
    table = pd.concat(parts, ignore_index=True)
    covers = table["truth"].between(table["lower"], table["upper"])
    columns = ["parameter", "member", "truth", *_KEPT]
    return table[columns].assign(covers=covers, synthetic=bool(tree.attrs["synthetic"]))


def _beside(drawn: xr.DataArray, true: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Lay the truth of one parameter beside its summary; its members are those of the fit."""
    name = str(drawn.name)
    dims = list(table.columns[: table.columns.get_loc("estimate")])
    members = table[dims].astype(str).agg(", ".join, axis=1).tolist() if dims else [""]
    if isinstance(true, Mapping):
        return table.assign(parameter=name, member=members, truth=[true[m] for m in members])
    if np.size(true) != len(members):
        raise ValueError(
            f"The truth of '{name}' has {np.size(true)} numbers, the fit has {len(members)} "
            "members."
        )
    # By labels: a table of several dims has another order than the draws.
    own = drawn.isel(chain=0, draw=0, drop=True)
    stated = own.copy(data=np.reshape(np.asarray(true, dtype=float), own.shape))
    rows = [dict(zip(dims, row, strict=True)) for row in table[dims].itertuples(index=False)]
    values = [float(stated.sel(row)) for row in rows]
    return table.assign(parameter=name, member=members, truth=values)


def simulated(n_patients: int, seed: int, recipe: Recipe | None = None) -> Cohort:
    """Simulate a cohort without its warnings: a rare grade may be missing in one of many.

    Parameters
    ----------
    n_patients : int
        How many patients, 1 or more.
    seed : int
        Seed of all randomness: the same seed gives the same cohort.
    recipe : Recipe or None, optional
        The parameters; by default those of the reproduction cohort.

    Returns
    -------
    Cohort
        As `simulate_cohort` gives it.

    Examples
    --------
    >>> len(mb.studies.simulated(5, seed=1).patients)
    5
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return simulate_cohort(n_patients, seed=seed, recipe=recipe)


def recovered(fit: xr.DataTree, *, truth: Mapping[str, object], level: float) -> pd.DataFrame:
    """Return what a study keeps of one fit, in one table: the intervals, and how the fit went.

    Parameters
    ----------
    fit : DataTree
        Of a simulated cohort.
    truth : mapping of str to object
        True values by the names of parameters, as the cohort's `truth` has them.
    level : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        The rows of `truth_intervals` after `seed`, each with the fit's row in columns `fit_...`:
        `fits_and_intervals` takes them apart.
    """
    intervals = truth_intervals(fit, truth, level)
    intervals.insert(0, "seed", fit.attrs["seed"])
    design = fit["design"].to_dataset()
    row = {
        "seed": fit.attrs["seed"],
        "n_patients": design.sizes["patient"],
        **{
            f"n_{what}s": design.sizes[dim] for dim, what in _COUNTED.items() if dim in design.sizes
        },
        **{name: fit.attrs[name] for name in ("chains", "draws", "tune")},
        "divergences": int(fit["sample_stats"]["diverging"].sum()),
        "worst_r_hat": intervals["r_hat"].max(skipna=False),
        "least_ess_bulk": intervals["ess_bulk"].min(skipna=False),
        "least_ess_tail": intervals["ess_tail"].min(skipna=False),
        **{name: fit.attrs[name] for name in ("seconds_compiling", "seconds_sampling")},
        **{name: fit.attrs[name] for name in ("fingerprint", "sampler", "versions")},
        "synthetic": bool(fit.attrs["synthetic"]),
    }
    return intervals.assign(**{f"{_OF_FIT}{name}": value for name, value in row.items()})


def fits_and_intervals(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take apart what `recovered` joined, in the order of the seeds.

    Parameters
    ----------
    table : DataFrame
        The rows of several fits, of different seeds.

    Returns
    -------
    DataFrame
        One row a fit: `seed`, `n_patients`, `n_grades` (of histories `n_intervals`), the lengths of
        the chains, `divergences`; `worst_r_hat`, `least_ess_bulk` and `least_ess_tail` of the
        parameters with a truth;
        seconds, `fingerprint` of model, data and seed, `sampler`, `versions` and `synthetic`.
    DataFrame
        The rows of `truth_intervals`, with `seed`.
    """
    table = table.sort_values("seed", kind="stable", ignore_index=True)
    of_fit = [name for name in table.columns if name.startswith(_OF_FIT)]
    fits = table.drop_duplicates("seed")[of_fit].reset_index(drop=True)
    return fits.rename(columns=lambda name: name.removeprefix(_OF_FIT)), table.drop(columns=of_fit)
