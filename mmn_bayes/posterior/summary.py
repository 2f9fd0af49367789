"""The only place where chain and draw vanish: draws in, a table out; and contrasts of draws."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.convergence import convergence, error_of_mean

Interval = Literal["eti", "hdi"]
Contrast = Literal["difference", "ratio", "odds_ratio"]
DRAWN_FROM = ("posterior", "prior", "predictive")
_SAMPLE = ["chain", "draw"]
# Where a quantity can lie, as the attribute `support` of its draws: its smallest and largest value.
PROBABILITY, POSITIVE, REAL = (0.0, 1.0), (0.0, np.inf), (-np.inf, np.inf)
_ROUNDING = 1e-9


def summarise(
    draws: xr.DataArray,
    *,
    level: float = 0.95,
    interval: Interval = "eti",
    above: float | None = None,
    below: float | None = None,
    within: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Summarise draws by mean, interval, convergence diagnostics and probabilities.

    Parameters
    ----------
    draws : DataArray
        Dims `chain`, `draw` and any others. Its attribute `synthetic` is passed on; so is
        `distribution`, what they are draws of: "posterior" (when it is absent, too), "prior" or
        "predictive". Its attribute `support` is where the quantity can lie.
    level : float, default 0.95
        Probability of the interval, between 0 and 1.
    interval : Interval, default "eti"
        "eti" (equal tails) or "hdi" (highest density).
    above, below, within : float or None, float or None, tuple of (float, float) or None, optional
        Margins: the probability of lying above, below, or between is added as `p_above`,
        `p_below`, `p_within`. They lie where the quantity can.

    Returns
    -------
    DataFrame
        One row for each combination of the other dims, which are columns: `estimate` (the mean),
        `sd`, `lower`, `upper`, `level`, `interval`, `distribution` (only where it is not the
        posterior), `ess_bulk`, `ess_tail`, `r_hat`, `mcse` (of the mean), the probabilities asked
        for, and `synthetic`; `reason` (words) only where a row is missing. Where draws are all
        equal, R-hat and effective sample size are not defined and left missing, and `mcse` is 0.
        Where any draw is not a finite number (a rate of nobody, a ratio to 0), the whole row is
        missing, and `reason` says how many draws have a value, and with the words of their
        attribute `undefined`, where they have one, why the others do not.

    Raises
    ------
    ValueError
        When dims are missing, the level is not between 0 and 1, the interval or the distribution
        is unknown, or a margin lies where the quantity cannot (20 for a probability).

    References
    ----------
    Vehtari et al., Bayesian Analysis 2021;16:667 (R-hat and effective sample size by ranks).

    Examples
    --------
    >>> draws = xr.DataArray([np.linspace(0, 1, 1001)] * 2, dims=("chain", "draw"))
    >>> mb.summarise(draws, above=0.75)[["estimate", "lower", "upper", "level", "p_above"]].round(3)
       estimate  lower  upper  level  p_above
    0       0.5  0.025  0.975   0.95     0.25
    """
    distribution = str(draws.attrs.get("distribution", "posterior"))
    _check(draws, level, interval, distribution)
    _check_margins(draws, {"above": above, "below": below}, within)
    finite = xr.DataArray(np.isfinite(draws))
    defined = finite.all(_SAMPLE)
    draws = draws.where(defined)
    bounds = {"eti": az.eti, "hdi": az.hdi}[interval](draws, prob=level, dim=_SAMPLE)
    varies = defined & (draws.max(_SAMPLE) > draws.min(_SAMPLE))
    parts: dict[str, Any] = {
        "estimate": draws.mean(_SAMPLE, skipna=False),
        # Equal draws have sd 0, not the rounding error of their mean.
        "sd": draws.std(_SAMPLE, ddof=1).where(varies | ~defined, 0.0),
        "lower": bounds.sel(ci_bound="lower", drop=True),
        "upper": bounds.sel(ci_bound="upper", drop=True),
        "level": level,
        "interval": interval,
        **({} if distribution == "posterior" else {"distribution": distribution}),
        **_diagnostics(draws, varies, defined),
    }
    if above is not None:
        parts["p_above"] = (draws > above).mean(_SAMPLE).where(defined)
    if below is not None:
        parts["p_below"] = (draws < below).mean(_SAMPLE).where(defined)
    if within is not None:
        inside = (draws > within[0]) & (draws < within[1])
        parts["p_within"] = inside.mean(_SAMPLE).where(defined)
    if not bool(defined.all()):
        parts["reason"] = _reason(finite, defined, str(draws.attrs.get("undefined", "")))
    return _as_table(parts).assign(synthetic=bool(draws.attrs.get("synthetic", False)))


