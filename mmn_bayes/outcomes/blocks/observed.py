"""Conduction blocks before and after: who has fewer, a sign test, and whether strength goes along.

A count of blocks is one of the nerves that were tested: where others were tested at follow-up, a
change may be theirs.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, permutation_test, rankdata, spearmanr, ttest_1samp

from mmn_bayes.data.aligning import align_responses
from mmn_bayes.data.margins import BLOCK_KINDS, block_counts, block_group
from mmn_bayes.data.response import NOT_GRADED, HasResponseRule, visit_pair
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.schema import Cohort
from mmn_bayes.outcomes.observed_rates import check_level, exact_test, rate_row

FEWER, UNCHANGED, MORE = KINDS = BLOCK_KINDS
FEWER_OR_UNCHANGED = "fewer or unchanged"
SIGN_TEST = "fewer among those that changed"
MEAN_CHANGE = "mean change"
REASONS = ("no count of blocks in the baseline window", "no count of blocks at follow-up")
FISHER = "Fisher's z, error by Bonett and Wright"

# Patients up to whom every permutation is looked at (40,320 of them); Student's t is close beyond.
EXACT_UP_TO = 8


def block_changes(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Return the conduction blocks of every patient at the two visits of the response rule.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        A cohort with `blocks`, and the model specification whose rule and scale apply. Of the
        studies in a window of the rule the one nearest to its target day is used, the earlier of
        two.

    Returns
    -------
    DataFrame
        One row a patient, in the cohort's order: `patient`, `naive`, `baseline_day`,
        `follow_up_day` (of the nerve conduction studies), `baseline_blocks`, `follow_up_blocks`,
        `baseline_nerves`, `follow_up_nerves` (tested; missing when not recorded), `change`
        (follow-up less baseline, nerves), `kind` ("fewer", "unchanged", "more"), `reason` (why the
        change is missing, else empty), `response` (missing when not evaluable), `synthetic`.

    Raises
    ------
    DataError
        When the cohort has no blocks, or a grade that is not on the specification's scale.

    Warns
    -----
    CohortWarning
        When patients are not evaluable for response, with the count of each reason.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> changes = mb.observed.block_changes(cohort, model)
    >>> changes[["patient", "baseline_blocks", "follow_up_blocks", "change", "kind"]].head(3)
      patient  baseline_blocks  follow_up_blocks  change       kind
    0     P01                1                 1       0  unchanged
    1     P02                1                 3       2       more
    2     P03                2                 1      -1      fewer
    """
    blocks, days, nerves = (
        block_counts(cohort, spec.response, column) for column in ("n_blocks", "day", "n_nerves")
    )
    change = blocks["follow_up"] - blocks["baseline"]
    missing = [blocks["baseline"].isna(), blocks["follow_up"].isna()]
    kind = pd.Series(np.select([change < 0, change == 0, change > 0], KINDS, ""), dtype="str")
    patients = cohort.patients
    return pd.DataFrame(
        {
            "patient": patients["patient"],
            "naive": patients["naive"],
            "baseline_day": days["baseline"],
            "follow_up_day": days["follow_up"],
            "baseline_blocks": blocks["baseline"].astype("Int64"),
            "follow_up_blocks": blocks["follow_up"].astype("Int64"),
            "baseline_nerves": nerves["baseline"].astype("Int64"),
            "follow_up_nerves": nerves["follow_up"].astype("Int64"),
            "change": change.astype("Int64"),
            "kind": kind.mask(change.isna()),
            "reason": pd.array(np.select(missing, REASONS, ""), dtype="str"),
            "response": align_responses(judge_responses(cohort, spec), patients),
        }
    ).assign(synthetic=cohort.synthetic)


