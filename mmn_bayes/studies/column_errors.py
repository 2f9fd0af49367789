"""Monte Carlo errors of columns that are no estimate with an interval: by their names."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import norm

from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.studies.interval_errors import error_alone
from mmn_bayes.studies.row_draws import RowDraws, first_of, numbers_of

_Rule = Callable[[pd.DataFrame, RowDraws, str], np.ndarray]


def _binomial(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    p = (np.clip(numbers_of(table, name), 0.0, 1.0) * rows.ess + 1.0) / (rows.ess + 2.0)
    return np.sqrt(p * (1.0 - p) / rows.ess)


def _removed(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """Of 1 less a ratio of two variances, each known to 2 sqrt(2 / ESS), as of a skewed law."""
    removed = numbers_of(table, name)
    kept = removed if name == "shrinkage" else 1.0 - removed
    return np.abs(kept) * 2.0 * np.sqrt(2.0 / rows.ess) * np.sqrt(2.0)


def _correlation(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    return (1.0 - numbers_of(table, name) ** 2 + 0.1) / np.sqrt(rows.ess)


def _by_importance(k: np.ndarray) -> np.ndarray:
    return LEAST_ESS ** -(1.0 - np.clip(k, 0.5, 1.0))


def _log_density(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """Of one patient by its own Pareto k; of a sum of patients by the worst, which is too much."""
    own = _by_importance(rows.k)
    if name in ("added", "removed", "added_se", "removed_se"):
        given = first_of(table, (f"{name.removesuffix('_se')}_mcse",), np.nan)
        by_sum = own * np.sqrt(2.0 * rows.people)
        return np.where(np.isfinite(given), given, by_sum)
    if "patient" in table:
        together = table["patient"] == "all patients"
        summed = np.sqrt(float((own[~together] ** 2).sum()))
        each = np.where(together, summed, own)
        fitted = first_of(table, ("mcse",), 0.0)
        # A fit of 2 chains of 500 draws, whose own error the table has.
        return fitted if name == "exact_elpd" else np.hypot(each, fitted)
    return own * np.sqrt(rows.people) * (np.sqrt(2.0) if "difference" in name else 1.0)


def _spread(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    return numbers_of(table, name) / np.sqrt(2.0 * rows.ess)


def _left_out_probability(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    p = np.clip(numbers_of(table, name), 0.0, 1.0)
    return np.sqrt(p * (1.0 - p)) * _by_importance(rows.k)


def _pareto_k(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """A shape fitted to the 3 sqrt(S) largest weights: known to (1 + k) / sqrt(their number)."""
    return (1.0 + np.abs(numbers_of(table, name))) / np.sqrt(3.0 * np.sqrt(LEAST_ESS))


def _as_the_estimate(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """What follows from an estimate has its relative error."""
    low, middle, high = (numbers_of(table, column) for column in ("lower", "estimate", "upper"))
    relative = np.abs((high - low) / (2.0 * norm.isf(rows.tail) * middle))
    return np.abs(numbers_of(table, name)) * relative / np.sqrt(rows.ess)


def _in_its_own_errors(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    return np.ones(len(table))


def _change(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """An estimate less another: the errors of both."""
    return np.sqrt(2.0) * error_alone(table, rows, "estimate", "mcse")


def _moved(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    both = np.hypot(numbers_of(table, "mcse_joint"), numbers_of(table, "mcse_apart"))
    return both / numbers_of(table, "sd_apart")


def _of_mixture(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """Moments and limits of draws and of the mixture fitted to them; their largest distance."""
    sd = float(table.loc[table["quantity"] == "sd", "draws"].iloc[0])
    own = {"mean": 1.0, "median": 1.25, "sd": 1.0}
    tails = 4.0  # of a limit of 95 %, twice as far out as a normal one has it
    each = [own.get(str(what), tails) * sd for what in table["quantity"]]
    distance = table["quantity"] == "largest distance"
    return np.where(distance, 0.5, each) / np.sqrt(LEAST_ESS)


def _benchmarked(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """Means of an sd or an effect, whose posterior sd is at most a third of them, or of 1."""
    return np.maximum(np.abs(numbers_of(table, name)), 1.0) / (3.0 * np.sqrt(rows.ess))


def _gap(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """A shift in grades: by the mean gap between cutpoints, of which the sd is a tenth or less."""
    return np.abs(numbers_of(table, name)) * 0.1 / np.sqrt(rows.ess)


def _patients_worth(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """An effective sample size goes as 1 / variance, that of a skewed rate known to twice."""
    return numbers_of(table, name) * 2.0 * np.sqrt(2.0 / LEAST_ESS)


def _count(table: pd.DataFrame, rows: RowDraws, name: str) -> np.ndarray:
    """A count of draws, or of patients beyond a bound, is as uncertain as a Poisson one."""
    return np.sqrt(np.maximum(numbers_of(table, name), 0.0) + 1.0)


# By name of a column, and of those that must stand beside it: a name alone may be one of data.
RULES: tuple[tuple[str, set[str], _Rule], ...] = (
    ("p_above|p_below|p_within|prior_p_within", {"interval"}, _binomial),
    ("variance_removed|shrinkage", {"interval"}, _removed),
    ("correlation", {"correlates_with"}, _correlation),
    ("elpd|exact_elpd|se|difference|se_difference", {"elpd", "good_k"}, _log_density),
    ("(added|removed)(_se)?", {"good_k"}, _log_density),
    ("probability", {"pareto_k"}, _left_out_probability),
    ("probability|tail|vague_weight", {"tail", "vague_weight"}, _binomial),
    ("sd", {"tail", "vague_weight"}, _spread),
    ("(worst_)?pareto_k", {"good_k"}, _pareto_k),
    ("tipping_correlation|sd_of_measure", {"sd_of_measure"}, _as_the_estimate),
    ("difference_mcse", {"mcse_joint"}, _in_its_own_errors),
    ("moved_sd", {"mcse_joint"}, _moved),
    ("change", {"source", "patients", "mcse"}, _change),
    ("draws|mixture|difference", {"draws", "mixture"}, _of_mixture),
    ("grades", {"delta", "estimate"}, _gap),
    ("ess", {"kind", "estimate"}, _patients_worth),
    ("mean_(patient_sd|site_sd|naive|dose_rate)", {"leapfrogs_per_draw"}, _benchmarked),
    ("n_above_good_k", {"good_k"}, _count),
    ("divergences", set(), _count),
)
