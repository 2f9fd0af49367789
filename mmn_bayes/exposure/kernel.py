"""The effect compartment of a fit: how one infusion comes and goes, and what schedules keep."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mmn_bayes.model_file.prior import Prior
from mmn_bayes.posterior.draws import attributes_of_draws, spec_of

_POINTS = 400  # of a cycle, over which a mean is taken


def dose_in_effect_kernel(fit: xr.DataTree, *, days: Sequence[float]) -> xr.DataArray:
    """Compute posterior draws of the effect of one infusion by days since it.

    Parameters
    ----------
    fit : DataTree
        A fit of a model with one effect compartment; where naive status (or another predictor)
        acts on wearing-off, the curve is that of patients for whom it is 0.
    days : sequence of float
        Days since the infusion, 0 or more.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `day`: effect of 1 g/kg on strength, in the units of the model; with
        half_effect, at low doses in effect.

    Raises
    ------
    ValueError
        When the model has no effect compartment, or several, or a day is before the infusion.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> kernel = mb.exposure.dose_in_effect_kernel(fit, days=[0, 7, 28])
    >>> kernel.dims
    ('chain', 'draw', 'day')
    >>> bool((kernel.sel(day=0) == 0).all())
    True
    """
    own, since = compartment_of(fit), _days(days)
    u = xr.DataArray(since, dims="day", coords={"day": since})
    share = 2.0 ** (-u / own.wearing_off) * -np.expm1(-np.log(2.0) * u / own.onset)
    size = fit["posterior"].to_dataset()[own.name]
    if own.half_effect is not None:
        size = size / own.half_effect
    drawn = (size * share).transpose("chain", "draw", "day").rename("kernel")
    return drawn.assign_attrs(attributes_of_draws(fit, "effect of 1 g/kg so many days after it"))


class Compartment(NamedTuple):
    """The one effect compartment of a fit: draws of what was estimated, numbers where it is fixed.

    `half_effect` is None where the effect does not saturate.
    """

    name: str
    onset: Any
    wearing_off: Any
    half_effect: Any


def compartment_of(fit: xr.DataTree) -> Compartment:
    """Return the effect compartment of a fit.

    Raises
    ------
    ValueError
        When its model has none, or several.
    """
    spec, posterior = spec_of(fit), fit["posterior"].to_dataset()
    found = [e for e in spec.exposures if e.measure == "effect_compartment"]
    if len(found) != 1:
        raise ValueError(
            f"The model '{spec.name}' has {len(found)} exposures by an effect compartment; one is "
            "needed."
        )
    (exposure,) = found

    def values(part: str, prior: Prior | None) -> Any:
        if prior is None:
            return None
        fixed = prior.distribution == "fixed"
        return float(prior["value"]) if fixed else posterior[f"{exposure.name}_{part}"]

    return Compartment(
        exposure.name,
        values("onset_half_life_days", exposure.onset),
        values("wearing_off_half_life_days", exposure.wearing_off),
        values("half_effect", exposure.half_effect),
    )


def wearing_off_curve(
    fit: xr.DataTree, *, days: Sequence[float], dose_g_per_kg: float, every_days: float
) -> xr.DataArray:
    """Compute the share of a schedule's effect that is left by days since its last infusion.

    At steady state: the schedule has gone on for so long that its cycles are alike.

    Parameters
    ----------
    fit : DataTree
        A fit of a model with one effect compartment; where naive status (or another predictor)
        acts on wearing-off, the curve is that of patients for whom it is 0.
    days : sequence of float
        Days since the last infusion, 0 or more.
    dose_g_per_kg, every_days : float
        Dose of a course, given on one day, and interval of the schedule.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `day`: share of the mean effect over a cycle of the schedule. It is
        below 1 at first, just before what would be the next rise, and not the same in every draw.

    Raises
    ------
    ValueError
        When a number is not usable, or the model has no single effect compartment.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> left = mb.exposure.wearing_off_curve(fit, days=[0, 28, 84], dose_g_per_kg=1, every_days=28)
    >>> left.dims
    ('chain', 'draw', 'day')
    >>> bool((left.sel(day=84) < left.sel(day=28)).all())
    True
    """
    asked = _days(days)
    if not 0 < dose_g_per_kg < np.inf or not 0 < every_days < np.inf:
        raise ValueError("Give a dose and an interval above 0.")
    own = compartment_of(fit)
    off, both = 1.0 / own.wearing_off, 1.0 / own.wearing_off + 1.0 / own.onset

    def left(u: xr.DataArray, rate: Any) -> Any:
        return 2.0 ** (-u * rate) / -np.expm1(-np.log(2.0) * every_days * rate)

    def effect(since: np.ndarray) -> Any:
        u = xr.DataArray(since, dims="day", coords={"day": since})
        return _saturated(own, dose_g_per_kg * (left(u, off) - left(u, both)))

    cycle = (np.arange(_POINTS) + 0.5) * every_days / _POINTS
    share = _with_draws(effect(asked) / effect(cycle).mean("day"), fit)
    return share.transpose("chain", "draw", "day").assign_attrs(
        attributes_of_draws(
            fit,
            f"share of the mean effect of {dose_g_per_kg:g} g/kg every {every_days:g} days that is "
            "left so many days after the last infusion",
        )
    )


def equivalent_dose(
    fit: xr.DataTree,
    share: float,
    *,
    dose_g_per_kg: float,
    every_days: float,
    other_every_days: Sequence[float],
) -> xr.DataArray:
    """Compute the dose at other intervals that keeps a share of the effect of a schedule.

    Compared at steady state at the trough, just before the next course: with q = exp(-rate days) a
    course of 1 g/kg every `days` leaves q / (1 - q) of each exponential of the kernel.

    Parameters
    ----------
    fit : DataTree
        A fit of a model with one effect compartment.
    share : float
        Share to keep, above 0 and at most 1, of the effect of infusions on strength.
    dose_g_per_kg, every_days : float
        Dose of a course and interval of the schedule to compare with.
    other_every_days : sequence of float
        Intervals to find the dose for, days.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `every_days`: g/kg a course.

    Raises
    ------
    ValueError
        When a number is not usable, or the model has no single effect compartment.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> dose = mb.exposure.equivalent_dose(
    ...     fit, 0.9, dose_g_per_kg=1, every_days=28, other_every_days=[14, 56]
    ... )
    >>> dose.dims
    ('chain', 'draw', 'every_days')
    >>> bool((dose.sel(every_days=14) < dose.sel(every_days=56)).all())
    True
    """
    intervals = np.array([every_days, *other_every_days], dtype=float)
    usable = np.isfinite(intervals).all() and (intervals > 0).all() and intervals.size > 1
    if not 0 < share <= 1 or not 0 < dose_g_per_kg < np.inf or not usable:
        raise ValueError("Give a share above 0 and at most 1, a dose and intervals above 0.")
    own = compartment_of(fit)
    off, both = 1.0 / own.wearing_off, 1.0 / own.wearing_off + 1.0 / own.onset

    def lowest(interval: Any) -> Any:
        return sum(
            sign / np.expm1(np.log(2.0) * rate * interval) for sign, rate in ((1, off), (-1, both))
        )

    others = np.asarray(other_every_days, dtype=float)
    asked = xr.DataArray(others, dims="every_days", coords={"every_days": others})
    of_usual = share
    if own.half_effect is not None:  # of a saturating effect a share takes less than that
        usual = dose_g_per_kg * lowest(every_days)
        effect = share * usual / (own.half_effect + usual)
        of_usual = own.half_effect * effect / (1.0 - effect) / usual
    needed = _with_draws(of_usual * dose_g_per_kg * (lowest(every_days) / lowest(asked)), fit)
    return needed.transpose("chain", "draw", "every_days").assign_attrs(
        attributes_of_draws(
            fit,
            f"dose of a course that keeps {share:g} of the effect that {dose_g_per_kg:g} g/kg "
            f"every {every_days:g} days have before the next",
        )
    )


def _days(days: Sequence[float]) -> np.ndarray:
    """Days after an infusion: one or more, each a number of 0 or more."""
    asked = np.asarray(days, dtype=float)
    if asked.ndim != 1 or asked.size == 0 or not (np.isfinite(asked) & (asked >= 0)).all():
        raise ValueError("Give days after the infusion, each 0 or more.")
    return asked


def _saturated(own: Compartment, in_effect: Any) -> Any:
    """What a dose in effect does, in units of the size of the effect."""
    return in_effect if own.half_effect is None else in_effect / (own.half_effect + in_effect)


def _with_draws(values: Any, fit: xr.DataTree) -> Any:
    """The same value in every draw, where all that it depends on is fixed."""
    if {"chain", "draw"} <= set(values.dims):
        return values
    sizes = fit["posterior"].to_dataset()
    return values * xr.ones_like(sizes["chain"] * sizes["draw"], dtype=float)
