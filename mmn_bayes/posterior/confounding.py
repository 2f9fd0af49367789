"""How strong something unmeasured must be to make the effect of doses vanish, or hide it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.cohort.exposure import dose_in_effect
from mmn_bayes.posterior.extrapolation import recorded_infusions
from mmn_bayes.posterior.kernel import compartment_of
from mmn_bayes.posterior.replicate import design_of, spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.spec.model_spec import Exposure


def confounding_bound(
    fit: xr.DataTree,
    *,
    grades: Sequence[float] = (0.1, 0.25, 0.5),
    correlations: Sequence[float] = (-0.5, -0.25, 0.25, 0.5),
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate the effect of doses as it would be had something unmeasured confounded it.

    Say that U changes over time within patients, is not in the model, moves the strength of every
    muscle by so many grades a sd, and has a correlation with the measure of exposure, both given
    the patient and the course of time that the model has. A linear effect of the measure is then
    off by grades times correlation over the sd of the measure (the bias of a left-out variable):
    what is left after it is what infusions do. Where doses follow weakness (the weaker get more), U
    is what weakens, and grades and correlation have opposite signs: the effect is then larger than
    it seems. Relapses that are treated and get better by themselves make them of one sign.

    Parameters
    ----------
    fit
        Of outcome "grade", with one exposure, proportional to its measure.
    grades
        What 1 sd of U does to strength, in grades (mean gaps between the cutpoints), above 0.
    correlations
        Of U with the measure, between -1 and 1.
    level
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        One row without confounding, then one for each of `grades` and `correlations`: `exposure`
        (with its unit), `grades`, `correlation`, `estimate` (grades a unit), `lower`, `upper`,
        `level`, `interval`, `p_above` (probability above 0), `tipping_correlation` (that with which
        U of so many grades brings the limit nearer to 0 to 0; missing where the interval holds 0,
        beyond 1 where no U of this size can), `sd_of_measure`, `synthetic`.

    Raises
    ------
    ValueError
        When the model has no single exposure, or a saturating one, or a number is not usable.

    References
    ----------
    Cinelli and Hazlett, J R Stat Soc B 2020;82:39 (bias of a left-out variable).
    """
    spec = spec_of(fit)
    if len(spec.exposures) != 1 or spec.exposures[0].half_effect is not None:
        raise ValueError(
            f"The model '{spec.name}' has {len(spec.exposures)} exposures; the bound is of one, "
            "proportional to its measure (without half_effect)."
        )
    sizes, rs = np.asarray(grades, dtype=float), np.asarray(correlations, dtype=float)
    if not ((sizes > 0) & np.isfinite(sizes)).all() or not (np.abs(rs) < 1).all():
        raise ValueError("Give grades above 0, and correlations between -1 and 1.")
    (exposure,) = spec.exposures
    posterior = fit["posterior"].to_dataset()
    spread = sd_within_patients(fit, exposure)
    gap = posterior["cutpoints"].diff("threshold").mean("threshold")
    effect = (posterior[exposure.name] / gap).assign_attrs(
        synthetic=bool(fit.attrs["synthetic"]), distribution="posterior"
    )
    plain = summarise(effect, level=level, interval="eti").iloc[0]
    limits = float(plain["lower"]), float(plain["upper"])
    rows = []
    for size, r in [(0.0, 0.0), *((s, r) for s in sizes.tolist() for r in rs.tolist())]:
        left = (effect - size * r / spread).assign_attrs(effect.attrs)
        row = summarise(left, level=level, interval="eti", above=0.0).iloc[0]
        rows.append(
            {
                "exposure": f"{exposure.name} (grades by 1 {exposure.unit})",
                "grades": size,
                "correlation": r,
                **{k: row[k] for k in ("estimate", "lower", "upper", "level", "interval")},
                "p_above": row["p_above"],
                "tipping_correlation": _tipping(*limits, size, spread),
                "sd_of_measure": spread,
                "synthetic": bool(row["synthetic"]),
            }
        )
    return pd.DataFrame(rows)


def sd_within_patients(fit: xr.DataTree, exposure: Exposure) -> float:
    """Sd of a measure over graded visits, given the patient and the model's course of time.

    Half-lives and half-time at their posterior means.

    Raises
    ------
    ValueError
        When nothing of the measure is left that patients and time do not explain.
    """
    spec, design, posterior = spec_of(fit), design_of(fit), fit["posterior"].to_dataset()
    measure = _measure(fit, exposure)
    columns = []
    if spec.gain is not None:
        since = design["days_since_first_infusion"].to_numpy()
        columns.append(1.0 - 2.0 ** (-since / float(posterior["half_time_days"].mean())))
    if spec.slope is not None:
        columns.append(design["days_since_inclusion"].to_numpy())
    if spec.time is not None:
        columns += list(design["time_basis"].to_numpy().reshape(measure.size, -1).T)
    within = pd.DataFrame(np.column_stack([measure, *columns]))
    patient = design["patient_of_visit"].to_numpy()
    within = within - within.groupby(patient).transform("mean")
    own, time = within[0].to_numpy(), within.drop(columns=0).to_numpy()
    residual = own - time @ np.linalg.lstsq(time, own, rcond=None)[0]
    free = measure.size - np.unique(patient).size - int(np.linalg.matrix_rank(time))
    spread = float(np.sqrt(residual @ residual / max(free, 1)))
    if free < 1 or spread < 1e-9 * max(np.abs(measure).max(), 1e-300):
        raise ValueError(
            f"The exposure '{exposure.name}' does not vary within patients beyond the course of "
            "time: its effect rests on the prior, and no bound can be given."
        )
    return spread


def _measure(fit: xr.DataTree, exposure: Exposure) -> np.ndarray:
    """The measure of an exposure at every graded visit; shape (visit,)."""
    design = design_of(fit)
    if exposure.measure != "effect_compartment":
        return design[f"exposure_{exposure.name}"].to_numpy()
    own = compartment_of(fit)
    return dose_in_effect(
        design["patient"].to_numpy()[design["patient_of_visit"].to_numpy()],
        design["day_of_visit"].to_numpy(),
        recorded_infusions(design),
        onset_half_life_days=float(np.mean(own.onset)),
        wearing_off_half_life_days=float(np.mean(own.wearing_off)),
    )


def _tipping(lower: float, upper: float, size: float, spread: float) -> float:
    """Correlation with which U of this size brings the nearer limit of an interval to 0."""
    if size == 0.0 or lower <= 0.0 <= upper:
        return np.nan
    return (lower if lower > 0 else upper) * spread / size
