"""A table as a value: what stands in it, above it and below it, for any writer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Column:
    """Name a column to be printed, with its label and spanner.

    Attributes
    ----------
    name : str
        The column's name in the formatted table ("estimate", "patients", ...).
    label : str
        Printed above it; its name where blank.
    spanner : str
        Printed once above it and above its neighbours of the same spanner.

    Examples
    --------
    >>> mb.tables.Column("estimate", "rate", "posterior").header
    'posterior: rate'
    >>> mb.tables.Column("estimate").header
    'estimate'
    """

    name: str
    label: str = ""
    spanner: str = ""

    @property
    def header(self) -> str:
        """What stands above the column where a format has one line for it."""
        label = self.label or self.name
        return f"{self.spanner}: {label}" if self.spanner else label


@dataclass(frozen=True, eq=False)
class Table:
    """A table with its title, printed columns and notes.

    Attributes
    ----------
    frame : DataFrame
        The numbers at full precision, as a verb returned them.
    title : str
        The title above the table.
    columns : sequence of Column
        The printed columns, in this order; empty for every column by its name.
    notes : sequence of str
        The lines below the table.

    Examples
    --------
    >>> frame = pd.DataFrame({"group": ["naive", "previously treated"], "patients": [22, 18]})
    >>> table = mb.tables.Table(frame, "Patients of the cohort", notes=["Synthetic patients."])
    >>> table.title, list(table.frame.columns), table.notes
    ('Patients of the cohort', ['group', 'patients'], ['Synthetic patients.'])
    """

    frame: pd.DataFrame
    title: str = ""
    columns: Sequence[Column] = ()
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, given: Any, title: str = "", notes: Sequence[str] = ()) -> "Table":
        """Return what is given if it is a table, else make one of a frame.

        Raises
        ------
        ValueError
            When a table is given and, beside it, another title or other notes.
        """
        if not isinstance(given, Table):
            return cls(given, title, notes=notes)
        if title or notes:
            raise ValueError("The table has its title and notes; give no others beside it.")
        return given
