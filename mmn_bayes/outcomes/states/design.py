"""States on the steps of a Markov chain: their part of a design."""

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.findings import rows_of_patients
from mmn_bayes.data.margins import YEAR
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.status_paths import days_zero, status_rows
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.states.declared import States

UNKNOWN = -1
_MOST_STEPS = 1_000_000


def states_seen(spec: ModelSpec, cohort: Cohort) -> pd.DataFrame:
    """Return the states that a model uses, on the steps of its chain.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    cohort : Cohort
        Its data.

    Returns
    -------
    DataFrame
        One row a patient and step, in the order of the patients and steps: `patient`, `place` (of
        the patient in the cohort), `step` (the day since day 0, rounded), `code` (place of the
        state among the levels), `since` (days since day 0).

    Raises
    ------
    DataError
        When there is no table of status, a state is not of the levels, a patient has two on a day,
        a patient has no infusion to count from, no patient has states on two steps, or steps are so
        short that there are millions.

    Warns
    -----
    CohortWarning
        When rows lie before day 0, or fall on one step, of which the nearest to its day counts.
    """
    part = section_of(spec)
    headline = f"The model '{spec.name}' cannot be fitted to this cohort."
    try:
        rows = status_rows(cohort, part.levels)
    except DataError as error:
        raise DataError(headline, error.defects) from None
    day_0 = days_zero(cohort, part.since)
    if day_0.isna().any():
        without = day_0.index[day_0.isna()]
        raise DataError(
            headline,
            [
                f"infusions: {len(without)} patients have none to count from "
                f"({rows_of_patients(cohort.patients, without)}); add them, leave "
                "these patients out, or take states.since = 'inclusion'."
            ],
        )
    zero = day_0.reindex(rows["patient"]).to_numpy()
    since = rows["day"].to_numpy() - zero
    place = pd.Index(cohort.patients["patient"]).get_indexer(rows["patient"])
    step = np.round(since / part.step_days).astype(int)
    seen = rows.assign(
        place=place,
        step=step,
        code=rows["status"].cat.codes.astype(int),
        since=since,
        away=np.abs(since - step * part.step_days),
    )[since >= 0]
    # Of several on a step the nearest to its day: on step 0 what was seen on day 0 stays.
    nearest = seen.sort_values(["place", "step", "away"], kind="stable")
    kept = nearest.drop_duplicates(["patient", "step"])
    _say_what_is_left_out(rows, since, len(seen) - len(kept), part)
    if not kept["patient"].duplicated().any():
        raise DataError(
            headline,
            [
                "status: no patient has two states on different steps from day 0 on; add rows, "
                "make states.step_days shorter, or take a model of outcome 'class'."
            ],
        )
    return kept[["patient", "place", "step", "code", "since"]].reset_index(drop=True)


def _say_what_is_left_out(rows: pd.DataFrame, since: np.ndarray, merged: int, part: States) -> None:
    early = rows[since < 0]
    if len(early):
        day = "the first infusion" if part.since == "first_infusion" else "inclusion"
        warnings.warn(
            f"status: {len(early)} rows lie before {day}, from which histories count, and have no "
            f"part (the first: day {early['day'].iloc[0]:g}).",
            CohortWarning,
            stacklevel=3,
        )
    if merged:
        warnings.warn(
            f"status: {merged} rows lie on a step of {part.step_days:g} days with another that is "
            "nearer to its day, and have no part; shorter steps would keep them.",
            CohortWarning,
            stacklevel=3,
        )


