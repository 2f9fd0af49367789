"""Priors from history: mixtures that stand for the next study, their conflict, and placebo."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.model.design import MADE_OF
from mmn_bayes.posterior.events import new_unit_rate, spec_of_events
from mmn_bayes.posterior.mixtures import (
    cumulative,
    effective_sample_size,
    fit_mixture,
    moments,
    predicted_events,
    quantile,
    updated,
)

ADEQUATE = 0.02  # largest distance between the distribution of the draws and its mixture


def historical_prior(fit: xr.DataTree, kind: str = "map") -> pd.DataFrame:
    """Make a prior of a rate from a model of studies: a mixture of betas.

    Parameters
    ----------
    fit
        Of outcome "events" with studies as units.
    kind
        "map": the meta-analytic-predictive distribution of the rate of the next study, fitted by
        maximum likelihood to its draws. "robust": that mixture with the vague component of the
        file's `[robust]`, at its weight.

    Returns
    -------
    DataFrame
        One row a component: `component` ("map 1", ..., "vague"), `weight`, `alpha`, `beta`;
        `model`, `kind`, `ess` (effective sample size of the whole prior, in patients), `synthetic`,
        and `fit_fingerprint`: of which fit it is made, by which fits with it are told apart.
        `fit(..., historical=)` takes it.

    Raises
    ------
    ValueError
        When the kind is unknown, the units are not studies, or the file has no `[robust]`.

    References
    ----------
    Schmidli et al., Biometrics 2014;70:1023.
    """
    spec = spec_of_events(fit)
    if kind not in ("map", "robust"):
        raise ValueError(f"kind is {kind!r}; it is 'map' or 'robust'.")
    if spec.unit is None or spec.unit.by != "study" or spec.predictors:
        raise ValueError(
            f"The model '{spec.name}' is not of studies alone; a historical prior is made of the "
            "rates of studies, without predictors."
        )
    mixture = fit_mixture(new_unit_rate(fit).to_numpy())[["weight", "alpha", "beta"]]
    mixture.insert(0, "component", [f"map {k + 1}" for k in range(len(mixture))])
    if kind == "robust":
        if spec.robust is None:
            raise ValueError(f"The model '{spec.name}' has no [robust]; state weight and prior.")
        share, prior = spec.robust.weight, spec.robust.prior
        vague = {"component": "vague", "weight": share, **dict(prior.parameters)}
        kept = mixture.assign(weight=mixture["weight"] * (1.0 - share))
        mixture = pd.concat([kept, pd.DataFrame([vague])], ignore_index=True)
    return mixture.assign(
        model=spec.name,
        kind=kind,
        ess=effective_sample_size(mixture),
        synthetic=bool(fit.attrs["synthetic"]),
        **{MADE_OF: str(fit.attrs["fingerprint"])},
    )


def check_mixture(fit: xr.DataTree, mixture: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Compare the draws of a predictive distribution with the mixture that stands for it.

    Parameters
    ----------
    fit, mixture
        The model of studies, and what `historical_prior(fit, "map")` made of it.
    level
        Probability of the interval whose limits are compared.

    Returns
    -------
    DataFrame
        One row a quantity (mean, sd, median, the limits of the equal-tailed interval, and the
        largest distance between the two distribution functions): `quantity`, `draws`, `mixture`,
        `difference`, `threshold` (of the distance only) and `passed`.
    """
    draws = np.sort(new_unit_rate(fit).to_numpy().ravel())
    tail = (1.0 - level) / 2.0
    rows = [
        ("mean", draws.mean(), moments(mixture)[0]),
        ("sd", draws.std(ddof=1), moments(mixture)[1]),
        *(
            (name, float(np.quantile(draws, q)), quantile(mixture, q))
            for name, q in (("lower", tail), ("median", 0.5), ("upper", 1.0 - tail))
        ),
    ]
    below = cumulative(mixture, draws)
    steps = np.arange(draws.size + 1) / draws.size
    distance = max(float((steps[1:] - below).max()), float((below - steps[:-1]).max()))
    table = pd.DataFrame(rows, columns=["quantity", "draws", "mixture"])
    table["difference"] = table["mixture"] - table["draws"]
    last = {"quantity": "largest distance", "difference": distance, "threshold": ADEQUATE}
    table = pd.concat([table, pd.DataFrame([last])], ignore_index=True)
    within = (table["difference"] <= table["threshold"]).astype("boolean")
    return table.assign(
        passed=within.mask(table["threshold"].isna()), synthetic=bool(fit.attrs["synthetic"])
    )


