"""What each candidate is worth to the prediction of patients not seen: added, and taken away."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mmn_bayes.data.restricting import of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.covariates import in_likelihood
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.candidates import with_candidates
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.posterior.loo import psis_loo_patients
from mmn_bayes.posterior.patient_density import alone_design, left_out_density
from mmn_bayes.studies.runner import Task, require_finished, run_tasks, task_seed

_ALL, _NONE, _ONLY, _BUT = "all", "none", "only", "but"


def candidate_models(spec: ModelSpec) -> dict[str, ModelSpec]:
    """Return the models that say what each candidate is worth.

    Parameters
    ----------
    spec : ModelSpec
        A model of which each candidate has a prior of its own.

    Returns
    -------
    dict of ModelSpec
        With all candidates, with none and, where there are several, with each alone and with all
        but each.

    Raises
    ------
    SpecError, ValueError
        As for `with_candidates`; when there are no candidates.
    """
    names = [p.name for p in spec.candidates]
    if not names:
        raise ValueError(
            f"The model '{spec.name}' has no candidates: a predictor with a margin is one."
        )
    kept = {_ALL: names, _NONE: []}
    if len(names) > 1:  # one alone is all
        kept |= {f"{_ONLY} {n}": [n] for n in names}
        kept |= {f"{_BUT} {n}": [m for m in names if m != n] for n in names}
    stem = spec.name
    return {
        label: with_candidates(spec, own, f"{stem}_{label.replace(' ', '_')}")
        for label, own in kept.items()
    }


def added_predictive_value(
    cohort: Cohort,
    spec: ModelSpec,
    folder: Path,
    *,
    seed: int,
    exact: bool = False,
    lengths: Mapping[str, int] | None = None,
    historical: pd.DataFrame | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Compare models with and without each candidate by leave-one-patient-out prediction.

    Parameters
    ----------
    cohort, spec : Cohort, ModelSpec
        The data, and a model of which each candidate has a prior of its own.
    folder : path-like
        Where finished tasks are kept, so that an interrupted run goes on.
    seed : int
        Seed of the run; each fit has its own (`task_seed`).
    exact : bool, default False
        Whether each patient is left out by a refit (outcome "response" only: for grades use
        `leave_patients_out`, model by model); otherwise by Pareto-smoothed importance.
    lengths : mapping of str to int or None, optional
        `chains`, `draws` and `tune`, where they differ from the fit's defaults.
    historical : DataFrame or None, optional
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives.
    workers : int or None, optional
        Processes at a time; by default as many as the machine has processors.
    progress : bool, default True
        Whether to print a line for each finished task.

    Returns
    -------
    DataFrame
        One row a candidate, on the log score of each patient left out (of its response, or of all
        its grades together): `predictor`, `added` (elpd with it alone less that with none) with
        `added_se`, `removed` (elpd with all less that without it) with `removed_se` (missing where
        it is the only one), `added_mcse` and `removed_mcse` (Monte Carlo error, of exact fits),
        `n_patients`, of its models `worst_pareto_k`, `good_k`, `n_above_good_k` (patients beyond
        it, added up) and `divergences`, `synthetic`; then one of all together ("all candidates"),
        whose `added` is all against none. Above 0 a patient is predicted better with the candidate.
        Standard errors are those of sums of paired differences: sqrt(n) times their sd; with few
        patients they are optimistic (Sivula, Magnusson and Vehtari, arXiv:2008.10296).

    Raises
    ------
    SpecError, ValueError
        When there are no candidates, a candidate has no prior of its own, or exact fits are asked
        for grades.
    RuntimeError
        When a fit failed, after all others were done: it is named, with its error.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> from pathlib import Path
    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> [candidate.name for candidate in candidates.candidates][:3]
    ['age_onset', 'anti_gm1', 'atrophy']
    >>> mb.loo.added_predictive_value(  # doctest: +SKIP
    ...     cohort, candidates, Path("tasks"), seed=1
    ... )
    """
    models = candidate_models(spec)
    if exact and outcome_of(spec.outcome).log_probability is None:
        raise ValueError("Exact fits are for outcome 'response'; see `leave_patients_out`.")
    tasks = []
    for label, model in models.items():
        if not exact:
            own = task_seed(seed, label)
            tasks.append(Task(label, model, cohort, own, lengths or {}, historical))
            continue
        tasks += _exact_tasks(label, model, cohort, seed, lengths or {}, historical)
    measure = left_out_density if exact else psis_loo_patients
    found = run_tasks(tasks, measure, folder, workers=workers, progress=progress)
    require_finished(found)
    if exact:
        parts = found["task"].str.split(" | ", n=1, regex=False, expand=True)
        found = found.assign(task=parts[0], patient=parts[1])
    return worth_of(found.rename(columns={"task": "model"}), spec)


