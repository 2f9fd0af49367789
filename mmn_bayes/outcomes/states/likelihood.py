"""The likelihood of states: a Markov chain in steps, any number of them between two days."""

# Before PyMC is imported: the folder of compiled code is prepared.
import mmn_bayes.engine as _engine  # noqa: F401

# isort: split
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.components import standard_effects
from mmn_bayes.engine.effects import long_run_shifts
from mmn_bayes.engine.priors import parameter
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.states.design import section_of


def moving(spec: ModelSpec, arrays: Mapping[str, Any], purpose: str) -> None:
    """Add the model of histories to the model in context.

    For "predict" the deterministic `transition_probability` (dims step, state, next_state) in place
    of the likelihood.
    """
    part = section_of(spec)
    start = parameter("start_probability", part.start, dims="state")
    steps = _transitions(spec, arrays)
    if purpose == "predict":
        pm.Deterministic("transition_probability", steps)
        return
    k = len(part.levels)
    number = 0
    while f"left_{number}" in arrays:
        every = pt.concatenate([steps, np.eye(k)[None]])
        left, right = every[arrays[f"left_{number}"]], every[arrays[f"right_{number}"]]
        steps = (left[:, :, :, None] * right[:, None, :, :]).sum(axis=2)
        number += 1
    # By one number each: three together compile for several times as long.
    place = (pt.arange(arrays["before"].shape[0]) * k + arrays["before"]) * k + arrays["after"]
    moved = pt.log(steps.ravel()[place]).sum()
    # Codes are data, -1 of who was not seen on day 0, who says nothing of it.
    first = arrays["first_code"]
    began = (pt.log(start)[pt.maximum(first, 0)] * pt.ge(first, 0)).sum()
    pm.Potential("states", moved + began)


def _transitions(spec: ModelSpec, arrays: Mapping[str, Any]) -> Any:
    """Transition probabilities of every step; shape (step, state, next_state).

    Log odds against the first level: those of the period, and what acts on them.
    """
    part = section_of(spec)
    k = len(part.levels)
    leaves = parameter("leaves", part.leaves, dims=("period", "state"))
    stays = np.eye(k)
    share: Any = 1.0
    if k > 2:
        towards = parameter("towards", part.towards, dims=("period", "state", "other_state"))
        share = (towards[:, :, None, :] * _others(k)).sum(axis=3)
    base = stays * (1.0 - leaves[:, :, None]) + (1.0 - stays) * leaves[:, :, None] * share
    patient, shift = arrays["patient_of_step"], _shift(spec, arrays)
    for group in spec.groups if spec.outcome == "state" else ():
        if group.sd is None:  # unreachable through read_model
            raise ValueError(f"group.{group.name} has no sd.")
        own = parameter(f"{group.name}_sd", group.sd) * standard_effects(group)
        shift = shift + own[patient][:, None, None] * (np.arange(k) > 0)
    weight = base[arrays["period_of_step"]] * pt.exp(shift)
    return weight / weight.sum(axis=2, keepdims=True)


def _others(k: int) -> np.ndarray:
    """1 where a level is that one of the others of a state, else 0; shape (k, k, k - 1)."""
    others = np.zeros((k, k, k - 1))
    for state in range(k):
        for place, level in enumerate(level for level in range(k) if level != state):
            others[state, level, place] = 1.0
    return others


def _shift(spec: ModelSpec, arrays: Mapping[str, Any]) -> Any:
    """What predictors, shared effects and time add; shape (step, state, next_state), or 0."""
    part, patient = section_of(spec), arrays["patient_of_step"]
    acting = long_run_shifts(spec, "state", arrays, "contrast")
    acting = {name: (x[patient], effect) for name, (x, effect) in acting.items()}
    if part.change is not None:
        change = parameter("state_change", part.change, dims="contrast")
        acting["time"] = arrays["doublings_of_step"], change
    varying = {}
    if part.varying_sd is not None:
        sd = parameter("state_varying_sd", part.varying_sd)
        names = [name for name in acting if name not in {s.name for s in spec.sharing}]
        z = pm.Normal("state_varying_z", 0.0, 1.0, dims=("effect", "state", "contrast"))
        varying = {name: sd * z[number] for number, name in enumerate(names)}
    # 0 on the log odds of the first level.
    place, other = np.maximum(np.arange(len(part.levels)) - 1, 0), np.arange(len(part.levels)) > 0
    total: Any = 0.0
    for name, (x, effect) in acting.items():
        own = effect[None, :] + varying.get(name, np.zeros((1, 1)))
        total = total + x[:, None, None] * (own[:, place] * other)[None]
    return total
