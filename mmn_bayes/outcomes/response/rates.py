"""Rates of response, draw by draw: who is judged among replicated patients, and who responds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.response import judge, reasons_in_words
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.posterior.draws import blanked, design_of, spec_of, thinned, without_numbers
from mmn_bayes.posterior.groups import ALL, Groups, groups_of
from mmn_bayes.posterior.new_patients import NEW_PATIENTS, new_patients
from mmn_bayes.posterior.posterior_predictive import (
    Occasions,
    choose_patients,
    planned_occasions,
    replicate_panels,
)


def require_responses(spec: ModelSpec) -> None:
    """Raise unless a model says of patients whether they respond."""
    outcome = outcome_of(spec.outcome)
    if not outcome.judged:
        require_outcome(spec, "response", cure=f"; {outcome.cure}")


class ResponseCounts(NamedTuple):
    """Patients of a group: responders, all who were judged, and who were not.

    `not_judged` are those with too few affected muscles, to whom the rule does not apply.
    """

    events: int
    n: int
    missing: int
    not_judged: int

    @property
    def unknown(self) -> int:
        """All who were not judged, whatever the reason."""
        return self.missing + self.not_judged


def response_counts(fit: xr.DataTree, by: str | None) -> dict[object, ResponseCounts]:
    """Count the responders that were observed.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade" or "response".
    by : str or None
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    dict of ResponseCounts
        Of each group, by its label.
    """
    spec, design = spec_of(fit), design_of(fit)
    require_responses(spec)
    response = design["response"].to_numpy()
    _, _, too_few, _ = reasons_in_words(spec.response)
    not_judged = design["reason"].to_numpy() == too_few
    counts = {}
    for label, member in groups_of(fit, by).members.items():
        events, n = int((response[member] == 1).sum()), int((response[member] >= 0).sum())
        outside = int(not_judged[member].sum())
        counts[label] = ResponseCounts(events, n, int(member.sum()) - n - outside, outside)
    return counts


def undefined_rate(fit: xr.DataTree) -> str:
    """Say why a draw of a rate may be missing: with what `summarise` ends its reason."""
    if without_numbers(fit).any():
        return "a parameter of the fit is not a number, or the response rule could judge nobody"
    return "the response rule could judge nobody"


class Counted(NamedTuple):
    """Who was evaluable and who responded in each draw, shape (draw, patient)."""

    evaluable: np.ndarray
    response: np.ndarray


def judged_blocks(
    fit: xr.DataTree,
    design: xr.Dataset,
    occasions: Occasions,
    meaning: str,
    shift: np.ndarray | None = None,
) -> Iterator[tuple[slice, Counted]]:
    """Judge replicated patients, block by block of draws; arguments as for `replicate_panels`.

    `meaning` is "cohort" (what is recorded stays), "population" (new patients) or "replicated"
    (graded again at the same visits).
    """
    spec = spec_of(fit)
    rng = rng_of(fit, meaning)
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


def rates_of_groups(counted: Counted, members: Mapping[object, np.ndarray]) -> np.ndarray:
    """Responders among the evaluable; shape (draw, group), missing where nobody is evaluable."""
    rates = []
    for member in members.values():
        evaluable = counted.evaluable[:, member].sum(axis=1)
        responders = counted.response[:, member].sum(axis=1)
        rates.append(np.where(evaluable > 0, responders / np.maximum(evaluable, 1), np.nan))
    return np.stack(rates, axis=1)


def rates_of_blocks(
    fit: xr.DataTree,
    blocks: Iterator[tuple[slice, Counted]],
    members: dict[object, np.ndarray],
) -> np.ndarray:
    """Responders among the evaluable; shape (draw, group), missing where nobody is evaluable.

    Missing, too, where a parameter is not a number.
    """
    posterior = fit["posterior"]
    rates = np.full((posterior.sizes["chain"] * posterior.sizes["draw"], len(members)), np.nan)
    for draws, counted in blocks:
        rates[draws] = rates_of_groups(counted, members)
    return blanked(fit, rates)


def rates_of_responses(
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
    rng = rng_of(fit, meaning)

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

    return rates_of_blocks(fit, blocks(), members)


def setting(spec: ModelSpec, column: str, value: float | str) -> dict[str, float]:
    """Return what everybody has when a column of `patients` has one value, as the model sees it.

    Parameters
    ----------
    spec, column : ModelSpec, str
        The model, and the column: all predictors made of it are set, whatever they act on.
    value : float or str
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
                f"and '{value}' is none of them."
            )
        found[f"x_{p.name}"] = p.number(value)
    return found | ({"naive": float(value)} if column == "naive" else {})


def rates_with(
    fit: xr.DataTree,
    settings: Sequence[Mapping[str, float]],
    *,
    n_new: int = NEW_PATIENTS,
) -> np.ndarray:
    """Rates of response of new patients like the whole cohort, with some variables set for all.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade" or "response".
    settings : sequence of mapping of str to float
        For each rate variables of the design of patients, with the value that all have
        (`setting`). Whoever is made naive, or not, has in a model of grades the infusions of a
        patient who is, drawn from these (where there are any): who was treated before was infused
        before.
    n_new : int, default NEW_PATIENTS
        How many new patients a draw, at least; of outcome "grade" only.

    Returns
    -------
    ndarray
        Shape (draw, setting); the random numbers are those of the seed of the fit in every setting,
        so that two rates differ by what was set.
    """
    spec, design = spec_of(fit), design_of(fit)
    everybody: dict[object, np.ndarray] = {ALL: np.full(design.sizes["patient"], True)}
    if not outcome_of(spec.outcome).of_grades:
        # All at once: one graph to compile.
        n = design.sizes["patient"]
        number = np.repeat(np.arange(len(settings)), n)
        own = design.isel(patient=np.tile(np.arange(n), len(settings)))
        for place, values in enumerate(settings):
            own = _with_values(own, values, number == place)
        members: dict[object, np.ndarray] = {p: number == p for p in range(len(settings))}
        return rates_of_responses(spec, fit, own, members, "population")
    who, of_all = new_patients(Groups(None, everybody), n_new)
    rates = []
    for values in settings:
        chosen = choose_patients(_with_values(design, values), who)
        donors = design["naive"].to_numpy() == bool(values.get("naive"))
        if "naive" in values and donors.any():
            rng = rng_of(fit, "patients who lend their infusions")
            donor = rng.choice(np.flatnonzero(donors), size=who.size)
            # Infusions are found by the label of their patient.
            chosen = chosen.assign_coords(patient=design["patient"].to_numpy()[donor])
        judged = judged_blocks(fit, chosen, planned_occasions(spec, chosen), "population")
        rates.append(rates_of_blocks(fit, judged, of_all)[:, 0])
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
    fit : DataTree
        Of outcome "grade" or "response".
    n_draws : int
        Of how many evenly spaced draws, at most.
    copies : int, default 20
        New patients like each, of outcome "grade": the share of them who respond.

    Returns
    -------
    ndarray
        Shape (draw, patient); missing where the rule can judge none of the new patients.
    """
    spec, design, fit = spec_of(fit), design_of(fit), thinned(fit, n_draws)
    if not outcome_of(spec.outcome).of_grades:
        posterior, names = fit["posterior"].to_dataset(), ["response_probability"]
        return np.concatenate([p for _, (p,) in predict(spec, design, posterior, names)])
    n = design.sizes["patient"]
    who = np.tile(np.arange(n), copies)
    chosen = choose_patients(design, who)
    judged = judged_blocks(fit, chosen, planned_occasions(spec, chosen), "population")
    return rates_of_blocks(fit, judged, {patient: who == patient for patient in range(n)})
