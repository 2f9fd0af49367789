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
    """Ask whether a response exceeds placebo: a rate taken as known, and one that is uncertain.

    Parameters
    ----------
    draws : mapping of str to DataArray
        Response probabilities by what they are of ("<model>: new patients", ...); dims chain, draw
        and the groups, as `response_draws` gives them.
    placebo : DataTree
        Fit of the placebo arms of other studies.
    observed : DataFrame
        The observed rates of the same groups, as `observed_response` gives them, labelled alike.
    rate : float
        The placebo rate that is taken as known.
    by, level, seed : str, float, int
        The dim of the groups; level of every interval; of the pairing of draws.

    Returns
    -------
    DataFrame
        One row a group, source and question: `measure` ("rate above <rate>": the exact binomial
        test or the posterior probability `p_above` of exceeding it; "placebo": the uncertain rate;
        "difference from placebo" with `p_above` the probability of exceeding 0), the group,
        `source`, `n`, `events`, `estimate`, `lower`, `upper`, `level`, `interval`, `above`,
        `p_above`, `p_value`, `test`, `ess_bulk`, `ess_tail`, `r_hat`, `mcse`, `synthetic`.
    """
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
    """Analyse a small trial by its patients, with the plain rates of its first period beside.

    Parameters
    ----------
    fit, trial : DataTree, DataFrame
        A model of outcome "events" with patients as units, and the table it was fitted to.
    treated : str
        Yes/no predictor that says under which treatment a response was.
    period : str or None, optional
        Yes/no predictor of the second period, which is set to no; the observed rates are those of
        its rows of no.
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
