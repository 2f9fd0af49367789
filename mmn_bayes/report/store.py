"""The only writer of results: every file is written whole under another name, then put in place.

Nothing else in the package writes to `results/`; a reader never sees half a file, and a write that
fails leaves the old file as it was.
"""

import datetime
import io
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from mmn_bayes.data.csv_cells import marked_table
from mmn_bayes.data.replacing import replacing
from mmn_bayes.engine.completeness import incomplete
from mmn_bayes.errors import DataError
from mmn_bayes.report.content import content_checksum
from mmn_bayes.report.formatting import to_markdown, to_text
from mmn_bayes.report.table import Table

FIT_GROUPS = ("posterior", "design")
FIT_ATTRIBUTES = ("spec_name", "spec_toml", "fingerprint", "chains", "draws")
# Deflated data are at most 1032 times as large as what they are kept in.
MOST_COMPRESSED = 1100
COMPRESSION = {"zlib": True, "complevel": 4, "shuffle": True}
# Where the file keeps which text variables were Python objects: netCDF knows one kind of text only.
OBJECT_TEXT = "text_kept_as_objects"
# What the file says of all else that it holds.
CHECKSUM = "content_checksum"

MANIFEST_OF_FIT = (
    *("spec_fingerprint", "fingerprint", "seed", "chains", "draws", "tune", "ess_asked", "sampler"),
    *("seconds_compiling", "seconds_sampling"),
)

