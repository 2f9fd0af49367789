"""Tables of what history says: studies and the next one, placebo, one trial by its patients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.outcomes.evidence.estimands import new_unit_rate, standardised_rates, unit_rates
from mmn_bayes.outcomes.evidence.prior import difference_from_placebo
from mmn_bayes.outcomes.observed_rates import EXACT, exact_test, rate_interval
from mmn_bayes.outcomes.response.observed_contrast import compare_rates
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import OBSERVED, group_label, side_by_side

MODELLED = "model"
NEXT, MEAN = "the next study", "mean of the studies"


def evidence_table(fit: xr.DataTree, *, level: float = 0.95) -> pd.DataFrame:
    """Tabulate the observed rate of each study beside its posterior (partially pooled) rate.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "events" with studies as units.
    level : float, default 0.95
        Level of every interval: exact for the observed rates, equal-tailed for the posterior.

    Returns
    -------
    DataFrame
        For each count a row "observed" and a row "model" (shrunk towards the others), then the mean
        of the studies and the next study (the predictive distribution that a prior is made of):
        `study`, `source`, `n`, `events`, `estimate`, `lower`, `upper`, `level`, `interval`,
        `ess_bulk`, `ess_tail`, `r_hat`, `mcse`, `synthetic`.

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml` to published counts:

    >>> table = mb.tables.evidence_table(evidence_fit)
    >>> rows = table["source"] == "observed"
    >>> table.loc[rows, ["study", "n", "events", "estimate", "lower", "upper"]].round(3).tail(2)
                           study   n  events  estimate  lower  upper
    8   NobileOrazio2017_30_days  20      15     0.750  0.509  0.913
    10                  Posa2026  13       9     0.692  0.386  0.909
    >>> table["study"].tolist()[-2:]
    ['mean of the studies', 'the next study']
    """
    design = design_of(fit)
    own = summarise(unit_rates(fit), level=level, interval="eti").rename(columns={"row": "study"})
    counts = pd.DataFrame(
        {
            "study": design["label_of_row"].to_numpy(),
            "n": design["n"].to_numpy(),
            "events": design["events"].to_numpy(),
        }
    )
    observed = _observed(counts, level).assign(synthetic=bool(fit.attrs["synthetic"]))
    own = own.assign(n=counts["n"], source=MODELLED)
    both = pd.concat([observed, own]).sort_index(kind="stable")  # of each count both, in its order
    ends = [
        summarise(new_unit_rate(fit, mean=mean), level=level, interval="eti").assign(
            study=name, source=MODELLED
        )
        for name, mean in ((MEAN, True), (NEXT, False))
    ]
    columns = ["study", "source", "n", "events", "estimate", "lower", "upper", "level", "interval"]
    columns += ["ess_bulk", "ess_tail", "r_hat", "mcse", "synthetic"]
    return side_by_side([both, *ends], columns, reasons=False).astype({"synthetic": "bool"})


def _observed(counts: pd.DataFrame, level: float) -> pd.DataFrame:
    """Rates of counts (`n`, `events`) with exact intervals; the other columns stay."""
    limits = [
        rate_interval(int(events), int(n), method=EXACT, level=level)
        for events, n in zip(counts["events"], counts["n"], strict=True)
    ]
    return counts.assign(
        source=OBSERVED,
        estimate=counts["events"] / counts["n"],
        lower=[low for low, _ in limits],
        upper=[high for _, high in limits],
        level=level,
        interval=EXACT,
    )


def placebo_table(
    draws: Mapping[str, xr.DataArray],
    placebo: xr.DataTree,
    observed: pd.DataFrame,
    *,
    rate: float,
    by: str,
    level: float = 0.95,
    seed: int,
) -> pd.DataFrame:
    """Compare response with a placebo rate taken as known, and with one that is uncertain.

    Parameters
    ----------
    draws : mapping of str to DataArray
        Posterior draws of response probabilities, by source ("<model>: new patients", ...); dims
        chain, draw and the groups, as `response_draws` gives them.
    placebo : DataTree
        Fit of the placebo arms of other studies (outcome "events", studies as units).
    observed : DataFrame
        The observed rates of the same groups, with the same labels, as `observed_response` gives
        them.
    rate : float
        The placebo rate that is taken as known.
    by : str
        The dim of the groups, and the column of `observed` that has them.
    level : float, default 0.95
        Level of every interval.
    seed : int
        Seed of the random pairing of draws with those of the placebo rate.

    Returns
    -------
    DataFrame
        One row a group, source and question: `measure` ("rate above <rate>, taken as known": the
        exact binomial test or the posterior probability `p_above` of exceeding it; "placebo rate of
        the next trial": the uncertain one; "difference from placebo" with `p_above` the probability
        of exceeding 0), the group, `source`, `n`, `events`, `estimate`, `lower`, `upper`, `level`,
        `interval`, `above`, `p_above`, `p_value`, `test`, `ess_bulk`, `ess_tail`, `r_hat`, `mcse`,
        `synthetic`.

    Raises
    ------
    ValueError
        When the observed rates or the draws are not by those groups.

    Examples
    --------
    With `cohort`, `model` of `models/strength.toml`, `fit` of it, and `placebo_fit`, a fit of
    `models/historical_placebo.toml`:

    >>> observed = mb.observed_response(cohort, model, by="naive")
    >>> draws = {"new patients": mb.response_probability(fit, patients="population", by="naive")}
    >>> table = mb.tables.placebo_table(draws, placebo_fit, observed, rate=0.2, seed=1, by="naive")
    >>> exact = table[table["source"] == "observed"]
    >>> exact[["naive", "events", "n", "above", "p_value"]].round(3)
                    naive  events   n above  p_value
    0  previously treated       4  18   0.2    0.499
    4               naive      14  20   0.2    0.000
    """
    lacking = ["observed rates"] if by not in observed else []
    lacking += [f"draws of '{source}'" for source, drawn in draws.items() if by not in drawn.dims]
    if lacking:
        raise ValueError(
            f"The {' and the '.join(lacking)} are not by '{by}'; make them with by='{by}'."
        )
    fixed = f"rate above {rate:g}, taken as known"
    rows = []
    for row in observed.to_dict("records"):
        test: Any = {"p_value": np.nan, "test": "nobody evaluable"}
        if row["n"]:
            test = exact_test(row["events"], row["n"], rate=rate, alternative="greater").iloc[0]
        kept = {name: row[name] for name in ("n", "events", "estimate", "lower", "upper")}
        about = {"measure": fixed, by: group_label(by, row[by]), "source": OBSERVED, "above": rate}
        kind = {"level": row["level"], "interval": row["interval"], "synthetic": row["synthetic"]}
        rows.append(about | kept | kind | {"p_value": test["p_value"], "test": test["test"]})
    parts = [pd.DataFrame(rows)]
    for source, drawn in draws.items():
        both = difference_from_placebo(drawn, placebo, seed=seed)
        for measure, name, above in (
            (fixed, "treated", rate),
            ("placebo rate of the next trial", "placebo", None),
            ("difference from placebo", "difference", 0.0),
        ):
            chosen = both.sel(measure=name, drop=True).assign_attrs(both.attrs)
            part = summarise(chosen, level=level, interval="eti", above=above)
            part = part.assign(measure=measure, source=source, above=above)
            parts.append(part.assign(**{by: [group_label(by, value) for value in part[by]]}))
    columns = ["measure", by, "source", "n", "events", "estimate", "lower", "upper", "level"]
    columns += ["interval", "above", "p_above", "p_value", "test"]
    columns += ["ess_bulk", "ess_tail", "r_hat", "mcse", "synthetic"]
    labels = dict.fromkeys(label for part in parts for label in part[by])
    table = side_by_side(parts, columns, order={by: labels})
    return table.assign(test=table["test"].fillna("")).astype({"synthetic": "bool"})


def trial_table(
    fit: xr.DataTree,
    trial: pd.DataFrame,
    *,
    treated: str,
    period: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the treatment comparison of a small trial, observed and by a model of patients.

    Parameters
    ----------
    fit, trial : DataTree, DataFrame
        A fit of outcome "events" with patients as units, and the table it was fitted to.
    treated : str
        Yes/no predictor of the treatment before each response: active, or placebo.
    period : str or None, optional
        Yes/no predictor of the second period. The comparison is that of the first period: it is set
        to no, and the observed rates are those of the rows of no.
    level : float, default 0.95
        Level of every interval.

    Returns
    -------
    DataFrame
        Rows "placebo" and "treated" (rates), "difference", "ratio" and "odds ratio": for
        "observed" (exact, Newcombe, Koopman, conditional; Fisher's test) and for "model" (the
        probability in new patients with the other covariates of the trial's; the odds ratio is
        that within a patient): `measure`, `source`, `n`, `events`, `estimate`, `lower`, `upper`,
        `level`, `interval`, `above`, `p_above`, `p_value`, `test`, `ess_bulk`, `ess_tail`, `r_hat`,
        `mcse`, `synthetic`.

    Raises
    ------
    ValueError
        When `treated` or `period` is no predictor of the model, or everybody was in one arm.

    Examples
    --------
    With `trial`, of `data/evidence/leger2001_patient_visits.csv`, and `trial_fit`, a fit of
    `models/trial_leger2001.toml` to it:

    >>> table = mb.tables.trial_table(trial_fit, trial, treated="treated", period="second_period")
    >>> observed = table[table["source"] == "observed"]
    >>> observed[["measure", "events", "n", "estimate", "lower", "upper"]].round(2)
          measure  events     n  estimate  lower   upper
    0     placebo       2     9      0.22   0.03    0.60
    2     treated       7     9      0.78   0.40    0.97
    4  difference    <NA>  <NA>      0.56   0.10    0.78
    6       ratio    <NA>  <NA>      3.50   1.21   12.69
    8  odds ratio    <NA>  <NA>     10.24   0.95  191.11
    """
    at = {} if period is None else {period: 0.0}
    rates = standardised_rates(fit, treated, at)  # refuses what is no predictor
    column = {p.name: p.column for p in spec_of(fit).predictors}
    first = trial if period is None else trial[trial[column[period]] == 0]
    synthetic = bool(fit.attrs["synthetic"])
    counts = {
        arm: (int(rows["responder"].sum()), len(rows))
        for arm, rows in first.groupby(first[column[treated]] == 1)
    }
    if len(counts) < 2:
        raise ValueError(f"By '{treated}' the trial has one arm only; a comparison needs two.")
    plain = pd.DataFrame(
        [
            {"measure": name, "events": counts[arm][0], "n": counts[arm][1]}
            for arm, name in ((False, "placebo"), (True, "treated"))
        ]
    )
    compared = compare_rates(counts[True], counts[False], level=level, synthetic=synthetic)
    kept = compared[compared["measure"].isin(["difference", "ratio", "odds ratio"])]
    observed = pd.concat([_observed(plain, level), kept.assign(source=OBSERVED)])
    drawn: dict[str, tuple[Any, float | None]] = {
        "placebo": (rates.sel({treated: 0}, drop=True), None),
        "treated": (rates.sel({treated: 1}, drop=True), None),
        "difference": (rates.sel({treated: 1}) - rates.sel({treated: 0}), 0.0),
        "ratio": (rates.sel({treated: 1}) / rates.sel({treated: 0}), 1.0),
        "odds ratio": (np.exp(fit["posterior"][treated]), 1.0),
    }
    modelled = []
    for measure, (draws, above) in drawn.items():
        draws = draws.drop_vars(treated, errors="ignore").assign_attrs(synthetic=synthetic)
        part = summarise(draws, level=level, interval="eti", above=above)
        modelled.append(part.assign(measure=measure, source=MODELLED, above=above))
    columns = ["measure", "source", "n", "events", "estimate", "lower", "upper", "level"]
    columns += ["interval", "above", "p_above", "p_value", "test"]
    columns += ["ess_bulk", "ess_tail", "r_hat", "mcse", "synthetic"]
    both = [observed.assign(synthetic=synthetic), *modelled]
    table = side_by_side(both, columns, order={"measure": drawn}, reasons=False)
    return table.assign(test=table["test"].fillna(""))