def _exact_tasks(
    label: str,
    model: ModelSpec,
    cohort: Cohort,
    seed: int,
    lengths: Mapping[str, int],
    historical: pd.DataFrame | None,
) -> list[Task]:
    design = make_design(cohort, model, historical)
    everybody = design["patient"].to_numpy().tolist()
    tasks = []
    for patient in design["patient"].to_numpy()[in_likelihood(model, design)].tolist():
        name = f"{label} | {patient}"
        others = of_patients(cohort, [p for p in everybody if p != patient])
        alone = alone_design(model, cohort, patient, historical).to_dict()
        own = task_seed(seed, name)
        tasks.append(Task(name, model, others, own, lengths, historical, {"left_out": alone}))
    return tasks


def worth_of(scores: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Return what each candidate adds to the log score of patients left out.

    Parameters
    ----------
    scores : DataFrame
        One row a model (of `candidate_models`, by its label) and patient: `model`, `patient`,
        `elpd`, `divergences`, `synthetic` and, where importance sampling was used, `pareto_k` and
        `good_k`, otherwise `mcse`.
    spec : ModelSpec
        The model with all candidates.

    Returns
    -------
    DataFrame
        One row a candidate: `predictor`, `added` (elpd with it alone less that with none) with
        `added_se`, `removed` (elpd with all less that without it) with `removed_se` (missing where
        it is the only one), `added_mcse` and `removed_mcse` (Monte Carlo error, of exact fits),
        `n_patients`, of its models `worst_pareto_k`, `good_k`, `n_above_good_k` (patients beyond
        it, added up) and `divergences` (of exact fits the most of one, added up), `synthetic`;
        then one of all together ("all candidates"), whose `added` is all against none. Above 0 a
        patient is predicted better with the candidate. Standard errors are those of sums of paired
        differences: sqrt(n) times their sd; with few patients they are optimistic (Sivula,
        Magnusson and Vehtari, arXiv:2008.10296).
    """
    by_model = {str(model): own.set_index("patient") for model, own in scores.groupby("model")}
    names = [p.name for p in spec.candidates]
    several = len(names) > 1
    pairs = {
        n: ((f"{_ONLY} {n}" if several else _ALL, _NONE), (_ALL, f"{_BUT} {n}")) for n in names
    }
    pairs["all candidates"] = ((_ALL, _NONE), ("", ""))
    rows = []
    for name, of in pairs.items():
        row: dict[str, object] = {"predictor": name}
        used = [by_model[m] for pair in of for m in pair if m in by_model]
        for what, (more, less) in zip(("added", "removed"), of, strict=True):
            d = np.array([np.nan, np.nan])
            if more in by_model and less in by_model:
                first = by_model[more]["elpd"]
                d = (first - by_model[less]["elpd"].reindex(first.index)).to_numpy(dtype=float)
            error = np.nan
            if more in by_model and less in by_model and "mcse" in scores:
                error = np.sqrt(sum((by_model[m]["mcse"] ** 2).sum() for m in (more, less)))
            row |= {what: d.sum(), f"{what}_se": np.sqrt(d.size) * d.std(ddof=1)}
            row |= {f"{what}_mcse": error}
        k = pd.concat(used).reindex(columns=["pareto_k", "good_k"])
        rows.append(
            row
            | {
                "n_patients": len(used[0]),
                "worst_pareto_k": k["pareto_k"].max(),
                "good_k": k["good_k"].min(),
                "n_above_good_k": int((k["pareto_k"] > k["good_k"]).sum()),
                "divergences": int(sum(own["divergences"].max() for own in used)),
                "synthetic": bool(scores["synthetic"].any()),
            }
        )
    return pd.DataFrame(rows)
