"""What the priors of a model say on the clinical scale, before any grade is seen."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from statsmodels.stats.inter_rater import cohens_kappa

from mmn_bayes.data.margins import BLOCK_KINDS, YEAR
from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.response import judge
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.build import build
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec, Predictor, spec_to_toml
from mmn_bayes.outcomes.blocks.estimands import block_kinds, expected_block_change
from mmn_bayes.outcomes.classes.estimands import class_probability
from mmn_bayes.outcomes.states.estimands import ever_left, state_occupancy
from mmn_bayes.posterior.draws import spec_of
from mmn_bayes.posterior.posterior_predictive import planned_occasions, replicate_panels
from mmn_bayes.posterior.summary import summarise


def draw_prior(
    spec: ModelSpec,
    design: xr.Dataset,
    *,
    draws: int,
    seed: int,
    names: Sequence[str] | None = None,
) -> xr.Dataset:
    """Draw parameters of a model from their prior.

    Parameters
    ----------
    spec, design
        The model, and its design.
    draws, seed
        How many, and the seed.
    names
        Which parameters and deterministics; by default every parameter.

    Returns
    -------
    Dataset
        Dims chain (of length 1), draw, and those of each variable, with their coordinates.
    """
    model = build(spec, design, "predict")
    wanted = model.free_RVs if names is None else [model[name] for name in names]
    # At least two, since one would come without a dim for the draws. Not compiled: 400 draws take
    # 1.7 s, against 11 s the first time on a machine and 0.9 s after that.
    values = pm.draw(wanted, draws=max(draws, 2), random_seed=seed, mode="FAST_COMPILE")
    dims = {v.name: model.named_vars_to_dims.get(v.name, ()) for v in wanted}
    used = {str(dim) for own in dims.values() for dim in own}
    return xr.Dataset(
        {
            variable.name: (
                ("chain", "draw", *dims[variable.name]),
                drawn[None, :draws],
                {"distribution": "prior"},
            )
            for variable, drawn in zip(wanted, values, strict=True)
        },
        coords={
            "chain": [0],
            "draw": np.arange(draws),
            **{dim: np.asarray(v) for dim, v in model.coords.items() if dim in used},
        },
    )


def prior_of(fit: xr.DataTree, *, seed: int, draws: int = 1000) -> xr.DataTree:
    """Return a fit with draws from its prior in the place of its posterior.

    Parameters
    ----------
    fit
        Any fit.
    seed, draws
        Of the draws; there is one chain.

    Returns
    -------
    DataTree
        Same design and attributes; `distribution` is "prior". What computes draws from parameters
        alone (`wearing_off_curve` and its like) takes it as it takes a fit.
    """
    design = fit["design"].to_dataset()
    prior = draw_prior(spec_of(fit), design, draws=draws, seed=seed)
    tree = xr.DataTree.from_dict({"posterior": prior, "design": design})
    tree.attrs = {**fit.attrs, "distribution": "prior"}
    return tree


def implied_by_prior(
    spec: ModelSpec,
    cohort: Cohort | pd.DataFrame,
    *,
    historical: pd.DataFrame | None = None,
    seed: int,
    draws: int = 400,
    level: float = 0.95,
) -> pd.DataFrame:
    """Print a model's priors as what they imply for patients like a cohort's.

    Parameters
    ----------
    spec, cohort
        The model, and the cohort that lends its design: panels, covariates, infusions. None of its
        grades are used. For outcome "events" the table of counts, of which none is used either.
    historical
        As for `fit`.
    seed, draws
        Seed and number of draws from the prior; each is one set of parameters with one cohort of
        new patients.
    level
        Probability of the equal-tailed prior interval.

    Returns
    -------
    DataFrame
        One row a quantity: `quantity`, `estimate` (prior mean), `lower`, `upper`, `level`,
        `interval`, `distribution` ("prior"), `draws` (those under which it is defined),
        `synthetic`. For outcome "grade": share responding by chance (the rule applied to patients
        who receive nothing), linearly weighted kappa and exact agreement between two visits without
        any change, share responding under the cohort's infusions, and the share of muscles at each
        grade at baseline. For outcome "response": probability of response for each distinct
        combination of the predictors; for "events": that of a new unit; for "class": of each
        class; for "blocks": of fewer, as many and more blocks, and the expected change; for
        "state": of each state after 1 and 5 years, and of having left each by then; all of new
        patients with the cohort's covariates, of states of at most 1,000 draws. Of a joint model
        those of each of its outcomes.
    """
    design = make_design(spec, cohort, historical)
    prior = draw_prior(spec, design, draws=draws, seed=seed)
    if spec.outcome == "response":
        quantities = _rate_quantities(spec, design, prior, "response_probability", "any patient")
    elif spec.outcome == "events":
        quantities = _rate_quantities(spec, design, prior, "event_probability", "any unit")
    elif spec.outcome == "grade":
        quantities = _grade_quantities(spec, design, prior, seed)
    else:
        quantities = {}
    for outcome in spec.outcomes:
        if outcome in _LONG_RUN_QUANTITIES:
            quantities |= _LONG_RUN_QUANTITIES[outcome](_as_fit(spec, design, prior, seed))
    tables = []
    for quantity, values in quantities.items():
        # Parameters under which nobody can be judged have no rate; how many remain is stated.
        defined = values[np.isfinite(values)]
        drawn = xr.DataArray(defined[None, :], dims=("chain", "draw"))
        drawn.attrs.update(synthetic=bool(design.attrs["synthetic"]), distribution="prior")
        row = summarise(drawn, level=level, interval="eti")
        tables.append(row.assign(quantity=quantity, draws=defined.size))
    columns = ["quantity", "estimate", "lower", "upper", "level", "interval", "distribution"]
    return pd.concat(tables, ignore_index=True)[[*columns, "draws", "synthetic"]]


def _grade_quantities(
    spec: ModelSpec, design: xr.Dataset, prior: xr.Dataset, seed: int
) -> dict[str, np.ndarray]:
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
        rng = rng_of(seed, "grades, under the prior")
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


def _as_recorded(predictor: Predictor, value: float) -> str:
    """A value of the design as the table of patients has it."""
    if predictor.levels:
        return predictor.levels[int(value)]
    return f"{value * predictor.per + predictor.centre:g}"


def _as_fit(spec: ModelSpec, design: xr.Dataset, prior: xr.Dataset, seed: int) -> xr.DataTree:
    """Draws of the prior as what estimands take."""
    tree = xr.DataTree.from_dict({"posterior": prior, "design": design})
    tree.attrs = {
        "spec_name": spec.name,
        "spec_toml": spec_to_toml(spec),
        "seed": seed,
        "synthetic": design.attrs["synthetic"],
        "distribution": "prior",
    }
    return tree


def _class_quantities(tree: xr.DataTree) -> dict[str, np.ndarray]:
    rates = class_probability(tree, patients="population")
    return {
        f"probability of class {label}": rates.sel({"class": label}).to_numpy().ravel()
        for label in rates["class"].to_numpy().tolist()
    }


def _block_quantities(tree: xr.DataTree) -> dict[str, np.ndarray]:
    kinds = block_kinds(tree, patients="population")
    change = expected_block_change(tree, patients="population")
    return {
        **{f"probability of {k} blocks": kinds.sel(kind=k).to_numpy().ravel() for k in BLOCK_KINDS},
        "expected change in the number of blocks": change.to_numpy().ravel(),
    }


def _state_quantities(tree: xr.DataTree) -> dict[str, np.ndarray]:
    years = {"a year": YEAR, "5 years": 5 * YEAR}
    shares = state_occupancy(tree, days=[*years.values()], patients="population")
    found = {}
    for label in shares["state"].to_numpy().tolist():
        left = ever_left(tree, days=[*years.values()], state=label)
        for number, said in enumerate(years):
            own = shares.sel(state=label).isel(day=number)
            found[f"probability of state {label} after {said}"] = own.to_numpy().ravel()
            gone = left.isel(day=number).to_numpy().ravel()
            found[f"probability of having left state {label} by {said}"] = gone
    return found


_LONG_RUN_QUANTITIES: Mapping[str, Callable[[xr.DataTree], dict[str, np.ndarray]]] = {
    "class": _class_quantities,
    "blocks": _block_quantities,
    "state": _state_quantities,
}


def _rate_quantities(
    spec: ModelSpec, design: xr.Dataset, prior: xr.Dataset, name: str, anybody: str
) -> dict[str, np.ndarray]:
    """Rates of each distinct combination of the predictors, by the deterministic that has them."""
    rates = np.concatenate([values for _, (values,) in predict(spec, design, prior, [name])])
    found: dict[str, np.ndarray] = {}
    for place in range(rates.shape[1]):
        stated = [
            f"{p.name} = {_as_recorded(p, design[f'x_{p.name}'][place].item())}"
            for p in spec.predictors
        ]
        label = f"probability of response, {', '.join(stated) or anybody}"
        found.setdefault(label, rates[:, place])
    return found
