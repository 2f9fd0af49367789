"""The data dictionary, as data, and the noun it defines: what a cohort may hold and what it is.

Declared once: the checks read it, and a test compares `data/README.md` with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pandas as pd

Kind = Literal["identifier", "name", "day", "date", "yes_no", "side", "grade", "dose", "count"]


@dataclass(frozen=True)
class Column:
    """One column of one table.

    Attributes
    ----------
    name : str
        The header, exactly as it must be spelt.
    kind : str
        What the cells are; the kind decides how they are parsed and checked.
    required : bool
        Whether the table is unusable without the column.
    text : str
        What the column means, one clause, for the data dictionary.
    unit : str
        Unit of measurement, or "" where there is none.
    legal : str
        The legal values in words.
    may_be_blank : bool
        Whether a missing cell is legal.
    """

    name: str
    kind: Kind
    required: bool
    text: str
    unit: str = ""
    legal: str = ""
    may_be_blank: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the folder.

    Attributes
    ----------
    name : str
        Name of the file without its ending.
    key : tuple of str
        Columns that together name one row; no two rows may agree in all of them.
    columns : tuple of Column
        The known columns, in the order in which they are kept.
    required : bool
        Whether a cohort is unusable without the table.
    extra_columns : bool
        Whether further columns are kept, as predictors; else they are left out with a warning.
    text : str
        What a row is, one clause.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool
    extra_columns: bool = False
    text: str = ""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the known columns, in order."""
        return tuple(column.name for column in self.columns)


DEFAULT_SCALE = ("0", "1", "2", "3", "4", "5")
SIDES = ("left", "right", "midline")
YES = frozenset({"yes", "true"})
NO = frozenset({"no", "false"})
# Compared without case and surrounding blanks. "none" is absent on purpose: it is a category
# ("atrophy: none, mild, severe") more often than it is a missing value.
MISSING = frozenset({"", ".", "na", "n/a", "nan", "nat", "null", "<na>"})
MAX_DAY = 36525.0  # a century: beyond it, a date or a year was written as a number of days
MAX_DOSE = 3.0  # g/kg on one day; the usual course is 2 g/kg over 2 to 5 days

_DAY = "a number from -36525 to 36525, or ISO dates (YYYY-MM-DD) in the whole column"


def _patient(text: str) -> Column:
    return Column("patient", "identifier", True, text, legal="any text; 001 and 1 differ")


def _day(text: str) -> Column:
    return Column("day", "day", True, text, unit="days since inclusion (day 0)", legal=_DAY)


_PATIENTS = Table(
    name="patients",
    key=("patient",),
    columns=(
        _patient("identifier of the patient, once"),
        Column(
            "naive",
            "yes_no",
            True,
            "never treated with immunoglobulin before inclusion",
            legal="yes/no, true/false or 1/0, any case",
        ),
        Column(
            "start_date",
            "date",
            False,
            "date of day 0; turns dates of the other tables into days, then is dropped",
            legal="ISO date (YYYY-MM-DD)",
            may_be_blank=True,
        ),
    ),
    required=True,
    extra_columns=True,
    text="one row a patient; every further column is a predictor",
)

_GRADES = Table(
    name="grades",
    key=("patient", "day", "muscle", "side"),
    columns=(
        _patient("identifier, as in patients"),
        _day("day of the visit"),
        Column("muscle", "name", True, "the item that was graded", legal="any text"),
        Column("side", "side", True, "side of the body", legal="left, right or midline, any case"),
        Column(
            "grade",
            "grade",
            True,
            "the grade; blank is not graded",
            legal="a label of the scale",
            may_be_blank=True,
        ),
        Column("rater", "name", False, "who graded", legal="any text", may_be_blank=True),
    ),
    required=True,
    text="one row a patient, visit, muscle and side",
)

_INFUSIONS = Table(
    name="infusions",
    key=("patient", "day"),
    columns=(
        _patient("identifier, as in patients"),
        _day("day of the infusion"),
        Column(
            "dose_g_per_kg",
            "dose",
            True,
            "dose given on that day",
            unit="g per kg of body weight",
            legal="above 0, at most 3",
        ),
    ),
    required=False,
    text="one row a patient and day of infusion",
)

