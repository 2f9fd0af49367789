"""Priors from history: mixtures that stand for the next study, their conflict, and placebo."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.convergence import convergence
from mmn_bayes.engine.design import MADE_OF
from mmn_bayes.model_file.model_spec import require_outcome
from mmn_bayes.outcomes.evidence.design import unit_of
from mmn_bayes.outcomes.evidence.estimands import new_unit_rate
from mmn_bayes.outcomes.evidence.mixtures import (
    LEAST_DRAWS,
    cumulative,
    effective_sample_size,
    fit_mixture,
    jackknife_error,
    moments,
    narrowest_resolved,
    predicted_events,
    quantile,
    sd_of_log_odds,
    updated,
    usable_rates,
    without_batches,
)
from mmn_bayes.posterior.draws import spec_of

# Largest distance between the distribution of the draws and its mixture; and what draws that are
# independent exceed in 1 of 20 times, times the root of their number (Kolmogorov's law).
ADEQUATE = 0.02
_BY_CHANCE = 1.36


def historical_prior(fit: xr.DataTree, kind: str = "map") -> pd.DataFrame:
    """Approximate the meta-analytic-predictive prior of a rate by a mixture of betas.

    Parameters
    ----------
    fit : DataTree
        Of outcome "events" with studies as units.
    kind : str, default "map"
        "map": the meta-analytic-predictive distribution of the rate of the next study, fitted by
        maximum likelihood to its draws, with no component that they do not resolve
        (`check_mixture`). "robust": that mixture with the vague component of the
        file's `[robust]`, at its weight.

    Returns
    -------
    DataFrame
        One row a component: `component` ("map 1", ..., "vague"), `weight`, `alpha`, `beta`;
        `model`, `kind`, `ess` (effective sample size of the whole prior, in patients) with its
        Monte Carlo error `ess_mcse` (by the fits without each of 20 batches of draws), `synthetic`,
        and `fit_fingerprint` (of the fit that it is made of). `fit(..., historical=)` takes it.

    Raises
    ------
    ValueError
        When the kind is unknown, the units are not studies, the file has no `[robust]`, or draws
        are no rates.

    References
    ----------
    Schmidli et al., Biometrics 2014;70:1023.

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml`:

    >>> prior = mb.evidence.historical_prior(evidence_fit, "robust")
    >>> list(prior.columns)[:7]
    ['component', 'weight', 'alpha', 'beta', 'model', 'kind', 'ess']
    >>> prior["component"].iloc[-1], bool(np.isclose(prior["weight"].sum(), 1.0))
    ('vague', True)
    """
    spec = require_outcome(spec_of(fit), "events")
    if kind not in ("map", "robust"):
        raise ValueError(f"kind is {kind!r}; it is 'map' or 'robust'.")
    if unit_of(spec).by != "study" or spec.predictors:
        raise ValueError(
            f"The model '{spec.name}' is not of studies alone; a historical prior is made of the "
            "rates of studies, without predictors."
        )
    vague: dict[str, Any] | None = None
    if kind == "robust":
        if spec.robust is None:
            raise ValueError(f"The model '{spec.name}' has no [robust]; state weight and prior.")
        share, prior = spec.robust.weight, spec.robust.prior
        vague = {"component": "vague", "weight": share, **dict(prior.parameters)}
    rates = new_unit_rate(fit).transpose("chain", "draw").to_numpy()
    ess = _independent_draws(rates)
    fitted = fit_mixture(rates, ess=ess)
    mixture = _with_vague(fitted, vague)
    others = [_with_vague(other, vague) for other in without_batches(rates, fitted, ess)]
    return mixture.assign(
        model=spec.name,
        kind=kind,
        ess=effective_sample_size(mixture),
        ess_mcse=jackknife_error([effective_sample_size(other) for other in others]),
        synthetic=bool(fit.attrs["synthetic"]),
        **{MADE_OF: str(fit.attrs["fingerprint"])},
    )


def _with_vague(fitted: pd.DataFrame, vague: dict[str, Any] | None) -> pd.DataFrame:
    """The mixture with names, and with the vague component at its weight."""
    mixture = fitted[["weight", "alpha", "beta"]].copy()
    mixture.insert(0, "component", [f"map {k + 1}" for k in range(len(mixture))])
    if vague is None:
        return mixture
    kept = mixture.assign(weight=mixture["weight"] * (1.0 - vague["weight"]))
    return pd.concat([kept, pd.DataFrame([vague])], ignore_index=True)


def _independent_draws(rates: np.ndarray) -> float:
    """As how many independent draws these are, shape (chain, draw): of bulk and tails the fewer."""
    found = convergence(rates[:, :, None])
    sizes = [size for size in (found.ess_bulk[0], found.ess_tail[0]) if np.isfinite(size)]
    return float(min([*sizes, rates.size]))


def check_mixture(fit: xr.DataTree, mixture: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Check how well a mixture of betas approximates the draws of a predictive distribution.

    Parameters
    ----------
    fit, mixture : DataTree, DataFrame
        The fit of a model of studies, and its mixture, of `historical_prior(fit, "map")`.
    level : float, default 0.95
        Probability of the interval whose limits are compared.

    Returns
    -------
    DataFrame
        One row a quantity: `quantity`, `draws`, `mixture`, `difference`, `threshold` and `passed`.
        Mean, sd, median and the limits of the equal-tailed interval have no threshold. The largest
        distance between the two distribution functions is at most 0.02, and at most what as many
        independent draws exceed by chance in 1 of 20 times. The component that is narrowest beside
        what the draws resolve (sds of log odds) is not narrower than that, and the lightest one
        holds at least 50 independent draws; otherwise a component could be Monte Carlo error, and
        would add to the effective sample size.

    Raises
    ------
    ValueError
        When the fit is not of outcome "events" or has predictors, or draws are no rates.

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml`:

    >>> prior = mb.evidence.historical_prior(evidence_fit, "map")
    >>> checks = mb.evidence.check_mixture(evidence_fit, prior)
    >>> checks["quantity"].tolist()[:5]
    ['mean', 'sd', 'lower', 'median', 'upper']
    >>> checks["quantity"].tolist()[5:]
    ['largest distance', 'narrowest component', 'draws in a component']
    """
    rates = new_unit_rate(fit).transpose("chain", "draw").to_numpy()
    ess = _independent_draws(rates)
    draws = usable_rates(rates)
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
    table["passed"] = pd.array([pd.NA] * len(table), dtype="boolean")
    most = min(ADEQUATE, _BY_CHANCE / float(np.sqrt(ess)))
    of_weight = mixture[mixture["weight"] > 0.0]
    sd, resolved = sd_of_log_odds(of_weight), narrowest_resolved(of_weight, rates, ess)
    worst = int(np.argmin(sd / resolved))
    held = float(of_weight["weight"].min()) * ess
    # By a thousandth: the search ends on a bound to within so much.
    checks = pd.DataFrame(
        {
            "quantity": ["largest distance", "narrowest component", "draws in a component"],
            "draws": [np.nan, resolved[worst], ess],
            "mixture": [np.nan, sd[worst], held],
            "difference": [distance, sd[worst] - resolved[worst], np.nan],
            "threshold": [most, 0.0, LEAST_DRAWS],
            "passed": pd.array(
                [
                    distance <= most,
                    sd[worst] >= 0.999 * resolved[worst],
                    held >= 0.999 * LEAST_DRAWS or len(of_weight) == 1,
                ],
                dtype="boolean",
            ),
        }
    )
    table = pd.concat([table, checks], ignore_index=True)
    return table.assign(synthetic=bool(fit.attrs["synthetic"]))


def prior_data_conflict(
    priors: Mapping[str, pd.DataFrame], events: int, n: int, *, synthetic: bool
) -> pd.DataFrame:
    """Tabulate the prior predictive probability of each number of events, and the posterior.

    Parameters
    ----------
    priors : mapping of str to DataFrame
        Mixtures by name, such as {"map": ..., "robust": ...}.
    events, n : int
        Observed number of events, and of how many patients.
    synthetic : bool
        Whether those patients are simulated; it is written on every row.

    Returns
    -------
    DataFrame
        One row a prior and number of events 0..n: `prior`, `events`, `n`, `observed` (whether it
        is what was observed), `probability` (prior predictive), `tail` (prior predictive
        probability of a number no likelier: small means conflict), `estimate`, `sd` (posterior mean
        and sd of the rate), `vague_weight` (posterior weight of the vague component; missing
        without one), `synthetic`.

    Raises
    ------
    ValueError
        When the counts do not make a proportion.

    References
    ----------
    Box, J R Stat Soc A 1980;143:383 (predictive checks of a prior).

    Examples
    --------
    A prior worth some 16 patients, beside 2 responders of 3:

    >>> prior = pd.DataFrame({"component": ["map 1", "vague"], "weight": [0.9, 0.1]})
    >>> prior = prior.assign(alpha=[14.0, 1.0], beta=[6.0, 1.0], synthetic=False)
    >>> table = mb.evidence.prior_data_conflict({"robust": prior}, 2, 3, synthetic=False)
    >>> table[["events", "observed", "probability", "tail", "estimate", "vague_weight"]].round(2)
       events  observed  probability  tail  estimate  vague_weight
    0       0     False         0.06  0.06      0.43          0.43
    1       1     False         0.20  0.25      0.62          0.13
    2       2      True         0.39  1.00      0.69          0.06
    3       3     False         0.35  0.61      0.74          0.07
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


