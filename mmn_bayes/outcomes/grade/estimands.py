"""What the priors of a model of grades say of reliability, and of responding by chance."""

import numpy as np
import xarray as xr
from statsmodels.stats.inter_rater import cohens_kappa

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.response import judge
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.posterior_predictive import planned_occasions, replicate_panels


def prior_quantities(fit: xr.DataTree) -> dict[str, np.ndarray]:
    """Return what the prior says of reliability, responders and grades, draw by draw.

    Parameters
    ----------
    fit : DataTree
        With draws of the prior in the place of its posterior.

    Returns
    -------
    dict of ndarray
        By what they are, shape (draw,).
    """
    spec, design, prior = spec_of(fit), design_of(fit), fit["posterior"].to_dataset()
    untreated = design.isel(infusion=slice(0, 0))
    occasions = planned_occasions(spec, design)
    n, k = prior.sizes["draw"], len(spec.scale)
    found = {
        "responders by chance, without any treatment": np.empty(n),
        "linearly weighted kappa between two stable visits": np.empty(n),
        "exact agreement between two stable visits": np.empty(n),
        "responders under the cohort's infusions": np.empty(n),
    }
    chance, kappa, agreement, treated = found.values()
    shares = np.empty((n, k))
    for which, rows in ((chance, untreated), (treated, design)):
        rng = rng_of(fit, "grades, under the prior")
        for panels in replicate_panels(spec, rows, prior, occasions, rng):
            judged = judge(panels.baseline, panels.follow_up, spec.response, spec.scale)
            evaluable = judged.evaluable.sum(axis=1)
            rate = judged.response.sum(axis=1) / np.maximum(evaluable, 1)
            which[panels.draws] = np.where(evaluable > 0, rate, np.nan)
            if which is treated:
                continue
            pairs = zip(panels.baseline, panels.follow_up, strict=True)
            for draw, (baseline, follow_up) in enumerate(pairs, start=panels.draws.start):
                graded = baseline >= 0
                table = np.zeros((k, k))
                np.add.at(table, (baseline[graded], follow_up[graded]), 1.0)
                # Everybody at one grade at both visits is perfect agreement; kappa is 0 / 0 there.
                one_grade = (table.sum(axis=1) > 0).sum() == 1 and table.trace() == table.sum()
                kappa[draw] = 1.0 if one_grade else cohens_kappa(table, wt="linear").kappa
                agreement[draw] = table.trace() / table.sum()
                shares[draw] = table.sum(axis=1) / table.sum()
    grades = {
        f"share of muscles at grade {grade} at baseline": shares[:, code]
        for code, grade in enumerate(spec.scale)
    }
    return found | grades
