"""A fit as a file: netCDF with a checksum of its content, read back as it was or refused."""

import io
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from mmn_bayes.data.replacing import replacing
from mmn_bayes.engine.completeness import incomplete
from mmn_bayes.errors import DataError
from mmn_bayes.report.content import content_checksum

FIT_GROUPS = ("posterior", "design")
FIT_ATTRIBUTES = ("spec_name", "spec_toml", "fingerprint", "chains", "draws")
# Deflated data are at most 1032 times as large as what they are kept in.
MOST_COMPRESSED = 1100
COMPRESSION = {"zlib": True, "complevel": 4, "shuffle": True}
# Where the file keeps which text variables were Python objects: netCDF knows one kind of text only.
OBJECT_TEXT = "text_kept_as_objects"
# What the file says of all else that it holds.
CHECKSUM = "content_checksum"


def save(fit: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a fit as netCDF, compressed, with a checksum of its content.

    Parameters
    ----------
    fit : DataTree
        A fit, as `fit` gives it. Attributes may be text, numbers, yes/no (kept as 1 and 0) and
        lists of text or of numbers.
    path : path-like
        The file; its folder is created when absent.

    Returns
    -------
    Path
        The file. `load` gives the same values, dtypes, dims, coordinates and attributes.

    Raises
    ------
    ValueError
        When the tree is not a fit, its draws are not complete and finite, or something of it
        cannot be kept; nothing is written then.
    OSError
        In one sentence, when the disk is full or the folder not writable; an old file stays.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> path = mb.save(response_fit, "response.nc")
    >>> path.name
    'response.nc'
    >>> mb.load(path)["posterior"].equals(response_fit["posterior"])
    True
    """
    file = Path(path)
    _require_fit(fit, "The tree to be saved")
    if reasons := incomplete(fit):
        raise ValueError(f"The fit cannot be saved: {'; '.join(reasons)}; fit the model again.")
    content = _as_netcdf(fit)
    with replacing(file) as partial:
        partial.write_bytes(content)
    return file


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a fit that `save` wrote, and verify its checksum.

    Parameters
    ----------
    path : path-like
        The netCDF file.

    Returns
    -------
    DataTree
        The fit, in memory; the file is closed.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    DataError
        When the file is not netCDF or not a fit, was changed or damaged since it was saved, or
        does not have all draws that it states.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> path = mb.save(response_fit, "response.nc")
    >>> again = mb.load(path)
    >>> sorted(again.children), again.attrs["spec_name"]
    (['design', 'posterior', 'sample_stats'], 'response')
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no fit '{file}'; run the fit and `save` it there first.")
    try:
        tree = _read(file)
        _require_fit(tree, f"'{file}'")
        stated = tree.attrs.pop(CHECKSUM, None)
        unchanged = stated is not None and content_checksum(tree) == stated
    except (DataError, PermissionError):
        raise
    except Exception as error:  # whatever the libraries make of a damaged file
        raise DataError(
            f"'{file}' is damaged, or not a netCDF file; give a file that `save` wrote, or run the "
            "fit again and `save` it."
        ) from error
    if stated is None:
        raise DataError(
            f"'{file}' was saved by an earlier version, which kept no checksum of the content; run "
            "the fit again and `save` it."
        )
    if not unchanged:
        raise DataError(
            f"'{file}' is not as it was saved: its content does not agree with its checksum; run "
            "the fit again and `save` it."
        )
    if reasons := incomplete(tree):
        raise DataError(f"'{file}' is no complete fit: {'; '.join(reasons)}; run the fit again.")
    return _restored(tree)


def _as_netcdf(fit: xr.DataTree) -> bytes:
    """The content of a file with a fit and its checksum.

    In memory: the library leaves what it writes to a full disk open, and it is read back before
    an old file is replaced, since draws that `load` refuses would be lost.
    """
    tree, object_text = _storable(fit)
    tree.attrs[OBJECT_TEXT] = json.dumps(object_text)
    checksum = content_checksum(tree)
    tree.attrs[CHECKSUM] = checksum
    encoding = {
        node.path: {
            name: COMPRESSION
            for name, variable in node.to_dataset(inherit=False).variables.items()
            if variable.dtype.kind in "biuf" and variable.ndim and variable.size
        }
        for node in tree.subtree
    }
    try:
        content = bytes(tree.to_netcdf(engine="h5netcdf", encoding=encoding))
        back = _read(io.BytesIO(content))
        unchanged = back.attrs.pop(CHECKSUM) == content_checksum(back) == checksum
    except Exception as error:  # of any library below
        raise ValueError(f"The fit cannot be kept in a netCDF file: {error}.") from error
    if not unchanged:
        raise ValueError("The fit cannot be kept in a netCDF file: it would not read as it is.")
    return content


def _read(file: Path | io.BytesIO) -> xr.DataTree:
    """A file in memory; whatever error the libraries have for a damaged one.

    First by the library below, which closes what it cannot read, and before anything is allocated:
    one changed bit may make an array of a million times its size.
    """
    sizes = [0]
    with h5py.File(file) as opened:
        opened.visititems(lambda _, item: sizes.append(getattr(item, "nbytes", 0)))
        n_bytes = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
        if sum(sizes) > MOST_COMPRESSED * n_bytes:
            raise ValueError("more than its compression allows")
    # Days are numbers here: an attribute `units = "days"` must not turn them into dates.
    with (
        warnings.catch_warnings(action="ignore"),
        xr.open_datatree(file, engine="h5netcdf", decode_times=False) as opened,
    ):
        return opened.load()


def _require_fit(tree: xr.DataTree, what: str) -> None:
    absent = [f"group '{name}'" for name in FIT_GROUPS if name not in tree.children]
    absent += [f"attribute '{name}'" for name in FIT_ATTRIBUTES if name not in tree.attrs]
    if absent:
        raise DataError(f"{what} is not a fit: it has no {', no '.join(absent)}.")


def _storable(fit: xr.DataTree) -> tuple[xr.DataTree, dict[str, list[str]]]:
    """Return the tree as netCDF can hold it, and by group the text variables that were objects."""
    groups, object_text = {}, {}
    for node in fit.subtree:
        dataset = node.to_dataset(inherit=False).drop_encoding()
        dataset.attrs = _storable_attributes(dataset.attrs, node.path)
        for name, variable in dataset.variables.items():
            variable.attrs = _storable_attributes(variable.attrs, f"{node.path}, {name}")
        groups[node.path] = dataset
        objects = [str(name) for name, v in dataset.variables.items() if v.dtype == object]
        if objects:
            object_text[node.path] = objects
    return xr.DataTree.from_dict(groups, name=fit.name), object_text


def _storable_attributes(attributes: Mapping[Any, Any], where: str) -> dict[str, Any]:
    kept = {}
    for name, value in attributes.items():
        plain = int(value) if isinstance(value, bool | np.bool_) else value
        kind = np.asarray(plain).dtype.kind
        if kind not in "iufU":
            raise ValueError(
                f"{where}: attribute '{name}' is {value!r}, which a netCDF file cannot hold; "
                "make it text or a number."
            )
        kept[str(name)] = plain
    return kept


def _restored(tree: xr.DataTree) -> xr.DataTree:
    """Undo what the file format did: Python numbers in attributes, objects where they were."""
    object_text = json.loads(tree.attrs.pop(OBJECT_TEXT, "{}"))
    groups = {}
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False).drop_encoding()
        for name in object_text.get(node.path, []):
            dataset[name] = dataset[name].astype(object)
        dataset.attrs = {name: plain_value(value) for name, value in dataset.attrs.items()}
        for variable in dataset.variables.values():
            variable.attrs = {name: plain_value(value) for name, value in variable.attrs.items()}
        groups[node.path] = dataset
    return xr.DataTree.from_dict(groups)


def plain_value(value: Any) -> Any:
    """Return a number of NumPy's as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
