"""What the checks find, gathered into one error with every place and one warning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

SHOWN_ROWS = 5
SHOWN_CHARACTERS = 30


@dataclass
class Findings:
    """Defects (the cohort cannot be used) and oddities (it can), in the order they were found."""

    defects: list[str] = field(default_factory=list)
    oddities: list[tuple[str, str, str, str]] = field(default_factory=list)
    oddity_lines: list[str] = field(default_factory=list)

    def defect(self, where: str, problem: str, cure: str) -> None:
        """Add one defect, as one sentence: where it is, what it is, what to do."""
        self.defects.append(f"{where}: {problem}; {cure}.")

    def oddity(
        self,
        table: str,
        column: str,
        message: str,
        patients: Iterable[str] = ("",),
        rows: str = "",
    ) -> None:
        """Add one oddity: a row for each patient concerned, and one line for the warning.

        The printed line names rows, not patients; the table of warnings names patients.
        """
        self.oddities.extend((table, column, patient, message) for patient in patients)
        self.oddity_lines.append(f"{place(table, column, rows)}: {message}.")

    def oddity_table(self) -> pd.DataFrame:
        """The oddities as a table with columns table, column, patient, message."""
        columns = ["table", "column", "patient", "message"]
        return pd.DataFrame(self.oddities, columns=columns).astype("str")


def place(table: str, column: str = "", rows: str = "") -> str:
    """Where something is: table, then column, then rows, as far as they are given."""
    named = f"column {column}" if column else ""
    return ", ".join(part for part in (table, named, rows) if part)


def quoted(value: str) -> str:
    """A cell as it is shown in a message: in quotes and shortened, or `blank`."""
    if not value.strip():
        return "blank"
    if len(value) > SHOWN_CHARACTERS:
        value = value[:SHOWN_CHARACTERS] + "..."
    return '"' + value.replace("\n", " ").replace("\r", " ") + '"'


def row_positions(rows: Iterable[object]) -> str:
    """The first few rows of a table by their positions, for identifiers are not shown."""
    positions = list(rows)
    return in_words([f"row position {row}" for row in positions[:SHOWN_ROWS]], len(positions))


def rows_of_patients(patients: pd.DataFrame, identifiers: Iterable[object]) -> str:
    """Where patients stand in the table `patients` of a cohort, without their identifiers."""
    found = pd.Index(patients["patient"]).get_indexer(pd.Index(list(identifiers)))
    return f"{row_positions(sorted(found))} of cohort.patients"


def in_words(shown: Sequence[str], total: int) -> str:
    """The first few of `total` rows, and how many more there are.

    Parameters
    ----------
    shown : sequence of str
        The first rows in words, at most `SHOWN_ROWS` of them, such as `line 5 ("7")`.
    total : int
        How many rows there are in all.

    Returns
    -------
    str
        For example `line 5 ("7"), line 9 ("8") and 12 more rows`.
    """
    more = total - len(shown)
    if more:
        return ", ".join(shown) + f" and {more} more row" + ("s" if more > 1 else "")
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]