def observed_blocks(
    cohort: Cohort,
    spec: HasResponseRule,
    *,
    group: str = "naive responders",
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate patients with fewer, as many and more blocks at follow-up, with a sign test.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        A cohort with `blocks`, and the model specification whose rule and scale apply. Of the
        studies in a window of the rule the one nearest to its target day is used, the earlier of
        two.
    group : str, default "naive responders"
        Whose blocks: "naive responders", "naive", "previously treated", "responders",
        "non-responders" or "all". Who is not evaluable is neither of the two.
    level : float, default 0.95
        Confidence level of each interval.

    Returns
    -------
    DataFrame
        Rows "fewer", "unchanged", "more", "fewer or unchanged" of the patients with both counts,
        "fewer among those that changed", the sign test, and "mean change" (nerves): `group`,
        `kind`, `n`, `events`, `missing` (of the group, without both counts), `estimate`, `lower`,
        `upper`, `level`, `interval`, `p_value` (two-sided, of the sign test alone), `test`,
        `synthetic`. Estimate and p-value are NaN where `n` is 0, the limits of the mean also where
        all changes are the same.

    Raises
    ------
    DataError
        When the cohort has no blocks, or a grade that is not on the specification's scale.
    ValueError
        When the group or the level is not legal.

    Warns
    -----
    CohortWarning
        When patients are not evaluable for response, with the count of each reason.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. Dixon WJ, Mood AM. J Am Stat Assoc 1946;41:557
    (sign test; who did not change says nothing of the direction and is left out).

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> table = mb.observed.observed_blocks(cohort, model, group="all")
    >>> table[["kind", "n", "events", "estimate", "lower", "upper"]].round(2)
                                 kind   n  events  estimate  lower  upper
    0                           fewer  38      11      0.29   0.15   0.46
    1                       unchanged  38      21      0.55   0.38   0.71
    2                            more  38       6      0.16   0.06   0.31
    3              fewer or unchanged  38      32      0.84   0.69   0.94
    4  fewer among those that changed  17      11      0.65   0.38   0.86
    5                     mean change  38    <NA>     -0.13  -0.39   0.12
    """
    check_level(level)
    table = block_changes(cohort, spec)
    response = table["response"].astype("Int8").fillna(-1).to_numpy(dtype=int)
    kind = table.loc[block_group(group, table["naive"].to_numpy(), response), "kind"]
    counts = {name: int((kind == name).sum()) for name in KINDS}
    n, changed = sum(counts.values()), counts[FEWER] + counts[MORE]
    of_all = counts | {FEWER_OR_UNCHANGED: counts[FEWER] + counts[UNCHANGED]}
    rows = [
        *(_share(name, events, n, level) for name, events in of_all.items()),
        _share(SIGN_TEST, counts[FEWER], changed, level) | {"test": "sign test, exact"},
    ]
    change = table.loc[kind.index, "change"].dropna().to_numpy(dtype=float)
    rows.append(_mean_change(change, level))
    if changed:
        test = exact_test(counts[FEWER], changed, rate=0.5, alternative="two-sided")
        rows[-2]["p_value"] = test["p_value"].item()
    shown = pd.DataFrame(rows).astype({"events": "Int64"})
    shown.insert(0, "group", group)
    return shown.assign(missing=int(kind.isna().sum()), synthetic=cohort.synthetic)


def blocks_and_strength(
    cohort: Cohort, spec: HasResponseRule, *, level: float = 0.95
) -> pd.DataFrame:
    """Correlate the change in blocks with the change in strength, by Spearman's rank correlation.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        A cohort with `blocks`, and the model specification whose visits and scale apply. Strength
        is the mean, in steps of the scale, over the muscles graded at both visits.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        One row: `n` (patients with both changes), `missing` (enrolled, without), `estimate` (below
        0: fewer blocks, more strength), `lower`, `upper`, `level`, `interval`, `p_value`
        (two-sided; over all permutations up to 8 patients, by Student's t beyond), `test`,
        `synthetic`. Estimate and p-value are NaN where a change is the same for everybody, the
        limits also below 4 patients and for a correlation of 1 or -1, where the interval has no
        width to be believed.

    Raises
    ------
    DataError
        When the cohort has no blocks, or a grade that is not on the specification's scale.
    ValueError
        When the level is not legal.

    References
    ----------
    Spearman C. Am J Psychol 1904;15:72. Bonett DG, Wright TA. Psychometrika 2000;65:23 (interval;
    an approximation, the more so the more patients have the same change).

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> table = mb.observed.blocks_and_strength(cohort, model)
    >>> table[["n", "missing", "estimate", "lower", "upper", "p_value"]].round(2)
        n  missing  estimate  lower  upper  p_value
    0  38        2     -0.13  -0.43    0.2     0.43
    """
    check_level(level)
    blocks = block_counts(cohort, spec.response)
    pair = visit_pair(cohort, spec)
    both = (pair.baseline != NOT_GRADED) & (pair.follow_up != NOT_GRADED)
    n_both = both.sum(axis=1)
    gained = np.where(both, pair.follow_up - pair.baseline, 0).sum(axis=1)
    gain = np.where(n_both > 0, gained / np.maximum(n_both, 1), np.nan)
    change = (blocks["follow_up"] - blocks["baseline"]).to_numpy()
    used = np.isfinite(gain) & np.isfinite(change)
    estimate, p_value, test = _spearman(change[used], gain[used])
    n = int(used.sum())
    lower, upper = _limits(estimate, n, level)
    row: dict[str, Any] = {"n": n, "missing": len(used) - n, "estimate": estimate}
    row |= {"lower": lower, "upper": upper, "level": float(level), "interval": FISHER}
    row |= {"p_value": p_value, "test": test, "synthetic": cohort.synthetic}
    return pd.DataFrame([row])


def _share(kind: str, events: int, n: int, level: float) -> dict[str, Any]:
    row = rate_row(events, n, 0, level=float(level))
    return {"kind": kind, **row, "p_value": np.nan, "test": ""}


def _mean_change(change: np.ndarray, level: float) -> dict[str, Any]:
    """The mean change with Student's interval: of few whole numbers, about so."""
    lower, upper = np.nan, np.nan
    if change.size > 1 and np.ptp(change) > 0:
        found = ttest_1samp(change, 0.0).confidence_interval(level)
        lower, upper = float(found.low), float(found.high)
    row: dict[str, Any] = {"kind": MEAN_CHANGE, "n": change.size}
    row |= {"estimate": change.mean() if change.size else np.nan, "lower": lower, "upper": upper}
    return row | {"level": float(level), "interval": "Student t", "p_value": np.nan, "test": ""}


def _spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float, str]:
    """Rank correlation, two-sided p-value and the name of the test."""
    if np.unique(x).size < 2 or np.unique(y).size < 2:
        return np.nan, np.nan, "none: a change is the same for everybody"
    found = spearmanr(x, y)
    if x.size > EXACT_UP_TO:
        return float(found.statistic), float(found.pvalue), "Spearman's, Student's t"
    ranks = rankdata(y)  # the sum of products orders permutations as the correlation does
    exact = permutation_test(
        (rankdata(x),),
        lambda values, axis: np.sum(values * ranks, axis=axis),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=np.inf,
    )
    return float(found.statistic), float(exact.pvalue), "Spearman's, all permutations"


def _limits(estimate: float, n: int, level: float) -> tuple[float, float]:
    if n < 4 or not abs(estimate) < 1:
        return np.nan, np.nan
    half = norm.ppf((1 + level) / 2) * np.sqrt((1 + estimate**2 / 2) / (n - 3))
    lower, upper = np.tanh(np.arctanh(estimate) + np.array([-half, half]))
    return float(lower), float(upper)
