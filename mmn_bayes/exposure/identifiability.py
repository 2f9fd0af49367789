"""What the data say of time and of infusions, and whether they tell the two apart."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.response import NOT_GRADED
from mmn_bayes.engine.design import at_rows
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.distributions import DISTRIBUTIONS
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.posterior.draws import (
    SOME_DRAWS,
    as_draws,
    design_of_grades,
    require_gap,
    spec_of,
    thinned,
)
from mmn_bayes.posterior.groups import groups_of
from mmn_bayes.posterior.prior_predictive import sample_prior
from mmn_bayes.posterior.summary import summarise

TIME, INFUSIONS, BOTH = "time", "infusions", "both"
LITTLE, MOST = 0.25, 0.75  # of the prior's variance that the data remove
ALONG = 0.7  # a posterior correlation from which two parameters are not separated


def change_by_part(fit: xr.DataTree, *, by: str | None = None) -> xr.DataArray:
    """Split the posterior change of strength by follow-up into parts of time and of infusions.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `part` ("time": gain, slope and time; "infusions": all exposures;
        "both") and, with `by`, that name: the mean over the muscles of these patients between the
        target days of the response rule, under the infusions recorded, in grades (mean gaps between
        the cutpoints). From at most 1,000 draws.

    Raises
    ------
    ValueError
        When the fit has no grades, or `by` makes no groups.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> change = mb.exposure.change_by_part(fit, by="naive")
    >>> change.dims
    ('chain', 'draw', 'part', 'naive')
    >>> change["part"].values.tolist()
    ['time', 'infusions', 'both']
    """
    spec, design = spec_of(fit), design_of_grades(fit)
    require_gap(spec)
    groups, fit = groups_of(fit, by), thinned(fit, SOME_DRAWS)
    rule, n_site = spec.response, design.sizes["site"]
    site = np.tile(np.arange(n_site), 2)
    day = np.repeat([rule.baseline_day, rule.follow_up_day], n_site)
    rows = at_rows(design, spec, site, day, np.full(site.size, NOT_GRADED))
    order = np.argsort(rows["position_of_row"].to_numpy())
    number = groups.number[design["patient_of_site"].to_numpy()]
    draws = fit["posterior"].to_dataset()
    noise = draws["noise"].to_numpy().reshape(-1, 1) if spec.noise is not None else 1.0
    without = draws.assign({e.name: xr.zeros_like(draws[e.name]) for e in spec.exposures})
    found = {}
    for part, own in ((BOTH, draws), (TIME, without)):
        # Effects of days nobody was graded on: the same ones in both, so that they cancel.
        rng = np.random.default_rng(0)
        names = ["eta_without_site", "scaled_cutpoints"]
        blocks = predict(spec, rows, own, names, purpose="recover", rng=rng)
        eta, cutpoints = (np.concatenate(v) for v in zip(*(b for _, b in blocks), strict=True))
        gap = np.diff(cutpoints[:, 0], axis=-1).mean(axis=-1)[:, None] * noise
        change = (eta[:, order[n_site:]] - eta[:, order[:n_site]]) * noise / gap
        found[part] = np.stack(
            [change[:, number == g].mean(axis=1) for g in range(len(groups.members))], axis=-1
        )
    parts = np.stack([found[TIME], found[BOTH] - found[TIME], found[BOTH]], axis=1)
    dims = {"part": [TIME, INFUSIONS, BOTH], **groups.dims}
    quantity = f"change of strength by day {rule.follow_up_day:g}, in grades"
    return as_draws(fit, parts, dims, quantity=quantity)


def identifiability_table(
    fit: xr.DataTree, *, seed: int, by: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Tabulate prior-to-posterior contraction of time and exposure, and their correlation.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade", of a model with an exposure.
    seed : int
        Seed of the draws from the prior.
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.
    level : float, default 0.95
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        One row a parameter of time or of an exposure, then one a part of `change_by_part` and
        group: `quantity`, `component` ("time", "infusions" or "both"), `estimate`, `lower`,
        `upper`, `level`, `interval` (posterior), `prior_lower`, `prior_upper` (same level and
        kind), `variance_removed` (contraction: 1 less the variance of the posterior over that of
        the prior; of logarithms, where a parameter is positive), `correlates_with` and
        `correlation` (the parameter of the other kind with the largest posterior correlation),
        `interpretation` (a sentence), `synthetic`.

    Raises
    ------
    ValueError
        When the fit has no grades or no exposure, or `by` makes no groups.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> table = mb.tables.identifiability_table(fit, seed=1)
    >>> table[["quantity", "component"]].head(5)
                             quantity  component
    0                            gain       time
    1                  half_time_days       time
    2                      naive_gain       time
    3                       infusions  infusions
    4  infusions_onset_half_life_days  infusions
    """
    spec = spec_of(fit)
    design_of_grades(fit)
    if not spec.exposures:
        raise ValueError(f"The model '{spec.name}' has no exposure to be told from time.")
    prior_fit = sample_prior(fit, seed=seed, draws=SOME_DRAWS)
    prior = prior_fit["posterior"].to_dataset()
    posterior = fit["posterior"].to_dataset()
    both = {TIME: _named(spec, posterior, TIME), INFUSIONS: _named(spec, posterior, INFUSIONS)}
    before = {of: _named(spec, prior, of) for of in both}
    rows = []
    for of, other in ((TIME, INFUSIONS), (INFUSIONS, TIME)):
        for name, draws in both[of].items():
            row = _row(name, of, draws, before[of][name], level)
            partners = {n: _correlation(draws, d) for n, d in both[other].items()}
            partners = {n: r for n, r in partners.items() if np.isfinite(r)}
            if partners:
                along = max(partners, key=lambda n: abs(partners[n]))
                row |= {"correlates_with": along, "correlation": partners[along]}
            rows.append(row | {"interpretation": _parameter_says(row)})
    change, before_change = (change_by_part(tree, by=by) for tree in (fit, prior_fit))
    rows += _part_rows(change, before_change, by, level)
    return pd.DataFrame(rows).assign(synthetic=bool(fit.attrs["synthetic"]))


