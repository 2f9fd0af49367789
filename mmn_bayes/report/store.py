"""The only writer of results: every file is written whole under another name, then put in place.

Nothing else in the package writes to `results/` but `fit_files`, which writes fits; a reader never
sees half a file, and a write that fails leaves the old file as it was.
"""

import datetime
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from mmn_bayes.data.csv_cells import marked_table
from mmn_bayes.data.replacing import replacing
from mmn_bayes.report.fit_files import plain_value
from mmn_bayes.report.formatting import to_markdown, to_text
from mmn_bayes.report.table import Table

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


def write_text(text: str, path: str | os.PathLike[str]) -> Path:
    """Write a text as UTF-8 with line feeds, one of them at the end.

    Parameters
    ----------
    text, path : str, path-like
        The text, and the file; its folder is created when absent.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> mb.io.write_text("40 patients", "out/note.txt").read_text().splitlines()
    ['40 patients']
    """
    file = Path(path)
    lines = text.replace("\r\n", "\n")
    with replacing(file) as partial:
        partial.write_bytes((lines if lines.endswith("\n") else lines + "\n").encode("utf-8"))
    return file


def write_table(table: Table | pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a table in the format given by the ending of the file.

    Parameters
    ----------
    table : Table or DataFrame
        Any table. An index without a name is a row number and is not written.
    path : path-like
        The file; its folder is created when absent. An ending of `FORMATS`: .md for people (with
        title and notes), .txt as on the terminal; any other is CSV, for machines: every digit is
        kept, of the frame alone.

    Returns
    -------
    Path
        The file: UTF-8, line feeds. In a CSV missing cells are empty, numbers are written with as
        many digits as it takes to read the same number back, and text that a spreadsheet would run
        as a formula stands behind an apostrophe.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["naive", "treated"], "share": [0.55, 0.45]})
    >>> print(mb.io.write_table(table, "out/shares.csv").read_text())
    group,share
    naive,0.55
    treated,0.45
    """
    return write_text(FORMATS.get(Path(path).suffix, csv_text)(Table.of(table)), path)


def write_report(table: Table, path: str | os.PathLike[str]) -> list[Path]:
    """Write a table as CSV, and as Markdown with title and notes.

    Parameters
    ----------
    table : Table
        The table.
    path : path-like
        Path of both files, without their endings.

    Returns
    -------
    list of Path
        The files.

    Examples
    --------
    >>> table = mb.tables.Table(pd.DataFrame({"n": [40]}), "Patients", notes=["At inclusion."])
    >>> [file.name for file in mb.io.write_report(table, "out/patients")]
    ['patients.csv', 'patients.md']
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
    """Write a table as Parquet, which keeps the type of every column.

    Parameters
    ----------
    table : DataFrame
        Any table. An index without a name is a row number and is not written.
    path : path-like
        The file; its folder is created when absent.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> table = pd.DataFrame({"patient": ["P01"], "naive": [True]})
    >>> pd.read_parquet(mb.io.write_columns(table, "out/patients.parquet"))
      patient  naive
    0     P01   True
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
    table : Table or DataFrame
        With its title and notes, or a frame as for `format_table`. When any row is synthetic the
        caption says so.
    path : path-like
        The file; its folder is created when absent.
    caption, notes : str, sequence of str, optional
        What stands above a frame, and the lines below; plain text.

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
    fits : DataTree or sequence of DataTree
        One fit or several, of different models.
    date : str
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
            name: {key: plain_value(fit.attrs[key]) for key in MANIFEST_OF_FIT if key in fit.attrs}
            | {"versions": json.loads(fit.attrs.get("versions", "{}"))}
            for name, fit in zip(names, trees, strict=True)
        },
    }


def remove_manifest(path: str | os.PathLike[str]) -> None:
    """Remove a manifest before the results that it describes are written again.

    It is written after everything else: a folder with a manifest holds one complete run.

    Parameters
    ----------
    path : path-like
        The manifest; it need not be there.

    Examples
    --------
    >>> mb.io.remove_manifest("out/manifest.json")
    """
    Path(path).unlink(missing_ok=True)


def write_manifest(
    fits: xr.DataTree | Sequence[xr.DataTree],
    path: str | os.PathLike[str],
    *,
    date: str | None = None,
) -> Path:
    """Write the manifest of a run, what its fits are made of, as JSON with sorted keys.

    Parameters
    ----------
    fits : DataTree or sequence of DataTree
        One fit or several, of different models.
    path : path-like
        The file; its folder is created when absent.
    date : str or None, optional
        ISO date of the run; None for today.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        When there is no fit, or two fits have one model.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> import json
    >>> file = mb.io.write_manifest(response_fit, "out/manifest.json", date="2026-01-31")
    >>> sorted(json.loads(file.read_text()))
    ['date', 'fits', 'synthetic', 'title']
    """
    content = manifest(fits, datetime.date.today().isoformat() if date is None else date)
    return write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False), path)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 300) -> Path:
    """Write a figure to a file.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : path-like
        The file; its ending, .png, .svg or .pdf, is the format. Its folder is created when absent.
    dpi : int, default 300
        Dots per inch of a PNG.

    Returns
    -------
    Path
        The file, without date and without the version of the plotting library: the same bytes for
        the same figure.

    Raises
    ------
    ValueError
        When the ending is none of the three.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> mb.io.save_figure(Figure(), "out/empty.png").name
    'empty.png'
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
