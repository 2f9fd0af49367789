"""Cohorts with a known truth: a second author of the strength model, in plain NumPy.

Nothing here may import `mmn_bayes.engine`: agreement between the two is a test, not a definition.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from mmn_bayes.data.exposure import days_since_first_infusion, dose_in_effect, dose_rate
from mmn_bayes.data.margins import YEAR
from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.schema import TABLES, Cohort
from mmn_bayes.simulation.recipe import Recipe, truth_of

SIDES = ("left", "right")
CLASSES = ("other", "dependent", "remission")  # from the smallest to the largest gain


def simulate_cohort(n_patients: int = 40, *, seed: int, recipe: Recipe | None = None) -> Cohort:
    """Simulate a cohort from known parameters.

    Parameters
    ----------
    n_patients : int, default 40
        How many patients, 1 or more.
    seed : int
        Seed of all randomness: the same seed gives the same cohort.
    recipe : Recipe or None, optional
        The parameters; by default those of the reproduction cohort.

    Returns
    -------
    Cohort
        `synthetic` is True and `truth` holds the parameters by their names in `strength.toml`.

    Raises
    ------
    ValueError
        When `n_patients` is below 1.

    Examples
    --------
    >>> simulated = mb.simulation.simulate_cohort(10, seed=1)
    >>> len(simulated.patients), simulated.synthetic
    (10, True)
    >>> simulated.truth["gain"]
    0.04
    """
    if n_patients < 1:
        raise ValueError(f"n_patients is {n_patients}; a cohort has at least one patient.")
    recipe = recipe or Recipe()
    rng = np.random.default_rng(seed)
    plan = draw_plan(rng, n_patients, recipe)
    plan["status"] = _draw_status(rng, plan["gain_z"].to_numpy(), recipe)
    tables = simulate_tables(rng, plan, recipe)
    return make_cohort(
        *(tables[name] for name in TABLES),
        scale=recipe.scale,
        title=f"Simulated cohort of {n_patients} patients",
        source=f"simulate_cohort, seed {seed}",
        synthetic=True,
        truth=truth_of(recipe),
    )


def draw_plan(rng: np.random.Generator, n: int, recipe: Recipe) -> pd.DataFrame:
    """Draw what a cohort is simulated from, but for the long-term class.

    Parameters
    ----------
    rng, n, recipe : Generator, int, Recipe
        Source of randomness, how many patients, and the truth.

    Returns
    -------
    DataFrame
        One row a patient: `patient`, `naive`, `follow_up_days`, `misses_follow_up`, and `gain_z`,
        the gain in sds of the patients' gains.
    """
    naive = rng.random(n) < recipe.naive_share
    plan = pd.DataFrame(
        {
            "patient": patient_labels(n),
            "naive": naive,
            "follow_up_days": draw_follow_up_days(rng, n, recipe),
            "misses_follow_up": rng.random(n) < recipe.missing_follow_up_share * naive,
            "gain_z": rng.normal(size=n),
        }
    )
    # A missed visit is one only in a patient who was seen again afterwards.
    seen_again = recipe.visit_days[3] + int(recipe.missed_within_days) + 1
    longer = plan["follow_up_days"].clip(lower=seen_again)
    plan["follow_up_days"] = longer.where(plan["misses_follow_up"], plan["follow_up_days"])
    return plan


def patient_labels(n: int) -> list[str]:
    """Return identifiers P01, P02, ... of equal length."""
    width = max(2, len(str(n)))
    return [f"P{number:0{width}d}" for number in range(1, n + 1)]


def draw_follow_up_days(rng: np.random.Generator, n: int, recipe: Recipe) -> np.ndarray:
    """Draw whole days of follow-up, lognormal with the recipe's mean and sd, shape (n,)."""
    log_sd, log_mean = _lognormal(recipe.follow_up_mean_years, recipe.follow_up_sd_years)
    years = np.maximum(rng.lognormal(log_mean, log_sd, size=n), recipe.follow_up_min_years)
    return np.round(years * YEAR).astype(int)


def _lognormal(mean: float, sd: float) -> tuple[float, float]:
    variance = float(np.log1p((sd / mean) ** 2))
    return variance**0.5, float(np.log(mean)) - variance / 2.0


