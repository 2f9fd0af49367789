"""Writing a cohort: plain CSV files and cohort.toml, the same bytes for the same cohort."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from mmn_bayes.data.csv_cells import marked
from mmn_bayes.data.replacing import replacing
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.settings import FILE, Settings, toml_text
from mmn_bayes.data.tables import text_of
from mmn_bayes.errors import DataError

ENDINGS = (".csv", ".parquet")


def write_cohort(cohort: Cohort, folder: str | os.PathLike[str]) -> Path:
    """Write a cohort as CSV files and cohort.toml, the same bytes for the same cohort.

    Parameters
    ----------
    cohort : Cohort
        Its `warnings` and `truth` are not written.
    folder : path
        Created when absent. Only the files of the cohort are written, each in one step, so that
        a reader never sees half a file.

    Returns
    -------
    Path
        The folder; reading it gives an equal cohort. Text that a spreadsheet would run as a
        formula stands behind an apostrophe, which `read_cohort` takes away.

    Raises
    ------
    DataError
        When the folder holds a table that this cohort would not overwrite (another table, or a
        Parquet file), for the two would be read as one cohort; nothing is written then.
    OSError
        In one sentence, when the disk is full or the folder not writable; no table is half-written.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> folder = mb.write_cohort(cohort, "copy")
    >>> sorted(file.name for file in folder.iterdir())
    ['blocks.csv', 'cohort.toml', 'grades.csv', 'infusions.csv', 'patients.csv', 'status.csv']
    >>> mb.read_cohort(folder) == cohort
    True
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        defect = f"{path.name}: it is a file, not a folder; give another folder."
        raise DataError("The cohort cannot be written:", [defect])
    contents = {f"{name}.csv": _csv_text(frame) for name, frame in cohort.tables.items()}
    there = data_files(path) if path.is_dir() else []
    foreign = sorted(file.name for file in there if file.name not in contents)
    if foreign:
        cure = "delete it or choose another folder"
        raise DataError(
            f"The cohort cannot be written to folder {path.name!r}:",
            [f"{file}: it is there but not of this cohort; {cure}." for file in foreign],
        )
    settings = Settings(
        cohort.title, cohort.source, cohort.synthetic, cohort.scale, dict(cohort.labels)
    )
    contents[FILE] = toml_text(settings)
    for file, text in contents.items():
        with replacing(path / file) as partial:
            partial.write_bytes(text.encode("utf-8"))
    return path


def data_files(folder: Path) -> list[Path]:
    """The CSV and Parquet files of a folder, by name; hidden files and folders are ignored."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and not file.is_dir()
    )


def _csv_text(frame: pd.DataFrame) -> str:
    columns = [[_csv_cell(name) for name in (column,)] for column in frame.columns]
    for cells, column in zip(columns, frame.columns, strict=True):
        text = text_of(frame[column])
        codes, values = pd.factorize(text)
        spelt = np.array([_csv_cell(value) for value in values], dtype=object)
        cells.extend(spelt[codes])
    return "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))


def _csv_cell(cell: str) -> str:
    text = marked(cell)
    plain = text == text.strip() and not any(mark in text for mark in ',"\r\n')
    return text if plain else '"' + text.replace('"', '""') + '"'
