"""The study of candidates with known effects: how often intervals cover, and what is called."""

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mmn_bayes.data.schema import Cohort
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import linear_kinds
from mmn_bayes.model_file.reading import parse_model
from mmn_bayes.predictors.observed import observed_effects
from mmn_bayes.predictors.verdicts_table import judged_effects
from mmn_bayes.report.store import remove_manifest, write_table, write_text
from mmn_bayes.simulation.responses import simulate_responses
from mmn_bayes.studies.runner import Task, require_finished, run_tasks, task_seed

COLUMNS = tuple(f"x{number:02d}" for number in range(1, 11))
N_PATIENTS = 40
LENGTHS = {"chains": 2, "draws": 1000, "tune": 400}
# A candidate of the study: one sd of a column; the prior as that of a yes/no candidate.
_CANDIDATE: Mapping[str, Any] = {"kind": "number", "centre": 0, "per": 1, "unit": "sd"}


class Scenario(NamedTuple):
    """True effects of the columns on the log odds of response, and how the columns correlate."""

    effects: tuple[float, ...]
    correlation: float


# One sd of a column changes the odds by 4.5 (strong), 1.35 (weak, within the margin of 1.5).
SCENARIOS: Mapping[str, Scenario] = {
    "none": Scenario((0.0,) * 10, 0.0),
    "one strong": Scenario((1.5, *(0.0,) * 9), 0.0),
    "ten weak": Scenario((0.3, -0.3) * 5, 0.0),
    # Pairs at 0.8: one strong with a column that only goes along, two that both act, the rest none.
    "correlated": Scenario((1.5, 0.0, 0.75, 0.75, *(0.0,) * 6), 0.8),
}


def ten_candidates(spec: ModelSpec) -> ModelSpec:
    """Return a model of responses with the ten columns of the study as its candidates.

    Parameters
    ----------
    spec : ModelSpec
        A model with candidates: the priors stay (where each candidate has its own, that of a yes/no
        candidate, or else of a number, serves for all), and so do the margin and everything else.

    Returns
    -------
    ModelSpec
        The model, with the same name.

    Raises
    ------
    ValueError
        When the file has no candidate whose effect is linear in its column.

    Examples
    --------
    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> study = mb.studies.ten_candidates(candidates)
    >>> [candidate.name for candidate in study.candidates][:3]
    ['x01', 'x02', 'x03']
    """
    content = spec.resolved
    plain = [p for p in spec.candidates if p.kind.linear]
    if not plain:
        raise ValueError(f"'{spec.name}' has no candidate of kind {linear_kinds()} to be like.")
    like = min(plain, key=lambda p: not p.kind.binary).name
    of_one = {k: v for k, v in content["predictor"][like].items() if k not in ("column", "kind")}
    others = {p.name for p in spec.candidates}
    kept = {name: t for name, t in content["predictor"].items() if name not in others}
    ours = {name: {**of_one, **_CANDIDATE, "column": name} for name in COLUMNS}
    shrinkage = content.get("shrinkage")
    more = {"shrinkage": {**shrinkage, "of": list(COLUMNS)}} if shrinkage else {}
    return parse_model({**content, "predictor": {**kept, **ours}, **more}, spec.name)


def cohort_of(scenario: str, number: int, n_patients: int = N_PATIENTS) -> Cohort:
    """Return one cohort of a scenario, the same for every model.

    Parameters
    ----------
    scenario : str
        "none", "one strong", "ten weak" or "correlated": the true effects of ten columns.
    number : int
        Which cohort of the scenario, from 0.
    n_patients : int, default N_PATIENTS
        How many patients.

    Returns
    -------
    Cohort
        As `simulate_responses` gives it: `truth` has the effects on the log odds of response.

    Examples
    --------
    >>> simulated = mb.studies.cohort_of("one strong", 0)
    >>> len(simulated.patients)
    40
    >>> simulated.truth["x01"], simulated.truth["x02"]
    (1.5, 0.0)
    """
    of = SCENARIOS[scenario]
    return simulate_responses(
        dict(zip(COLUMNS, of.effects, strict=True)),
        n_patients=n_patients,
        seed=task_seed(1, f"{scenario} {number}"),
        correlation=of.correlation,
    )