def _draw_status(rng: np.random.Generator, gain_z: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Long-term class: remission after a good gain, "" where unclassified (Leger 2008, French)."""
    score = (gain_z + rng.normal(size=gain_z.size)) / np.sqrt(2.0)
    cuts = norm.ppf(np.cumsum(recipe.class_shares)[:-1])
    status = np.array(CLASSES, dtype=object)[np.searchsorted(cuts, score)]
    return np.where(rng.random(gain_z.size) < recipe.unclassified_share, "", status)


def draw_gain_z(rng: np.random.Generator, status: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Draw gains as `simulate_cohort` has them among patients of known long-term class.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    status : ndarray
        Long-term class of each patient, "" where unclassified, shape (n,).
    recipe : Recipe
        The truth.

    Returns
    -------
    ndarray
        Gains in sds of the patients' gains, shape (n,).
    """
    edges = np.concatenate([[0.0], np.cumsum(recipe.class_shares)])
    edges[-1] = 1.0
    low, high = np.zeros(status.size), np.ones(status.size)
    for number, name in enumerate(CLASSES):
        low[status == name], high[status == name] = edges[number], edges[number + 1]
    # The class is an interval of a score that shares half its variance with the gain, so given the
    # score the gain is normal with mean score / sqrt(2) and variance 1/2.
    score = norm.ppf(rng.uniform(low, high))
    return (score + rng.normal(size=status.size)) / np.sqrt(2.0)


def simulate_tables(
    rng: np.random.Generator, plan: pd.DataFrame, recipe: Recipe
) -> dict[str, pd.DataFrame]:
    """Simulate every table of a cohort whose patients, follow-up and classes are planned.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    plan : DataFrame
        One row a patient: `patient`, `naive`, `follow_up_days`, `misses_follow_up`, `gain_z` (its
        gain in sds of the patients' gains) and `status` ("" where unclassified).
    recipe : Recipe
        The truth.

    Returns
    -------
    dict of str to DataFrame
        `patients`, `grades`, `infusions`, `blocks`, `status`.
    """
    infusions = _infusions(rng, plan, recipe)
    classified = plan[plan["status"] != ""]
    return {
        "patients": _patients(rng, plan, recipe),
        "grades": _grades(rng, plan, infusions, recipe),
        "infusions": infusions,
        "blocks": _blocks(rng, plan, recipe),
        "status": pd.DataFrame(
            {
                "patient": classified["patient"],
                "day": classified["follow_up_days"],
                "status": classified["status"],
            }
        ),
    }


def _patients(rng: np.random.Generator, plan: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    n = len(plan)
    onset = rng.normal(recipe.age_onset_mean_years, recipe.age_onset_sd_years, size=n)
    log_sd, log_mean = _lognormal(recipe.delay_mean_years, recipe.delay_sd_years)
    delay = rng.lognormal(log_mean, log_sd, size=n)

    def yes_no(share: float) -> np.ndarray:
        return np.where(rng.random(n) < share, "yes", "no")

    return pd.DataFrame(
        {
            "patient": plan["patient"],
            "naive": np.where(plan["naive"], "yes", "no"),
            "age_onset_years": np.clip(onset, *recipe.age_onset_range_years).round(1),
            "disease_duration_years": np.minimum(delay, recipe.delay_max_years).round(1),
            "male": yes_no(recipe.male_share),
            "anti_gm1": yes_no(recipe.anti_gm1_share),
            "atrophy": yes_no(recipe.atrophy_share),
        }
    )


def _infusions(rng: np.random.Generator, plan: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Courses split over days; the long-term class decides whether they go on after month 6."""
    n = len(plan)
    half_year = recipe.visit_days[3]
    weeks = recipe.maintenance_interval_weeks
    naive = plan["naive"].to_numpy(dtype=bool)
    last = plan["follow_up_days"].to_numpy()
    dose = rng.uniform(*recipe.maintenance_g_per_kg, size=n)
    interval = 7 * rng.integers(weeks[0], weeks[1] + 1, size=n)
    earlier = -rng.integers(*recipe.earlier_treatment_days, size=n)
    first = np.arange(0, half_year, recipe.first_interval_days)
    begins = np.where(naive, first[-1] + interval, earlier)
    goes_on = plan["status"].isin(["dependent", ""]).to_numpy()
    stops = np.where(goes_on, last, half_year)
    n_courses = np.maximum(-((begins - stops) // interval), 0)  # rounded up: before `stops`
    who = np.repeat(np.arange(n), n_courses)
    row = np.concatenate([np.repeat(np.flatnonzero(naive), first.size), who])
    start = np.concatenate(
        [np.tile(first, naive.sum()), begins[who] + interval[who] * _numbered(n_courses)]
    )
    total = np.concatenate([np.full(row.size - who.size, recipe.first_course_g_per_kg), dose[who]])
    n_days = np.ceil(total / recipe.dose_per_day_g_per_kg).astype(int)
    table = pd.DataFrame(
        {
            "patient": np.repeat(plan["patient"].to_numpy()[row], n_days),
            "day": np.repeat(start, n_days) + _numbered(n_days),
            "dose_g_per_kg": np.repeat((total / n_days).round(3), n_days),
        }
    )
    return table[table["day"].to_numpy() <= np.repeat(last[row], n_days)].reset_index(drop=True)


def _numbered(counts: np.ndarray) -> np.ndarray:
    """Return 0, 1, ... within each of the groups of the given sizes, shape (sum of counts,)."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _visits(rng: np.random.Generator, plan: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Visits near the scheduled days, the last on the last day of follow-up."""
    last = plan["follow_up_days"].to_numpy()[:, None]
    misses = plan["misses_follow_up"].to_numpy(dtype=bool)[:, None]
    yearly = round(YEAR)
    half_year, year = recipe.visit_days[3], recipe.visit_days[-1]
    planned = sorted({*recipe.visit_days, *recipe.extra_visit_days})
    schedule = np.array([*planned, *range(year + yearly, int(last.max()), yearly)])
    jitter = rng.normal(0.0, recipe.visit_jitter_days, size=(len(plan), schedule.size)).round()
    days = schedule + np.clip(jitter, -14, 14).astype(int)
    days[:, 0] = 0
    days[:, 1:] = np.maximum(days[:, 1:], 1)
    held = np.hstack([days < last - 30, np.full_like(last, True, dtype=bool)])
    days = np.hstack([days, last])
    held &= ~(misses & (np.abs(days - half_year) <= recipe.missed_within_days))
    row, column = np.nonzero(held)
    visits = pd.DataFrame({"patient": plan["patient"].to_numpy()[row], "day": days[row, column]})
    # Where visits are close their days may meet.
    return visits.drop_duplicates(ignore_index=True)


def _grades(
    rng: np.random.Generator, plan: pd.DataFrame, infusions: pd.DataFrame, recipe: Recipe
) -> pd.DataFrame:
    """Grades by the latent strength passing cutpoints, with logistic noise at each grading."""
    effects = np.array([effect for _, effect in recipe.muscles])
    panel = [(name, side) for name, _ in recipe.muscles for side in SIDES]
    naive = plan["naive"].to_numpy(dtype=bool)
    level = (
        np.repeat(effects - effects.mean(), len(SIDES))[None, :]
        + recipe.patient_level_sd * rng.normal(size=(len(plan), 1))
        + (recipe.naive_level * naive)[:, None]
        + rng.normal(size=(len(plan), len(panel)))
    )
    full_gain = (
        recipe.gain + recipe.naive_gain * naive + recipe.patient_gain_sd * plan["gain_z"].to_numpy()
    )
    visits = _visits(rng, plan, recipe)
    who = visits["patient"].to_numpy()
    day = visits["day"].to_numpy(dtype=float)
    row = pd.Index(plan["patient"]).get_indexer(pd.Index(who))
    grown = 1.0 - 2.0 ** (-days_since_first_infusion(who, day, infusions) / recipe.half_time_days)
    dose = dose_rate(who, day, infusions, window_days=recipe.dose_rate_window_days)
    change = full_gain[row] * grown + recipe.dose_rate * dose
    if recipe.infusions:
        change = change + recipe.infusions * dose_in_effect(
            *(who, day, infusions),
            onset_half_life_days=recipe.onset_half_life_days,
            wearing_off_half_life_days=recipe.wearing_off_half_life_days,
        )
    latent = level[row] + change[:, None] + recipe.noise * rng.logistic(size=(len(row), len(panel)))
    code = np.searchsorted(recipe.cutpoints, latent)
    return pd.DataFrame(
        {
            "patient": np.repeat(who, len(panel)),
            "day": np.repeat(visits["day"].to_numpy(), len(panel)),
            "muscle": np.tile([muscle for muscle, _ in panel], len(row)),
            "side": np.tile([side for _, side in panel], len(row)),
            "grade": code.ravel().astype(str),
        }
    )


def _blocks(rng: np.random.Generator, plan: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Nerves with conduction block at inclusion and at month 6, of those tested."""
    n = len(plan)
    tested = rng.integers(recipe.nerves_tested[0], recipe.nerves_tested[1] + 1, size=n)
    before = 1 + rng.poisson(recipe.blocks_mean - 1.0, size=n)
    stays = rng.binomial(before, recipe.block_stays_probability)
    after = np.minimum(stays + rng.poisson(recipe.new_blocks_mean, size=n), tested)
    first = pd.DataFrame(
        {"patient": plan["patient"], "day": 0, "n_blocks": before, "n_nerves": tested}
    )
    again = first.assign(day=recipe.visit_days[3], n_blocks=after)
    seen = ~plan["misses_follow_up"].to_numpy(dtype=bool)
    return pd.concat([first, again[seen]], ignore_index=True)
