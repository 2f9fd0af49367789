"""The checks across columns and tables: who is known, what is there twice, what exceeds what."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from mmn_bayes.data.cells import Cells, cells_of, spelling, without_zeros
from mmn_bayes.data.findings import SHOWN_ROWS, Findings, place
from mmn_bayes.data.schema import TABLES
from mmn_bayes.data.tables import TextTable


def check_patients_known(text: TextTable, patients: TextTable, findings: Findings) -> None:
    """Find patients who are not in `patients`, and say when only the spelling differs.

    Parameters
    ----------
    text : TextTable
        A table with a column patient.
    patients : TextTable
        The table `patients`.
    findings : Findings
        Where defects go: rows are named, identifiers are not shown.
    """
    there, known = cells_of(text, "patient"), cells_of(patients, "patient")
    listed = set(known.values)
    unknown = [
        number
        for number, value in enumerate(there.values)
        if value not in listed and not there.missing[number]
    ]
    unknown = _report_alike(
        there,
        known,
        unknown,
        spelling,
        "the identifier differs from the one in patients only by blanks, case or invisible "
        "characters",
        "spell the identifier the same way in both tables",
        findings,
    )
    unknown = _report_alike(
        there,
        known,
        unknown,
        without_zeros,
        "the identifier differs from the one in patients only by leading zeros (001 read as 1)",
        "keep identifiers as text in both tables, so that 001 stays 001 and is never 1",
        findings,
    )
    rows = np.flatnonzero(np.isin(there.codes, unknown))
    if rows.size:
        problem = "the patient is not in patients"
        cure = "add the patient there, or correct the identifier"
        findings.defect(place(text.name, "patient", text.rows(rows)), problem, cure)


def _report_alike(
    there: Cells,
    known: Cells,
    unknown: Sequence[int],
    reduced: Callable[[str], str],
    problem: str,
    cure: str,
    findings: Findings,
) -> list[int]:
    """Report the unknown values that a reduced spelling finds among the known; give the others."""
    if not unknown:
        return []
    by_spelling = {
        reduced(value): number
        for number, value in reversed(list(enumerate(known.values)))
        if not known.missing[number]
    }
    alike = {number: by_spelling.get(reduced(there.values[number])) for number in unknown}
    found = {number: match for number, match in alike.items() if match is not None}
    if found:
        rows = np.flatnonzero(np.isin(there.codes, list(found)))
        shown = [
            f"patients {known.table.label(known.first_row(found[there.codes[row]]))}"
            for row in rows[:SHOWN_ROWS]
        ]
        findings.defect(
            place(there.table.name, "patient", there.table.rows(rows, shown)), problem, cure
        )
    return [number for number in unknown if number not in found]


def check_key(text: TextTable, parsed: Mapping[str, pd.Series], findings: Findings) -> None:
    """Find rows that agree in all columns of the table's key.

    Parameters
    ----------
    text : TextTable
        The table.
    parsed : Mapping of str to Series
        Its parsed columns; rows with a missing or bad key cell are left to other checks.
    findings : Findings
        Where defects go.
    """
    key = TABLES[text.name].key
    if any(name not in parsed for name in key):
        return
    keys = pd.DataFrame({name: parsed[name] for name in key}).dropna()
    again = keys.index[keys.duplicated()].to_numpy()
    if not again.size:
        return
    # Numbered groups, so that each repeated row can name the first row it repeats.
    group = keys.groupby(list(key), sort=False).ngroup()
    first = pd.Series(group.index, index=group.to_numpy()).groupby(level=0).first()
    shown = [f"as in {text.label(first[group[row]])}" for row in again[:SHOWN_ROWS]]
    columns = "columns " + ", ".join(key) if len(key) > 1 else f"column {key[0]}"
    problem = "the same " + ", ".join(key) + " is there twice"
    cure = "keep one row of them"
    if text.name == "infusions":
        cure = "keep one row, with the doses of the day added up"
    findings.defect(place(f"{text.name}, {columns}", rows=text.rows(again, shown)), problem, cure)


def check_nerves(text: TextTable, parsed: Mapping[str, pd.Series], findings: Findings) -> None:
    """Find rows of `blocks` with more blocked nerves than tested nerves.

    Parameters
    ----------
    text : TextTable
        The table `blocks`.
    parsed : Mapping of str to Series
        Its parsed columns.
    findings : Findings
        Where defects go.
    """
    if "n_blocks" not in parsed or "n_nerves" not in parsed:
        return
    more = (parsed["n_nerves"] < parsed["n_blocks"]).fillna(False).to_numpy(dtype=bool)
    rows = np.flatnonzero(more)
    if rows.size:
        shown = [
            f"{parsed['n_nerves'][row]} tested, {parsed['n_blocks'][row]} blocked"
            for row in rows[:SHOWN_ROWS]
        ]
        where = place(text.name, "n_nerves", text.rows(rows, shown))
        cure = "correct n_nerves or n_blocks"
        findings.defect(where, "fewer nerves tested than blocked", cure)


def report_back_in_time(
    status: TextTable, parsed: Mapping[str, pd.Series], findings: Findings
) -> None:
    """Say which rows of `status` have a day before that of the patient's row above.

    They are legal, since every row has its day and rows are put in order; but a history is written
    from the first day to the last, so that a date may be mistyped.

    Parameters
    ----------
    status : TextTable
        The table `status`.
    parsed : Mapping of str to Series
        Its parsed columns `patient` and `day`.
    findings : Findings
        Where oddities go.
    """
    rows = pd.DataFrame({"patient": parsed["patient"].str.strip(), "day": parsed["day"]})
    rows = rows.reset_index(drop=True)
    above = rows.groupby("patient")["day"].shift(1)
    back = np.flatnonzero((rows["day"] < above).to_numpy(dtype=bool))
    if back.size:
        first = back[0]
        message = (
            f"goes back in time in {back.size} of {len(rows)} rows (the first: day "
            f"{rows['day'][first]:g} below day {above[first]:g}); rows are put in order by day"
        )
        names = sorted(rows["patient"][back].unique())
        findings.oddity(status.name, "day", message, names, status.rows(back))


def report_ungraded(
    grades: TextTable,
    parsed: Mapping[str, pd.Series],
    patients: TextTable,
    scale: Sequence[str],
    findings: Findings,
) -> None:
    """Say what is odd but legal: blank grades, grades nobody had, patients without any grade.

    Parameters
    ----------
    grades : TextTable
        The table `grades`.
    parsed : Mapping of str to Series
        Its parsed columns `patient` and `grade`.
    patients : TextTable
        The table `patients`.
    scale : sequence of str
        Labels of the scale.
    findings : Findings
        Where oddities go.
    """
    grade, patient = parsed["grade"], parsed["patient"]
    blank = np.flatnonzero(grade.isna())
    if blank.size:
        message = f"blank (not graded) in {blank.size} of {len(grade)} rows"
        findings.oddity(grades.name, "grade", message, rows=grades.rows(blank))
    used = set(grade.dropna().unique())
    if empty := [label for label in scale if label not in used]:
        message = f"empty grade: nobody had {', '.join(empty)} of the scale {', '.join(scale)}"
        findings.oddity(grades.name, "grade", message)
    listed = cells_of(patients, "patient")
    graded = set(patient[grade.notna()].unique())
    without = [number for number, value in enumerate(listed.values) if value not in graded]
    if without:
        rows = np.flatnonzero(np.isin(listed.codes, without))
        names = sorted(listed.values[number].strip() for number in without)
        message = "the patient has no grade"
        findings.oddity(patients.name, "patient", message, names, patients.rows(rows))
