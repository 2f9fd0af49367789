"""What a row of a stored table says of the draws that it was made of."""

import numpy as np
import pandas as pd

from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.report.formatting import OF_DRAWS

# Of these a ratio is shown, and the error is that of its logarithm.
_RATIOS = ("odds ratio", "rate ratio")


class RowDraws:
    """What a row says of its draws."""

    def __init__(self, table: pd.DataFrame):
        n = len(table)
        # Draws of a prior are independent, and their number is their effective sample size.
        of_prior = ("draws",) if "distribution" in table else ()
        self.ess = first_of(table, ("ess_bulk", *of_prior), LEAST_ESS)
        self.ess_tail = first_of(table, ("ess_tail", "ess_bulk", *of_prior), LEAST_ESS)
        self.told = {"ess_bulk", *of_prior} & set(table.columns)
        level = numbers_of(table, "level") if "level" in table else np.full(n, 0.95)
        self.tail = np.where(np.isfinite(level), (1.0 - level) / 2.0, 0.025)
        if "interval" in table:
            of_draws = table["interval"].isin(list(OF_DRAWS)).to_numpy()
            # Simultaneous limits lie further out; with up to four classes at a quarter of the tail.
            together = table["interval"].astype(str).str.contains("simultaneous").to_numpy()
            self.tail = np.where(of_draws & together, self.tail / 4.0, self.tail)
        else:
            of_draws = np.ones(n, dtype=bool)
        self.drawn = of_draws
        scales = table["scale"] if "scale" in table else table.get("ratio", pd.Series("", range(n)))
        self.logs = scales.astype(str).isin(["odds_ratio", *_RATIOS]).to_numpy()
        self.medians = "ratio" in table
        self.k = first_of(table, ("pareto_k", "worst_pareto_k"), 0.5)
        self.people = first_of(table, ("n_patients", "n"), 40.0)


def numbers_of(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return the numbers of a column, NaN where it has none."""
    return pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)


def first_of(table: pd.DataFrame, names: tuple[str, ...], otherwise: float) -> np.ndarray:
    """Return the first of some columns that a row has a number in."""
    found = np.full(len(table), np.nan)
    for name in names:
        if name in table:
            found = np.where(np.isfinite(found), found, numbers_of(table, name))
    return np.where(np.isfinite(found), found, otherwise)
