"""Known truth beside the posterior: a credible interval of every parameter that has one."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.cohort.recipe import Recipe
from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.cohort.simulate import simulate_cohort
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model.sampling import fit
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.spec.model_spec import ModelSpec

_KEPT = ("estimate", "sd", "lower", "upper", "level", "interval", "ess_bulk", "ess_tail", "r_hat")


def truth_intervals(
    tree: xr.DataTree, truth: Mapping[str, object], level: float = 0.9
) -> pd.DataFrame:
    """Return the equal-tailed credible interval of every parameter with a known truth.

    Parameters
    ----------
    tree
        A fit to a simulated cohort.
    truth
        The truth of that cohort: by the name of the parameter a number, one number a member in the
        order of the fit, or numbers by the label of the member.
    level
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row a parameter and member: `parameter`, `member` ("" where there is one only), `truth`,
        `estimate` (posterior mean), `sd`, `lower`, `upper`, `level`, `interval`, `ess_bulk`,
        `ess_tail`, `r_hat`, `covers`, `synthetic`. A truth that the model has no parameter for has
        no row; nor has a parameter without a truth, such as the sd of muscles whose effects are
        fixed.
    """
    posterior = tree["posterior"].to_dataset()
    parts = [
        _beside(str(name), true, summarise(posterior[name], level=level, interval="eti"))
        for name, true in truth.items()
        if name in posterior
    ]
    table = pd.concat(parts, ignore_index=True)
    covers = table["truth"].between(table["lower"], table["upper"])
    columns = ["parameter", "member", "truth", *_KEPT]
    return table[columns].assign(covers=covers, synthetic=bool(tree.attrs["synthetic"]))


def _beside(name: str, true: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Lay the truth of one parameter beside its summary; its members are those of the fit."""
    dims = list(table.columns[: table.columns.get_loc("estimate")])
    members = table[dims[0]].astype(str).tolist() if dims else [""]
    if isinstance(true, Mapping):
        true = [true[member] for member in members]
    values = [float(value) for value in np.atleast_1d(true)]
    if len(values) != len(members):
        raise ValueError(
            f"The truth of '{name}' has {len(values)} numbers, the fit has {len(members)} members."
        )
    return table.assign(parameter=name, member=members, truth=values)


def simulated(n_patients: int, seed: int, recipe: Recipe | None = None) -> Cohort:
    """Simulate a cohort of a study, without its warnings: a rare grade may be missing in one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return simulate_cohort(n_patients, seed=seed, recipe=recipe)


def recover(
    spec: ModelSpec,
    seed: int,
    *,
    n_patients: int,
    level: float,
    chains: int,
    draws: int,
    tune: int,
    recipe: Recipe | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate one cohort, fit it, and return how it went and the intervals.

    Parameters
    ----------
    spec
        The model.
    seed
        Seed of the cohort and of the fit.
    n_patients, level, chains, draws, tune
        Size of the cohort, probability of the intervals, and lengths of the chains.
    recipe
        The truth; by default that of the reproduction cohort.

    Returns
    -------
    DataFrame
        One row: `seed`, `n_patients`, `n_grades`, the lengths, `divergences`; `worst_r_hat`,
        `least_ess_bulk` and `least_ess_tail` of the parameters with a truth; seconds, `fingerprint`
        of model, data and seed, `sampler`, `versions` and `synthetic`.
    DataFrame
        The table of `truth_intervals`, with `seed`.
    """
    cohort = simulated(n_patients, seed, recipe)
    lengths: dict[str, Any] = {"chains": chains, "draws": draws, "tune": tune}
    # One chain after the other: the study runs several cohorts at a time.
    tree = fit(spec, cohort, seed=seed, progress="off", cores=1, **lengths)
    intervals = truth_intervals(tree, cohort.truth or {}, level)
    row = {
        "seed": seed,
        "n_patients": n_patients,
        "n_grades": int(cohort.grades["grade"].notna().sum()),
        **lengths,
        "divergences": int(tree["sample_stats"]["diverging"].sum()),
        "worst_r_hat": intervals["r_hat"].max(skipna=False),
        "least_ess_bulk": intervals["ess_bulk"].min(skipna=False),
        "least_ess_tail": intervals["ess_tail"].min(skipna=False),
        "seconds_compiling": tree.attrs["seconds_compiling"],
        "seconds_sampling": tree.attrs["seconds_sampling"],
        **{name: tree.attrs[name] for name in ("fingerprint", "sampler", "versions")},
        "synthetic": bool(tree.attrs["synthetic"]),
    }
    intervals.insert(0, "seed", seed)
    return pd.DataFrame([row]), intervals