def study_calls(
    specs: Sequence[ModelSpec],
    folder: Path,
    *,
    n_cohorts: int = 100,
    seed: int,
    lengths: Mapping[str, int] = LENGTHS,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Count the verdicts on ten candidates with known effects over simulated cohorts.

    Parameters
    ----------
    specs : sequence of ModelSpec
        Files of candidates of outcome "response": those of `ten_candidates` are fitted.
    folder : path-like
        Where `effects.csv` (every candidate of every fit), `calls.csv`, `manifest.json` and the
        tasks go: an interrupted run goes on.
    n_cohorts : int, default 100
        Number of cohorts of each scenario.
    seed : int
        Seed of the fits; the cohorts do not depend on it.
    lengths : mapping of str to int or None, optional
        `chains`, `draws` and `tune` of each fit, where they differ from the defaults.
    workers : int or None, optional
        Processes at a time; by default as many as the machine has processors.
    progress : bool, default True
        Whether to print a line for each finished task.

    Returns
    -------
    DataFrame
        One row a `scenario`, `model` (tests by Firth's logistic regression after the models) and
        `truth` (size of the true effect): `n_effects`, `coverage` with `coverage_se`, `relevant`
        and `negligible` (shares so called) with `relevant_se`, `is_within` (whether such an effect
        is nearer to none than the margin: then "relevant" is false, otherwise "negligible" is),
        `any_false` (share of cohorts with any false "relevant"), `n_cohorts`, `level`, `interval`,
        `synthetic`. Standard errors are those of means of cohorts.

    Raises
    ------
    RuntimeError
        When a fit failed, after all others were done: it is named, with its error.

    Examples
    --------
    >>> from pathlib import Path
    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> len(mb.studies.ten_candidates(candidates).candidates)
    10
    >>> mb.studies.study_calls([candidates], Path("calls"), seed=1)  # doctest: +SKIP
    """
    tasks, tests = [], []
    for scenario, of in SCENARIOS.items():
        truth = dict(zip(COLUMNS, of.effects, strict=True))
        for number in range(n_cohorts):
            cohort = cohort_of(scenario, number)
            for spec in specs:
                name = f"{scenario} | {spec.name} | {number}"
                extra = {"truth": truth}
                ours, own = ten_candidates(spec), task_seed(seed, name)
                tasks.append(Task(name, ours, cohort, own, lengths, extra=extra))
            tests.append(_tested(cohort, ten_candidates(specs[0]), truth, scenario, number))
    found = run_tasks(tasks, judged_effects, folder / "tasks", workers=workers, progress=progress)
    require_finished(found)
    parts = found["task"].str.split(" | ", regex=False, expand=True)
    found = found.assign(scenario=parts[0], model=parts[1], cohort=parts[2].astype(int))
    found["false"] = (found["verdict"] == "relevant") & found["within"]
    every = pd.concat(
        [found.drop(columns=["task", "error", "fingerprint"]), *tests], ignore_index=True
    )
    remove_manifest(folder / "manifest.json")
    write_table(every, folder / "effects.csv")
    table = counted_calls(every)
    write_table(table, folder / "calls.csv")
    about = {
        "date": datetime.date.today().isoformat(),
        "seed": seed,
        "n_cohorts": n_cohorts,
        "lengths": dict(lengths),
        "models": {spec.name: spec.fingerprint for spec in specs},
        # Of one cohort of each scenario and model: what the study is of.
        "fingerprints": {t.name: t.fingerprint for t in tasks if t.name.endswith(" | 0")},
        "synthetic": True,
    }
    write_text(json.dumps(about, indent=2) + "\n", folder / "manifest.json")
    return table


def _tested(
    cohort: Cohort, spec: ModelSpec, truth: Mapping[str, float], scenario: str, number: int
) -> pd.DataFrame:
    """What a test of each candidate by itself says: "relevant" where p after Holm is below 0.05."""
    table = observed_effects(cohort, spec, level=0.95)
    true = table["predictor"].map(truth).to_numpy(dtype=float)
    logs = {name: np.log(table[name].to_numpy(dtype=float)) for name in ("lower", "upper")}
    margins = {p.name: p.margin.value for p in spec.candidates if p.margin is not None}
    margin = np.log(table["predictor"].map(margins).to_numpy(dtype=float))
    return pd.DataFrame(
        {
            "predictor": table["predictor"],
            "truth": true,
            "estimate": np.log(table["estimate"].to_numpy(dtype=float)),
            **logs,
            "level": table["level"],
            "interval": table["interval"],
            "covers": (logs["lower"] <= true) & (true <= logs["upper"]),
            "verdict": np.where(table["p_holm"] < 0.05, "relevant", "undecided"),
            "within": np.abs(true) <= margin,
            # What is rejected is that there is no effect: false only where there is none.
            "false": (table["p_holm"] < 0.05) & (true == 0.0),
            "scenario": scenario,
            "model": "Firth logistic, one at a time, Holm",
            "cohort": number,
            "synthetic": True,
        }
    )


def counted_calls(effects: pd.DataFrame) -> pd.DataFrame:
    """Count how often intervals cover and what is called, by scenario, model and true effect.

    Parameters
    ----------
    effects : DataFrame
        As `study_calls` writes it: one row a candidate of a fit.

    Returns
    -------
    DataFrame
        One row a `scenario`, `model` and `truth` (size of the true effect): `n_effects`,
        `coverage` with `coverage_se`, `relevant` and `negligible` (shares so called) with
        `relevant_se`, `is_within` (whether such an effect is nearer to none than the margin: then
        "relevant" is false, otherwise "negligible" is), `any_false` (share of cohorts with any
        false "relevant", whatever the effect: of models within the margin, of tests where there is
        no effect at all), `n_cohorts`, `level`, `interval`, `synthetic`.
        Standard errors are those of means of cohorts, whose candidates share their patients. The
        truth is that of a column given the others: a test of each by itself asks another question
        where columns correlate, and its intervals need not cover that.
    """
    effects = effects.assign(
        size=effects["truth"].abs(),
        relevant=effects["verdict"] == "relevant",
        negligible=effects["verdict"] == "negligible",
    )
    rows = []
    for (scenario, model), own in effects.groupby(["scenario", "model"], sort=False):
        any_false = float(own.groupby("cohort")["false"].any().mean())
        for size, part in own.groupby("size", sort=True):
            each = part.groupby("cohort")[["covers", "relevant", "negligible"]].mean()
            error = each.std(ddof=1) / np.sqrt(len(each))
            rows.append(
                {
                    "scenario": scenario,
                    "model": model,
                    "truth": size,
                    "n_effects": len(part),
                    "coverage": float(part["covers"].mean()),
                    "coverage_se": float(error["covers"]),
                    "relevant": float(part["relevant"].mean()),
                    "relevant_se": float(error["relevant"]),
                    "negligible": float(part["negligible"].mean()),
                    "is_within": bool(part["within"].all()),
                    "any_false": any_false,
                    "n_cohorts": len(each),
                    "level": float(part["level"].iloc[0]),
                    "interval": str(part["interval"].iloc[0]),
                    "synthetic": bool(part["synthetic"].all()),
                }
            )
    return pd.DataFrame(rows)
