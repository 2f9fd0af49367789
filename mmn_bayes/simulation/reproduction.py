"""A synthetic cohort that reproduces the published margins of a study exactly."""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, mannwhitneyu

from mmn_bayes.data.margins import (
    CLASS_QUANTITIES,
    YEAR,
    block_counts,
    cohort_margins,
    follow_up_years,
)
from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.response import HasResponseRule, judged_patients, visit_pair
from mmn_bayes.data.schema import TABLES, Cohort
from mmn_bayes.errors import CohortWarning
from mmn_bayes.simulation.cohort import (
    draw_follow_up_days,
    draw_gain_z,
    patient_labels,
    simulate_tables,
)
from mmn_bayes.simulation.recipe import Recipe, truth_of
from mmn_bayes.simulation.targets import Targets, read_targets

TRIES = 50  # four in five succeed
CANDIDATES = 40  # for each place; the rarest kind is a responder with more blocks, about 1 in 12
FOLLOW_UP_DRAWS = 4000  # 1 in 100 has both the mean and the sd at the printed digit
SIGNIFICANT = 0.05

MISSING, RESPONDER, NON_RESPONDER, TREATED = (
    "missing",
    "responder",
    "non-responder",
    "previously treated",
)

# How readily a place gets a class. Remission came "after a good initial response" (French companion
# of Leger 2008); who the others were is not published: mostly naive non-responders is our choice,
# and so is that nobody is called in remission within a year (half a year after the last course).
REMISSION_WEIGHT = {MISSING: 0.0, RESPONDER: 3.0, NON_RESPONDER: 0.0, TREATED: 1.0}
OTHER_WEIGHT = {MISSING: 0.0, RESPONDER: 0.5, NON_RESPONDER: 8.0, TREATED: 0.5}
REMISSION_FROM_DAY = 365


def reproduce_cohort(
    counts: pd.DataFrame,
    measurements: pd.DataFrame,
    *,
    rule_holder: HasResponseRule,
    seed: int,
    recipe: Recipe | None = None,
    title: str = "Synthetic cohort with the margins of a published study",
) -> Cohort:
    """Simulate a cohort with exactly the published margins of a study.

    For every place of the cohort several candidates are simulated from one recipe, and a place
    takes the first whose response, by the rule, and whose change in conduction blocks are what the
    published counts ask for there. The cohort is kept only if every count is reached, the follow-up
    has the published mean and sd at the printed digit, and no candidate predictor is associated
    with response at 5 % among the evaluable naive patients. **This selection on the published
    margins is what makes them exact: that they agree is no finding.** What was not published (the
    response of the previously treated, ages, doses, every single grade) follows the recipe. After
    the selection the cohort is no plain random sample from `truth`, the parameters before it.

    Parameters
    ----------
    counts, measurements : DataFrame
        The tables of `read_published`; every number aimed at is read from them.
    rule_holder : HasResponseRule
        Anything with a `scale`, its `collapse` and a `response` rule: a `ModelSpec`.
    seed : int
        Seed of all randomness: the same seed gives the same cohort.
    recipe : Recipe or None, optional
        What is not published; by default that of `simulate_cohort`.
    title : str, default "Synthetic cohort with the margins of a published study"
        Title of the cohort; it should say that it is synthetic.

    Returns
    -------
    Cohort
        `synthetic` is True; the order of the patients carries no information.

    Raises
    ------
    DataError
        When a published figure that is needed is missing, or the counts do not add up.
    RuntimeError
        When no try gave a cohort with all margins.

    Examples
    --------
    With `model`, the model of `models/strength.toml`:

    >>> counts, measurements = mb.evidence.read_published("data/leger2008")
    >>> len(counts), len(measurements)
    (6, 12)
    >>> cohort = mb.simulation.reproduce_cohort(  # doctest: +SKIP
    ...     counts, measurements, rule_holder=model, seed=1
    ... )
    """
    targets = read_targets(counts, measurements)
    recipe = recipe or Recipe()
    for child in np.random.SeedSequence(seed).spawn(TRIES):
        rng = np.random.default_rng(child)
        places = _places(rng, targets, recipe)
        tables = None if places is None else _select(rng, places, rule_holder, recipe)
        if tables is None:
            continue
        cohort = make_cohort(
            *(tables[name] for name in TABLES),
            scale=recipe.scale,
            title=title,
            source=(
                f"simulated by reproduce_cohort, seed {seed}; selected so that the published "
                "margins are exact; no real patient's data"
            ),
            synthetic=True,
            truth=truth_of(recipe),
        )
        if _has_margins(cohort, targets, rule_holder):
            return cohort
    raise RuntimeError(
        f"None of {TRIES} tries with seed {seed} has all published margins; take another seed, or "
        "a recipe and a rule under which they are likelier."
    )