def _named(spec: ModelSpec, draws: xr.Dataset, of: str) -> dict[str, xr.DataArray]:
    """Draws of the parameters of time or of exposures, each of one number, by name."""
    if of == INFUSIONS:
        names = [n for e in spec.exposures for n in (e.name, *e.shape)]
        acting: tuple[str, ...] = ("wearing_off",)
    else:
        names = ["gain", "half_time_days"] if spec.gain is not None else []
        names += ["slope"] if spec.slope is not None else []
        names += ["time_step"] if spec.time is not None else []
        acting = ("gain", "slope")
    names += [p.name for p in spec.predictors if p.acts_on in acting]
    found: dict[str, xr.DataArray] = {}
    for name in names:
        positive = DISTRIBUTIONS[spec.priors[name].distribution].support == "positive"
        own = draws[name].assign_attrs(positive=positive)
        if set(own.dims) == {"chain", "draw"}:
            found[name] = own
            continue
        (dim,) = set(own.dims) - {"chain", "draw"}
        for place in range(own.sizes[dim]):
            label = own[dim].to_numpy()[place] if dim in own.coords else place
            found[f"{name}, {label}"] = own.isel({dim: place}, drop=True)
    return found


def _row(
    name: str, of: str, draws: xr.DataArray, prior: xr.DataArray, level: float
) -> dict[str, object]:
    """Posterior beside prior of one number."""
    after, before = (summarise(d, level=level, interval="eti").iloc[0] for d in (draws, prior))
    scales = [np.log(d) if draws.attrs.get("positive") else d for d in (draws, prior)]
    own, known = (float(d.var(ddof=1)) for d in scales)
    return {
        "quantity": name,
        "component": of,
        **{key: after[key] for key in ("estimate", "lower", "upper", "level", "interval")},
        "prior_lower": before["lower"],
        "prior_upper": before["upper"],
        "variance_removed": 1.0 - own / known if known > 0 else np.nan,
        "correlates_with": "",
        "correlation": np.nan,
    }


def _correlation(one: xr.DataArray, other: xr.DataArray) -> float:
    if one.std() == 0.0 or other.std() == 0.0:
        return np.nan
    return float(np.corrcoef(one.to_numpy().ravel(), other.to_numpy().ravel())[0, 1])


def _parameter_says(row: dict[str, object]) -> str:
    removed, r = float(str(row["variance_removed"])), float(str(row["correlation"]))
    percent = f"{100 * max(removed, 0.0):.0f} % of the prior's variance is removed"
    if removed < LITTLE:
        says = f"The data say little of it: {percent}."
    elif removed < MOST:
        says = f"The data say something of it: {percent}."
    else:
        says = f"The data say what it is: {percent}."
    if abs(r) > ALONG:
        other = row["correlates_with"]
        says += f" The posterior does not separate it from {other} (correlation {r:.2f})."
    return says


def _part_rows(
    posterior: xr.DataArray, prior: xr.DataArray, by: str | None, level: float
) -> Iterator[dict[str, object]]:
    """A row for each part of the change and group."""
    members = posterior[by].to_numpy().tolist() if by else [None]
    for member in members:
        own, before = ((d.sel({by: member}) if by else d) for d in (posterior, prior))
        of_group = f", {by} = {'yes' if member else 'no'}" if by else ""
        time, infusions = own.sel(part=TIME), own.sel(part=INFUSIONS)
        r = _correlation(time, infusions)
        for part in (TIME, INFUSIONS, BOTH):
            what = "time and infusions together" if part == BOTH else part
            name = f"change by follow-up attributed to {what} (grades){of_group}"
            row = _row(name, part, own.sel(part=part), before.sel(part=part), level)
            if part != BOTH:
                other = INFUSIONS if part == TIME else TIME
                row |= {"correlates_with": other, "correlation": r}
            removed = [
                _row(p, p, own.sel(part=p), before.sel(part=p), level)["variance_removed"]
                for p in (TIME, INFUSIONS)
            ]
            yield row | {"interpretation": _part_says(part, own, r, removed)}


def _part_says(part: str, own: xr.DataArray, r: float, removed: list[Any]) -> str:
    sd = {name: float(own.sel(part=name).std(skipna=False)) for name in (TIME, INFUSIONS, BOTH)}
    if part != BOTH:
        return f"Known to {sd[part]:.2f} grades (sd)."
    parts = min(sd[TIME], sd[INFUSIONS])
    known = f"Together they are known to {sd[BOTH]:.2f} grades (sd)"
    if r < -ALONG:
        return (
            f"{known}, each to no better than {parts:.2f}: how the change is shared between them "
            f"the data do not tell (correlation {r:.2f})."
        )
    if not np.isfinite(r):
        return f"{known}; one of the two changes nothing in this model."
    if min(removed) < LITTLE:
        return f"{known}, of one or both of which the data say little beyond the prior."
    return (
        f"{known}, each to {parts:.2f} or more; the posterior separates them (correlation {r:.2f})."
    )
