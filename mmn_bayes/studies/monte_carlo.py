"""Monte Carlo errors of the numbers of a stored table, from the table alone.

Made of other draws, a number of a table comes out within its Monte Carlo error. Where the table
tells that error (`mcse`, effective sample sizes), it is taken; where it does not, the effective
sample size is taken to be `LEAST_ESS`, below which no fit passes the gate that every stored one has
passed: the error is then too large, never too small, and what is missed by that is small.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmn_bayes.outcomes.evidence.mixtures import moments, quantile
from mmn_bayes.studies.column_errors import RULES
from mmn_bayes.studies.interval_errors import set_family
from mmn_bayes.studies.row_draws import RowDraws

# Groups of columns that are one estimate: what comes before and after their names.
_FAMILIES = (
    ("estimate", "lower", "upper", "sd", "mcse"),
    ("odds_ratio", "odds_ratio_lower", "odds_ratio_upper", "", ""),
    ("change", "change_lower", "change_upper", "", ""),
    ("", "prior_lower", "prior_upper", "", ""),
    *(
        tuple(f"{name}_{of}" for name in ("mean", "lower", "upper", "sd", "mcse"))
        for of in ("alone", "apart", "joint")
    ),
)


class Errors(NamedTuple):
    """Of each cell of a table: its standard error, and by how much it may jump besides.

    `error` is missing where a cell does not hang on draws and must be the same again; `step` is the
    width of the lattice on which a limit lies, 0 where it lies on none.
    """

    error: pd.DataFrame
    step: pd.DataFrame


def is_mixture(table: pd.DataFrame) -> bool:
    """Whether a table is a mixture of betas, whose parts have no meaning of their own."""
    return {"component", "weight", "alpha", "beta"} <= set(table.columns)


def mixture_as_estimates(table: pd.DataFrame) -> pd.DataFrame:
    """Return what a mixture says of the rate, which other parts may say as well.

    Parameters
    ----------
    table : DataFrame
        A mixture of betas that was fitted to draws.

    Returns
    -------
    DataFrame
        One row, with what is the same in all rows of the mixture, and mean, sd and the limits of
        the 95 % interval as an estimate.
    """
    mean, sd = moments(table)
    limits = {"lower": quantile(table, 0.025), "upper": quantile(table, 0.975)}
    same = table.drop(columns=["component", "weight", "alpha", "beta"]).iloc[[0]]
    own = {"estimate": mean, "sd": sd, **limits, "level": 0.95, "interval": "eti"}
    return pd.concat([same.reset_index(drop=True), pd.DataFrame([own])], axis=1)


def errors_of(table: pd.DataFrame) -> Errors:
    """Return the Monte Carlo error of every cell of a table.

    Parameters
    ----------
    table : DataFrame
        As it was written and read back.

    Returns
    -------
    Errors
        Two tables of the index and columns of `table`.

        - A mean: its `mcse`; otherwise sd / sqrt(ESS).
        - A limit of an interval: sqrt(p (1 - p) / ESS) / f, with p its tail probability, the ESS of
          the tails, and f the density there of the shifted log-normal distribution (a normal one
          where there is no skewness) that has the same limits and mean. That is exact for normal
          and log-normal posteriors; of gamma and beta ones it is right to a quarter, on a short
          side that ends at 0 half too large. A normal distribution is not: on the long side of a
          skewed posterior the density is several times less. On a lattice (shares of n patients) a
          limit may also jump by one step.
        - An sd: by the kurtosis of that distribution. A probability: binomial, with one draw added
          on either side, so that 0 and 1 have an error too.
        - A share of variance removed: that of two variances; a correlation: (1 - r^2) / sqrt(ESS).
        - A log-density of who was left out by importance sampling: S^-(1 - k) for Pareto k above a
          half (Vehtari et al., JMLR 2024;25(72)), S^-(1/2) below; k itself by the number of draws
          of its tail.
    """
    columns = table.columns
    error = pd.DataFrame(np.nan, index=table.index, columns=columns)
    step = pd.DataFrame(0.0, index=table.index, columns=columns)
    rows = RowDraws(table)
    for family in _FAMILIES:
        set_family(table, rows, family, error, step)
    for name in columns:
        for pattern, beside, rule in RULES:
            if re.fullmatch(pattern, name) and beside <= set(columns) and error[name].isna().all():
                error[name] = np.where(rows.drawn, rule(table, rows, name), np.nan)
    if "tail" in columns and "probability" in columns:
        # Two counts that are nearly as likely change places: a tail has one more, or one less.
        step["tail"] = table["probability"].to_numpy(dtype=float)
    return Errors(error, step)
