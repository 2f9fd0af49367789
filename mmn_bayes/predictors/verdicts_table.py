"""What a fit says of candidates whose effects are known: intervals that cover, and calls."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.posterior.draws import grade_gap, spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.predictors.effects import effects_in_units
from mmn_bayes.predictors.table import verdict_of


def judged_effects(
    fit: xr.DataTree, *, truth: Mapping[str, float], level: float = 0.95, certain: float = 0.95
) -> pd.DataFrame:
    """Set the effects of all candidates beside their truth.

    Parameters
    ----------
    fit : DataTree
        Of a model whose margins are odds ratios (of responses, logit) or grades.
    truth : mapping of str to float
        The effects in the model's units, by predictor.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.
    certain : float, default 0.95
        Probability from which a candidate is called relevant (its effect is beyond the margin, in
        either direction) or negligible (within it); otherwise it is undecided: so many patients
        could not tell.

    Returns
    -------
    DataFrame
        One row a candidate: `predictor`, `truth`, `estimate`, `lower`, `upper`, `level`,
        `interval`, `covers`, `p_within`, `verdict` as in `predictor_table`, `within` (whether the
        truth is nearer to none than the margin), `r_hat`, `divergences`, `synthetic`. The margin
        in grades is taken at the mean gap of the posterior where the truth is judged.
    """
    spec = spec_of(fit)
    units = effects_in_units(fit)
    rows = []
    for p in spec.candidates:
        margin = p.margin
        if not p.kind.linear or margin is None or margin.scale == "response":
            raise ValueError(f"'{p.name}' is not judged here; margins are odds ratios or grades.")
        own = units.sel(predictor=p.name)
        of = summarise(own, level=level, interval="eti").iloc[0]
        if margin.scale == "grades":
            gap = grade_gap(fit)
            nearest = margin.value * float(gap.mean(skipna=False))
            scaled, most = own / gap, margin.value
        else:
            nearest = float(np.log(margin.value))
            scaled, most = own, nearest
        within = summarise(scaled, level=level, interval="eti", within=(-most, most))
        p_within = float(within["p_within"].iloc[0])
        rows.append(
            {
                "predictor": p.name,
                "truth": float(truth[p.name]),
                **{name: of[name] for name in ("estimate", "lower", "upper")},
                **{"level": level, "interval": "eti"},
                "covers": bool(of["lower"] <= truth[p.name] <= of["upper"]),
                "p_within": p_within,
                "verdict": verdict_of(p_within, certain),
                "within": bool(abs(truth[p.name]) <= nearest),
                "r_hat": of["r_hat"],
                "divergences": int(fit["sample_stats"]["diverging"].sum()),
                "synthetic": bool(fit.attrs["synthetic"]),
            }
        )
    return pd.DataFrame(rows)
