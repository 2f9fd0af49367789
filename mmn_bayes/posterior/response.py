"""The probability of response: of these patients, and of new patients like them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.cohort.response import judge
from mmn_bayes.model.predicting import predict
from mmn_bayes.posterior.groups import ALL, Groups, groups_of
from mmn_bayes.posterior.replicate import (
    Occasions,
    choose_patients,
    design_of,
    drawn_from,
    planned_occasions,
    recorded_occasions,
    replicate_panels,
    spec_of,
    thinned,
)
from mmn_bayes.posterior.scenarios import with_infusions
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.spec.model_spec import ModelSpec

Patients = Literal["cohort", "population"]

# New patients a draw and a group, at least: where nearly all can be judged, the Monte Carlo error
# they leave in each draw, at most 0.5 / sqrt(400) = 0.025, widens an interval of half-width 0.15
# by 5 % of it or less.
_NEW_PATIENTS = 400
# At most, evenly spaced: each is the work of hundreds of patients, and nearly independent.
_POPULATION_DRAWS = 1000

MEANINGS = {
    "cohort": "share of responders among these patients: what was graded is kept, what is missing "
    "is filled in by the model",
    "population": "probability of response of a new patient: fresh effects; covariates, muscles "
    "and infusions as in this cohort",
    "replicated": "share of responders if these patients were graded again at the same visits",
}


class Counted(NamedTuple):
    """Who was evaluable and who responded in each draw, shape (draw, patient)."""

    evaluable: np.ndarray
    response: np.ndarray


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
    """Draw the probability of response by the rule of the fit's specification.

    Grades at baseline and follow-up are replicated from the posterior, and the rule that judges
    recorded grades judges them; a patient whom the rule cannot judge (too few affected muscles) is
    in neither numerator nor denominator.

    Parameters
    ----------
    fit
        Of outcome "grade" or "response".
    patients
        "cohort": the patients of the fit with their own effects. A recorded response is kept, and
        who has none is judged on the grades that are there and the missing ones filled in: the
        interval tells how little is unknown about *them*. A patient without any grade is in
        neither. "population": new patients with fresh effects, and with the covariates, infusions
        and muscles (all that were ever graded) of the cohort's, each equally often: what a next
        cohort is to be expected to show on average.
    by
        As for `groups_of`: "naive", the name of a yes/no predictor, or None for all patients.
    standardised
        Whether all groups are of the same new patients: those like the whole cohort, with what
        makes the groups set to each in turn, and other covariates and muscles as they are. The
        infusions too, but by "naive" those of patients of the group: who was treated before was
        infused before. "population" with `by` only.
    delta
        Added to the strength of every muscle at follow-up of the patients without a visit in its
        window, in the units of the model: 0 is missing at random. "cohort" and outcome "grade"
        only.
    scenario, from_day
        As for `trajectory`: the infusions instead of those recorded from that day on; with
        `no_infusions()` the model's own placebo rate. "population" and outcome "grade" only.

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
    """
    if patients not in ("cohort", "population"):
        raise ValueError(f"patients is {patients!r}; it is 'cohort' or 'population'.")
    spec, design = spec_of(fit), design_of(fit)
    if delta and (patients != "cohort" or spec.outcome != "grade"):
        raise ValueError(
            "delta shifts the missed visits of these patients; it needs patients='cohort' and a "
            "model of outcome 'grade'."
        )
    if scenario is not None and (patients != "population" or spec.outcome != "grade"):
        raise ValueError(
            "A scenario is of new patients; it needs patients='population' and a model of outcome "
            "'grade'."
        )
    if scenario is None and from_day:
        raise ValueError("from_day is of a scenario; give one, or leave it out.")
    if standardised and (patients != "population" or by is None):
        raise ValueError("standardised rates are of new patients, by a group; give both.")
    groups = groups_of(fit, by)
    if spec.outcome == "grade" and patients == "population":
        fit = thinned(fit, _POPULATION_DRAWS)
    if scenario is not None:
        design = with_infusions(design, scenario, from_day)
        fit = _with_design(fit, design)
    if standardised:
        rates = _standardised(spec, fit, groups)
    elif spec.outcome == "response":
        rates = _patient_level(spec, fit, design, groups.members, patients)
    elif patients == "cohort":
        occasions = recorded_occasions(spec, design)
        unseen = np.isnan(design["follow_up_day"].to_numpy())[design["patient_of_site"].to_numpy()]
        shift = np.where(unseen, delta, 0.0) if delta else None
        rates = _rates(fit, _judged(fit, design, occasions, "cohort", shift), groups.members)
    else:
        who, members = new_patients(groups)
        chosen = choose_patients(design, who)
        judged = _judged(fit, chosen, planned_occasions(spec, chosen), "population")
        rates = _rates(fit, judged, members)
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


def new_patients(
    groups: Groups, at_least: int = _NEW_PATIENTS
) -> tuple[np.ndarray, dict[object, np.ndarray]]:
    """Lay out new patients of each group, like those of the cohort, each of these equally often.

    Parameters
    ----------
    groups
        The groups of a cohort.
    at_least
        How many of each group.

    Returns
    -------
    ndarray, dict of ndarray
        Positions of the patients they are like, shape (new patient,), and of each group who of them
        it has.
    """
    copies = [
        np.tile(np.flatnonzero(member), -(-at_least // int(member.sum())))
        for member in groups.members.values()
    ]
    group = np.repeat(np.arange(len(copies)), [copy.size for copy in copies])
    members = {label: group == number for number, label in enumerate(groups.members)}
    return np.concatenate(copies), members


def replicated_response(fit: xr.DataTree, by: str | None = None) -> xr.DataArray:
    """Draw the responder rate that the model predicts for the evaluable patients, graded anew.

    Parameters
    ----------
    fit, by
        As for `response_probability`.

    Returns
    -------
    DataArray
        Dims `chain`, `draw` and, with `by`, that name: posterior predictive, not a probability.
    """
    spec, design = spec_of(fit), design_of(fit)
    groups = groups_of(fit, by)
    evaluable = design["response"].to_numpy() >= 0
    members = {label: member & evaluable for label, member in groups.members.items()}
    groups = groups._replace(members=members)
    if spec.outcome == "response":
        rates = _patient_level(spec, fit, design, groups.members, "replicated")
    else:
        occasions = recorded_occasions(spec, design)
        rates = _rates(fit, _judged(fit, design, occasions, "replicated"), groups.members)
    return _as_draws(fit, rates, groups, "replicated")


def check_response(fit: xr.DataTree, by: str | None = None, level: float = 0.95) -> pd.DataFrame:
    """Compare the observed responder rate with what the model predicts for the same patients.

    Parameters
    ----------
    fit, by
        As for `response_probability`.
    level
        Probability of the equal-tailed predictive interval.

    Returns
    -------
    DataFrame
        One row a group: `observed`, `estimate`, `lower`, `upper`, `level`, `interval`,
        `distribution` ("predictive"), `covers` (missing where nobody is evaluable), `synthetic`.
    """
    table = summarise(replicated_response(fit, by), level=level, interval="eti")
    design = design_of(fit)
    response = design["response"].to_numpy()
    observed = [
        response[member & (response >= 0)].mean() if (response[member] >= 0).any() else np.nan
        for member in groups_of(fit, by).members.values()
    ]
    table["observed"] = observed
    covers = table["observed"].between(table["lower"], table["upper"]).astype("boolean")
    table["covers"] = covers.mask(table[["observed", "lower"]].isna().any(axis=1))
    columns = ["observed", "estimate", "lower", "upper", "level", "interval", "distribution"]
    return table[[*([by] if by else []), *columns, "covers", "synthetic"]]


def _judged(
    fit: xr.DataTree,
    design: xr.Dataset,
    occasions: Occasions,
    meaning: str,
    shift: np.ndarray | None = None,
) -> Iterator[tuple[slice, Counted]]:
    spec = spec_of(fit)
    rng = np.random.default_rng([int(fit.attrs["seed"]), *meaning.encode()])
    for panels in replicate_panels(
        spec,
        design,
        fit["posterior"].to_dataset(),
        occasions,
        rng,
        new_members=meaning == "population",
        keep_recorded=meaning == "cohort",
        only_recorded=meaning == "replicated",
        shift=shift,
    ):
        judged = judge(panels.baseline, panels.follow_up, spec.response, spec.scale)
        evaluable, response = judged.evaluable.copy(), judged.response.copy()
        if meaning == "cohort":
            # Who was judged stays judged: a muscle that was not graded at one of the two visits
            # has no part in a recorded response.
            known = design["response"].to_numpy() >= 0
            evaluable[:, known] = True
            response[:, known] = design["response"].to_numpy()[known] == 1
        yield panels.draws, Counted(evaluable, response)


def _rates(
    fit: xr.DataTree,
    blocks: Iterator[tuple[slice, Counted]],
    members: dict[object, np.ndarray],
) -> np.ndarray:
    """Responders among the evaluable; shape (draw, group), missing where nobody is evaluable."""
    posterior = fit["posterior"]
    rates = np.full((posterior.sizes["chain"] * posterior.sizes["draw"], len(members)), np.nan)
    for draws, counted in blocks:
        for column, member in enumerate(members.values()):
            evaluable = counted.evaluable[:, member].sum(axis=1)
            responders = counted.response[:, member].sum(axis=1)
            rates[draws, column] = np.where(
                evaluable > 0, responders / np.maximum(evaluable, 1), np.nan
            )
    return rates


def _standardised(spec: ModelSpec, fit: xr.DataTree, groups: Groups) -> np.ndarray:
    """Rates of new patients like the whole cohort, once in each group; shape (draw, group).

    Each group by itself, so that all have the same random numbers.
    """
    named = {p.name: p.column for p in spec.predictors}
    column = named.get(str(groups.by), "naive")
    return rates_with(fit, [setting(spec, column, bool(label)) for label in groups.members])


def setting(spec: ModelSpec, column: str, value: float | str) -> dict[str, float]:
    """Return what everybody has when a column of `patients` has one value, as the model sees it.

    Parameters
    ----------
    spec, column
        The model, and the column: all predictors made of it are set, whatever they act on.
    value
        1 and 0 for yes and no, a number, or a level.

    Returns
    -------
    dict of float
        By the variable of the design: `x_<predictor>`, and `naive` for that column.

    Raises
    ------
    ValueError
        When the column has levels for one predictor, of which the value is none.
    """
    found: dict[str, float] = {}
    for p in spec.predictors:
        if p.column != column:
            continue
        if p.levels and value not in p.levels:
            raise ValueError(
                f"predictor.{p.name} has the levels {', '.join(p.levels)} of column '{column}', "
                f"and {value!r} is none of them."
            )
        numeric = p.levels.index(str(value)) if p.levels else float(value)
        found[f"x_{p.name}"] = numeric if p.levels else (numeric - p.centre) / p.per
    return found | ({"naive": float(value)} if column == "naive" else {})


def rates_with(
    fit: xr.DataTree,
    settings: Sequence[Mapping[str, float]],
    *,
    n_new: int = _NEW_PATIENTS,
) -> np.ndarray:
    """Rates of response of new patients like the whole cohort, with some variables set for all.

    Parameters
    ----------
    fit
        Of outcome "grade" or "response".
    settings
        For each rate variables of the design of patients, with the value that all have
        (`setting`). Whoever is made naive, or not, has in a model of grades the infusions of a
        patient who is, drawn from these (where there are any): who was treated before was infused
        before.
    n_new
        How many new patients a draw, at least; of outcome "grade" only.

    Returns
    -------
    ndarray
        Shape (draw, setting); the random numbers are those of the seed of the fit in every setting,
        so that two rates differ by what was set.
    """
    spec, design = spec_of(fit), design_of(fit)
    everybody: dict[object, np.ndarray] = {ALL: np.full(design.sizes["patient"], True)}
    if spec.outcome == "response":
        # All at once: one graph to compile.
        n = design.sizes["patient"]
        number = np.repeat(np.arange(len(settings)), n)
        own = design.isel(patient=np.tile(np.arange(n), len(settings)))
        for place, values in enumerate(settings):
            own = _with_values(own, values, number == place)
        members: dict[object, np.ndarray] = {p: number == p for p in range(len(settings))}
        return _patient_level(spec, fit, own, members, "population")
    who, of_all = new_patients(Groups(None, everybody), n_new)
    rates = []
    for values in settings:
        chosen = choose_patients(_with_values(design, values), who)
        donors = design["naive"].to_numpy() == bool(values.get("naive"))
        if "naive" in values and donors.any():
            rng = np.random.default_rng([int(fit.attrs["seed"]), 5])
            donor = rng.choice(np.flatnonzero(donors), size=who.size)
            # Infusions are found by the label of their patient.
            chosen = chosen.assign_coords(patient=design["patient"].to_numpy()[donor])
        judged = _judged(fit, chosen, planned_occasions(spec, chosen), "population")
        rates.append(_rates(fit, judged, of_all)[:, 0])
    return np.stack(rates, axis=1)


def _with_values(
    design: xr.Dataset, values: Mapping[str, float], who: np.ndarray | None = None
) -> xr.Dataset:
    """The design with some variables set to one value, for some patients or for all."""
    changed = {}
    for name, value in values.items():
        own = design[name].to_numpy().copy()
        own[slice(None) if who is None else who] = value
        changed[name] = ("patient", own)
    return design.assign(changed)


def rates_by_patient(fit: xr.DataTree, n_draws: int, *, copies: int = 20) -> np.ndarray:
    """Probability of response of a new patient like each one of the cohort, draw by draw.

    Parameters
    ----------
    fit
        Of outcome "grade" or "response".
    n_draws
        Of how many evenly spaced draws, at most.
    copies
        New patients like each, of outcome "grade": the share of them who respond.

    Returns
    -------
    ndarray
        Shape (draw, patient); missing where the rule can judge none of the new patients.
    """
    spec, design, fit = spec_of(fit), design_of(fit), thinned(fit, n_draws)
    if spec.outcome == "response":
        posterior, names = fit["posterior"].to_dataset(), ["response_probability"]
        return np.concatenate([p for _, (p,) in predict(spec, design, posterior, names)])
    n = design.sizes["patient"]
    who = np.tile(np.arange(n), copies)
    chosen = choose_patients(design, who)
    judged = _judged(fit, chosen, planned_occasions(spec, chosen), "population")
    return _rates(fit, judged, {patient: who == patient for patient in range(n)})


def _patient_level(
    spec: ModelSpec,
    fit: xr.DataTree,
    design: xr.Dataset,
    members: dict[object, np.ndarray],
    meaning: str,
) -> np.ndarray:
    """Rates from a model of responses; shape (draw, group)."""
    response = design["response"].to_numpy()
    # Too few affected muscles is no missing observation: the rule does not apply to such a patient.
    # Nor can a patient without a single grade be filled in by any model.
    n_affected, n_sites = design["n_affected"].to_numpy(), design["n_sites"].to_numpy()
    too_few = (n_affected >= 0) & (n_affected < spec.response.muscles)
    applies = ~too_few & (n_sites > 0)
    rng = np.random.default_rng([int(fit.attrs["seed"]), *meaning.encode()])

    def filled(probability: np.ndarray) -> np.ndarray:
        drawn = rng.random(probability.shape) < probability
        return np.where(response >= 0, response, drawn) if meaning == "cohort" else drawn

    values: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "population": lambda probability: probability,
        "cohort": filled,
        "replicated": filled,
    }
    posterior = fit["posterior"].to_dataset()

    def blocks() -> Iterator[tuple[slice, Counted]]:
        for draws, (probability,) in predict(spec, design, posterior, ["response_probability"]):
            counted = np.broadcast_to(applies, probability.shape)
            yield draws, Counted(counted, values[meaning](probability) * applies)

    return _rates(fit, blocks(), members)


def _as_draws(fit: xr.DataTree, rates: np.ndarray, groups: Groups, meaning: str) -> xr.DataArray:
    posterior = fit["posterior"]
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], rates.shape[1])
    name = groups.by or "group"
    draws = xr.DataArray(
        rates.reshape(shape),
        dims=("chain", "draw", name),
        coords={
            "chain": posterior["chain"].to_numpy(),
            "draw": posterior["draw"].to_numpy(),
            name: list(groups.members),
        },
        name="response_probability",
        attrs={
            "synthetic": bool(fit.attrs["synthetic"]),
            "distribution": "predictive" if meaning == "replicated" else drawn_from(fit),
            "quantity": "probability of response",
            "meaning": MEANINGS[meaning],
        },
    )
    return draws if groups.by else draws.isel({name: 0}, drop=True)