_BLOCKS = Table(
    name="blocks",
    key=("patient", "day"),
    columns=(
        _patient("identifier, as in patients"),
        _day("day of the nerve conduction study"),
        Column(
            "n_blocks",
            "count",
            True,
            "nerves with conduction block",
            unit="nerves",
            legal="a whole number from 0, at most n_nerves",
        ),
        Column(
            "n_nerves",
            "count",
            False,
            "nerves tested",
            unit="nerves",
            legal="a whole number from 0",
            may_be_blank=True,
        ),
    ),
    required=False,
    text="one row a patient and nerve conduction study",
)

_STATUS = Table(
    name="status",
    key=("patient", "day"),
    columns=(
        _patient("identifier, as in patients"),
        _day("day from which the status holds"),
        Column("status", "name", True, "long-term status", legal="any text (remission, ...)"),
    ),
    required=False,
    text="one row a patient and day of assessment",
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {table.name: table for table in (_PATIENTS, _GRADES, _INFUSIONS, _BLOCKS, _STATUS)}
)

# The closed vocabulary of cohort.toml: key -> what it says.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "title": "text; printed above everything made from the cohort (default: the folder's name)",
        "source": "text; where the data come from (default: empty)",
        "synthetic": "true or false; simulated data say so everywhere (default: false)",
        "scale": "list of text labels, lowest first (default: 0 to 5)",
        "labels": "table of column or value to printed label (default: none)",
        "note": "text for human readers; not kept in the cohort",
    }
)


@dataclass(frozen=True, eq=False)
class Cohort:
    """Hold the validated tables of a cohort; no function changes them.

    Attributes
    ----------
    patients : pandas.DataFrame
        `patient` (str), `naive` (bool) and the predictors: float64 (numbers), boolean (yes/no,
        nullable) or str (categories); the predictors keep the order of the file.
    grades : pandas.DataFrame
        `patient`, `day` (float64, finite), `muscle`, `side`, `grade` (ordered categorical over
        `scale`, NA is not graded), and `rater` where it was given.
    infusions, blocks, status : pandas.DataFrame or None
        `dose_g_per_kg` float64 (g/kg); `n_blocks` and, where given, `n_nerves` Int64; `status` str.
    scale : tuple of str
        Labels of the ordered scale, lowest first.
    title, source : str
        Title and source of the data, as stated in cohort.toml.
    synthetic : bool
        Whether the data were simulated.
    labels : Mapping[str, str]
        Column name or value to printed label.
    warnings : pandas.DataFrame
        `table`, `column`, `patient`, `message`: what is odd but legal; "" where it does not apply.
    truth : Mapping[str, object] or None
        The parameters behind simulated data; never written to disk with the cohort.

    Notes
    -----
    Rows are sorted by the table's key and numbered from 0. Two cohorts are equal when their tables,
    scale, title, source, labels and synthetic mark are; warnings and truth are about the data, not
    of it, and are not compared.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> {name: len(table) for name, table in cohort.tables.items()}
    {'patients': 40, 'grades': 5120, 'infusions': 3658, 'blocks': 78, 'status': 37}
    >>> cohort.scale
    ('0', '1', '2', '3', '4', '5')
    """

    patients: pd.DataFrame
    grades: pd.DataFrame
    infusions: pd.DataFrame | None
    blocks: pd.DataFrame | None
    status: pd.DataFrame | None
    scale: tuple[str, ...]
    title: str
    source: str
    synthetic: bool
    labels: Mapping[str, str]
    warnings: pd.DataFrame
    truth: Mapping[str, object] | None = None

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that are present, by name, in the order of the data dictionary."""
        named = {name: getattr(self, name) for name in TABLES}
        return {name: frame for name, frame in named.items() if frame is not None}

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the predictor columns of `patients`, in the order of the file."""
        known = _PATIENTS.column_names
        return tuple(name for name in self.patients.columns if name not in known)

    def __eq__(self, other: object) -> bool:
        """Whether the data are the same, to the type and the order of columns."""
        if not isinstance(other, Cohort):
            return NotImplemented
        plain = ("scale", "title", "source", "synthetic")
        mine, theirs = self.tables, other.tables
        return (
            all(getattr(self, name) == getattr(other, name) for name in plain)
            and dict(self.labels) == dict(other.labels)
            and mine.keys() == theirs.keys()
            and all(_same(mine[name], theirs[name]) for name in mine)
        )

    __hash__ = None  # type: ignore[assignment]  # tables are not hashable; spec and store hash bytes


def _same(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    # DataFrame.equals ignores the order of categories in a categorical's dtype; compare dtypes too.
    return list(left.dtypes) == list(right.dtypes) and left.equals(right)
