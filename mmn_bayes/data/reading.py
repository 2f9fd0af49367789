"""Reading and making a cohort: files or DataFrames in, every check, a `Cohort` out."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mmn_bayes.data.characters import without_refused
from mmn_bayes.data.checking import Context, check_table
from mmn_bayes.data.csv_cells import unmarked_table
from mmn_bayes.data.days import Starts
from mmn_bayes.data.findings import Findings
from mmn_bayes.data.headers import check_header
from mmn_bayes.data.linking import (
    check_key,
    check_nerves,
    check_patients_known,
    report_back_in_time,
    report_ungraded,
)
from mmn_bayes.data.predictors import check_predictors
from mmn_bayes.data.schema import TABLES, Cohort
from mmn_bayes.data.settings import FILE, Settings, checked_settings, nearest, settings_from_toml
from mmn_bayes.data.tables import TextTable, table_from_csv, table_from_frame, table_from_parquet
from mmn_bayes.data.writing import data_files, write_cohort
from mmn_bayes.errors import CohortWarning, DataError

__all__ = ["make_cohort", "read_cohort", "write_cohort"]

_READERS = {".csv": table_from_csv, ".parquet": table_from_parquet}


def read_cohort(folder: str | os.PathLike[str]) -> Cohort:
    """Read and validate a cohort from a folder of tidy tables.

    Parameters
    ----------
    folder : path
        Holds patients, grades and, optionally, infusions, blocks and status, each as CSV (UTF-8,
        commas, a header) or Parquet, and optionally cohort.toml. The columns, units and legal
        values are those of `mmn_bayes.data.schema.TABLES` (data/README.md). Files of other
        kinds, hidden files and folders are ignored.

    Returns
    -------
    Cohort
        Days are days since inclusion, doses g/kg. The order of rows in the files has no effect.

    Raises
    ------
    DataError
        With every defect of every table, each naming table, row, column, value and cure.

    Warns
    -----
    CohortWarning
        Once, with everything that is odd but legal; the same is in `cohort.warnings`.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> cohort.patients.shape, cohort.synthetic
    ((40, 7), True)
    >>> cohort.predictors
    ('age_onset_years', 'disease_duration_years', 'male', 'anti_gm1', 'atrophy')
    """
    path = Path(folder)
    headline = f"The cohort in folder {path.name!r} cannot be used"
    if not path.is_dir():
        problem = "is a file, not a folder" if path.exists() else "does not exist"
        cure = "give the folder that holds patients.csv and grades.csv"
        raise DataError(f"{headline}:", [f"{path.name}: it {problem}; {cure}."])
    findings = Findings()
    files = _table_files(path, findings)
    texts: dict[str, TextTable] = {}
    for name, file in files.items():
        text = _READERS[file.suffix.lower()](file, name, findings)
        if text is not None:
            texts[name] = unmarked_table(text) if file.suffix.lower() == ".csv" else text
    settings = Settings(title=path.resolve().name)
    if (path / FILE).exists() and _inside(path / FILE, path, findings):
        settings = settings_from_toml(path / FILE, settings.title, findings)
    return _checked(texts, settings, None, findings, headline)


def make_cohort(
    patients: pd.DataFrame,
    grades: pd.DataFrame,
    infusions: pd.DataFrame | None = None,
    blocks: pd.DataFrame | None = None,
    status: pd.DataFrame | None = None,
    *,
    scale: Sequence[str] | None = None,
    title: str = "",
    source: str = "",
    synthetic: bool,
    labels: Mapping[str, str] | None = None,
    truth: Mapping[str, object] | None = None,
) -> Cohort:
    """Make a validated cohort from DataFrames, with the checks of `read_cohort`.

    Parameters
    ----------
    patients, grades, infusions, blocks, status : pandas.DataFrame
        The tables of the data dictionary, one row each as in `schema.TABLES`; integers, floats,
        booleans, categoricals and datetimes are accepted (3.0 is the grade "3"). Never changed;
        the index is ignored.
    scale : sequence of str, optional
        Labels of the ordered scale, lowest first; "0" to "5" when not given.
    title, source : str
        Printed with everything made from the cohort.
    synthetic : bool
        Whether the data are simulated; there is no default, because a wrong one misleads readers.
    labels : Mapping, optional
        Column name or value to printed label.
    truth : Mapping, optional
        Known parameters behind simulated data.

    Returns
    -------
    Cohort
        With every check passed.

    Raises
    ------
    DataError
        With every defect of every table; rows are named by their position, counted from 0.

    Warns
    -----
    CohortWarning
        Once, with everything that is odd but legal; the same is in `cohort.warnings`.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"], "naive": [True, False]})
    >>> grades = pd.DataFrame({"patient": ["P1", "P1", "P2"], "day": [0, 180, 0]})
    >>> grades = grades.assign(muscle="wrist extension", side="left", grade=[3, 4, 5])
    >>> small = mb.make_cohort(patients, grades, synthetic=True)
    >>> small.grades[["patient", "day", "muscle", "grade"]]
      patient    day           muscle grade
    0      P1    0.0  wrist extension     3
    1      P1  180.0  wrist extension     4
    2      P2    0.0  wrist extension     5
    """
    findings = Findings()
    given: dict[str, object] = {
        "title": title,
        "source": source,
        "synthetic": synthetic,
        "scale": scale,
        "labels": labels,
    }
    settings = checked_settings(given, findings)
    frames = {
        "patients": patients,
        "grades": grades,
        "infusions": infusions,
        "blocks": blocks,
        "status": status,
    }
    texts: dict[str, TextTable] = {}
    for name, frame in frames.items():
        if frame is not None or TABLES[name].required:
            text = table_from_frame(frame, name, findings)
            if text is not None:
                texts[name] = text
    return _checked(texts, settings, truth, findings, "The cohort cannot be made")


def _table_files(folder: Path, findings: Findings) -> dict[str, Path]:
    """The file of each table, in the order of the data dictionary."""
    files: dict[str, list[Path]] = {name: [] for name in TABLES}
    for file in data_files(folder):
        if file.stem not in TABLES:
            cure = f"the nearest table is {nearest(file.stem, TABLES)}: rename the file or move it"
            findings.defect(file.name, "not a table of the data dictionary", f"{cure} elsewhere")
        elif _inside(file, folder, findings):
            files[file.stem].append(file)
    for name, found in files.items():
        if len(found) > 1:
            names = " and ".join(file.name for file in found)
            problem = f"the table is there more than once ({names})"
            findings.defect(name, problem, "keep one of the files")
        elif not found and TABLES[name].required:
            others = sorted(file.name for file in folder.glob(f"{name}.*"))
            seen = f" ({others[0]} is of another kind)" if others else ""
            cure = f"add {name}.csv or {name}.parquet: {TABLES[name].text}"
            findings.defect(name, f"the table is missing{seen}", cure)
    return {name: found[0] for name, found in files.items() if found}


def _inside(file: Path, folder: Path, findings: Findings) -> bool:
    inside = file.is_file() and file.resolve().parent == folder.resolve()
    if not inside:
        cure = "put a copy of the file into the folder"
        findings.defect(file.name, "a link that leads out of the folder, or no file at all", cure)
    return inside


def _checked(
    texts: Mapping[str, TextTable],
    settings: Settings,
    truth: Mapping[str, object] | None,
    findings: Findings,
    headline: str,
) -> Cohort:
    """Run every check, then raise, or warn and give the cohort."""
    parsed = _parsed(texts, settings, findings)
    if not findings.defects and settings.scale is not None:
        grades, patients = texts["grades"], texts["patients"]
        report_ungraded(grades, parsed["grades"], patients, settings.scale, findings)
        if "status" in texts:
            report_back_in_time(texts["status"], parsed["status"], findings)
    if findings.defects or settings.scale is None:
        count = len(findings.defects)
        from_zero = any(text.row_word != "line" for text in texts.values())
        note = " (row positions count from 0)" if from_zero else ""
        raise DataError(f"{headline}: {count} defect{'s' * (count > 1)}{note}.", findings.defects)
    frames = {name: _sorted_frame(name, columns) for name, columns in parsed.items()}
    if findings.oddity_lines:
        lines = "\n".join(f"  - {line}" for line in findings.oddity_lines)
        message = f"Odd but legal in cohort {settings.title!r}:\n{lines}"
        warnings.warn(message, CohortWarning, stacklevel=3)
    return Cohort(
        patients=frames["patients"],
        grades=frames["grades"],
        infusions=frames.get("infusions"),
        blocks=frames.get("blocks"),
        status=frames.get("status"),
        scale=settings.scale,
        title=settings.title,
        source=settings.source,
        synthetic=settings.synthetic,
        labels=settings.labels,
        warnings=findings.oddity_table(),
        truth=truth,
    )


def _parsed(
    texts: Mapping[str, TextTable], settings: Settings, findings: Findings
) -> dict[str, dict[str, pd.Series]]:
    """The parsed columns of every table; patients first, for the start dates are theirs."""
    texts = {name: without_refused(text, findings) for name, text in texts.items()}
    parsed: dict[str, dict[str, pd.Series]] = {}
    patients = texts.get("patients")
    starts = Starts(dates={})  # patients cannot be used: nobody has a start date, which is said
    if patients is not None:
        further = check_header(patients, TABLES["patients"], findings)
        columns = check_table(patients, Context(settings.scale), findings)
        dates = columns.pop("start_date", None)
        if "patient" in columns:
            by_patient = (
                None if dates is None else dict(zip(columns["patient"], dates, strict=True))
            )
            starts = Starts(by_patient, tuple(patients.cells))
            check_key(patients, columns, findings)
        parsed["patients"] = columns | check_predictors(patients, further, findings)
    listed = patients if patients is not None and "patient" in patients.cells else None
    for name, text in texts.items():
        if name == "patients":
            continue
        check_header(text, TABLES[name], findings)
        parsed[name] = check_table(text, Context(settings.scale, starts), findings)
        check_key(text, parsed[name], findings)
        if listed is not None and listed.complete and "patient" in text.cells:
            check_patients_known(text, listed, findings)
    if "blocks" in texts:
        check_nerves(texts["blocks"], parsed["blocks"], findings)
    return parsed


def _sorted_frame(name: str, columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """The table in its final form: identifiers stripped, rows sorted by key and numbered from 0."""
    frame = pd.DataFrame(dict(columns))
    frame["patient"] = frame["patient"].str.strip()
    return frame.sort_values(list(TABLES[name].key), ignore_index=True)
