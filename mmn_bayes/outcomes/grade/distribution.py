"""The share of muscles at each grade over time: fitted, and observed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.response import NOT_GRADED
from mmn_bayes.engine.design import at_rows
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.posterior.draws import (
    FEW_DRAWS,
    as_draws,
    design_of_grades,
    spec_of,
    thinned,
)
from mmn_bayes.posterior.groups import Groups, groups_of
from mmn_bayes.posterior.summary import PROBABILITY


class SiteDays(NamedTuple):
    """Sites under observation on the days asked for, one entry a site and day."""

    site: np.ndarray
    day: np.ndarray
    cell: np.ndarray  # the day and group it counts in: day by day, within a day group by group
    n_cells: int


def grade_distribution(
    fit: xr.DataTree, *, days: Sequence[float], by: str | None = "naive"
) -> xr.DataArray:
    """Draw the share of the cohort's muscles at each grade on given days.

    On each day the mean is over the patients still under observation (graded on that day or
    later), each with its own effects and its own infusions.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade".
    days : sequence of float
        Days since inclusion.
    by : str or None, default "naive"
        As for `groups_of`: "naive", the name of a yes/no predictor, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, with `by` that name, `day`, `grade`; evenly spaced draws of the fit.
        Missing where no patient is under observation any more.

    Raises
    ------
    ValueError
        When the fit has no grades, no day is named, or `by` makes no groups.
    """
    spec, design = spec_of(fit), design_of_grades(fit)
    if len(days) == 0:
        raise ValueError("days is empty; name at least one day.")
    groups = groups_of(fit, by)
    pairs = _under_observation(design, groups, np.asarray(days, dtype=float))
    fit = thinned(fit, FEW_DRAWS)
    rng = rng_of(fit, "grades, effects of new days")
    below = mean_cdf(spec, design, fit["posterior"].to_dataset(), pairs, rng)
    shares = np.diff(below, axis=2, prepend=0.0, append=1.0)
    dims = {"day": np.asarray(days, dtype=float), **groups.dims, "grade": list(spec.scale)}
    return as_draws(
        fit,
        shares,
        dims,
        quantity="share of muscles at each grade",
        meaning="mean over the muscles of the patients still under observation, each with "
        "its own effects and infusions",
        support=PROBABILITY,
        name="grade_share",
    ).transpose("chain", "draw", ..., "day", "grade")


def observed_grade_distribution(
    fit: xr.DataTree, edges: Sequence[float], *, by: str | None = "naive"
) -> pd.DataFrame:
    """Count the graded muscles at each grade, by bins of days.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade": its design holds every grade.
    edges : sequence of float
        Edges of the bins, in days, each from its first up to and without its second.
    by : str or None, default "naive"
        As for `groups_of`: "naive", the name of a yes/no predictor, or None for all patients.

    Returns
    -------
    DataFrame
        One row a group, bin with grades, and grade: with `by` that name, `day` (mean day of the
        bin's grades), `grade`, `share`, `n` (grades in the bin), `synthetic`.

    Raises
    ------
    ValueError
        When `by` makes no groups.
    """
    spec, design, groups = spec_of(fit), design_of_grades(fit), groups_of(fit, by)
    name = groups.by or "group"
    patient = design["patient_of_site"].to_numpy()[design["site_of_row"].to_numpy()]
    rows = pd.DataFrame(
        {
            name: groups.of_patient[patient],
            "day": design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()],
            "grade": pd.Categorical(
                np.array(spec.scale)[design["code"].to_numpy()], list(spec.scale)
            ),
        }
    )
    rows["bin"] = pd.cut(rows["day"], list(edges), right=False, labels=False)
    rows = rows[rows["bin"].notna()]
    by_bin = rows.groupby([name, "bin"])
    sizes = by_bin.agg(day=("day", "mean"), n=("day", "size")).reset_index()
    counts = rows.groupby([name, "bin", "grade"], observed=False).size().rename("count")
    table = sizes.merge(counts.reset_index(), on=[name, "bin"])
    table["share"] = table["count"] / table["n"]
    columns = [*([by] if by else []), "day", "grade", "share", "n"]
    return table[columns].assign(synthetic=bool(fit.attrs["synthetic"]))


def _under_observation(design: xr.Dataset, groups: Groups, days: np.ndarray) -> SiteDays:
    """Pair every day with the sites of the patients who were graded on it or later."""
    patient = design["patient_of_site"].to_numpy()
    day, site = np.nonzero(days[:, None] <= _last_day(design)[patient])
    n_groups = len(groups.members)
    cell = day * n_groups + groups.number[patient[site]]
    return SiteDays(site, days[day], cell, days.size * n_groups)


def mean_cdf(
    spec: ModelSpec,
    design: xr.Dataset,
    posterior: xr.Dataset,
    pairs: SiteDays,
    rng: np.random.Generator,
    *,
    new_members: bool = False,
) -> np.ndarray:
    """Mean probability of a grade up to each threshold; shape (draw, cell, threshold).

    Missing in a cell without sites. `rng` and `new_members` as for `predict`.
    """
    not_graded = np.full(pairs.cell.size, NOT_GRADED)
    rows = at_rows(design, spec, pairs.site, pairs.day, not_graded)
    order = np.argsort(pairs.cell[rows["position_of_row"].to_numpy()], kind="stable")
    size = np.bincount(pairs.cell, minlength=pairs.n_cells)
    filled = size > 0
    starts = (np.cumsum(size) - size)[filled]
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    below = np.full((n_draws, pairs.n_cells, len(spec.scale) - 1), np.nan)
    blocks = predict(spec, rows, posterior, ["grade_cdf"], rng=rng, new_members=new_members)
    for draws, (cdf,) in blocks:
        sums = np.add.reduceat(cdf[:, order], starts, axis=1)
        below[draws, filled] = sums / size[filled][:, None]
    return below


def _last_day(design: xr.Dataset) -> np.ndarray:
    """Last graded day of every patient, shape (patient,); minus infinity without any."""
    last = np.full(design.sizes["patient"], -np.inf)
    np.maximum.at(last, design["patient_of_visit"].to_numpy(), design["day_of_visit"].to_numpy())
    return last
