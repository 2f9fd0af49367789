"""Visits missed not at random: the response of these patients under an assumed shift."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mmn_bayes.model_file.model_spec import require_outcome
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.posterior.draws import SOME_DRAWS, require_gap, spec_of, thinned


def delta_adjusted_response(
    fit: xr.DataTree, deltas: Sequence[float], *, by: str | None = None
) -> xr.DataArray:
    """Compute delta-adjusted response: unseen patients shifted from missing at random.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    deltas : sequence of float
        Shifts of the strength of every muscle at follow-up of the patients without a visit in its
        window, in the units of the model; 0 is missing at random.
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.

    Returns
    -------
    DataArray
        Probability of response of the patients of the cohort: dims `chain`, `draw`, `delta` and,
        with `by`, that name, from at most 1,000 draws; the same random numbers at every delta.
        Coordinate `grades` (delta): the shift as a number of grades, in mean gaps between the
        cutpoints.

    Raises
    ------
    ValueError
        When the fit is of another outcome or of a family without gaps of one grade, or there is no
        delta.

    References
    ----------
    Carpenter and Kenward, Multiple Imputation and its Application, 2013 (delta adjustment).

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> draws = mb.response.delta_adjusted_response(fit, (-1, 0, 1), by="naive")
    >>> draws.dims
    ('chain', 'draw', 'delta', 'naive')
    >>> bool((draws.diff("delta") >= 0).all())
    True
    """
    if not len(deltas) or not np.isfinite(np.asarray(deltas, dtype=float)).all():
        raise ValueError(f"deltas is {list(deltas)}; give finite shifts, such as (-1, 0, 1).")
    require_gap(require_outcome(spec_of(fit), "grade"))
    few = thinned(fit, SOME_DRAWS)
    parts = [
        response_probability(few, patients="cohort", by=by, delta=float(delta)) for delta in deltas
    ]
    draws = xr.concat(parts, dim="delta").assign_coords(delta=np.asarray(deltas, dtype=float))
    gap = float(fit["posterior"]["cutpoints"].diff("threshold").mean(skipna=False))
    return draws.assign_coords(grades=("delta", draws["delta"].to_numpy() / gap)).transpose(
        "chain", "draw", "delta", ...
    )
