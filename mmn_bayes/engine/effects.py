"""Effects of predictors in the graph: each with a prior of its own, or sharing one that shrinks."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.priors import MAKERS, parameter
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import CATEGORY, ORDERED, Predictor, PredictorKind
from mmn_bayes.model_file.prior import Prior

Arrays = Mapping[str, Any]

# Beyond it a product of a matrix takes the place of a sum: PyTensor makes one operation of a sum,
# and cannot interpret one of more than 32 terms.
_MOST_TERMS = 10


def predictor_sum(
    spec: ModelSpec, acts_on: str, arrays: Arrays, known: Mapping[str, Any] | None = None
) -> Any:
    """Sum of the effects of the predictors that act on one thing; shape (patient,), or 0.

    `known` has the effects, by the names of their predictors, that follow from something else.
    """
    known = dict(known or {})
    acting = spec.acting_on(acts_on)
    if any(p in spec.shrunk and p.name not in known for p in acting):
        known |= _shrunk_effects(spec, arrays)
    parts = [_of_patients(p, arrays[f"x_{p.name}"], known) for p in acting]
    return sum(parts) if len(parts) <= _MOST_TERMS else pt.stack(parts, 1) @ np.ones(len(parts))


def _of_patients(predictor: Predictor, x: Any, known: Mapping[str, Any]) -> Any:
    """What one predictor adds for each patient; shape (patient,)."""
    effect = known.get(predictor.name)
    if effect is None:
        effect = parameter(predictor.name, _stated(predictor.prior), dims=predictor.effect_dim)
    if predictor.kind.linear:
        return effect * x
    return ADDED[predictor.kind](predictor, effect, x, known)


def _of_levels(predictor: Predictor, effect: Any, x: Any, known: Mapping[str, Any]) -> Any:
    return pt.concatenate([pt.zeros(1), effect])[x]


def _of_steps(predictor: Predictor, effect: Any, x: Any, known: Mapping[str, Any]) -> Any:
    name = f"{predictor.name}_steps"
    steps = known.get(name)
    if steps is None:
        steps = parameter(name, _stated(predictor.steps), dims=f"step_of_{predictor.name}")
    return effect * pt.concatenate([pt.zeros(1), pt.cumsum(steps)])[x]


# What predictors with levels add, of each kind: of the predictor, its effects, and the places of
# the patients' levels.
ADDED: dict[PredictorKind, Callable[[Predictor, Any, Any, Mapping[str, Any]], Any]] = {
    CATEGORY: _of_levels,
    ORDERED: _of_steps,
}


def _stated(prior: Prior | None) -> Prior:
    if prior is None:  # unreachable through read_model, which requires it
        raise ValueError("The specification states no such prior.")
    return prior


def _shrunk_effects(spec: ModelSpec, arrays: Arrays) -> dict[str, Any]:
    """Add the effects that share a prior to the model in context; by the names of predictors.

    Each is a standard normal times a sd of its own, for its column in units of its sd
    (`sd_of_shrunk`), so that the prior treats all columns alike; what is returned and kept is the
    effect in the units of the file. The shrinkage factor of an effect is the share of what the data
    alone would say that the prior takes away: 1 / (1 + n v / s^2), with v the prior's variance of
    the effect given the rest, and s the sd of what one of n patients tells (`residual_sd`).

    Parameters
    ----------
    spec, arrays : ModelSpec, Arrays
        The model, and its design's numbers.

    Returns
    -------
    dict
        Scalars, and of categories vectors (dim level_of_<name>).

    References
    ----------
    Piironen and Vehtari, Electron J Stat 2017;11:5018 (regularised horseshoe, its global scale and
    shrinkage factor); Zhang, Naughton, Bondell and Reich, JASA 2022;117:862 (R2D2).
    """
    prior = _stated(spec.shrinkage.prior if spec.shrinkage is not None else None)
    n_patients = _n_patients(spec, arrays)
    n_effects = sum(p.n_columns for p in spec.shrunk)
    variance = SHARED_PRIORS[prior.distribution](prior, n_effects, n_patients)
    factor = 1.0 / (1.0 + variance * n_patients / prior["residual_sd"] ** 2)
    pm.Deterministic("shrinkage_factor", factor, dims="shrunk")
    # Sampled in units of what is left to know of them, as levels of patients are (`components`):
    # neither standard normals, which hang on the scale of an effect that the data know, nor effects
    # themselves, which are squeezed by a small one, have a variance near 1 whatever the scales. Of
    # 4,000 draws of a model of response under a horseshoe none of six seeds diverged at a target
    # acceptance of 0.8 (standard normals: 6 to 15), with 7 leapfrogs a draw (12) and a smallest
    # effective sample size of 2,822 to 3,220 (912 to 1,832).
    own = pm.Normal("shrinkage_own", 0.0, 1.0 / pt.sqrt(factor), dims="shrunk")
    z = pm.Deterministic("shrinkage_z", own * pt.sqrt(factor), dims="shrunk")
    every = z * pt.sqrt(variance) / arrays["sd_of_shrunk"]
    effects, start = {}, 0
    for p in spec.shrunk:
        own = every[start : start + p.n_columns]
        start += p.n_columns
        own = own if p.effect_dim else own[0]
        effects[p.name] = pm.Deterministic(p.name, own, dims=p.effect_dim)
    return effects


def _n_patients(spec: ModelSpec, arrays: Arrays) -> Any:
    """Patients of the likelihood, those by whom `sd_of_shrunk` was computed: data, no constant."""
    return outcome_of(spec.outcome).in_likelihood(arrays).sum().astype("float64")


def _horseshoe(prior: Prior, n_effects: int, n_patients: Any) -> Any:
    """Variances of standardised effects under the regularised horseshoe; shape (shrunk,).

    tau^2 lambda^2 c^2 / (c^2 + tau^2 lambda^2): lambda half-Cauchy; tau half-Cauchy, its scale
    such that so many effects are expected to be relevant; c^2 inverse gamma.
    """
    relevant, sd = prior["relevant"], prior["residual_sd"]
    scale = relevant / (n_effects - relevant) * sd / pt.sqrt(n_patients)
    local = pm.HalfCauchy("shrinkage_local", 1.0, dims="shrunk")
    tau = pm.HalfCauchy("shrinkage_global", scale)
    half = np.float64(prior["slab_df"] / 2.0)
    slab = pm.InverseGamma("shrinkage_slab", half, half * prior["slab_sd"] ** 2)
    free = (tau * local) ** 2
    return free * slab / (slab + free)


def _r2d2(prior: Prior, n_effects: int, n_patients: Any) -> Any:
    """Variances of standardised effects under R2D2; shape (shrunk,): the signal's, shared out."""
    mean, precision = prior["r2_mean"], prior["r2_precision"]
    r2 = pm.Beta(
        "shrinkage_r2",
        alpha=np.float64(mean * precision),
        beta=np.float64((1.0 - mean) * precision),
    )
    shape = Prior("dirichlet", (("concentration", (prior["shape"],) * n_effects),), prior.why)
    share = MAKERS["dirichlet"]("shrinkage_share", shape, "shrunk")
    return prior["residual_sd"] ** 2 * r2 / (1.0 - r2) * share


# Of each distribution that effects may share: their variances, given scales it adds to the model.
SHARED_PRIORS: Mapping[str, Callable[[Prior, int, Any], Any]] = {
    "horseshoe": _horseshoe,
    "r2d2": _r2d2,
}


def long_run_shifts(spec: ModelSpec, acts_on: str, arrays: Arrays, dim: str) -> dict[str, Any]:
    """Add the effects on classes, blocks or states to the model in context.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    acts_on : str
        What the effects act on.
    arrays : mapping of str to TensorVariable
        Its design's numbers; of a joint model with the effects of the groups that it shares, in
        sds (`shared_<group>`).
    dim : str
        Over what each has its members.

    Returns
    -------
    dict
        By the name of the predictor, or of the sharing, its values, shape (patient,), and its
        effects, shape (dim,).
    """
    found = {}
    for p in spec.acting_on(acts_on):
        found[p.name] = arrays[f"x_{p.name}"], parameter(p.name, _stated(p.prior), dims=dim)
    for shared in spec.sharing:
        if shared.acts_on == acts_on:
            effect = parameter(shared.name, shared.prior, dims=dim)
            found[shared.name] = arrays[f"shared_{shared.group}"], effect
    return found
