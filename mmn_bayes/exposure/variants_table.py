"""Variants of a model in one table: infusions and response by each, and how well it predicts."""

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.posterior.draws import grade_gap, spec_of
from mmn_bayes.posterior.loo import compare_elpd
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import group_label, side_by_side

OF_MODEL = (
    *("elpd", "se", "difference", "se_difference"),
    *("worst_pareto_k", "good_k", "n_above_good_k"),
)


def variants_table(fits: Sequence[xr.DataTree], *, by: str, level: float = 0.95) -> pd.DataFrame:
    """Compare models of one cohort: response, exposure effects and predictive accuracy.

    Parameters
    ----------
    fits : sequence of DataTree
        Of outcome "grade", different models on the same cohort.
    by : str
        "naive", or the name of a yes/no predictor of every model.
    level : float, default 0.95
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        For each model, the best elpd first, a row for the response of new patients of each
        group and for the effect of each exposure (in grades a unit of its measure; with half_effect
        the largest): `model`, `quantity`, the columns of `summarise` with `p_above` (of an effect:
        above 0), then of `compare_elpd` (the same in every row of a model) `elpd`, `se`,
        `difference`, `se_difference`, `worst_pareto_k`, `good_k`, `n_above_good_k` and `synthetic`.

    Raises
    ------
    ValueError
        When it is no list of fits of outcome "grade", two models have one name, the fits are of
        different grades, a model has effects that are not integrated out, or `by` makes no groups.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> table = mb.tables.variants_table([fit], by="naive")
    >>> table[["model", "quantity"]]
          model                                        quantity
    0  strength    response of new patients, previously treated
    1  strength                 response of new patients, naive
    2  strength  effect of 1 g/kg in effect (infusions), grades
    """
    worth = compare_elpd(fits).set_index("model")
    of_name = {str(fit.attrs["spec_name"]): fit for fit in fits}
    parts = []
    for name in worth.index:
        own = [_responses(of_name[name], by, level), *_effects(of_name[name], level)]
        rows = pd.concat(own, ignore_index=True)
        rows.insert(0, "model", name)
        parts.append(rows.assign(**{column: worth.loc[name, column] for column in OF_MODEL}))
    first = ["model", "quantity", "estimate", "lower", "upper", "level", "interval", "p_above"]
    kept = [*first, "ess_bulk", "ess_tail", "r_hat", "mcse", *OF_MODEL, "synthetic"]
    return side_by_side(parts, kept)


def _responses(fit: xr.DataTree, by: str, level: float) -> pd.DataFrame:
    rows = summarise(
        response_probability(fit, patients="population", by=by), level=level, interval="eti"
    )
    labels = [f"response of new patients, {group_label(by, value)}" for value in rows[by]]
    return rows.drop(columns=by).assign(quantity=labels)


def _effects(fit: xr.DataTree, level: float) -> list[pd.DataFrame]:
    posterior = fit["posterior"].to_dataset()
    gap = grade_gap(fit)
    found = []
    for exposure in spec_of(fit).exposures:
        effect = (posterior[exposure.name] / gap).assign_attrs(synthetic=fit.attrs["synthetic"])
        rows = summarise(effect, level=level, interval="eti", above=0.0)
        what = (
            "largest effect" if exposure.half_effect is not None else f"effect of 1 {exposure.unit}"
        )
        found.append(rows.assign(quantity=f"{what} ({exposure.name}), grades"))
    return found
