"""Reading of published figures: counts and measurements of a paper, arms of many, one trial."""

from pathlib import Path

import pandas as pd

from mmn_bayes.data.cells import POINT, has_comma, number_cure
from mmn_bayes.data.characters import CURE, refused_character
from mmn_bayes.data.findings import SHOWN_CHARACTERS, quoted
from mmn_bayes.errors import DataError

COUNT_COLUMNS = (
    *("quantity", "group", "events", "n", "n_kind", "n_read_level"),
    *("printed_percent", "printed_lower", "printed_upper", "printed_level", "printed_p"),
    *("source", "read_level", "note"),
)
MEASUREMENT_COLUMNS = (
    *("quantity", "group", "statistic", "value", "unit"),
    *("source", "read_level", "note"),
)
# Every column that says whether a count may enter a prior; `patient_sets` names whose counts they
# are, apart by semicolons: rows that share one share patients.
EVIDENCE_COLUMNS = (
    *("row", "study", "n", "responders", "treatment", "disease_group", "endpoint", "occasion"),
    *("patient_sets", "source", "read_level"),
)
TRIAL_COLUMNS = ("patient", "responder")
N_KINDS = ("enrolled", "evaluable", "classified", "responders")

NUMBER = r"\d+(\.\d+)?"
P_VALUE = rf"[<>=]?{NUMBER}"


def read_published(folder: str | Path) -> dict[str, pd.DataFrame]:
    """Read the published figures of a study from its folder.

    Parameters
    ----------
    folder : path-like
        Holds `counts.csv` and `measurements.csv` (UTF-8), with the columns that
        `data/leger2008/README.md` explains.

    Returns
    -------
    dict of DataFrame
        `"counts"`: one row a count; `events` and `n` are Int64, everything else is text, so that
        printed figures keep their digits. `"measurements"`: one row a figure; `value` is float64.
        Blank cells are missing.

    Raises
    ------
    DataError
        When a file or a column is missing or a cell is not legal; all defects at once.

    Examples
    --------
    >>> published = mb.evidence.read_published("data/leger2008")
    >>> sorted(published)
    ['counts', 'measurements']
    >>> published["counts"][["quantity", "group", "events", "n", "n_kind"]].head(3)
                 quantity group  events   n    n_kind
    0            enrolled   all      40  40  enrolled
    1               naive   all      22  40  enrolled
    2  previously_treated   all      18  40  enrolled
    """
    root = Path(folder)
    defects: list[str] = []
    counts = _read(root / "counts.csv", COUNT_COLUMNS, defects)
    measurements = _read(root / "measurements.csv", MEASUREMENT_COLUMNS, defects)
    if counts is not None:
        defects += _count_defects(counts)
    if measurements is not None:
        defects += _key_defects("measurements", measurements, ["quantity", "group", "statistic"])
        defects += _pattern_defects("measurements", measurements, "value", rf"-?{NUMBER}")
        defects += _blank_defects("measurements", measurements, ("value", "unit", "source"))
    if defects or counts is None or measurements is None:
        raise DataError(f"The published figures in '{root.name}' cannot be used.", defects)
    for column in ("events", "n"):
        counts[column] = pd.to_numeric(counts[column]).astype("Int64")
    measurements["value"] = measurements["value"].astype("float64")
    return {"counts": counts, "measurements": measurements}


def read_evidence(path: str | Path) -> pd.DataFrame:
    """Read the counts of responders of many studies.

    Parameters
    ----------
    path : path-like
        CSV (UTF-8), one row an arm; columns as `data/evidence/README.md` explains.

    Returns
    -------
    DataFrame
        Every column of the file as text, but `n` and `responders` Int64. Blank cells are missing.

    Raises
    ------
    DataError
        When the file or a column is missing or a cell is not legal; all defects at once.

    Examples
    --------
    >>> evidence = mb.evidence.read_evidence("data/evidence/response_counts.csv")
    >>> evidence[["row", "n", "responders", "treatment"]].head(3)
                           row   n  responders treatment
    0                Leger2008  20          14      ivig
    1     Leger2001_naive_ivig   4           2      ivig
    2  Leger2001_naive_placebo   5           2   placebo
    """
    file, name = Path(path), Path(path).stem
    defects: list[str] = []
    table = _read(file, EVIDENCE_COLUMNS, defects, every_column=True)
    if table is not None:
        defects += _key_defects(name, table, ["row"])
        defects += _blank_defects(name, table, [c for c in EVIDENCE_COLUMNS if c != "row"])
        defects += _pattern_defects(name, table, "n", r"0*[1-9]\d*")
        defects += _pattern_defects(name, table, "responders", r"\d+")
        events, n = (pd.to_numeric(table[c], errors="coerce") for c in ("responders", "n"))
        defects += [
            f"{_place(name, index)}, column responders: {events[index]:g} responders of "
            f"{n[index]:g}; responders cannot exceed n."
            for index in table.index[events > n]
        ]
    if defects or table is None:
        raise DataError(f"The counts in '{file.name}' cannot be used.", defects)
    numbers = {name: pd.to_numeric(table[name]).astype("Int64") for name in ("n", "responders")}
    return table.assign(**numbers)


