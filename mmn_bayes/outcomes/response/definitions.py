"""The response under other definitions: one set of replicated grades, judged by every rule."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

import numpy as np
import xarray as xr

from mmn_bayes.data.definitions import Definition, definition_grid
from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.response import NOT_GRADED, Judged, judge
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.outcomes.response.rates import Counted, rates_of_groups, undefined_rate
from mmn_bayes.posterior.draws import SOME_DRAWS, as_draws, blanked, design_of, spec_of, thinned
from mmn_bayes.posterior.groups import groups_of
from mmn_bayes.posterior.new_patients import new_patients, require_patients
from mmn_bayes.posterior.posterior_predictive import (
    Occasions,
    choose_patients,
    planned_occasions,
    position_in_patient,
    recorded_occasions,
    replicate_panels,
)
from mmn_bayes.posterior.summary import PROBABILITY

Patients = Literal["cohort", "population", "chance"]
MEANINGS = {
    "cohort": "share of responders among these patients: what was graded is kept, what is missing "
    "is filled in by the model",
    "population": "probability of response of a new patient",
    "chance": "probability of response of a new patient whose strength does not change at all: "
    "grading noise alone",
}


class Seen(NamedTuple):
    """Who was judged under a definition, and who responded; shape (patient,)."""

    evaluable: np.ndarray
    response: np.ndarray


def response_by_definition(
    fit: xr.DataTree,
    definitions: Sequence[Definition] | None = None,
    *,
    patients: Patients,
    by: str | None = None,
) -> xr.DataArray:
    """Compute posterior draws of the probability of response under each definition.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    definitions : sequence of Definition or None, optional
        The definitions; by default `definition_grid` of the fit's model.
    patients : Patients
        On the visits that each definition chooses, "cohort": the patients of the fit, recorded
        responses kept and missing grades imputed; "population": new patients with the covariates,
        infusions and muscles of the cohort's; "chance": new patients without infusions, gain, slope
        or effect of exposure, whose grades differ between the visits by grading noise (and by the
        day's examiner, where the model has such effects).
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `definition` and, with `by`, that name; from at most 1,000 draws.

    Raises
    ------
    ValueError
        When the fit is of another outcome, two definitions have one label, or `patients`, `by` or a
        definition is not usable.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> stated, *others = mb.response.definition_grid(model)
    >>> draws = mb.response.response_by_definition(fit, [stated, others[0]], patients="population")
    >>> draws.dims, draws["definition"].to_numpy().tolist()
    (('chain', 'draw', 'definition'), ['as stated', '1 grade in 1 muscle'])
    """
    spec = spec_of(fit)
    chosen = _checked(spec, definitions, patients)
    fit = thinned(fit, SOME_DRAWS)
    design, posterior = design_of(fit), fit["posterior"].to_dataset()
    groups = groups_of(fit, by)
    members = groups.members
    if patients != "cohort":
        who, members = new_patients(groups)
        design = choose_patients(design, who)
    if patients == "chance":
        posterior = unchanged(spec, posterior)
        design = design.isel(infusion=slice(0, 0))
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    rates = np.full((n_draws, len(chosen), len(members)), np.nan)
    for same in _sharing_visits(spec, chosen, patients):
        occasions, _ = _occasions(spec, design, chosen[same[0]], patients)
        # As for `response_probability`, so that what is stated gets the same numbers.
        rng = rng_of(fit, "cohort" if patients == "cohort" else "population")
        for panels in replicate_panels(
            spec,
            design,
            posterior,
            occasions,
            rng,
            new_members=patients != "cohort",
            keep_recorded=patients == "cohort",
        ):
            for place in same:
                judged = _judge(spec, chosen[place], panels.baseline, panels.follow_up)
                evaluable, response = judged.evaluable, judged.response
                if patients == "cohort":
                    seen = seen_under(spec, design, chosen[place])
                    evaluable = evaluable | seen.evaluable
                    response = np.where(seen.evaluable, seen.response, response)
                counted = Counted(evaluable, response & evaluable)
                rates[panels.draws, place] = rates_of_groups(counted, members)
    return as_draws(
        fit,
        blanked(fit, rates),
        {"definition": [definition.label for definition in chosen], **groups.dims},
        quantity="probability of response by definition",
        meaning=MEANINGS[patients],
        support=PROBABILITY,
        name="response_probability",
    ).assign_attrs(undefined=undefined_rate(fit))


def seen_under(spec: ModelSpec, design: xr.Dataset, definition: Definition) -> Seen:
    """Judge the recorded grades of a design by a definition.

    Parameters
    ----------
    spec, design : ModelSpec, Dataset
        The model of a fit, and its design.
    definition : Definition
        The definition, with the windows of its own visits.

    Returns
    -------
    Seen
        Of every patient.
    """
    occasions, _ = _occasions(spec, design, definition, "cohort")
    patient = design["patient_of_site"].to_numpy()
    position = position_in_patient(patient)
    panels = np.full((2, design.sizes["patient"], int(position.max()) + 1), NOT_GRADED)
    panels[:, patient, position] = occasions.recorded
    judged = _judge(spec, definition, panels[0], panels[1])
    return Seen(judged.evaluable, judged.response)


def unchanged(spec: ModelSpec, posterior: xr.Dataset) -> xr.Dataset:
    """Return draws with everything set to 0 that makes strength differ between two visits.

    Parameters
    ----------
    spec, posterior : ModelSpec, Dataset
        A model of grades and draws of its parameters.

    Returns
    -------
    Dataset
        Gain and slope, the effects of exposures, of predictors on gain or slope, and the sds of
        groups of gains or slopes are 0.
    """
    of_change = [
        *(["gain"] if spec.gain is not None else []),
        *(["slope"] if spec.slope is not None else []),
        *(["time_step"] if spec.time is not None else []),
        *(exposure.name for exposure in spec.exposures),
        *(p.name for p in spec.acting_on("gain", "slope")),
        *(f"{group.name}_sd" for group in spec.groups if group.acts_on in ("gain", "slope")),
        *(["relaxed_sd"] if spec.relaxed is not None and spec.relaxed.by == "gain" else []),
    ]
    return posterior.assign({name: xr.zeros_like(posterior[name]) for name in of_change})


def _checked(
    spec: ModelSpec, definitions: Sequence[Definition] | None, patients: str
) -> tuple[Definition, ...]:
    require_outcome(spec, "grade")
    require_patients(patients, get_args(Patients))
    chosen = definition_grid(spec) if definitions is None else tuple(definitions)
    labels = [definition.label for definition in chosen]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if not chosen or twice:
        what = f"'{twice[0]}' is there twice" if twice else "there is none"
        raise ValueError(f"Of the definitions, {what}; give each once, with a label of its own.")
    return chosen


def _sharing_visits(
    spec: ModelSpec, definitions: Sequence[Definition], patients: Patients
) -> Iterator[tuple[int, ...]]:
    """Places of the definitions that look at the same visits, a tuple for each set."""
    visits: dict[tuple[object, ...], list[int]] = {}
    for place, definition in enumerate(definitions):
        rule = definition.rule
        key: tuple[object, ...] = (rule.baseline_day, rule.follow_up_day)
        if patients == "cohort":
            key = (*key, rule.baseline_window_days, rule.follow_up_window_days)
        elif patients == "chance" and spec.memory is None:
            key = ()  # where nothing changes, one day is like another
        visits.setdefault(key, []).append(place)
    yield from map(tuple, visits.values())


def _occasions(
    spec: ModelSpec, design: xr.Dataset, definition: Definition, patients: Patients
) -> tuple[Occasions, ModelSpec]:
    """The two visits of every patient under a definition."""
    other = replace(spec, response=definition.rule)
    if patients != "cohort":
        return planned_occasions(other, design), other
    rule = definition.rule
    chosen = design.assign(
        baseline_day=("patient", _nearest(design, rule.baseline_day, rule.baseline_window_days)),
        follow_up_day=("patient", _nearest(design, rule.follow_up_day, rule.follow_up_window_days)),
    )
    return recorded_occasions(other, chosen), other


def _nearest(design: xr.Dataset, target: float, window: tuple[float, float]) -> np.ndarray:
    """Day of each patient's graded visit nearest to a day, the earlier of two; NaN without one."""
    nearest = np.full(design.sizes["patient"], np.nan)
    patient, day = design["patient_of_visit"].to_numpy(), design["day_of_visit"].to_numpy()
    inside = (day >= window[0]) & (day <= window[1])
    # The best is written last.
    order = np.lexsort((-day, -np.abs(day - target)))
    order = order[inside[order]]
    nearest[patient[order]] = day[order]
    return nearest


def _judge(
    spec: ModelSpec, definition: Definition, baseline: np.ndarray, follow_up: np.ndarray
) -> Judged:
    code = definition.code_of(spec.scale)
    return judge(code[baseline], code[follow_up], definition.rule, definition.scale)