def with_reason(columns: Sequence[str], table: pd.DataFrame) -> list[str]:
    """Return columns of a table, with `reason` at the end where a row of it is missing."""
    return [*columns, *(["reason"] if "reason" in table else [])]


def filled_reason(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which every row without an estimate has a reason, if any has.

    A row that was not summarised from draws has none for want of patients.
    """
    if "reason" not in table:
        return table
    of_counts = table["reason"].isna() & table["estimate"].isna()
    return table.assign(reason=table["reason"].fillna("").mask(of_counts, "nobody evaluable"))


def _reason(finite: xr.DataArray, defined: xr.DataArray, why: str) -> xr.DataArray:
    """Why a row is missing; nothing where it is not."""
    n_draws = finite.sizes["chain"] * finite.sizes["draw"]

    def words(n: float, whole: bool) -> str:
        if whole:
            return ""
        return f"{n:.0f} of {n_draws} draws have a value; in the others {why or 'it is no number'}"

    return xr.apply_ufunc(
        words, finite.sum(_SAMPLE), defined, vectorize=True, output_dtypes=[object]
    )


def contrast(
    draws: xr.DataArray, between: tuple[Any, Any], kind: Contrast = "difference"
) -> xr.DataArray:
    """Compute the difference, ratio or odds ratio of two members of a dim, draw by draw.

    Parameters
    ----------
    draws : DataArray
        Dims `chain`, `draw` and exactly one other that has both members.
    between : tuple of (object, object)
        The two members (a, b): labels of that dim.
    kind : Contrast, default "difference"
        "difference" a - b, "ratio" a / b, or "odds_ratio" (a / (1 - a)) / (b / (1 - b)).

    Returns
    -------
    DataArray
        Dims of `draws` without the contrasted one.

    Raises
    ------
    ValueError
        When no dim, or more than one, has both members, or the kind is unknown.

    Examples
    --------
    >>> values, groups = [[[0.8, 0.5], [0.6, 0.3]]], {"naive": [True, False]}
    >>> draws = xr.DataArray(values, dims=("chain", "draw", "naive"), coords=groups)
    >>> mb.contrast(draws, (True, False), "odds_ratio").round(2).to_numpy()
    array([[4. , 3.5]])
    """
    dims = [
        dim
        for dim in draws.dims
        if dim not in _SAMPLE and all(member in draws[dim].to_numpy() for member in between)
    ]
    if len(dims) != 1:
        raise ValueError(
            f"{between[0]!r} and {between[1]!r} are members of {len(dims)} dims of these draws "
            f"({', '.join(map(str, draws.dims))}); exactly one is needed."
        )
    a, b = (draws.sel({dims[0]: member}, drop=True) for member in between)
    kinds: Mapping[str, Any] = {
        "difference": lambda: a - b,
        "ratio": lambda: a / b,
        "odds_ratio": lambda: a / (1.0 - a) / (b / (1.0 - b)),
    }
    if kind not in kinds:
        raise ValueError(f"kind is {kind!r}; it is one of {', '.join(kinds)}.")
    return kinds[kind]().assign_attrs(
        {
            **draws.attrs,
            "quantity": f"{kind} of {between[0]} and {between[1]}",
            "support": _contrasted(_support(draws), kind),
            "undefined": "one of the two is missing, or what it is divided by is 0",
        }
    )


def _check(draws: xr.DataArray, level: float, interval: str, distribution: str) -> None:
    missing = [dim for dim in _SAMPLE if dim not in draws.dims]
    if missing:
        raise ValueError(f"These draws have no dim {' and no dim '.join(missing)}.")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it is a probability between 0 and 1, such as 0.95.")
    if interval not in ("eti", "hdi"):
        raise ValueError(f"interval is {interval!r}; it is 'eti' or 'hdi'.")
    if distribution not in DRAWN_FROM:
        raise ValueError(
            f"The distribution of these draws is {distribution!r}; it is 'posterior', 'prior' or "
            "'predictive'."
        )


def _support(draws: xr.DataArray) -> tuple[float, float]:
    """Where the quantity can lie, as far as its draws say.

    Arithmetic keeps attributes: draws that lie elsewhere are no longer of that quantity.
    """
    low, high = map(float, draws.attrs.get("support", REAL))
    inside = (draws >= low - _ROUNDING) & (draws <= high + _ROUNDING)
    return (low, high) if bool((inside | ~np.isfinite(draws)).all()) else REAL


def _contrasted(support: tuple[float, float], kind: str) -> tuple[float, float]:
    """Where a contrast of two quantities of a support can lie."""
    low, high = support
    if kind == "difference":
        return low - high, high - low
    return POSITIVE if low >= 0 else REAL


def _check_margins(
    draws: xr.DataArray,
    margins: Mapping[str, float | None],
    within: tuple[float, float] | None,
) -> None:
    stated = [(name, margin) for name, margin in margins.items() if margin is not None]
    if within is not None:
        if not within[0] < within[1]:
            raise ValueError(f"within is {within}; give two numbers, the smaller first.")
        stated += [("within", margin) for margin in within]
    if not stated:
        return
    low, high = _support(draws)
    for name, margin in stated:
        if not (low <= margin <= high and np.isfinite(margin)):
            what = str(draws.attrs.get("quantity", "this quantity"))
            values = f"from {low:g} to {high:g}" if (low, high) != REAL else "a finite number"
            raise ValueError(
                f"{name} is {margin}, where '{what}' cannot lie: it is {values}; give a margin "
                "there. Of draws of another quantity, made from these, take away the attribute "
                "`support`."
            )


def _diagnostics(
    draws: xr.DataArray, varies: xr.DataArray, defined: xr.DataArray
) -> dict[str, xr.DataArray]:
    """R-hat and the rest; missing, not a warning, where there is nothing to estimate."""
    ordered = draws.transpose(*_SAMPLE, ...)
    members = ordered.to_numpy().reshape(*ordered.shape[:2], -1)
    found = convergence(members)
    of_members = {
        "ess_bulk": found.ess_bulk,
        "ess_tail": found.ess_tail,
        "r_hat": found.r_hat,
        "mcse": error_of_mean(members),
    }
    like = ordered.isel(chain=0, draw=0, drop=True)
    laid_out = {name: like.copy(data=own.reshape(like.shape)) for name, own in of_members.items()}
    mcse = laid_out.pop("mcse").where(varies, 0.0).where(defined)
    return {name: values.where(varies) for name, values in laid_out.items()} | {"mcse": mcse}


def _as_table(parts: dict[str, Any]) -> pd.DataFrame:
    """Lay arrays that share their dims out as columns; without dims, as one row."""
    arrays = {name: part for name, part in parts.items() if isinstance(part, xr.DataArray)}
    data = xr.Dataset(arrays)
    if data.dims:
        table = data.to_dataframe().reset_index()
    else:
        table = pd.DataFrame({name: [value.item()] for name, value in data.data_vars.items()})
    dims = [column for column in table.columns if column not in parts]
    for name, part in parts.items():
        if name not in arrays:
            table[name] = part
    return table[[*dims, *parts]]