def _places(rng: np.random.Generator, targets: Targets, recipe: Recipe) -> pd.DataFrame | None:
    """One row a place of the cohort and what its patient must be; None when the draw is no use."""
    count = targets.counts
    responders = count["response_6_months"]
    kinds = {
        MISSING: count["missing_6_months"],
        RESPONDER: responders,
        NON_RESPONDER: count["evaluable_6_months"] - responders,
        TREATED: count["previously_treated"],
    }
    kind = np.repeat(list(kinds), list(kinds.values()))
    follow_up = _follow_up_days(rng, targets, recipe)
    # A missed 6-month visit is one only in a patient who was seen again afterwards.
    seen_again = recipe.visit_days[3] + recipe.missed_within_days
    if follow_up is None or (follow_up[kind == MISSING] <= seen_again).any():
        return None
    status = _classes(rng, kind, follow_up, count)
    if status is None:
        return None
    more_blocks = np.full(kind.size, pd.NA, dtype=object)
    more_blocks[kind == RESPONDER] = np.arange(responders) < count["blocks_more"]
    return pd.DataFrame(
        {
            "kind": kind,
            "naive": kind != TREATED,
            "misses_follow_up": kind == MISSING,
            "follow_up_days": follow_up,
            "status": status,
            "more_blocks": pd.array(more_blocks, dtype="boolean"),
        }
    )


def _follow_up_days(
    rng: np.random.Generator, targets: Targets, recipe: Recipe
) -> np.ndarray | None:
    """Follow-up of every patient with the published mean and sd, or None if none was drawn."""
    n = targets.counts["enrolled"]
    drawn = draw_follow_up_days(rng, n * FOLLOW_UP_DRAWS, recipe).reshape(FOLLOW_UP_DRAWS, n)
    years = drawn / YEAR
    half_digit = 0.5 * 10.0**-targets.decimals
    near = (np.abs(years.mean(axis=1) - targets.follow_up_mean) < half_digit) & (
        np.abs(years.std(axis=1, ddof=1) - targets.follow_up_sd) < half_digit
    )
    return drawn[near.argmax()] if near.any() else None


def _classes(
    rng: np.random.Generator, kind: np.ndarray, follow_up: np.ndarray, count: Mapping[str, int]
) -> np.ndarray | None:
    """Long-term class of every place, "" without; None when too few places can be in one.

    Without are those who missed the 6-month visit, then the shortest followed (our choice).
    """
    status = np.full(kind.size, "dependent", dtype=object)
    without = np.lexsort((follow_up, kind != MISSING))[: count["long_term_not_classified"]]
    status[without] = ""
    weights = {
        "remission": np.array([REMISSION_WEIGHT[name] for name in kind])
        * (follow_up >= REMISSION_FROM_DAY),
        "other": np.array([OTHER_WEIGHT[name] for name in kind]),
    }
    for name, weight in weights.items():
        free = np.where(status == "dependent", weight, 0.0)
        size = count[CLASS_QUANTITIES[name]]
        if (free > 0).sum() < size:
            return None
        status[rng.choice(kind.size, size=size, replace=False, p=free / free.sum())] = name
    return status


