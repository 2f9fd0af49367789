"""One row a candidate: what was learned of its effect, beside what was believed before."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import MARGIN_SCALES
from mmn_bayes.posterior.draws import spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.predictors.effects import (
    CONDITIONAL,
    MARGINAL,
    Effect,
    candidate_effects,
    drawn_effects,
    log_odds_ratio,
    odds_ratio_is_conditional,
    on_margin_scale,
    patients_of,
    prior_has_variance,
)


def predictor_table(
    fit: xr.DataTree, *, level: float = 0.95, certain: float = 0.95
) -> pd.DataFrame:
    """Tabulate the posterior effect of every candidate predictor, with prior and verdict.

    Parameters
    ----------
    fit : DataTree
        A fit of a model with candidates: predictors with a margin.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.
    certain : float, default 0.95
        Posterior probability from which a candidate is called relevant (its effect is beyond the
        margin, in either direction) or negligible (within it); otherwise it is undecided.

    Returns
    -------
    DataFrame
        One row an effect: `predictor`, `effect` (what it compares), `acts_on`; on the `scale` of
        the margin `estimate` (the mean; of an odds ratio exp of the mean logarithm), `lower`,
        `upper`, `level`, `interval`, `prior_lower`, `prior_upper` (equal tails, too); `p_above`
        (that the effect is above none), `margin`, `p_within` (that it is nearer to none than the
        margin) and `prior_p_within` (beforehand: a verdict that the prior gives is not learned),
        `verdict`; `variance_removed` (share of the variance that the effect has in the
        prior, in the model's units, by 4,000 draws of it; missing where that is not finite: a
        Student t with df up to 2, a slab of the horseshoe with such a df, R2D2 with a heavy tail),
        `shrinkage` (mean of that of `drawn_effects`); `odds_ratio`, `odds_ratio_lower`,
        `odds_ratio_upper`, `odds_ratio_of`;
        `change`, `change_lower`, `change_upper` in the probability of response; `n_patients` of
        the likelihood; `ess_bulk`, `ess_tail`, `r_hat`, `mcse` (of the estimate; of its logarithm
        for an odds ratio), `model`, `synthetic`.

    Raises
    ------
    ValueError
        When the model has no candidates, or `certain` is not above one half and below 1.

    Examples
    --------
    With `candidates_fit`, a fit of `models/candidates_response.toml`:

    >>> table = mb.predictor_table(candidates_fit)
    >>> table[["predictor", "effect", "scale", "margin", "n_patients"]]
       predictor          effect       scale  margin  n_patients
    0  age_onset    per 10 years  odds_ratio     1.5          38
    1   anti_gm1  yes against no  odds_ratio     1.5          38
    2    atrophy  yes against no  odds_ratio     1.5          38
    3   duration     per 5 years  odds_ratio     1.5          38
    4       male  yes against no  odds_ratio     1.5          38
    """
    spec = spec_of(fit)
    return table_of_effects(
        drawn_effects(fit),
        spec,
        n_patients=patients_of(fit),
        synthetic=bool(fit.attrs["synthetic"]),
        level=level,
        certain=certain,
    )


def table_of_effects(
    drawn: Mapping[str, xr.DataArray],
    spec: ModelSpec,
    *,
    n_patients: int,
    synthetic: bool,
    level: float,
    certain: float,
) -> pd.DataFrame:
    """Lay draws of effects (`drawn_effects`) out as `predictor_table` says."""
    require_certain(certain)
    rates = {value: drawn[value] for value in ("low", "high")}
    rows = []
    for e in candidate_effects(spec):
        units, prior_units = (drawn[n].sel(predictor=e.label) for n in ("units", "prior_units"))
        own, before = (on_margin_scale(e, spec, drawn, prefix) for prefix in ("", "prior_"))
        main = _of_margin(own, before, e, level, certain)
        checks = {name: main.pop(name) for name in ("ess_bulk", "ess_tail", "r_hat", "mcse")}
        rows.append(
            {
                "predictor": e.label,
                "effect": e.predictor.meaning(e.label),
                "acts_on": e.predictor.acts_on,
                **main,
                "variance_removed": 1.0 - float(units.var(ddof=1) / prior_units.var(ddof=1))
                if prior_has_variance(spec, e.predictor)
                else np.nan,
                "shrinkage": float(drawn["shrinkage"].sel(predictor=e.label).mean()),
                **_of_rates(e, spec, units, rates, level),
                "n_patients": n_patients,
                **checks,
                "model": spec.name,
                "synthetic": synthetic,
            }
        )
    return pd.DataFrame(rows)


def require_certain(certain: float) -> None:
    """Raise unless a probability can tell an effect beyond its margin from one within it."""
    if not 0.5 < certain < 1.0:
        raise ValueError(f"certain is {certain}; give a probability above 0.5 and below 1.")


def _of_margin(
    own: xr.DataArray, prior: xr.DataArray, effect: Effect, level: float, certain: float
) -> dict[str, object]:
    """The columns of a table of effects that are on the scale of the margin."""
    margin = effect.predictor.margin
    if margin is None:  # unreachable: candidates have one
        raise ValueError(f"'{effect.label}' has no margin.")
    logarithm = MARGIN_SCALES[margin.scale].ratio
    nearest = float(np.log(margin.value)) if logarithm else margin.value
    of = summarise(own, level=level, interval="eti", above=0.0, within=(-nearest, nearest)).iloc[0]
    before = summarise(prior, level=level, interval="eti", within=(-nearest, nearest)).iloc[0]
    shown = np.exp if logarithm else np.asarray
    return {
        "scale": margin.scale,
        **{name: float(shown(of[name])) for name in ("estimate", "lower", "upper")},
        "level": level,
        "interval": "eti",
        **{f"prior_{name}": float(shown(before[name])) for name in ("lower", "upper")},
        "p_above": float(of["p_above"]),
        "margin": margin.value,
        "p_within": float(of["p_within"]),
        "prior_p_within": float(before["p_within"]),
        "verdict": verdict_of(float(of["p_within"]), certain),
        **{name: float(of[name]) for name in ("ess_bulk", "ess_tail", "r_hat", "mcse")},
    }


def verdict_of(p_within: float, certain: float) -> str:
    """Call an effect "relevant", "negligible" or "undecided", by P(|effect| < margin).

    Nothing, where that probability is missing.
    """
    if np.isnan(p_within):
        return ""
    if p_within >= certain:
        return "negligible"
    return "relevant" if 1.0 - p_within >= certain else "undecided"


def _of_rates(
    effect: Effect,
    spec: ModelSpec,
    units: xr.DataArray,
    rates: Mapping[str, xr.DataArray],
    level: float,
) -> dict[str, object]:
    """Odds ratio, and change in the probability of response, with their intervals."""
    low, high = (rates[v].sel(predictor=effect.label) for v in ("low", "high"))
    conditional = odds_ratio_is_conditional(spec)
    logs = units if conditional else log_odds_ratio(low, high, spec)
    odds = summarise(logs, level=level, interval="eti").iloc[0]
    change = summarise(high - low, level=level, interval="eti").iloc[0]
    ends = {"": "estimate", "_lower": "lower", "_upper": "upper"}
    return {
        **{f"odds_ratio{end}": float(np.exp(odds[name])) for end, name in ends.items()},
        "odds_ratio_of": CONDITIONAL if conditional else MARGINAL,
        **{f"change{end}": float(change[name]) for end, name in ends.items()},
    }
