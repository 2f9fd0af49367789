"""How strong something unmeasured must be to make the effect of doses vanish, or hide it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.exposure import dose_in_effect
from mmn_bayes.engine.design import recorded_infusions
from mmn_bayes.exposure.kernel import compartment_of
from mmn_bayes.model_file.model_spec import Exposure
from mmn_bayes.posterior.draws import (
    FEW_DRAWS,
    as_draws,
    attributes_of_draws,
    design_of,
    design_of_grades,
    grade_gap,
    spec_of,
    thinned,
)
from mmn_bayes.posterior.summary import summarise


def confounding_sensitivity(
    fit: xr.DataTree,
    *,
    grades: Sequence[float] = (0.1, 0.25, 0.5),
    correlations: Sequence[float] = (-0.5, -0.25, 0.25, 0.5),
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the exposure effect corrected for an unmeasured confounder of assumed strength.

    A confounder U varies over time within patients, is not in the model, changes the strength of
    every muscle by `grades` for each sd of U, and has a `correlation` with the measure of exposure,
    both given the patient and the time course of the model. The omitted-variable bias of a linear
    effect of the measure is grades times correlation over the sd of the measure: the estimate less
    this bias is the effect of infusions. Where doses follow weakness (the weaker get more), U
    is what weakens, and grades and correlation have opposite signs: the effect is then larger than
    it seems. Relapses that are treated and get better by themselves make them of one sign.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade" with one exposure, linear in its measure.
    grades : sequence of float, default (0.1, 0.25, 0.5)
        Effects of 1 sd of U on strength, in grades (mean gaps between the cutpoints), above 0.
    correlations : sequence of float, default (-0.5, -0.25, 0.25, 0.5)
        Correlations of U with the measure, between -1 and 1.
    level : float, default 0.95
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        One row without confounding, then one for each of `grades` and `correlations`: `exposure`
        (with its unit), `grades`, `correlation`, `estimate` (grades a unit), `lower`, `upper`,
        `level`, `interval`, `p_above` (probability above 0), `tipping_correlation` (correlation at
        which a U of this size moves the interval's limit nearest to 0 to 0; missing where the
        interval includes 0, beyond 1 where no U of this size can), `sd_of_measure` (mean over
        draws), `synthetic`. From evenly spaced draws, at most 400, each with the measure at its own
        half-lives.

    Raises
    ------
    ValueError
        When the model has no single exposure, or a saturating one, or a number is not usable.

    References
    ----------
    Cinelli and Hazlett, J R Stat Soc B 2020;82:39 (bias of a left-out variable).

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> table = mb.exposure.confounding_sensitivity(fit, grades=[0.25], correlations=[-0.5, 0.5])
    >>> table[["grades", "correlation"]]
       grades  correlation
    0    0.00          0.0
    1    0.25         -0.5
    2    0.25          0.5
    """
    spec = spec_of(fit)
    design_of_grades(fit)
    acting = [p.name for p in spec.predictors if p.acts_on == "wearing_off"]
    if len(spec.exposures) != 1 or spec.exposures[0].half_effect is not None or acting:
        raise ValueError(
            f"The model '{spec.name}' has {len(spec.exposures)} exposures; the bound is of one, "
            "proportional to its measure (without half_effect), the same for all patients (without "
            "a predictor that acts on wearing_off)."
        )
    sizes = np.atleast_1d(np.asarray(grades, dtype=float))
    rs = np.atleast_1d(np.asarray(correlations, dtype=float))
    if not ((sizes > 0) & np.isfinite(sizes)).all() or not (np.abs(rs) < 1).all():
        raise ValueError("Give grades above 0, and correlations between -1 and 1.")
    (exposure,) = spec.exposures
    fit = thinned(fit, FEW_DRAWS)
    posterior = fit["posterior"].to_dataset()
    spread = sd_within_patients(fit, exposure)
    about = attributes_of_draws(fit, f"effect of {exposure.name}, in grades")
    effect = (posterior[exposure.name] / grade_gap(fit)).assign_attrs(about)
    # What U of size 1 and correlation 1 must be, to make the effect of a draw vanish.
    needed = summarise((effect * spread).assign_attrs(about), level=level, interval="eti").iloc[0]
    limits = float(needed["lower"]), float(needed["upper"])
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
                "tipping_correlation": _tipping(*limits, size),
                "sd_of_measure": float(spread.mean()),
                "synthetic": bool(row["synthetic"]),
            }
        )
    return pd.DataFrame(rows)


