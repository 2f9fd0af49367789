"""Effects of candidate predictors: how large each is, how large it may still be, and of what."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from mmn_bayes.engine.covariates import in_likelihood
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.model_file.predictor_kinds import Predictor
from mmn_bayes.outcomes.response.rates import rates_with, setting
from mmn_bayes.posterior.draws import (
    FEW_DRAWS,
    as_draws,
    attributes_of_draws,
    design_of,
    grade_gap,
    spec_of,
    thinned,
)
from mmn_bayes.posterior.new_patients import FEW_NEW_PATIENTS
from mmn_bayes.posterior.prior_predictive import draw_prior, sample_prior
from mmn_bayes.posterior.summary import POSITIVE, REAL

Scale = Literal["model", "odds_ratio", "grades", "response"]

_SUPPORTS: Mapping[str, tuple[float, float]] = {"odds_ratio": POSITIVE, "response": (-1.0, 1.0)}
_SAMPLE = ["chain", "draw"]
# Of the prior's effects: its variance is known to some 3 % (a normal one's: sqrt(2 / 4000)).
_PRIOR_DRAWS = 4000
# What an odds ratio is of.
CONDITIONAL = "of a patient, whatever else is the same"
MARGINAL = "of the rates of the cohort with one value and with the other"


class Effect(NamedTuple):
    """One effect of a candidate: its label, and the values of its column on either side."""

    label: str
    predictor: Predictor
    low: float | str
    high: float | str


def candidate_effects(spec: ModelSpec) -> list[Effect]:
    """Return the effects of all candidates of a model, those of a category level by level.

    Raises
    ------
    ValueError
        When the model has no candidate (a predictor with a margin).
    """
    if not spec.candidates:
        verb = outcome_of(spec.outcome).effects_by
        cure = f"see `{verb}`" if verb else "a predictor with a margin is one"
        raise ValueError(f"The model '{spec.name}' has no candidates: {cure}.")
    return [
        Effect(label, p, *p.contrast(place))
        for p in spec.candidates
        for place, label in enumerate(p.labels, start=1)
    ]


def predictor_effects(fit: xr.DataTree, scale: Scale = "odds_ratio") -> xr.DataArray:
    """Compute posterior draws of the effects of the candidate predictors of a model.

    Parameters
    ----------
    fit : DataTree
        A fit of a model with candidates: predictors with a margin.
    scale : Scale, default "odds_ratio"
        "odds_ratio" of response: for a model of responses with a logit link the conditional one, of
        a patient with all else the same; otherwise the marginal one, of the rates below.
        "response": change in the probability of response of new patients like the whole cohort
        when all have the one value of the column and then the other (`Predictor.meaning`), through
        every effect of that column in the model. "grades": effect on strength over the mean gap
        between cutpoints. "model": on the model's own scale, log odds or units of strength.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor` (one a level for a category); of outcome "grade", changes
        are of evenly spaced draws, at most 400. Attributes `synthetic`, `distribution`, `quantity`,
        `meaning`.

    Raises
    ------
    ValueError
        When the model has no candidates, or the scale no meaning for it.

    References
    ----------
    Robins, Math Modelling 1986;7:1393 (standardisation); Daniel, Zhang and Farewell, Biom J
    2021;63:528 (conditional and marginal odds ratios).

    Examples
    --------
    With `candidates_fit`, a fit of `models/candidates_response.toml`:

    >>> effects = mb.predictor_effects(candidates_fit)
    >>> effects.dims
    ('chain', 'draw', 'predictor')
    >>> effects["predictor"].to_numpy().tolist()
    ['age_onset', 'anti_gm1', 'atrophy', 'duration', 'male']
    """
    spec = spec_of(fit)
    found: Mapping[str, Callable[[], xr.DataArray]] = {
        "model": lambda: effects_in_units(fit),
        "grades": lambda: _in_grades(fit, [e.label for e in candidate_effects(spec)]),
        "odds_ratio": lambda: _odds_ratios(fit),
        "response": lambda: _changes(_standardised_rates_of(fit)),
    }
    if scale not in found:
        raise ValueError(f"scale is {scale!r}; it is one of {', '.join(found)}.")
    candidate_effects(spec)  # an error where there are none
    drawn = found[scale]()
    conditional = scale == "odds_ratio" and odds_ratio_is_conditional(spec)
    meaning = CONDITIONAL if conditional else MARGINAL if scale == "odds_ratio" else ""
    support = _SUPPORTS.get(scale, REAL)
    return drawn.rename("predictor_effects").assign_attrs(
        attributes_of_draws(fit, scale, meaning=meaning, support=support)
    )


def odds_ratio_is_conditional(spec: ModelSpec) -> bool:
    """Say whether the odds ratios of a model are its very coefficients."""
    return not outcome_of(spec.outcome).of_grades and spec.link == "logit"


def effects_in_units(fit: xr.DataTree) -> xr.DataArray:
    """Return the effects of the candidates as the model has them; dims of `predictor_effects`."""
    return _stacked(spec_of(fit), fit["posterior"].to_dataset())


def _stacked(spec: ModelSpec, posterior: xr.Dataset) -> xr.DataArray:
    parts = []
    for p in spec.candidates:
        own = posterior[p.name]
        if p.effect_dim:
            own = own.rename({p.effect_dim: "predictor"})
        else:
            own = own.expand_dims("predictor", axis=-1)
        parts.append(own.assign_coords(predictor=p.labels))
    return xr.concat(parts, "predictor").transpose("chain", "draw", "predictor")


def _in_grades(fit: xr.DataTree, labels: Sequence[str]) -> xr.DataArray:
    spec = spec_of(fit)
    require_outcome(spec, "grade")
    other = [p.name for p in spec.candidates if p.acts_on == "wearing_off" and p.name in labels]
    if other:
        raise ValueError(f"'{other[0]}' acts on a half-life: its effect is not of grades.")
    return effects_in_units(fit).sel(predictor=list(labels)) / grade_gap(fit)


def _odds_ratios(fit: xr.DataTree) -> xr.DataArray:
    if odds_ratio_is_conditional(spec_of(fit)):
        return xr.DataArray(np.exp(effects_in_units(fit)))
    rates = _standardised_rates_of(fit)
    low, high = (rates.sel(value=value, drop=True) for value in ("low", "high"))
    return xr.DataArray(np.exp(log_odds_ratio(low, high, spec_of(fit))))


def _changes(rates: xr.DataArray) -> xr.DataArray:
    return rates.sel(value="high", drop=True) - rates.sel(value="low", drop=True)


def _standardised_rates_of(fit: xr.DataTree) -> xr.DataArray:
    """Draw the rate of response when all patients have the one value of a candidate, or the other.

    Parameters
    ----------
    fit : DataTree
        Of a model with candidates: predictors with a margin.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor`, `value` ("low", "high").
    """
    spec = spec_of(fit)
    if outcome_of(spec.outcome).of_grades:
        fit = thinned(fit, FEW_DRAWS)
    effects = candidate_effects(spec)
    settings = [setting(spec, e.predictor.column, v) for e in effects for v in (e.low, e.high)]
    rates = rates_with(fit, settings, n_new=FEW_NEW_PATIENTS)
    dims = {"predictor": [e.label for e in effects], "value": ["low", "high"]}
    return as_draws(fit, rates, dims, quantity="probability of response")


def _prior_effects(fit: xr.DataTree, *, draws: int = _PRIOR_DRAWS) -> xr.DataTree:
    """Return draws of what the effects of the candidates are under the prior alone.

    Parameters
    ----------
    fit : DataTree
        As for `predictor_effects`; its seed is that of the draws, its design that of the prior.
    draws : int, default _PRIOR_DRAWS
        How many.

    Returns
    -------
    DataTree
        As `sample_prior` gives it, of the candidates' effects (and the cutpoints) alone.
    """
    spec, design = spec_of(fit), design_of(fit)
    names = [p.name for p in spec.candidates]
    names += ["cutpoints"] if outcome_of(spec.outcome).of_grades else []
    seed = int(fit.attrs["seed"])
    tree = xr.DataTree.from_dict(
        {"posterior": draw_prior(spec, design, draws=draws, seed=seed, names=names)}
        | {"design": design}
    )
    tree.attrs = {**fit.attrs, "distribution": "prior"}
    return tree


def drawn_effects(fit: xr.DataTree) -> dict[str, xr.DataArray]:
    """Draw everything that a table of candidates needs of a fit.

    Parameters
    ----------
    fit : DataTree
        Of a model with candidates: predictors with a margin.

    Returns
    -------
    dict of DataArray
        Dims chain, draw, predictor; the lengths of draw differ. `units` and, of outcome "grade",
        `grades`; `low` and `high`, the standardised rates; all these under the prior
        too, `prior_...` (rates where a margin asks for them); `shrinkage`, a factor a draw: 0 (left
        alone) to 1 (nothing of what the data say is left). Of effects that share a prior it is that
        of the model; of those with one of their own the variance of the posterior over that of the
        prior, the same in all draws: where prior and likelihood are normal the two are one number.

    References
    ----------
    Piironen and Vehtari, Electron J Stat 2017;11:5018, section 2.
    """
    spec = spec_of(fit)
    candidate_effects(spec)  # before anything is drawn
    prior = _prior_effects(fit)
    drawn = {"units": effects_in_units(fit), "prior_units": effects_in_units(prior)}
    in_grades = [e.label for e in candidate_effects(spec) if _margin_scale(e) == "grades"]
    if in_grades:
        drawn["grades"] = _in_grades(fit, in_grades)
        drawn["prior_grades"] = _in_grades(prior, in_grades)
    rates = {"": fit}
    if any(_margin_scale(e) == "response" for e in candidate_effects(spec)) or not (
        outcome_of(spec.outcome).of_grades or odds_ratio_is_conditional(spec)
    ):
        rates["prior_"] = sample_prior(fit, seed=int(fit.attrs["seed"]), draws=FEW_DRAWS)
    for prefix, tree in rates.items():
        both = _standardised_rates_of(tree)
        drawn |= {prefix + v: both.sel(value=v, drop=True) for v in ("low", "high")}
    return drawn | {"shrinkage": _shrinkage(fit, drawn["units"], drawn["prior_units"])}


def _margin_scale(effect: Effect) -> str:
    """Return the scale that the margin of an effect is on."""
    margin = effect.predictor.margin
    return margin.scale if margin is not None else "model"


def prior_has_variance(spec: ModelSpec, predictor: Predictor) -> bool:
    """Say whether the prior of an effect has a finite variance, of which shares can be taken."""
    own = predictor.prior
    if own is not None:
        return own.distribution != "student_t" or own["df"] > 2.0
    if spec.shrinkage is None or predictor not in spec.shrunk:
        return True  # follows from history: differences of log odds of betas
    shared = spec.shrinkage.prior
    if shared.distribution == "horseshoe":
        return bool(shared["slab_df"] > 2.0)
    return bool((1.0 - shared["r2_mean"]) * shared["r2_precision"] > 1.0)


def _shrinkage(fit: xr.DataTree, units: xr.DataArray, prior: xr.DataArray) -> xr.DataArray:
    ratio = (units.var(_SAMPLE, ddof=1) / prior.var(_SAMPLE, ddof=1)).clip(max=1.0)
    spec = spec_of(fit)
    finite = {e.label: prior_has_variance(spec, e.predictor) for e in candidate_effects(spec)}
    ratio = ratio.where([finite[str(label)] for label in ratio["predictor"].to_numpy()])
    own = ratio.broadcast_like(units).copy()
    posterior = fit["posterior"].to_dataset()
    if "shrinkage_factor" in posterior:
        shared = posterior["shrinkage_factor"]
        labels = [one for one in own["predictor"].to_numpy() if one in shared["shrunk"]]
        of_both = {"predictor": labels}
        own.loc[of_both] = shared.sel(shrunk=labels).to_numpy()
    return own.transpose("chain", "draw", "predictor")


def patients_of(fit: xr.DataTree) -> int:
    """Return how many patients the likelihood of a fit has."""
    return int(in_likelihood(spec_of(fit), design_of(fit)).sum())


def on_margin_scale(
    effect: Effect, spec: ModelSpec, drawn: Mapping[str, xr.DataArray], prefix: str = ""
) -> xr.DataArray:
    """Return draws on the scale of the margin, 0 for no effect: of an odds ratio its logarithm.

    `drawn` is what `drawn_effects` gave; with the prefix "prior_" those under the prior.
    """
    scale = _margin_scale(effect)
    if scale == "grades":
        return drawn[f"{prefix}grades"].sel(predictor=effect.label)
    if scale == "odds_ratio" and odds_ratio_is_conditional(spec):
        return drawn[f"{prefix}units"].sel(predictor=effect.label)
    low, high = (drawn[prefix + v].sel(predictor=effect.label) for v in ("low", "high"))
    return high - low if scale == "response" else log_odds_ratio(low, high, spec)


def log_odds_ratio(low: xr.DataArray, high: xr.DataArray, spec: ModelSpec) -> xr.DataArray:
    """Return the log odds ratio of two rates.

    Of grades they are shares of simulated patients: none, or all, of n count as half a patient, or
    as half a patient less. Those of a model of responses are kept from 0 and 1 by rounding alone.
    """
    least = 0.5 / (FEW_NEW_PATIENTS + 1.0) if outcome_of(spec.outcome).of_grades else 1e-15
    inside = [rate.clip(least, 1.0 - least) for rate in (low, high)]
    logits = [np.log(rate) - np.log1p(-rate) for rate in inside]
    return xr.DataArray(logits[1] - logits[0])