def read_trial(path: str | Path) -> pd.DataFrame:
    """Read the responses of the patients of a trial, one row a patient and visit.

    Parameters
    ----------
    path : path-like
        CSV (UTF-8) with the columns `patient` and `responder` (0 or 1), and any others.

    Returns
    -------
    DataFrame
        `responder` Int64; a column all of whose cells are numbers is float64, the others are text.

    Raises
    ------
    DataError
        When the file or a column is missing or a cell is not legal; all defects at once.

    Examples
    --------
    >>> trial = mb.evidence.read_trial("data/evidence/leger2001_patient_visits.csv")
    >>> trial.groupby("treated")["responder"].agg(["sum", "size"])
             sum  size
    treated
    0.0        4    13
    1.0       19    23
    """
    file, name = Path(path), Path(path).stem
    defects: list[str] = []
    table = _read(file, TRIAL_COLUMNS, defects, every_column=True)
    if table is not None:
        defects += _blank_defects(name, table, TRIAL_COLUMNS)
        defects += _pattern_defects(name, table, "responder", "[01]")
        defects += [
            f"{_place(name, index)}, column {column}: {quoted(value)} is a number with a comma; "
            f"{POINT}."
            for column in table.columns.difference([*TRIAL_COLUMNS])
            for index, value in table[column].dropna().items()
            if has_comma(value)
        ]
    if defects or table is None:
        raise DataError(f"The trial in '{file.name}' cannot be used.", defects)
    numbers = {
        column: table[column].astype("float64")
        for column in table.columns.difference(["patient", "responder"])
        if table[column].dropna().str.fullmatch(rf"-?{NUMBER}").all()
    }
    return table.assign(**numbers, responder=pd.to_numeric(table["responder"]).astype("Int64"))


def _read(
    path: Path, columns: tuple[str, ...], defects: list[str], *, every_column: bool = False
) -> pd.DataFrame | None:
    if not path.is_file():
        defects.append(f"{path.name}: there is no such file; add it, columns {', '.join(columns)}.")
        return None
    try:
        table = pd.read_csv(
            path, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8"
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        defects.append(f"{path.name}: is no CSV in UTF-8 ({error}); save it as one.")
        return None
    defects += _character_defects(path.stem, table)
    absent = [name for name in columns if name not in table.columns]
    if absent:
        defects.append(f"{path.name}: no column {', '.join(absent)}; add it, blank where unknown.")
        return None
    return table if every_column else table[list(columns)]


def _character_defects(table_name: str, table: pd.DataFrame) -> list[str]:
    """Characters that nobody sees or that act, in names of columns and in cells."""
    found = [
        f"{table_name}.csv: column {quoted(name)} has the character {character}; {CURE}."
        for name in table.columns
        if (character := refused_character(name))
    ]
    for number, name in enumerate(table.columns):
        for index, value in table.iloc[:, number].dropna().items():
            # Notes may have several lines.
            if character := refused_character(value, prose=True):
                at = f"{_place(table_name, index)}, column {name}"
                found.append(f"{at}: a cell has the character {character}; {CURE}.")
    return found


def _count_defects(counts: pd.DataFrame) -> list[str]:
    defects = _key_defects("counts", counts, ["quantity", "group"])
    defects += _blank_defects("counts", counts, ("source", "read_level"))
    for column in ("events", "n"):
        defects += _pattern_defects("counts", counts, column, r"\d+")
    for column in ("printed_percent", "printed_lower", "printed_upper", "printed_level"):
        defects += _pattern_defects("counts", counts, column, NUMBER)
    defects += _pattern_defects("counts", counts, "printed_p", P_VALUE)
    return defects + _denominator_defects(counts)


def _denominator_defects(counts: pd.DataFrame) -> list[str]:
    defects = []
    events, n = (pd.to_numeric(counts[name], errors="coerce") for name in ("events", "n"))
    for index in counts.index[events > n]:
        defects.append(
            f"{_place('counts', index)}, column events: {events[index]:g} events of {n[index]:g}; "
            "events cannot exceed n."
        )
    given = counts[["n", "n_kind", "n_read_level"]].notna()
    for index in counts.index[given.any(axis=1) & ~given.all(axis=1)]:
        defects.append(
            f"{_place('counts', index)}: n, n_kind and n_read_level must be given together "
            "or all be blank."
        )
    kinds = counts["n_kind"].dropna()
    for index, kind in kinds[~kinds.isin(N_KINDS)].items():
        defects.append(
            f"{_place('counts', index)}, column n_kind: '{kind}' is not one of "
            f"{', '.join(N_KINDS)}."
        )
    return defects


def _key_defects(table_name: str, table: pd.DataFrame, key: list[str]) -> list[str]:
    defects = _blank_defects(table_name, table, key)
    repeated = table.loc[table.duplicated(key), key]
    for index, values in zip(repeated.index, repeated.to_dict("records"), strict=True):
        named = ", ".join(f"{column} '{value}'" for column, value in values.items())
        defects.append(f"{_place(table_name, index)}: {named} is there already; keep one row.")
    return defects


def _blank_defects(
    table_name: str, table: pd.DataFrame, columns: tuple[str, ...] | list[str]
) -> list[str]:
    return [
        f"{_place(table_name, index)}, column {column}: blank; every row needs it."
        for column in columns
        for index in table.index[table[column].isna()]
    ]


def _pattern_defects(table_name: str, table: pd.DataFrame, column: str, pattern: str) -> list[str]:
    given = table[column].dropna()
    return [
        f"{_place(table_name, index)}, column {column}: '{value[:SHOWN_CHARACTERS]}' is "
        f"not a number as printed; {number_cure([value], 'give digits alone')}."
        for index, value in given[~given.str.fullmatch(pattern)].items()
    ]


def _place(table_name: str, index: object) -> str:
    """Name the line of the file as an editor counts it: the header is line 1."""
    return f"{table_name}.csv, line {int(str(index)) + 2}"
