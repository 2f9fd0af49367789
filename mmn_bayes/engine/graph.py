"""Assemble the PyMC model of a specification on a design."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr

from mmn_bayes.engine.components import pair_labels
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.rows import repeats
from mmn_bayes.model_file.model_spec import ModelSpec

# What every design of a cohort holds for the estimands only; each outcome has more of it.
_NOT_IN_GRAPH = frozenset({"baseline_day", "follow_up_day", "n_affected"})

Purpose = Literal["sample", "recover", "predict"]


def build(spec: ModelSpec, design: xr.Dataset, purpose: Purpose = "sample") -> pm.Model:
    """Build the PyMC model of a specification and a design.

    Parameters
    ----------
    spec, design : ModelSpec, Dataset
        The model, and a design made for it.
    purpose : Purpose, default "sample"
        "sample": with the likelihood of what the design records. For outcome "grade" the levels
        of the sites are integrated out of it. "recover" (outcome "grade"): without likelihood, with
        the deterministics `eta_without_site` (dim row), `scaled_cutpoints` (dims set,
        threshold) and `site_sigma`, in units of the noise, from which those levels are drawn.
        "predict": without likelihood, with those effects as parameters, and the deterministics
        `grade_cdf` (dims row, threshold; the probability of at most each grade), `eta_of_site`
        (dim site) and `eta_of_row` (dim row), which add up to eta, and `scaled_cutpoints`,
        `response_probability` (dim patient), `event_probability` (dim row), `class_probability`
        (dims patient, class), `stays` and `appears` (dim patient), or `transition_probability`
        (dims step, state, next_state); of a joint model those of each of its outcomes.

    Returns
    -------
    Model
        Its free parameters carry the names that the file gives them. The likelihood of grades is an
        operation for numba: under nutpie's JAX backend PyTensor raises a NotImplementedError that
        names it.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`, and `response_model`, the model of
    `models/response.toml`:

    >>> design = mb.engine.make_design(cohort, response_model)
    >>> design.sizes["patient"]
    40
    >>> built = mb.engine.build(response_model, design)
    >>> [variable.name for variable in built.free_RVs]
    ['intercept', 'naive']
    """
    outcomes = [outcome_of(name) for name in spec.outcomes]
    coords = {str(name): design[name].to_numpy() for name in design.coords}
    if spec.correlation is not None:
        coords["pair"] = np.array(pair_labels(spec))
    if spec.relaxed is not None:
        coords["relaxed"] = np.array(spec.relaxed.own_strata)
    with pm.Model(coords=coords) as model:
        arrays = _data(spec, design, _NOT_IN_GRAPH.union(*(o.not_in_graph for o in outcomes)))
        for outcome in outcomes:
            # What is recovered was integrated out of one of them; the others know nothing of it.
            if purpose != "recover" or outcome.draw_integrated is not None:
                shared = outcome.add_likelihood(spec, arrays, purpose) or {}
                arrays |= {f"shared_{group}": effects for group, effects in shared.items()}
    return model


def _data(spec: ModelSpec, design: xr.Dataset, left_out: Collection[str]) -> dict[str, Any]:
    """The design's numbers as data of the graph: constants would be compiled into the code.

    All whole numbers are one vector and all others another, of sizes that the graph knows, so that
    what hands them over is the same for every model (`compiled_logp`).
    """
    arrays = {
        str(name): design[name].to_numpy()
        for name in design.data_vars
        if design[name].dtype.kind in "iuf" and name not in left_out
    }
    if spec.memory is not None:
        arrays["repeat"] = repeats(design)
    return {
        **_packed("data_whole", {n: a for n, a in arrays.items() if a.dtype.kind in "iu"}, "int64"),
        **_packed("data_real", {n: a for n, a in arrays.items() if a.dtype.kind == "f"}, "float64"),
    }


def _packed(name: str, arrays: Mapping[str, np.ndarray], dtype: str) -> dict[str, Any]:
    """Vectors, by their names, as parts of one."""
    together = np.concatenate([np.empty(0, dtype), *arrays.values()], dtype=dtype)
    data = pm.Data(name, together, shape=together.shape)
    ends = np.cumsum([0, *(array.size for array in arrays.values())]).tolist()
    return {part: data[a:b] for part, (a, b) in zip(arrays, pairwise(ends), strict=True)}