def _select(
    rng: np.random.Generator, places: pd.DataFrame, spec: HasResponseRule, recipe: Recipe
) -> dict[str, pd.DataFrame] | None:
    """Tables of the first fitting candidate of every place, renamed in random order, or None."""
    plan = places.loc[places.index.repeat(CANDIDATES)].reset_index(drop=True)
    plan = plan.assign(
        patient=patient_labels(len(plan)),
        gain_z=draw_gain_z(rng, plan["status"].to_numpy(), recipe),
    )
    tables = simulate_tables(rng, plan, recipe)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)  # the candidates are not the cohort
        pool = make_cohort(
            *(tables[name] for name in TABLES),
            scale=recipe.scale,
            title="candidates",
            synthetic=True,
        )
    fits = _fits(pool, plan, spec).reshape(len(places), CANDIDATES)
    if not fits.any(axis=1).all():
        return None
    row = np.arange(len(places)) * CANDIDATES + fits.argmax(axis=1)
    names = dict(
        zip(plan["patient"].to_numpy()[row], rng.permutation(patient_labels(len(row))), strict=True)
    )
    chosen = {name: table[table["patient"].isin(names)] for name, table in tables.items()}
    return {
        name: table.assign(patient=table["patient"].map(names)) for name, table in chosen.items()
    }


def _fits(pool: Cohort, plan: pd.DataFrame, spec: HasResponseRule) -> np.ndarray:
    """Whether every candidate is what its place asks for, shape (candidate,)."""
    judged = judged_patients(pool, visit_pair(pool, spec), spec)
    evaluable = (judged["reason"] == "").to_numpy()
    response = judged["response"].fillna(False).to_numpy(dtype=bool)
    kind = plan["kind"].to_numpy()
    as_asked = np.select(
        [kind == MISSING, kind == RESPONDER, kind == NON_RESPONDER],
        [~evaluable, evaluable & response, evaluable & ~response],
        default=evaluable,
    )
    counts = block_counts(pool, spec.response)
    more = (counts["follow_up"] > counts["baseline"]).to_numpy()
    wanted = plan["more_blocks"]
    return as_asked & (wanted.isna() | (wanted.fillna(False) == more)).to_numpy(dtype=bool)


def _has_margins(cohort: Cohort, targets: Targets, spec: HasResponseRule) -> bool:
    """Whether the finished cohort, read by the package's own rules, has everything published."""
    counted = cohort_margins(cohort, spec).set_index("quantity")["events"].to_dict()
    years = follow_up_years(cohort)
    digits = targets.decimals
    return (
        all(value == targets.counts[str(name)] for name, value in counted.items())
        and f"{years.mean():.{digits}f}" == f"{targets.follow_up_mean:.{digits}f}"
        and f"{years.std(ddof=1):.{digits}f}" == f"{targets.follow_up_sd:.{digits}f}"
        and min(_p_values(cohort, spec).values()) >= SIGNIFICANT
    )


def _p_values(cohort: Cohort, spec: HasResponseRule) -> dict[str, float]:
    """Association of each predictor, and of the blocks at baseline, with response, naive only."""
    judged = judged_patients(cohort, visit_pair(cohort, spec), spec)
    used = cohort.patients["naive"].to_numpy(dtype=bool) & (judged["reason"] == "").to_numpy()
    response = judged.loc[used, "response"].to_numpy(dtype=bool)
    values = cohort.patients.loc[used, list(cohort.predictors)].assign(
        n_blocks=block_counts(cohort, spec.response)["baseline"]
    )
    p_values = {}
    for name, column in values.items():
        if pd.api.types.is_bool_dtype(column):
            table = pd.crosstab(column.to_numpy(dtype=bool), response)
            whole = table.reindex(index=[False, True], columns=[False, True], fill_value=0)
            p_values[str(name)] = float(fisher_exact(whole).pvalue)
        else:
            number = column.to_numpy(dtype=float)
            p_values[str(name)] = float(mannwhitneyu(number[response], number[~response]).pvalue)
    return p_values
