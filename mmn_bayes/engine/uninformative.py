"""Data that cannot tell: what cannot be learned from them, in a sentence each."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from mmn_bayes.model_file.model_spec import ModelSpec

_PRIOR = "of that the posterior says what the prior does"


def uninformative(spec: ModelSpec, design: xr.Dataset) -> list[str]:
    """Say what cannot be learned from the data of a model.

    Parameters
    ----------
    spec, design
        The model and its data.

    Returns
    -------
    list of str
        One sentence each: for grades that are all the same, patients of whom nobody can be judged,
        responses or events that all or none have, a predictor that is the same for everybody, and
        one patient alone. Nothing where the data can tell.
    """
    if spec.outcome == "events":
        return list(_of_events(design))
    found = [*_of_one_patient(design), *_of_predictors(spec, design)]
    if spec.outcome == "grade":
        found += [*_of_grades(design), *_of_judged(spec, design)]
    if spec.outcome == "response":
        found += _of_responses(design)
    return found


def _of_events(design: xr.Dataset) -> Iterator[str]:
    events, n = int(design["events"].sum()), int(design["n"].sum())
    if events in (0, n):
        whose = "No patient has" if events == 0 else f"All {n} patients have"
        yield (
            f"{whose} the event: how far the rate lies from {int(events > 0)}, and by how much "
            f"units differ, cannot be learned; {_PRIOR}."
        )


def _of_one_patient(design: xr.Dataset) -> Iterator[str]:
    if design.sizes["patient"] == 1:
        yield f"There is one patient: how patients differ cannot be learned; {_PRIOR}."


def _of_predictors(spec: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    if design.sizes["patient"] < 2:
        return
    same = [p.name for p in spec.predictors if np.ptp(design[f"x_{p.name}"].to_numpy()) == 0]
    if same:
        many = len(same) > 1
        yield (
            f"predictor{'s' if many else ''} {', '.join(same)}: the same for all "
            f"{design.sizes['patient']} patients, so that what {'they do' if many else 'it does'} "
            "cannot be told from what all patients share; priors alone tell them apart."
        )


def _of_grades(design: xr.Dataset) -> Iterator[str]:
    codes = np.unique(design["code"].to_numpy())
    if codes.size == 1:
        grade = design["grade"].to_numpy()[codes[0]]
        yield (
            f"All {design.sizes['row']} grades are {grade}: how muscles and patients differ, what "
            f"treatment does and how reliable grades are cannot be learned; {_PRIOR}."
        )


def _of_judged(spec: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    naive, affected = design["naive"].to_numpy(), design["n_affected"].to_numpy()
    enough = affected >= spec.response.muscles
    for label, member in (("naive", naive), ("previously treated", ~naive)):
        graded = member & (affected >= 0)
        if graded.any() and not (enough & member).any():
            yield (
                f"Of the {label}, none of {graded.sum()} graded at baseline has "
                f"{spec.response.muscles} affected muscles, as the response rule asks: their "
                "rate cannot be learned from responses, and is missing in draws that have nobody "
                "to judge."
            )


def _of_responses(design: xr.Dataset) -> Iterator[str]:
    response = design["response"].to_numpy()
    judged = response[response >= 0]
    if judged.size and np.ptp(judged) == 0:
        whose = f"All {judged.size}" if judged[0] else f"None of {judged.size}"
        yield (
            f"{whose} evaluable patients responded: how far the rate lies from {judged[0]}, "
            f"and what predictors do, cannot be learned; {_PRIOR}."
        )
