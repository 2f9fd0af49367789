"""The check of a table's header: which columns are missing, misspelt or not known."""

import difflib

from mmn_bayes.data.cells import spelling
from mmn_bayes.data.findings import Findings, place
from mmn_bayes.data.schema import Table
from mmn_bayes.data.tables import TextTable


def check_header(text: TextTable, table: Table, findings: Findings) -> list[str]:
    """Find missing and misspelt columns; name the nearest, and say what else is left out.

    Parameters
    ----------
    text : TextTable
        The table as text.
    table : Table
        Its entry in the data dictionary.
    findings : Findings
        Where defects and, for columns that are left out, oddities go.

    Returns
    -------
    list of str
        The further columns, without those that seem to be known ones misspelt.
    """
    extra = [name for name in text.cells if name not in table.column_names]
    for column in table.columns:
        if column.name in text.cells:
            continue
        given = misspelt_as(column.name, extra, 0.6 if column.required else 0.8)
        if given and (column.required or not table.extra_columns):
            extra.remove(given)
            problem = f"the column is not known, and column {column.name} is missing"
            cure = f"rename it to {column.name} if that is what it holds"
            findings.defect(place(table.name, given), problem, cure)
        elif column.required:
            cure = text.hint or f"add it: {column.text}"
            there = ", ".join(text.cells) or "none"
            problem = f"the column is missing (there are: {there})"
            findings.defect(place(table.name, column.name), problem, cure)
    if not table.extra_columns:
        for name in extra:
            findings.oddity(table.name, name, "the column is not known and was left out")
    return extra


def misspelt_as(name: str, candidates: list[str], cutoff: float) -> str:
    """The candidate that is most like a name, "" when none is as similar as the cutoff (0 to 1)."""
    by_spelling = {spelling(candidate): candidate for candidate in candidates}
    close = difflib.get_close_matches(name, by_spelling, n=1, cutoff=cutoff)
    return by_spelling[close[0]] if close else ""
