"""Fits made of others: with other draws, or as if of another model. Nothing is sampled."""

import numpy as np
import xarray as xr

from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.model_file.model_spec import model_to_toml


def known(spec, cohort, draws=1, **parameters):
    """A fit whose draws are all these parameters: estimands of it have exact answers.

    A parameter is a number, or an array of its shape, or one of the shape of all its draws.
    """
    design = make_design(cohort, spec)
    model = build(spec, design, "predict")
    coords = {str(name): design[name].to_numpy() for name in design.coords}
    variables = {}
    for variable in model.free_RVs:
        dims = model.named_vars_to_dims.get(variable.name, ())
        value = np.asarray(parameters[variable.name], dtype=float)
        value = np.broadcast_to(value, (1, draws, *(len(coords[d]) for d in dims)))
        variables[variable.name] = (("chain", "draw", *dims), value)
    used = {d for dims, _ in variables.values() for d in dims if d in coords}
    posterior = xr.Dataset(variables, coords={d: coords[d] for d in used})
    posterior = posterior.assign_coords(chain=[0], draw=np.arange(draws))
    tree = xr.DataTree.from_dict({"posterior": posterior, "design": design})
    about = {"spec_name": spec.name, "spec_toml": model_to_toml(spec)}
    tree.attrs = {**about, "seed": 1, "synthetic": int(cohort.synthetic)}
    return tree


def with_draws(tree, **values):
    """The same fit with other draws of some parameters: a number, or an array of their shape."""
    posterior = tree["posterior"].to_dataset()
    changed = {n: xr.zeros_like(posterior[n]) + v for n, v in values.items()}
    return _remade(tree, posterior.assign(changed), tree.attrs)


def first_draws(tree, n):
    """The same fit with the first draws of each chain only."""
    return _remade(tree, tree["posterior"].to_dataset().isel(draw=slice(None, n)), tree.attrs)


def of_another_model(tree, spec):
    """The same draws, said to be of another model: for what looks at the model first."""
    attrs = {**tree.attrs, "spec_toml": model_to_toml(spec), "spec_name": spec.name}
    return _remade(tree, tree["posterior"].to_dataset(), attrs)


def of_another_design(tree, design):
    """The same draws, as if of other grades of the same muscles."""
    return _remade(tree, tree["posterior"].to_dataset(), tree.attrs, design)


def _remade(tree, posterior, attrs, design=None):
    design = tree["design"].to_dataset() if design is None else design
    other = xr.DataTree.from_dict({"posterior": posterior, "design": design})
    other.attrs = attrs
    return other