def difference_from_placebo(
    draws: xr.DataArray, placebo: xr.DataTree, *, seed: int
) -> xr.DataArray:
    """Return draws of the difference of a response probability from an uncertain placebo rate.

    Parameters
    ----------
    draws : DataArray
        Dims `chain`, `draw` and any others: a response probability under treatment.
    placebo : DataTree
        Fit of the placebo arms of other studies (outcome "events", studies as units). Its rate of
        a new study stands for the placebo rate of the patients of `draws`. The two posteriors
        share no data, so that their draws are paired at random.
    seed : int
        Seed of that pairing.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `measure` ("treated", "placebo", "difference") and the others of
        `draws`. The share of differences above 0 is P(treated > placebo). There is no ratio: that
        to a rate near 0 has no mean.

    Raises
    ------
    ValueError
        When `placebo` is not of outcome "events", or has predictors.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`, and `placebo_fit`, one of
    `models/historical_placebo.toml`:

    >>> rates = mb.response_probability(response_fit, patients="population", by="naive")
    >>> both = mb.evidence.difference_from_placebo(rates, placebo_fit, seed=1)
    >>> both.dims, both["measure"].to_numpy().tolist()
    (('chain', 'draw', 'measure', 'naive'), ['treated', 'placebo', 'difference'])
    """
    rates = new_unit_rate(placebo).to_numpy().ravel()
    shape = (draws.sizes["chain"], draws.sizes["draw"])
    drawn = rng_of(seed, "placebo rates, paired with others").choice(rates, size=shape)
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
