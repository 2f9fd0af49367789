"""Candidates where covariates are missing: one fit for each imputed set, their draws together."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.observed_rates import check_level
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.predictors.effects import (
    candidate_effects,
    drawn_effects,
    on_margin_scale,
    patients_of,
)
from mmn_bayes.predictors.observed_imputation import impute_cohorts, pool_rubin
from mmn_bayes.predictors.table import require_certain, table_of_effects
from mmn_bayes.studies.runner import Task, require_finished, run_tasks, task_seed

_INDEX = ["chain", "draw", "predictor"]


def effect_draws(fit: xr.DataTree) -> pd.DataFrame:
    """Return the draws of `drawn_effects` as one table, to be kept of each of many fits.

    Parameters
    ----------
    fit : DataTree
        Of a model with candidates.

    Returns
    -------
    DataFrame
        Columns `part` (which draws), `chain`, `draw`, `predictor`, `value`, `n_patients`,
        `divergences`, `synthetic`.
    """
    parts = [
        drawn.to_series().rename("value").reset_index().assign(part=name)
        for name, drawn in drawn_effects(fit).items()
    ]
    about = {
        "n_patients": patients_of(fit),
        "divergences": int(fit["sample_stats"]["diverging"].sum()),
        "synthetic": bool(fit.attrs["synthetic"]),
    }
    return pd.concat(parts, ignore_index=True)[["part", *_INDEX, "value"]].assign(**about)


def imputed_predictors(
    cohort: Cohort,
    spec: ModelSpec,
    folder: Path,
    *,
    seed: int,
    n_sets: int = 20,
    lengths: Mapping[str, int] | None = None,
    historical: pd.DataFrame | None = None,
    level: float = 0.95,
    certain: float = 0.95,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Tabulate the effects of candidates pooled over imputed sets of missing covariates.

    Parameters
    ----------
    cohort, spec : Cohort, ModelSpec
        A cohort some of whose covariates are missing, and a model with candidates.
    folder : path-like
        Where finished tasks are kept, so that an interrupted run goes on.
    seed : int
        Seed of the imputation and, with its name, of each fit.
    n_sets : int, default 20
        Number of imputed sets (`impute_cohorts`).
    lengths : mapping of str to int or None, optional
        `chains`, `draws` and `tune` of each fit, where they differ from the defaults.
    historical : DataFrame or None, optional
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.
    certain : float, default 0.95
        Probability from which a candidate is called relevant (its effect is beyond the margin, in
        either direction) or negligible (within it); otherwise it is undecided.
    workers : int or None, optional
        Processes at a time; by default as many as the machine has processors.
    progress : bool, default True
        Whether to print a line for each finished task.

    Returns
    -------
    DataFrame
        As `predictor_table`, of the draws of all sets together, and `between_share` (part of the
        variance of an effect, on the scale of the margin or its logarithm, that is due to what is
        missing: that between sets), `n_sets`, and
        `divergences` in all. `r_hat` is the largest of the sets, each by itself, since sets differ;
        `ess_bulk` and `ess_tail` are sums, `mcse` is that of the mean of the sets.

    Raises
    ------
    DataError, ValueError
        When the covariates cannot be imputed or nothing is missing (`impute_cohorts`), the model
        has no candidates, or `level` or `certain` is not usable.
    RuntimeError
        When a fit failed, after all others were done: it is named, with its error.

    References
    ----------
    Zhou and Reiter, Am Stat 2010;64:159 (mixing the draws of imputed sets); Rubin, Multiple
    Imputation for Nonresponse in Surveys, 1987.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> from pathlib import Path
    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> some = mb.simulation.with_blanks(cohort, ["age_onset_years"], share=0.1, seed=1)
    >>> int(some.patients["age_onset_years"].isna().sum())
    4
    >>> mb.predictors.imputed_predictors(  # doctest: +SKIP
    ...     some, candidates, Path("tasks"), seed=1, n_sets=20
    ... )
    """
    require_certain(certain)
    check_level(level)
    cohorts = impute_cohorts(cohort, spec, n_sets=n_sets, seed=seed)
    names = [f"set {number:03d}" for number in range(1, n_sets + 1)]
    tasks = [
        Task(name, spec, own, task_seed(seed, name), lengths or {}, historical)
        for name, own in zip(names, cohorts, strict=True)
    ]
    found = run_tasks(tasks, effect_draws, folder, workers=workers, progress=progress)
    require_finished(found)
    own = [draws_of_table(part) for _, part in found.groupby("task", sort=True)]
    stacked = {part: _stacked([one[part] for one in own]) for part in own[0]}
    table = table_of_effects(
        stacked,
        spec,
        n_patients=int(found["n_patients"].max()),
        synthetic=bool(found["synthetic"].any()),
        level=level,
        certain=certain,
    )
    divergences = int(found.groupby("task")["divergences"].first().sum())
    checked = _of_sets(own, spec)
    return table.assign(
        **{str(name): checked[name].to_numpy() for name in checked},
        n_sets=n_sets,
        divergences=divergences,
    )


def draws_of_table(table: pd.DataFrame) -> dict[str, xr.DataArray]:
    """The draws of one set, as `drawn_effects` gave them."""
    found = {}
    for part, own in table.groupby("part", sort=False):
        order = pd.unique(own["predictor"])
        drawn = own.set_index(_INDEX)["value"].to_xarray().sel(predictor=order)
        found[str(part)] = drawn.assign_attrs(synthetic=bool(own["synthetic"].iloc[0]))
    return found


def _stacked(sets: list[xr.DataArray]) -> xr.DataArray:
    """Draws of all sets, the chains of each after those of the one before."""
    whole = xr.concat(sets, "chain", combine_attrs="override")
    return whole.assign_coords(chain=np.arange(whole.sizes["chain"]))


def _of_sets(sets: list[dict[str, xr.DataArray]], spec: ModelSpec) -> pd.DataFrame:
    """How well each set was sampled, and how far the sets differ; a row an effect."""
    effects = candidate_effects(spec)
    tables = [
        pd.concat(
            [summarise(on_margin_scale(e, spec, one).drop_vars("predictor")) for e in effects],
            ignore_index=True,
        )
        for one in sets
    ]
    means = np.stack([t["estimate"] for t in tables], axis=1)
    variances = np.stack([t["sd"].to_numpy() ** 2 for t in tables], axis=1)
    combined = pool_rubin(means, variances)
    errors = np.stack([t["mcse"] for t in tables], axis=1)
    return pd.DataFrame(
        {
            "ess_bulk": sum(t["ess_bulk"] for t in tables),
            "ess_tail": sum(t["ess_tail"] for t in tables),
            "r_hat": np.max([t["r_hat"] for t in tables], axis=0),
            "mcse": np.sqrt((errors**2).sum(axis=1)) / len(tables),
            "between_share": combined["share"].to_numpy(),
        }
    )
