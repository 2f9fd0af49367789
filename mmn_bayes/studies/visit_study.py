"""The study of visits: how many patients and visits a cycle it takes to learn a half-life."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import lognorm

from mmn_bayes.exposure.identifiability import LITTLE, MOST
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.report.store import write_report
from mmn_bayes.report.table import Table
from mmn_bayes.simulation.recipe import Recipe, with_compartment
from mmn_bayes.studies.recovery import read_study, run_study

PARAMETER = "infusions_wearing_off_half_life_days"
SIZES = (10, 20, 40)
SEEDS = tuple(range(1, 7))
SETTINGS = {"draws": 500}
CYCLE_DAYS, CYCLES = 28, 6  # infusions every 4 weeks up to month 6
# Visits within each of the first six cycles besides those of the cohort: at months 1, 3, 6 and 12.
# Those of a schedule are kept to within few days: the cohort's own visits spread by 10 anyway.
EXTRA: Mapping[int, tuple[int, ...]] = {0: (), 1: (14,), 3: (7, 14, 21)}
_JITTER_DAYS = 2.0
CAPTION = "What is learned of the half-life of wearing-off, by patients and visits a cycle"


def recipe_of(per_cycle: int) -> Recipe:
    """Return the recipe with so many visits a cycle besides the cohort's own."""
    if not EXTRA[per_cycle]:
        return with_compartment()
    starts = CYCLE_DAYS * np.arange(CYCLES)
    days = (starts[:, None] + np.array(EXTRA[per_cycle])).ravel().tolist()
    return with_compartment(tuple(days), _JITTER_DAYS)


def run_visits_study(
    spec: ModelSpec,
    folder: Path,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    settings: Mapping[str, Any] = SETTINGS,
) -> pd.DataFrame:
    """Tabulate how the precision of a half-life depends on numbers of patients and visits.

    Parameters
    ----------
    spec : ModelSpec
        `strength.toml`, whose wearing-off half-life has a lognormal prior.
    folder : path-like
        Where `visits.csv` and `visits.md` go, and a folder of `run_study` for each design: an
        interrupted run goes on.
    sizes, seeds, settings : sequence of int, sequence of int, mapping of str to object, optional
        Numbers of patients, seeds of each design, and what differs from the recovery study's.

    Returns
    -------
    DataFrame
        One row a number of patients and `visits_a_cycle`: `n_patients`, `n_grades` (mean),
        `cohorts`, `covered` (intervals that hold the truth), `truth_days`, `credible_level`,
        `credible_interval`, `mean_width_days` and `prior_width_days` (of the intervals),
        `mean_log_width_share` (of the prior's, on the log scale), `variance_removed` (1 less the
        mean square of that share: contraction), `says`, `divergences`, `worst_r_hat` and
        `least_ess_tail` (of the half-life), `synthetic`.

    Examples
    --------
    With `model`, the model of `models/strength.toml`:

    >>> from pathlib import Path
    >>> model.name
    'strength'
    >>> mb.studies.run_visits_study(model, Path("visits"), sizes=[20, 40])  # doctest: +SKIP
    """
    parts = []
    for per_cycle in EXTRA:
        for n_patients in sizes:
            own = folder / f"{n_patients}_patients_{per_cycle}_a_cycle"
            stated = {**settings, "n_patients": n_patients}
            run_study(spec, seeds, own, settings=stated, recipe=recipe_of(per_cycle))
            fits, intervals = read_study(own)
            parts.append(learned(spec, fits, intervals).assign(visits_a_cycle=per_cycle))
    table = pd.concat(parts, ignore_index=True)
    table.insert(1, "visits_a_cycle", table.pop("visits_a_cycle"))
    write_report(Table(table, CAPTION, notes=visits_notes(table)), folder / "visits")
    return table


