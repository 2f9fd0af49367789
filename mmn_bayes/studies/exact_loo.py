"""Patients left out for good: a fit without each, by the runner of many fits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.findings import row_positions
from mmn_bayes.data.restricting import of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.covariates import in_likelihood
from mmn_bayes.posterior.draws import design_of, is_fit_of, spec_of
from mmn_bayes.posterior.patient_density import alone_design, centre_of, left_out_density
from mmn_bayes.studies.runner import Task, run_tasks, task_seed

LENGTHS = {"chains": 2, "draws": 500, "tune": 400}


def leave_patients_out(
    fit: xr.DataTree,
    cohort: Cohort,
    folder: Path,
    *,
    seed: int,
    patients: Sequence[str] | None = None,
    lengths: Mapping[str, int] = LENGTHS,
    historical: pd.DataFrame | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Refit a model without each patient, and evaluate the predictive density of the patient.

    Parameters
    ----------
    fit : DataTree
        Fit to all patients: its model is refitted, and its draws place the integration nodes of a
        patient's effects.
    cohort : Cohort
        The cohort that the fit is of.
    folder : path-like
        Where finished tasks are kept, so that an interrupted run goes on.
    seed : int
        Seed of the run; each task has its own (`task_seed`).
    patients : sequence of str or None, optional
        Patients to leave out, one at a time; by default all with a grade (of outcome "response"
        all evaluable ones).
    lengths : mapping of str to int, default LENGTHS
        `chains`, `draws` and `tune` of each fit.
    historical : DataFrame or None, optional
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives.
    workers : int or None, optional
        Processes at a time; by default as many as the machine has processors.
    progress : bool, default True
        Whether to print a line for each finished task.

    Returns
    -------
    DataFrame
        One row a patient: `task` (its identifier), `fingerprint`, `error`, and the columns of
        `left_out_density`.

    Raises
    ------
    ValueError
        When the fit is not of this cohort, or its model's effects are not integrated out.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`, and `cohort`, the cohort of
    `data/leger2008_cohort`:

    >>> from pathlib import Path
    >>> mb.engine.is_fit_of(response_fit, cohort)
    True
    >>> mb.loo.leave_patients_out(  # doctest: +SKIP
    ...     response_fit, cohort, Path("tasks"), seed=1, patients=["P02", "P04"]
    ... )
    """
    spec, design = spec_of(fit), design_of(fit)
    if "patient" not in design.dims:
        raise ValueError(
            f"The fit of '{spec.name}' is of outcome '{spec.outcome}', not of patients; nobody can "
            "be left out."
        )
    everybody = design["patient"].to_numpy().tolist()
    if not is_fit_of(fit, cohort, historical=historical):
        raise ValueError("The fit is not of this cohort; give the one that it is of.")
    with_grades = set(design["patient"].to_numpy()[in_likelihood(spec, design)])
    chosen = [p for p in everybody if p in with_grades] if patients is None else list(patients)
    unknown = [place for place, p in enumerate(chosen) if p not in with_grades]
    if unknown:
        raise ValueError(
            f"patients, {row_positions(unknown)}: no patient of the fit with a grade (or, of "
            "responses, evaluable)."
        )
    tasks = []
    for patient in chosen:
        centre, root = centre_of(fit, patient)
        alone = alone_design(spec, cohort, patient, historical)
        tasks.append(
            Task(
                patient,
                spec,
                of_patients(cohort, [p for p in everybody if p != patient]),
                task_seed(seed, patient),
                lengths,
                historical,
                extra={
                    "left_out": alone.to_dict(),
                    "centre": centre.tolist(),
                    "root": root.tolist(),
                },
            )
        )
    return run_tasks(tasks, left_out_density, folder, workers=workers, progress=progress)


def importance_against_exact(importance: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    """Compare importance-sampling (PSIS) with exact leave-one-patient-out densities.

    Parameters
    ----------
    importance, exact : DataFrame
        As returned by `psis_loo_patients` and `leave_patients_out`.

    Returns
    -------
    DataFrame
        One row a patient of both, then one of all together ("all patients"): `patient`, `elpd` and
        `exact_elpd`, `difference` (the first less the second), `mcse` (of the difference), `se` (of
        the elpd of all: the spread between patients; missing for one), `pareto_k`, `good_k`,
        `error`, `synthetic`. A patient whose fit failed has no exact value, and no part in the sum,
        whose `error` says how many are missing.

    Examples
    --------
    Here exact densities that agree stand in for those of `leave_patients_out`:

    >>> importance = mb.loo.psis_loo_patients(response_fit)
    >>> exact = importance[["patient", "elpd", "mcse"]].rename(columns={"patient": "task"})
    >>> table = mb.loo.importance_against_exact(importance, exact.assign(error=""))
    >>> table["patient"].iloc[-1], float(table["difference"].iloc[-1])
    ('all patients', 0.0)
    """
    own = exact.rename(columns={"task": "patient", "elpd": "exact_elpd"})
    own = own.reindex(columns=["patient", "exact_elpd", "mcse", "error"])
    table = importance.merge(
        own, on="patient", validate="one_to_one", suffixes=("_of_importance", "")
    )
    table["mcse"] = np.hypot(table["mcse"], table["mcse_of_importance"])
    table["difference"] = table["elpd"] - table["exact_elpd"]
    known = table[table["exact_elpd"].notna()]
    missing = len(table) - len(known)
    total = {
        "patient": "all patients",
        **{name: known[name].sum() for name in ("elpd", "exact_elpd", "difference")},
        "mcse": float((known["mcse"] ** 2).sum() ** 0.5),
        "se": float(len(known) ** 0.5 * known["exact_elpd"].std(ddof=1)),
        "pareto_k": known["pareto_k"].max(),
        "good_k": known["good_k"].max(),
        "error": f"{missing} patients without a fit" if missing else "",
        "synthetic": bool(table["synthetic"].any()),
    }
    columns = ["patient", "elpd", "exact_elpd", "difference", "mcse", "se", "pareto_k", "good_k"]
    whole = pd.concat([table, pd.DataFrame([total])], ignore_index=True)
    return whole[[*columns, "error", "synthetic"]]