def prior_data_conflict(
    priors: Mapping[str, pd.DataFrame], events: int, n: int, *, synthetic: bool
) -> pd.DataFrame:
    """Say for every number of responders how surprising it is to a prior and what it leaves of it.

    Parameters
    ----------
    priors
        Mixtures by name, such as {"map": ..., "robust": ...}.
    events, n
        What was observed, and of how many.
    synthetic
        Whether those patients are simulated; it is written on every row.

    Returns
    -------
    DataFrame
        One row a prior and number of events 0..n: `prior`, `events`, `n`, `observed` (whether it
        is what was observed), `probability` (prior predictive), `tail` (probability of a number
        that is no likelier: small means conflict), `estimate`, `sd` (of the rate afterwards),
        `vague_weight` (of the vague component afterwards; missing without one).

    Raises
    ------
    ValueError
        When the counts do not make a proportion.

    References
    ----------
    Box, J R Stat Soc A 1980;143:383 (predictive checks of a prior).
    """
    if n < 1 or not 0 <= events <= n:
        raise ValueError(f"{events} events of {n} patients; events must lie between 0 and n.")
    rows = []
    for name, mixture in priors.items():
        chance = predicted_events(mixture, n)
        vague = (mixture["component"] == "vague").to_numpy()
        for count in range(n + 1):
            after = updated(mixture, count, n)
            mean, sd = moments(after)
            # As likely as the count itself, rounding aside, counts as no likelier.
            tail = float(chance[chance <= chance[count] * (1.0 + 1e-9)].sum())
            weight = float(after.loc[vague, "weight"].sum()) if vague.any() else np.nan
            rows.append(
                (name, count, n, count == events, float(chance[count]), tail, mean, sd, weight)
            )
    columns = ["prior", "events", "n", "observed", "probability", "tail"]
    table = pd.DataFrame(rows, columns=[*columns, "estimate", "sd", "vague_weight"])
    simulated = any(bool(mixture["synthetic"].any()) for mixture in priors.values())
    return table.assign(synthetic=synthetic or simulated)


def against_placebo(draws: xr.DataArray, placebo: xr.DataTree, *, seed: int) -> xr.DataArray:
    """Set a response probability against a placebo rate that is itself uncertain.

    Parameters
    ----------
    draws
        Dims `chain`, `draw` and any others: a response probability under treatment.
    placebo
        Fit of the placebo arms of other studies (outcome "events", studies as units). Its rate of
        a new study is what the patients of `draws` might have had on placebo. The two posteriors
        share no data, so that their draws are put together at random.
    seed
        Of that pairing.

    Returns
    -------
    DataArray
        The dims of `draws` and `measure`: "treated", "placebo", "difference". Above 0 in the
        difference is P(treated > placebo). No ratio: that to a rate near 0 has no mean.
    """
    rates = new_unit_rate(placebo).to_numpy().ravel()
    shape = (draws.sizes["chain"], draws.sizes["draw"])
    drawn = np.random.default_rng([seed, 4]).choice(rates, size=shape, replace=True)
    other = xr.DataArray(drawn, dims=("chain", "draw"))
    treated = draws.drop_attrs()
    parts = [treated, other.broadcast_like(treated), treated - other]
    names = ["treated", "placebo", "difference"]
    together = xr.concat(parts, dim="measure", coords="minimal", compat="override")
    together = together.assign_coords(measure=names).transpose("chain", "draw", ...)
    synthetic = bool(draws.attrs.get("synthetic", False)) or bool(placebo.attrs["synthetic"])
    return together.assign_attrs(
        {
            "synthetic": synthetic,
            "distribution": "posterior",
            "quantity": "response against an uncertain placebo rate",
        }
    )