def sd_within_patients(fit: xr.DataTree, exposure: Exposure) -> xr.DataArray:
    """Sd of a measure over graded visits, given the patient and the model's course of time.

    Parameters
    ----------
    fit, exposure : DataTree, Exposure
        The fit, and one exposure of its model.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`: at the half-lives and the half-time of each draw, of which the effect
        of one unit is.

    Raises
    ------
    ValueError
        When nothing of the measure is left that patients and time do not explain.
    """
    spec, design, posterior = spec_of(fit), design_of(fit), fit["posterior"].to_dataset()
    patient = design["patient_of_visit"].to_numpy()
    known = []
    if spec.slope is not None:
        known.append(design["days_since_inclusion"].to_numpy())
    if spec.time is not None:
        known += list(design["time_basis"].to_numpy().reshape(patient.size, -1).T)
    since = design["days_since_first_infusion"].to_numpy()
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    spreads = np.empty(shape)
    for chain, draw in np.ndindex(shape):
        at = {"chain": chain, "draw": draw}
        columns = list(known)
        if spec.gain is not None:
            columns.append(1.0 - 2.0 ** (-since / posterior["half_time_days"][at].item()))
        measure = _measure(fit, exposure, at)
        spreads[chain, draw] = _residual_sd(measure, columns, patient)
    if not (spreads > 0.0).all():
        raise ValueError(
            f"The exposure '{exposure.name}' does not vary within patients beyond the course of "
            "time: its effect rests on the prior, and no bound can be given."
        )
    return as_draws(fit, spreads, {}, quantity=f"sd of {exposure.name} within patients")


def _residual_sd(measure: np.ndarray, time: list[np.ndarray], patient: np.ndarray) -> float:
    """Sd of what least squares on patients and time leave of a measure; 0 where nothing is left."""
    within = pd.DataFrame(np.column_stack([measure, *time]))
    within = within - within.groupby(patient).transform("mean")
    own, known = within[0].to_numpy(), within.drop(columns=0).to_numpy()
    residual = own - known @ np.linalg.lstsq(known, own, rcond=None)[0]
    free = measure.size - np.unique(patient).size - int(np.linalg.matrix_rank(known))
    spread = float(np.sqrt(residual @ residual / max(free, 1)))
    nothing = free < 1 or spread < 1e-9 * max(np.abs(measure).max(), 1e-300)
    return 0.0 if nothing else spread


def _measure(fit: xr.DataTree, exposure: Exposure, at: dict[str, int]) -> np.ndarray:
    """The measure of an exposure at every graded visit, at one draw; shape (visit,)."""
    design = design_of(fit)
    if exposure.measure != "effect_compartment":
        return design[f"exposure_{exposure.name}"].to_numpy()
    own = compartment_of(fit)
    onset, off = (
        half.isel(at).item() if isinstance(half, xr.DataArray) else half
        for half in (own.onset, own.wearing_off)
    )
    return dose_in_effect(
        design["patient"].to_numpy()[design["patient_of_visit"].to_numpy()],
        design["day_of_visit"].to_numpy(),
        recorded_infusions(design),
        onset_half_life_days=onset,
        wearing_off_half_life_days=off,
    )


def _tipping(lower: float, upper: float, size: float) -> float:
    """Correlation with which U of this size brings the nearer limit of an interval to 0."""
    if size == 0.0 or lower <= 0.0 <= upper:
        return np.nan
    return (lower if lower > 0 else upper) / size