def learned(spec: ModelSpec, fits: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """Say how much narrower intervals of the half-life are than the prior's.

    Parameters
    ----------
    spec, fits, intervals : ModelSpec, DataFrame, DataFrame
        The model, and the tables of one study (`read_study`).

    Returns
    -------
    DataFrame
        One row: `n_patients`, `n_grades` (mean), `cohorts`, `covered` (intervals that hold the
        truth), `truth_days`, `credible_level`, `credible_interval`, `mean_width_days` and
        `prior_width_days` (of the intervals), `mean_log_width_share` (of the prior's, on the scale
        of logarithms), `variance_removed` (1 less the mean square of that share, as if both were
        normal), `interpretation`, `divergences`, `worst_r_hat` and `least_ess_tail` (of the
        half-life), `synthetic`.
    """
    own = intervals[intervals["parameter"] == PARAMETER]
    prior, level = spec.priors[PARAMETER], float(own["level"].iloc[0])
    law = lognorm(s=prior["log_sd"], scale=prior["median"])
    low, high = law.ppf([(1 - level) / 2, (1 + level) / 2])
    share = np.log(own["upper"] / own["lower"]) / np.log(high / low)
    removed = float(1.0 - (share**2).mean())
    words = "little" if removed < LITTLE else "something" if removed < MOST else "what it is"
    return pd.DataFrame(
        {
            "n_patients": [int(fits["n_patients"].iloc[0])],
            "n_grades": [float(fits["n_grades"].mean())],
            "cohorts": [len(own)],
            "covered": [int(own["covers"].sum())],
            "truth_days": [float(own["truth"].iloc[0])],
            "credible_level": [level],
            "credible_interval": [str(own["interval"].iloc[0])],
            "mean_width_days": [float((own["upper"] - own["lower"]).mean())],
            "prior_width_days": [float(high - low)],
            "mean_log_width_share": [float(share.mean())],
            "variance_removed": [removed],
            "interpretation": [f"the data say {words}"],
            "divergences": [int(fits["divergences"].sum())],
            "worst_r_hat": [float(own["r_hat"].max())],
            "least_ess_tail": [float(own["ess_tail"].min())],
            "synthetic": [bool(fits["synthetic"].all())],
        }
    )


def visits_notes(table: pd.DataFrame) -> list[str]:
    """Return the findings of a study of visits as sentences.

    Parameters
    ----------
    table : DataFrame
        As returned by `run_visits_study`.

    Returns
    -------
    list of str
        What counts as learned; by visits a cycle the smallest number of patients that learns the
        half-life; and how wide its interval is at best.

    Examples
    --------
    >>> table = pd.DataFrame({"n_patients": [20, 40], "visits_a_cycle": 1, "credible_level": 0.9})
    >>> table = table.assign(variance_removed=[0.2, 0.6], mean_width_days=[40.0, 25.0])
    >>> notes = mb.studies.visits_notes(table.assign(truth_days=20.0, prior_width_days=67.0))
    >>> print(notes[1][:67])
    With 1 more visits a cycle, 40 patients are not enough: 60 % of the
    """
    said = [
        f"Learned: {100 * MOST:.0f} % of the prior's variance (of logarithms) is removed; little: "
        f"less than {100 * LITTLE:.0f} %. Visits a cycle besides those of the cohort, over "
        f"{CYCLES} cycles of {CYCLE_DAYS} days."
    ]
    for per_cycle, rows in table.groupby("visits_a_cycle"):
        enough = rows[rows["variance_removed"] >= MOST]["n_patients"]
        largest = rows["n_patients"].max()
        share = rows.set_index("n_patients")["variance_removed"][largest]
        said.append(
            f"With {per_cycle} more visits a cycle, {enough.min()} patients are enough."
            if len(enough)
            else f"With {per_cycle} more visits a cycle, {largest} patients are not enough: "
            f"{100 * share:.0f} % of the prior's variance is removed."
        )
    best = table.iloc[int(table["mean_width_days"].argmin())]
    said.append(
        f"To learn is not to know well: at the best, with {best['n_patients']} patients and "
        f"{best['visits_a_cycle']} more visits a cycle, the {100 * best['credible_level']:g} % "
        f"interval is {best['mean_width_days']:.0f} days wide around a truth of "
        f"{best['truth_days']:g} (the prior's: {best['prior_width_days']:.0f} days)."
    )
    return said
