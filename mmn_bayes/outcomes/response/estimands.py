"""The probability of response: of these patients, and of new patients like them."""

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.scenario_design import with_infusions
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.response.rates import (
    judged_blocks,
    rates_of_blocks,
    rates_of_responses,
    rates_with,
    require_responses,
    response_counts,
    setting,
    undefined_rate,
)
from mmn_bayes.posterior.draws import MANY_DRAWS, as_draws, design_of, spec_of, thinned
from mmn_bayes.posterior.groups import Groups, groups_of
from mmn_bayes.posterior.new_patients import Patients, new_patients, require_patients
from mmn_bayes.posterior.posterior_predictive import (
    choose_patients,
    planned_occasions,
    recorded_occasions,
)
from mmn_bayes.posterior.summary import PROBABILITY, summarise, with_reason

MEANINGS = {
    "cohort": "share of responders among these patients: what was graded is kept, what is missing "
    "is filled in by the model",
    "population": "probability of response of a new patient: fresh effects; covariates, muscles "
    "and infusions as in this cohort",
    "replicated": "share of responders if these patients were graded again at the same visits",
}


def response_probability(
    fit: xr.DataTree,
    *,
    patients: Patients,
    by: str | None = None,
    standardised: bool = False,
    delta: float = 0.0,
    scenario: pd.DataFrame | None = None,
    from_day: float = 0.0,
) -> xr.DataArray:
    """Compute posterior draws of the probability of response by the rule of the model.

    Grades at baseline and follow-up are replicated from the posterior, and the rule that judges
    recorded grades judges them; a patient whom the rule cannot judge (too few affected muscles) is
    in neither numerator nor denominator.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade" or "response".
    patients : Patients
        "cohort": the patients of the fit with their own effects. A recorded response is kept; a
        patient without one is judged on the recorded grades, with the missing ones imputed from
        the posterior predictive distribution: the interval tells how little is unknown about
        *them*. A patient without any grade is in neither numerator nor denominator. "population":
        new patients with fresh effects, and with the covariates, infusions and muscles (all that
        were ever graded) of the cohort's, each equally often: what a next cohort is expected to
        show on average.
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.
    standardised : bool, default False
        Whether to standardise over the covariates: every group consists of the same new patients,
        like the whole cohort, with the grouping variable set to each value in turn and other
        covariates and muscles as they are. So are infusions, except by "naive": there they are
        those of patients of the group, since who was treated before was infused before.
        "population" with `by` only.
    delta : float, default 0.0
        Added to the strength of every muscle at follow-up of the patients without a visit in its
        window, in the units of the model: 0 is missing at random. "cohort" and outcome "grade"
        only.
    scenario, from_day : DataFrame or None, float, optional
        Infusions, as `schedule` gives them (`day`, days since inclusion; `dose_g_per_kg`, g/kg; and
        `patient` where patients differ), that replace the recorded ones from day `from_day` on;
        with `no_infusions()` the model's own placebo rate. "population" and outcome "grade" only.

    Returns
    -------
    DataArray
        Dims `chain`, `draw` and, with `by`, that name; attributes `synthetic`, `distribution`,
        `quantity`, `meaning`.

    Raises
    ------
    ValueError
        When `patients` or `by` is not one of what there is, or `standardised` or `delta` has no
        meaning.

    References
    ----------
    Robins, Math Modelling 1986;7:1393 (standardisation, the g-formula).

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> probability = mb.response_probability(fit, patients="population", by="naive")
    >>> probability.dims
    ('chain', 'draw', 'naive')
    >>> print(probability.attrs["meaning"])
    probability of response of a new patient: fresh effects; covariates, muscles and infusions as in
    this cohort
    """
    require_patients(patients)
    spec, design = spec_of(fit), design_of(fit)
    if "patient" in design.sizes:  # otherwise `groups_of` says so
        require_responses(spec)
    of_grades = outcome_of(spec.outcome).of_grades
    if delta and (patients != "cohort" or not of_grades):
        raise ValueError(
            "delta shifts the missed visits of these patients; it needs patients='cohort' and a "
            "model of outcome 'grade'."
        )
    if scenario is not None and (patients != "population" or not of_grades):
        raise ValueError(
            "A scenario is of new patients; it needs patients='population' and a model of outcome "
            "'grade'."
        )
    if scenario is None and from_day:
        raise ValueError("from_day is of a scenario; give one, or leave it out.")
    if standardised and (patients != "population" or by is None):
        raise ValueError("standardised rates are of new patients, by a group; give both.")
    groups = groups_of(fit, by)
    if of_grades and patients == "population":
        fit = thinned(fit, MANY_DRAWS)
    if scenario is not None:
        design = with_infusions(design, scenario, from_day)
        fit = _with_design(fit, design)
    if standardised:
        rates = _standardised(spec, fit, groups)
    elif not of_grades:
        rates = rates_of_responses(spec, fit, design, groups.members, patients)
    elif patients == "cohort":
        occasions = recorded_occasions(spec, design)
        unseen = np.isnan(design["follow_up_day"].to_numpy())[design["patient_of_site"].to_numpy()]
        shift = np.where(unseen, delta, 0.0) if delta else None
        rates = rates_of_blocks(
            fit, judged_blocks(fit, design, occasions, "cohort", shift), groups.members
        )
    else:
        who, members = new_patients(groups)
        chosen = choose_patients(design, who)
        judged = judged_blocks(fit, chosen, planned_occasions(spec, chosen), "population")
        rates = rates_of_blocks(fit, judged, members)
    drawn = _as_draws(fit, rates, groups, patients)
    if scenario is not None:
        drawn.attrs["meaning"] = (
            "probability of response of a new patient: fresh effects; covariates and muscles as in "
            f"this cohort, infusions from day {from_day:g} on those of the scenario"
        )
    return drawn