# What would make two files of one figure differ: the time, and the version of the drawing library.
FIGURE_METADATA: Mapping[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(fit: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a fit as netCDF, compressed, with a checksum of its content.

    Parameters
    ----------
    fit
        A fit, as `fit` gives it. Attributes may be text, numbers, yes/no (kept as 1 and 0) and
        lists of text or of numbers.
    path
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
    """Read a fit that `save` wrote, and make sure that it is what was written.

    Parameters
    ----------
    path
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


def write_text(text: str, path: str | os.PathLike[str]) -> Path:
    """Write a text as UTF-8, lines ended by a line feed, with one at the end.

    Parameters
    ----------
    text, path
        The text, and the file; its folder is created when absent.

    Returns
    -------
    Path
        The file.
    """
    file = Path(path)
    lines = text.replace("\r\n", "\n")
    with replacing(file) as partial:
        partial.write_bytes((lines if lines.endswith("\n") else lines + "\n").encode("utf-8"))
    return file


def write_table(table: Table | pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a table in the format that the ending of the file says.

    Parameters
    ----------
    table
        Any table. An index without a name is a row number and is not written.
    path
        The file; its folder is created when absent. An ending of `FORMATS`: .md for people (with
        title and notes), .txt as on the terminal; any other is CSV, for machines: every digit is
        kept, of the frame alone.

    Returns
    -------
    Path
        The file: UTF-8, line feeds. In a CSV missing cells are empty, numbers are written with as
        many digits as it takes to read the same number back, and text that a spreadsheet would run
        as a formula stands behind an apostrophe.
    """
    return write_text(FORMATS.get(Path(path).suffix, csv_text)(Table.of(table)), path)


def write_report(table: Table, path: str | os.PathLike[str]) -> list[Path]:
    """Write a table for machines and for people: as CSV, and as Markdown with title and notes.

    Parameters
    ----------
    table
        The table.
    path
        Of both files, without their endings.

    Returns
    -------
    list of Path
        The files.
    """
    return [write_table(table, f"{os.fspath(path)}{ending}") for ending in (".csv", ".md")]


def csv_text(table: Table | pd.DataFrame) -> str:
    """Return a table as the text of a CSV file, as `write_table` writes it."""
    frame = Table.of(table).frame
    index = any(name is not None for name in frame.index.names)
    return str(marked_table(frame).to_csv(index=index, lineterminator="\n"))


# Writers of tables by the ending of the file; another format is another one here.
FORMATS: Mapping[str, Callable[[Table], str]] = {".md": to_markdown, ".txt": to_text}


def write_columns(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a table as Parquet: every type is kept, for what reads it back.

    Parameters
    ----------
    table, path
        As for `write_table`.

    Returns
    -------
    Path
        The file.
    """
    file = Path(path)
    with replacing(file) as partial:
        table.to_parquet(partial, index=False)
    return file


def write_markdown(
    table: Table | pd.DataFrame,
    path: str | os.PathLike[str],
    caption: str = "",
    notes: Sequence[str] = (),
) -> Path:
    """Write a table as Markdown for people.

    Parameters
    ----------
    table, caption, notes
        As for `to_markdown`.
    path
        The file; its folder is created when absent.

    Returns
    -------
    Path
        The file.
    """
    return write_text(to_markdown(table, caption, notes), path)


def manifest(fits: xr.DataTree | Sequence[xr.DataTree], date: str) -> dict[str, Any]:
    """Return what must be known to make the results again, and to tell whether they are the same.

    Parameters
    ----------
    fits
        One fit or several, of different models.
    date
        ISO date of the run.

    Returns
    -------
    dict
        `date`, `title`, `synthetic` (whether any fit is of simulated data), and `fits`: by the name
        of the model its fingerprints, seed, sizes, sampler really used, seconds (those of compiling
        and sampling) and the `versions` of the software.

    Raises
    ------
    ValueError
        When there is no fit, or two fits have one model.
    """
    trees = [fits] if isinstance(fits, xr.DataTree) else list(fits)
    names = [str(fit.attrs["spec_name"]) for fit in trees]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"A manifest needs one fit a model, and at least one; given: {names}.")
    return {
        "date": date,
        "title": str(trees[0].attrs.get("title", "")),
        "synthetic": any(bool(fit.attrs["synthetic"]) for fit in trees),
        "fits": {
            name: {key: _plain(fit.attrs[key]) for key in MANIFEST_OF_FIT if key in fit.attrs}
            | {"versions": json.loads(fit.attrs.get("versions", "{}"))}
            for name, fit in zip(names, trees, strict=True)
        },
    }


def remove_manifest(path: str | os.PathLike[str]) -> None:
    """Remove a manifest before anything that it speaks of is written again.

    It is written when all else is: a folder with a manifest is of one run, whole.

    Parameters
    ----------
    path
        The manifest; it need not be there.
    """
    Path(path).unlink(missing_ok=True)


def write_manifest(
    fits: xr.DataTree | Sequence[xr.DataTree],
    path: str | os.PathLike[str],
    *,
    date: str | None = None,
) -> Path:
    """Write the manifest of a run as JSON with sorted keys.

    Parameters
    ----------
    fits
        As for `manifest`.
    path
        The file; its folder is created when absent.
    date
        ISO date of the run; None for today.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        As for `manifest`.
    """
    content = manifest(fits, datetime.date.today().isoformat() if date is None else date)
    return write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False), path)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 300) -> Path:
    """Write a figure, the same bytes for the same figure.

    Parameters
    ----------
    figure
        The figure.
    path
        The file; its ending, .png, .svg or .pdf, is the format. Its folder is created when absent.
    dpi
        Dots per inch of a PNG.

    Returns
    -------
    Path
        The file, without date and without the version of the drawing library.

    Raises
    ------
    ValueError
        When the ending is none of the three.
    """
    file = Path(path)
    ending = file.suffix.lower()
    if ending not in FIGURE_METADATA:
        known = ", ".join(FIGURE_METADATA)
        raise ValueError(f"A figure cannot be written as '{file.name}'; end its name in {known}.")
    # Without a salt the identifiers inside an SVG are random.
    with replacing(file) as partial, mpl.rc_context({"svg.hashsalt": "mmn_bayes"}):
        figure.savefig(partial, format=ending[1:], dpi=dpi, metadata=dict(FIGURE_METADATA[ending]))
    return file


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
        dataset.attrs = {name: _plain(value) for name, value in dataset.attrs.items()}
        for variable in dataset.variables.values():
            variable.attrs = {name: _plain(value) for name, value in variable.attrs.items()}
        groups[node.path] = dataset
    return xr.DataTree.from_dict(groups)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
