"""How well probabilities of response hold for patients left out: scores, and predicted groups."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mmn_bayes.outcomes.observed_rates import rate_row
from mmn_bayes.posterior.patient_density import log_bernoulli


def prediction_scores(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compute Brier and log scores of predicted probabilities of patients left out.

    Parameters
    ----------
    predictions : mapping of str to DataFrame
        By name of the model, what `left_out_response` returned: `response`, `probability`,
        `base_rate`, `pareto_k`, `good_k`, `synthetic`, one row a patient.

    Returns
    -------
    DataFrame
        One row a model: `model`, `brier` (mean squared distance of probability and response, 0 is
        best) with `brier_se`, `brier_base` (of the share of the others who responded, which knows
        no patient), `brier_gain` (base less model: above 0 is better than no model) with
        `brier_gain_se`, the same of the `log_score` (mean log-probability of what happened, higher
        is better; `log_score_gain` is model less base), `mean_probability`, `observed`, `n`,
        `missing` (without a probability, and in none of these),
        `worst_pareto_k`, `good_k`, `synthetic`. Standard errors are of means over patients.

    References
    ----------
    Brier, Mon Weather Rev 1950;78:1; Gneiting and Raftery, JASA 2007;102:359.

    Examples
    --------
    >>> predictions = pd.DataFrame({"response": [True, False], "probability": [0.8, 0.4]})
    >>> known = {"base_rate": 0.5, "pareto_k": 0.1, "good_k": 0.7, "synthetic": True}
    >>> scores = mb.response.prediction_scores({"a model": predictions.assign(**known)})
    >>> scores[["model", "brier", "brier_base", "brier_gain", "log_score"]].round(3)
         model  brier  brier_base  brier_gain  log_score
    0  a model    0.1        0.25        0.15     -0.367
    """
    rows = []
    for model, whole in predictions.items():
        table = whole[whole["probability"].notna()]
        y = table["response"].to_numpy(dtype=float)
        p, base = (table[name].to_numpy(dtype=float) for name in ("probability", "base_rate"))
        brier, brier_base = (y - p) ** 2, (y - base) ** 2
        log, log_base = (log_bernoulli(own, y == 1.0) for own in (p, base))
        rows.append(
            {
                "model": model,
                **_mean("brier", brier),
                "brier_base": brier_base.mean(),
                **_mean("brier_gain", brier_base - brier),
                **_mean("log_score", log),
                "log_score_base": log_base.mean(),
                **_mean("log_score_gain", log - log_base),
                "mean_probability": p.mean(),
                "observed": y.mean(),
                "n": y.size,
                "missing": len(whole) - y.size,
                "worst_pareto_k": table["pareto_k"].max(),
                "good_k": table["good_k"].max(),
                "synthetic": bool(table["synthetic"].any()),
            }
        )
    return pd.DataFrame(rows)


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    return {
        name: float(values.mean()),
        f"{name}_se": float(values.std(ddof=1) / np.sqrt(values.size)),
    }


def calibration_table(
    predictions: Mapping[str, pd.DataFrame], *, groups: int = 4, level: float = 0.95
) -> pd.DataFrame:
    """Tabulate calibration: predicted probabilities of patients left out against response.

    Parameters
    ----------
    predictions : mapping of str to DataFrame
        By name of the model, what `left_out_response` returned: `response`, `probability`,
        `base_rate`, `pareto_k`, `good_k`, `synthetic`, one row a patient.
    groups : int, default 4
        Number of groups of about equal size by predicted probability, 2 or more; fewer result
        where many patients have the same probability.
    level : float, default 0.95
        Level of the exact confidence intervals.

    Returns
    -------
    DataFrame
        One row a model and group: `model`, `group` (from the lowest), `probability` (mean, of those
        left out), `events`, `n`, `missing` (of the model, in no group), `estimate` (share who
        responded), `lower`, `upper`, `level`, `interval`, `synthetic`.

    Raises
    ------
    ValueError
        When fewer than two groups are asked for.

    Examples
    --------
    >>> predictions = pd.DataFrame({"probability": [0.1, 0.3, 0.6, 0.8]})
    >>> known = {"base_rate": 0.5, "pareto_k": 0.1, "good_k": 0.7, "synthetic": True}
    >>> predictions = predictions.assign(response=[False, False, True, True], **known)
    >>> table = mb.tables.calibration_table({"a model": predictions}, groups=2)
    >>> table[["group", "probability", "events", "n", "estimate", "lower", "upper"]].round(3)
       group  probability  events  n  estimate  lower  upper
    0      1          0.2       0  2       0.0  0.000  0.842
    1      2          0.7       2  2       1.0  0.158  1.000
    """
    if groups < 2:
        raise ValueError(f"groups is {groups}; a calibration needs two at least.")
    rows = []
    for model, whole in predictions.items():
        table = whole[whole["probability"].notna()]
        codes = pd.qcut(table["probability"], groups, labels=False, duplicates="drop")
        if table["probability"].nunique() == 1:
            codes = pd.Series(0, index=table.index)
        for number, (_, own) in enumerate(table.groupby(codes), start=1):
            events, n = int(own["response"].sum()), len(own)
            rows.append(
                {
                    "model": model,
                    "group": number,
                    "probability": float(own["probability"].mean()),
                    "events": events,  # the first of the counts
                    **rate_row(events, n, len(whole) - len(table), level=level),
                    "synthetic": bool(table["synthetic"].any()),
                }
            )
    return pd.DataFrame(rows)
