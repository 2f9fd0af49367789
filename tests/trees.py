"""Fits made of others: with other draws, or as if of another model. Nothing is sampled."""

import xarray as xr

from mmn_bayes.spec.model_spec import spec_to_toml


def with_draws(tree, **values):
    """The same fit with other draws of some parameters: a number, or an array of their shape."""
    posterior = tree["posterior"].to_dataset()
    changed = {n: xr.zeros_like(posterior[n]) + v for n, v in values.items()}
    return _remade(tree, posterior.assign(changed), tree.attrs)


def of_another_model(tree, spec):
    """The same draws, said to be of another model: for what looks at the model first."""
    attrs = {**tree.attrs, "spec_toml": spec_to_toml(spec), "spec_name": spec.name}
    return _remade(tree, tree["posterior"].to_dataset(), attrs)


def _remade(tree, posterior, attrs):
    other = xr.DataTree.from_dict({"posterior": posterior, "design": tree["design"].to_dataset()})
    other.attrs = attrs
    return other
