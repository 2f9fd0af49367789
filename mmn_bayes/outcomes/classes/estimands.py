"""Long-term classes: their rates among these patients and new ones, and what predictors do."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import rankdata

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.posterior.draws import as_draws, blanked, design_of, spec_of
from mmn_bayes.posterior.effect_ratios import effect_ratios
from mmn_bayes.posterior.groups import groups_of
from mmn_bayes.posterior.new_patients import Patients, new_patients, require_patients
from mmn_bayes.posterior.summary import PROBABILITY, summarise

_SAMPLE = ["chain", "draw"]
MEANINGS = {
    "cohort": "share of these patients: who is classified is kept, the others are filled in",
    "population": "probability of a new patient: covariates as in this cohort",
}


def class_probability(
    fit: xr.DataTree, *, patients: Patients, by: str | None = None
) -> xr.DataArray:
    """Return posterior draws of the probability of each long-term class.

    Parameters
    ----------
    fit : DataTree
        Of outcome "class", or of a joint model with classes.
    patients : Patients
        "cohort": of the patients of the fit; an observed class is kept, the others are imputed
        as missing at random given their covariates. "population": of new patients with the
        covariates of the cohort's.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, with `by` that name, `class`.

    Raises
    ------
    ValueError
        When the fit has no classes, or `patients` or `by` is not one of those above.

    Examples
    --------
    With `classes_fit`, a fit of `models/long_term.toml`:

    >>> rates = mb.classes.class_probability(classes_fit, patients="population", by="naive")
    >>> rates.dims
    ('chain', 'draw', 'naive', 'class')
    >>> rates["class"].to_numpy().tolist()
    ['dependent', 'remission', 'other']
    """
    require_patients(patients)
    spec, design = require_outcome(spec_of(fit), "class"), design_of(fit)
    posterior = fit["posterior"].to_dataset()
    groups = groups_of(fit, by)
    members, chosen = groups.members, design
    if patients == "population" and spec.sharing:
        # Their own effects are averaged over: more new patients than there are of these.
        who, members = new_patients(groups)
        chosen = design.isel(patient=who)
    parts, rng = [], rng_of(fit, "classes, filled in")
    for _, (rates,) in predict(
        spec,
        chosen,
        posterior,
        ["class_probability"],
        rng=rng_of(fit, "classes, effects of new patients"),
        new_members=patients == "population",
    ):
        if patients == "cohort":
            rates = _filled_in(rates, design["class_code"].to_numpy(), rng)
        parts.append(np.stack([rates[:, own].mean(axis=1) for own in members.values()], axis=1))
    return as_draws(
        fit,
        blanked(fit, np.concatenate(parts)),
        {**groups.dims, "class": design["class"].to_numpy()},
        quantity="rate of long-term class",
        meaning=MEANINGS[patients],
        support=PROBABILITY,
        name="class_probability",
    )


def _filled_in(rates: np.ndarray, code: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """1 at the class of each patient, drawn where it is not known; shape (draw, patient, class)."""
    uniform = rng.random(rates.shape[:2])
    last = rates.shape[2] - 1
    drawn = np.minimum((uniform[..., None] > rates.cumsum(axis=2)).sum(axis=2), last)
    own = np.where(code >= 0, code, drawn)
    return (own[..., None] == np.arange(rates.shape[2])).astype(float)


def simultaneous_intervals(draws: xr.DataArray, dim: str, *, level: float = 0.95) -> pd.DataFrame:
    """Summarise draws by simultaneous credible intervals.

    All have the same tail probability, chosen so that with the level stated all members lie within
    their intervals at once, which equal-tailed intervals of single members do not promise.

    Parameters
    ----------
    draws : DataArray
        Dims `chain`, `draw` and `dim` alone.
    dim : str
        The dim whose members are covered together.
    level : float, default 0.95
        Posterior probability that all members lie within their intervals.

    Returns
    -------
    DataFrame
        One row a member of `dim`: the columns of `summarise`, `interval` "eti simultaneous".

    Raises
    ------
    ValueError
        When the draws have no such dim, or some are not finite.

    References
    ----------
    Besag, Green, Higdon and Mengersen, Stat Sci 1995;10:3 (simultaneous credible regions by ranks).

    Examples
    --------
    With `classes_fit`, a fit of `models/long_term.toml`:

    >>> rates = mb.classes.class_probability(classes_fit, patients="population")
    >>> table = mb.classes.simultaneous_intervals(rates, "class")
    >>> table[["class", "level", "interval"]]
           class  level          interval
    0  dependent   0.95  eti simultaneous
    1  remission   0.95  eti simultaneous
    2      other   0.95  eti simultaneous
    """
    if dim not in draws.dims:
        raise ValueError(
            f"The draws have no dim '{dim}'; they have {', '.join(map(str, draws.dims))}."
        )
    table = summarise(draws, level=level, interval="eti")
    flat = draws.stack(sample=_SAMPLE).transpose("sample", dim).to_numpy()
    n = len(flat)
    if not np.isfinite(flat).all():
        raise ValueError("Some draws are no numbers; intervals that hold together need all.")
    # How far out each draw is, by its most extreme member; of equal ones each is as far in as any,
    # so that a member that never varies has no say.
    low, high = (rankdata(flat, method=m, axis=0) for m in ("max", "min"))
    depth = np.minimum(low - 1, n - high).min(axis=1).astype(int)
    least = int(np.sort(depth)[int(np.floor((1.0 - level) * n))])
    ordered = np.sort(flat, axis=0)
    # Where draws have few values each is as far in as any of its equals, which is generous: an
    # interval that is to hold together with others is never shorter than the one for itself.
    lower = np.minimum(ordered[least], table["lower"])
    upper = np.maximum(ordered[n - 1 - least], table["upper"])
    return table.assign(lower=lower, upper=upper, interval="eti simultaneous")


def class_odds_ratios(fit: xr.DataTree) -> xr.DataArray:
    """Return posterior draws of the odds ratios of predictors for each class against the first.

    Parameters
    ----------
    fit : DataTree
        Of outcome "class", or of a joint model with classes, with predictors.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor` (in a joint model also shared effects, by one sd of the
        patient's effect), `contrast` (all classes but the first).

    Raises
    ------
    ValueError
        When the fit has no classes, or the model has no predictor of them.

    Examples
    --------
    With `classes_fit`, a fit of `models/long_term.toml`:

    >>> odds = mb.classes.class_odds_ratios(classes_fit)
    >>> odds["predictor"].to_numpy().tolist(), odds["contrast"].to_numpy().tolist()
    (['early_response', 'naive'], ['remission', 'other'])
    """
    return effect_ratios(fit, "class", "odds ratio")


def prior_quantities(fit: xr.DataTree) -> dict[str, np.ndarray]:
    """Return the probability of each class for new patients, draw by draw.

    Parameters
    ----------
    fit : DataTree
        With draws of the prior in the place of its posterior.

    Returns
    -------
    dict of ndarray
        By what they are, shape (draw,).
    """
    rates = class_probability(fit, patients="population")
    return {
        f"probability of class {label}": rates.sel({"class": label}).to_numpy().ravel()
        for label in rates["class"].to_numpy().tolist()
    }


def log_probability_of_class(
    spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset
) -> np.ndarray:
    """Return the log-probability of the class of each patient; shape (draw, patient)."""
    parts = predict(spec, design, posterior, ["class_probability"])
    rates = np.concatenate([values for _, (values,) in parts])
    code = design["class_code"].to_numpy()
    own = np.take_along_axis(rates, np.maximum(code, 0)[None, :, None], axis=2)[..., 0]
    return np.log(np.maximum(own, 1e-12))


def joint_quantities(
    fit: xr.DataTree, patients: Patients, days: Sequence[float]
) -> dict[tuple[str, str], xr.DataArray]:
    """Return what a joint model is asked for, by what it is and of which group: a number a draw.

    Parameters
    ----------
    fit : DataTree
        Of outcome "class", or of a joint model with classes.
    patients : Patients
        "cohort": of the patients of the fit; whose class is known is kept, the others' is filled in
        as if missing at random given their covariates. "population": of new patients with the
        covariates of the cohort's.
    days : sequence of float
        Of no use here.
    """
    rates = class_probability(fit, patients=patients)
    return {
        (f"class {name}", "all"): rates.sel({"class": name}, drop=True)
        for name in rates["class"].to_numpy().tolist()
    }