def _with_design(fit: xr.DataTree, design: xr.Dataset) -> xr.DataTree:
    """The same draws, with another design."""
    posterior = fit["posterior"].to_dataset()
    other = xr.DataTree.from_dict({"posterior": posterior, "design": design})
    other.attrs = fit.attrs
    return other


def replicated_response(fit: xr.DataTree, *, by: str | None = None) -> xr.DataArray:
    """Draw the posterior predictive response rate of the evaluable patients.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade" or "response".
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw` and, with `by`, that name: in each draw the share of replicated
        responders among the evaluable patients (posterior predictive), not a probability.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> replicated = mb.response.replicated_response(fit, by="naive")
    >>> replicated.dims, replicated.attrs["distribution"]
    (('chain', 'draw', 'naive'), 'predictive')
    >>> bool(((replicated >= 0) & (replicated <= 1)).all())
    True
    """
    spec, design = spec_of(fit), design_of(fit)
    if "patient" in design.sizes:  # otherwise `groups_of` says so
        require_responses(spec)
    groups = groups_of(fit, by)
    evaluable = design["response"].to_numpy() >= 0
    members = {label: member & evaluable for label, member in groups.members.items()}
    groups = groups._replace(members=members)
    if not outcome_of(spec.outcome).of_grades:
        rates = rates_of_responses(spec, fit, design, groups.members, "replicated")
    else:
        occasions = recorded_occasions(spec, design)
        rates = rates_of_blocks(
            fit, judged_blocks(fit, design, occasions, "replicated"), groups.members
        )
    return _as_draws(fit, rates, groups, "replicated")


def posterior_predictive_check(
    fit: xr.DataTree, *, by: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Compare the observed response rate with its posterior predictive distribution.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade" or "response".
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.
    level : float, default 0.95
        Probability of the equal-tailed posterior predictive interval.

    Returns
    -------
    DataFrame
        One row a group: `observed`, `estimate`, `lower`, `upper`, `level`, `interval`,
        `distribution` ("predictive"), `covers` (missing where nobody is evaluable), `synthetic`;
        `reason` only where a row has no estimate.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> check = mb.posterior_predictive_check(fit, by="naive")
    >>> check[["naive", "observed", "level", "interval", "distribution"]].round(3)
       naive  observed  level interval distribution
    0  False     0.222   0.95      eti   predictive
    1   True     0.700   0.95      eti   predictive
    """
    table = summarise(replicated_response(fit, by=by), level=level, interval="eti")
    counts = response_counts(fit, by).values()
    table["observed"] = [own.events / own.n if own.n else np.nan for own in counts]
    covers = table["observed"].between(table["lower"], table["upper"]).astype("boolean")
    table["covers"] = covers.mask(table[["observed", "lower"]].isna().any(axis=1))
    columns = ["observed", "estimate", "lower", "upper", "level", "interval", "distribution"]
    columns = [*([by] if by else []), *columns, "covers", "synthetic"]
    return table[with_reason(columns, table)]


def _standardised(spec: ModelSpec, fit: xr.DataTree, groups: Groups) -> np.ndarray:
    """Rates of new patients like the whole cohort, once in each group; shape (draw, group).

    Each group by itself, so that all have the same random numbers.
    """
    named = {p.name: p.column for p in spec.predictors}
    column = named.get(str(groups.by), "naive")
    return rates_with(fit, [setting(spec, column, bool(label)) for label in groups.members])


def _as_draws(fit: xr.DataTree, rates: np.ndarray, groups: Groups, meaning: str) -> xr.DataArray:
    drawn = as_draws(
        fit,
        rates,
        groups.dims,
        quantity="probability of response",
        meaning=MEANINGS[meaning],
        support=PROBABILITY,
        name="response_probability",
    ).assign_attrs(undefined=undefined_rate(fit))
    return drawn.assign_attrs(distribution="predictive") if meaning == "replicated" else drawn
