"""A checksum of what a fit holds, by which a stored one is known to be as it was written."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

# Raised when the same content would get another checksum.
_RULE = "content 1"


def content_checksum(tree: xr.DataTree) -> str:
    """Return the SHA-256 of every group, variable, coordinate and attribute of a tree.

    Parameters
    ----------
    tree : DataTree
        Of numbers, yes/no and text; attributes are text, numbers, or lists of them.

    Returns
    -------
    str
        In hexadecimal. It is of the values: how a file is laid out or compressed, the order of
        variables and attributes, the order of bytes and how text is held do not matter.
    """
    digest = hashlib.sha256(_RULE.encode())

    def add(*parts: Any) -> None:
        digest.update(json.dumps(parts).encode() + b"\n")

    for node in sorted(tree.subtree, key=lambda node: node.path):
        dataset = node.to_dataset(inherit=False)
        add("group", node.path, _plain_attributes(dataset.attrs))
        for name in sorted(map(str, dataset.variables)):
            variable = dataset.variables[name]
            role = "coordinate" if name in dataset.coords else "variable"
            add(role, name, variable.dims, variable.shape, _plain_attributes(variable.attrs))
            values = variable.to_numpy()
            if values.dtype.kind in "biuf":
                add(values.dtype.kind, values.dtype.itemsize)
                digest.update(np.ascontiguousarray(_same_bytes(values)))
            else:
                add("text", values.ravel().tolist())
    return digest.hexdigest()


def _plain_attributes(attributes: Mapping[Any, Any]) -> list[list[Any]]:
    """By name; a list of one is what it lists, since files do not tell the two apart."""
    values = {str(name): np.atleast_1d(value).tolist() for name, value in attributes.items()}
    return sorted([name, value] for name, value in values.items())


def _same_bytes(values: np.ndarray) -> np.ndarray:
    """The same bytes for the same numbers on every machine, and for what is no number."""
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(1, dtype=bool)
    return np.where(missing, np.nan, values).astype(values.dtype) if missing.any() else values
