"""The share of muscles at each grade over time: fitted, and observed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.cohort.response import NOT_GRADED
from mmn_bayes.model.design import at_rows
from mmn_bayes.model.predicting import predict
from mmn_bayes.posterior.replicate import design_of, spec_of

_DRAWS = 400  # of the fit, evenly spaced: the Monte Carlo error of a band is below its line width


def grade_shares(fit: xr.DataTree, days: Sequence[float], by: str = "naive") -> xr.DataArray:
    """Draw the share of the cohort's muscles at each grade on given days.

    On each day the mean is over the patients still under observation (graded on that day or
    later), each with its own effects and its own infusions.

    Parameters
    ----------
    fit
        Of outcome "grade".
    days
        Days since inclusion.
    by
        A yes/no variable of the design to split by.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, that name, `day`, `grade`; evenly spaced draws of the fit. Missing
        where no patient is under observation any more.

    Raises
    ------
    ValueError
        When the fit has no grades, or no day is named.
    """
    spec, design = spec_of(fit), design_of(fit)
    if spec.outcome != "grade":
        raise ValueError(f"The fit of '{spec.name}' is of responses, not of grades.")
    if len(days) == 0:
        raise ValueError("days is empty; name at least one day.")
    every = max(1, fit["posterior"].sizes["draw"] * fit["posterior"].sizes["chain"] // _DRAWS)
    posterior = fit["posterior"].to_dataset().isel(draw=slice(None, None, every))
    group = _by_patient(design, by)
    labels = [label for label in (False, True) if (group == label).any()]
    patient, last_day = design["patient_of_site"].to_numpy(), _last_day(design)
    pairs = [
        (column, site)
        for column, day in enumerate(days)
        for site in np.flatnonzero(last_day[patient] >= day)
    ]
    column, site = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    rows = at_rows(
        design, spec, site, np.asarray(days, dtype=float)[column], np.full(site.size, NOT_GRADED)
    )
    where = rows["position_of_row"].to_numpy()
    cell = column * len(labels) + np.searchsorted(labels, group[patient[site]])
    shape = (len(days), len(labels))
    size = np.bincount(cell, minlength=np.prod(shape))
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    below = np.zeros((n_draws, size.size, len(spec.scale) - 1))
    for draws, (cdf,) in predict(spec, rows, posterior, ["grade_cdf"]):
        for threshold in range(below.shape[2]):
            for index, values in enumerate(cdf[:, :, threshold], start=draws.start):
                below[index, :, threshold] = np.bincount(
                    cell[where], weights=values, minlength=size.size
                )
    with np.errstate(invalid="ignore"):
        below /= size[None, :, None]
    shares = np.diff(below, axis=2, prepend=0.0, append=1.0)
    return xr.DataArray(
        shares.reshape(posterior.sizes["chain"], posterior.sizes["draw"], *shape, -1),
        dims=("chain", "draw", "day", by, "grade"),
        coords={
            "chain": posterior["chain"].to_numpy(),
            "draw": posterior["draw"].to_numpy(),
            "day": np.asarray(days, dtype=float),
            by: labels,
            "grade": list(spec.scale),
        },
        name="grade_share",
        attrs={
            "synthetic": bool(fit.attrs["synthetic"]),
            "quantity": "share of muscles at each grade",
            "meaning": "mean over the muscles of the patients still under observation, each with "
            "its own effects and infusions",
        },
    ).transpose("chain", "draw", by, "day", "grade")


def observed_shares(fit: xr.DataTree, edges: Sequence[float], by: str = "naive") -> pd.DataFrame:
    """Count the graded muscles at each grade, by bins of days.

    Parameters
    ----------
    fit
        Of outcome "grade": its design holds every grade.
    edges
        Edges of the bins, in days, each from its first up to and without its second.
    by
        A yes/no variable of the design to split by.

    Returns
    -------
    DataFrame
        One row a group, bin with grades, and grade: that name, `day` (mean day of the bin's
        grades), `grade`, `share`, `n` (grades in the bin), `synthetic`.
    """
    spec, design = spec_of(fit), design_of(fit)
    patient = design["patient_of_site"].to_numpy()[design["site_of_row"].to_numpy()]
    rows = pd.DataFrame(
        {
            by: _by_patient(design, by)[patient],
            "day": design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()],
            "grade": pd.Categorical(
                np.array(spec.scale)[design["code"].to_numpy()], list(spec.scale)
            ),
        }
    )
    rows["bin"] = pd.cut(rows["day"], list(edges), right=False, labels=False)
    rows = rows[rows["bin"].notna()]
    by_bin = rows.groupby([by, "bin"])
    sizes = by_bin.agg(day=("day", "mean"), n=("day", "size")).reset_index()
    counts = rows.groupby([by, "bin", "grade"], observed=False).size().rename("count")
    table = sizes.merge(counts.reset_index(), on=[by, "bin"])
    table["share"] = table["count"] / table["n"]
    return table[[by, "day", "grade", "share", "n"]].assign(synthetic=bool(fit.attrs["synthetic"]))


def _by_patient(design: xr.Dataset, by: str) -> np.ndarray:
    name = by if by == "naive" else f"x_{by}"
    if name not in design or not np.isin(design[name].to_numpy(), [0, 1]).all():
        raise ValueError(f"by is {by!r}, which is not a yes/no variable of the fit.")
    return design[name].to_numpy().astype(bool)


def _last_day(design: xr.Dataset) -> np.ndarray:
    """Last graded day of every patient, shape (patient,); minus infinity without any."""
    last = np.full(design.sizes["patient"], -np.inf)
    np.maximum.at(last, design["patient_of_visit"].to_numpy(), design["day_of_visit"].to_numpy())
    return last