def with_states(design: xr.Dataset, spec: ModelSpec, cohort: Cohort) -> xr.Dataset:
    """Add the histories to a design.

    Parameters
    ----------
    design, spec, cohort : Dataset, ModelSpec, Cohort
        With dim `patient`; the model, and its data.

    Returns
    -------
    Dataset
        With the states seen (`seen_patient`, `seen_step`, `seen_code`, `seen_day`), `first_code` of
        each patient (-1 unless seen on step 0), the steps between them (`at_steps`), which of their
        matrices make up each interval (`_products`), and `before` and `after`, the states at the
        two ends of each interval.

    Raises
    ------
    DataError
        When there is no table of status, a state is not of the levels, a patient has two on a day,
        a patient has no infusion to count from, no patient has states on two steps, or steps are so
        short that there are millions.
    """
    part, seen = section_of(spec), states_seen(spec, cohort)
    same = seen["patient"].eq(seen["patient"].shift(-1)).to_numpy()
    start = seen[same].reset_index(drop=True)
    end = seen.shift(-1)[same].astype({"step": int, "code": int}).reset_index(drop=True)
    n_steps = (end["step"] - start["step"]).to_numpy()
    if n_steps.sum() > _MOST_STEPS:
        raise DataError(
            f"The model '{spec.name}' cannot be fitted to this cohort.",
            [
                f"states.step_days: {part.step_days:g} days make {n_steps.sum():,} steps between "
                f"the states seen, more than {_MOST_STEPS:,}; make steps longer."
            ],
        )
    offset = np.concatenate([[0], np.cumsum(n_steps)])
    within = np.arange(offset[-1]) - np.repeat(offset[:-1], n_steps)
    first = np.full(design.sizes["patient"], UNKNOWN)
    on_day_0 = seen[seen["step"] == 0]
    first[on_day_0["place"]] = on_day_0["code"]
    design = design.assign(
        {
            "seen_patient": ("seen", seen["place"].to_numpy()),
            "seen_step": ("seen", seen["step"].to_numpy()),
            "seen_code": ("seen", seen["code"].to_numpy()),
            "seen_day": ("seen", seen["since"].to_numpy()),
            "first_code": ("patient", first),
            "before": ("interval", start["code"].to_numpy()),
            "after": ("interval", end["code"].to_numpy()),
            **_products(n_steps),
        }
    ).assign_coords(
        state=np.array(part.levels),
        next_state=np.array(part.levels),
        contrast=np.array(part.levels[1:]),
        other_state=np.arange(1, len(part.levels)),
        period=np.array([f"from day {day:g}" for day in part.periods_days]),
    )
    if part.varying_sd is not None:
        names = [p.name for p in spec.acting_on("state")]
        names += ["time"] if part.change is not None else []
        design = design.assign_coords(effect=np.array(names))
    steps = np.repeat(start["step"].to_numpy(), n_steps) + within
    return at_steps(design, spec, np.repeat(start["place"].to_numpy(), n_steps), steps)


def at_steps(
    design: xr.Dataset, spec: ModelSpec, patient: np.ndarray, step: np.ndarray
) -> xr.Dataset:
    """Lay steps (of a patient) over a design, in the place of those it has.

    Parameters
    ----------
    design, spec : Dataset, ModelSpec
        With dim `patient`; the model.
    patient, step : ndarray
        Place of the patient, and number of the step from day 0 on, shape (step,).

    Returns
    -------
    Dataset
        With `patient_of_step`, `period_of_step` and `doublings_of_step`, of 1 + years since day 0.
    """
    part = section_of(spec)
    day = step * part.step_days
    period = np.searchsorted(part.periods_days, day, side="right") - 1
    return design.drop_dims("step", errors="ignore").assign(
        patient_of_step=("step", np.asarray(patient, dtype=np.int64)),
        period_of_step=("step", period.astype(np.int64)),
        doublings_of_step=("step", np.log2(1.0 + day / YEAR)),
    )


def _products(n_steps: np.ndarray) -> dict[str, tuple[str, np.ndarray]]:
    """Which matrices to multiply in each round until every interval has one.

    Rounds halve the number of matrices of each interval, so that the graph grows with the logarithm
    of the longest; one without a partner is multiplied by the last, which is the identity.
    """
    rounds: dict[str, tuple[str, np.ndarray]] = {}
    while n_steps.max() > 1:
        offset = np.concatenate([[0], np.cumsum(n_steps)])
        half = (n_steps + 1) // 2
        within = np.arange(half.sum()) - np.repeat(np.cumsum(half) - half, half)
        left = np.repeat(offset[:-1], half) + 2 * within
        right = np.where(2 * within + 1 < np.repeat(n_steps, half), left + 1, offset[-1])
        number = len(rounds) // 2
        rounds[f"left_{number}"] = f"round_{number}", left
        rounds[f"right_{number}"] = f"round_{number}", right
        n_steps = half
    return rounds


def section_of(spec: ModelSpec) -> States:
    """Return `[states]` of a model; raise for a model without."""
    section: States = spec.section("state")
    return section
