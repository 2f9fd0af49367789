"""Whether the draws of a fit are all there and all numbers: asked wherever draws come from.

The sampler gives what it has when it is interrupted, and a file may have been changed: a fit of a
part of the draws looks like any other, and so do the numbers that are made of it.
"""

import numpy as np
import xarray as xr


def incomplete(fit: xr.DataTree) -> list[str]:
    """Return why the draws of a fit are not those that it states.

    Parameters
    ----------
    fit : DataTree
        With attributes `chains` and `draws`, and with groups `posterior` and perhaps
        `sample_stats`, whose variables have the dims chain and draw.

    Returns
    -------
    list of str
        A reason each; empty where every variable has all draws of all chains, and every draw of
        the posterior is finite.
    """
    reasons = []
    stated = {"chain": int(fit.attrs["chains"]), "draw": int(fit.attrs["draws"])}
    for group in ("posterior", "sample_stats"):
        if group not in fit.children:
            continue
        sizes = fit[group].sizes
        reasons += [
            f"'{group}' has {sizes.get(dim, 0)} {dim}s where {n} are stated"
            for dim, n in stated.items()
            if sizes.get(dim, 0) != n
        ]
    for name, values in fit["posterior"].data_vars.items():
        absent = [dim for dim in stated if dim not in values.dims]
        reasons += [f"'{name}' has no dim '{dim}'" for dim in absent]
        if absent or values.dtype.kind != "f":
            continue
        finite = np.isfinite(values.transpose(*stated, ...).to_numpy())
        unusable = int((~finite).any(axis=tuple(range(2, finite.ndim))).sum())
        if unusable:
            n_draws = values.sizes["chain"] * values.sizes["draw"]
            reasons.append(f"'{name}' is not a finite number in {unusable} of {n_draws} draws")
    return reasons
