"""Tables for people: numbers at sensible digits, Markdown, and plain text for the terminal."""

import html
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd

from mmn_bayes.report.table import Column, Table

TERMINAL_WIDTH = 120
NARROWEST_CELL = 8  # a column of the terminal is never wrapped below this
UNBROKEN = frozenset({"estimate", "patients"})  # columns of the terminal that are never wrapped
ABSENT = "-"
SYNTHETIC = "SYNTHETIC DATA"

CONFIDENCE = {
    "clopper-pearson": "exact",
    "wilson": "Wilson",
    "jeffreys": "Jeffreys",
    "agresti-coull": "Agresti-Coull",
    "mid-p": "mid-p",
    "newcombe": "Newcombe",
    "koopman": "Koopman score",
    "conditional exact": "conditional exact",
    "goodman simultaneous": "Goodman, simultaneous",
    "profile penalised likelihood": "profile penalised likelihood",
    "Wald, bias-reduced sandwich": "Wald, bias-reduced sandwich",
    "Fisher's z, error by Bonett and Wright": "Fisher's z, error by Bonett and Wright",
    "Student t": "Student t",
    "Kaplan-Meier, log-log": "Kaplan-Meier, log-log",
}
OF_DRAWS = {
    "eti": "equal-tailed",
    "hdi": "highest density",
    "eti simultaneous": "equal-tailed, simultaneous",
}
ESTIMATE = ("estimate", "lower", "upper", "level", "interval")
COUNTS = ("n", "events", "missing")
SIGNIFICANT_DIGITS = 3
# Columns that are for machines, or that are printed below the table.
LEFT_OUT = frozenset({"meaning", "mcse", "sd"})


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as text for people.

    Parameters
    ----------
    table : DataFrame
        Any table. One of estimates (columns `estimate`, `lower`, `upper`, `level`, `interval`) has
        them drawn together: the estimate with its limits, and the kind of interval in words, which
        `distribution` is part of where there is such a column.

    Returns
    -------
    DataFrame
        Text in every cell, "-" where there is nothing. `n`, `events`, `missing` become `patients`;
        `ess_bulk` and `ess_tail` become `ESS bulk/tail`; `sd`, `mcse` and `meaning` are left out.
        A column `synthetic` stays, as yes or no. A table of text comes back as it is.
    """
    if table.empty:
        return table.astype("str")
    rows = [_row_in_words(row) for row in table.to_dict("records")]
    columns = dict.fromkeys(name for row in rows for name in row)
    if "synthetic" in columns:
        columns["synthetic"] = columns.pop("synthetic")
    return pd.DataFrame(rows, columns=list(columns), dtype="str").fillna(ABSENT)


def printed(table: Table) -> Table:
    """Return a table as people read it, which is what every writer for them lays out.

    Parameters
    ----------
    table : Table
        Any table.

    Returns
    -------
    Table
        Its frame text in every cell (`format_table`), its columns all that are printed. When any
        row is synthetic the title says so; a column that says it of every row is left out.

    Raises
    ------
    ValueError
        When one of its columns is not among those of the text.
    """
    text, title = format_table(table.frame), table.title
    marks = set(text["synthetic"]) if "synthetic" in text else set()
    if "yes" in marks and not title.startswith(SYNTHETIC):
        title = f"{SYNTHETIC}. {title}" if title else SYNTHETIC
    text = text.drop(columns="synthetic") if len(marks) == 1 else text
    columns = list(table.columns) or [Column(str(name)) for name in text.columns]
    absent = [column.name for column in columns if column.name not in text.columns]
    if absent:
        raise ValueError(f"The table prints no column '{absent[0]}'.")
    shown = text[[column.name for column in columns]] if table.columns else text
    return Table(shown, title, columns, table.notes)


def to_markdown(table: Table | pd.DataFrame, caption: str = "", notes: Sequence[str] = ()) -> str:
    """Return a table as Markdown, with all text from data escaped.

    Parameters
    ----------
    table : Table or DataFrame
        A table with title and notes, or a frame. When any row is synthetic the caption says so.
    caption, notes : str, sequence of str, optional
        Caption of a frame, and the lines below it; plain text.

    Returns
    -------
    str
        A pipe table between its caption and its notes.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["naive", "treated"], "n": [22, 18]})
    >>> print(mb.io.to_markdown(table, "Patients"))
    **Patients**
    <BLANKLINE>
    | group | n |
    | --- | --- |
    | naive | 22 |
    | treated | 18 |
    """
    shown = printed(Table.of(table, caption, notes))
    lines = [f"**{_escaped(shown.title)}**", ""] if shown.title else []
    lines.append(_pipes([column.header for column in shown.columns]))
    lines.append("|" + " --- |" * len(shown.columns))
    lines += [_pipes(list(row)) for row in shown.frame.itertuples(index=False, name=None)]
    if shown.notes:
        lines += ["", *(f"- {_escaped_line(note)}" for note in shown.notes)]
    return "\n".join(lines) + "\n"


def to_text(table: Table | pd.DataFrame, caption: str = "", notes: Sequence[str] = ()) -> str:
    """Return a table as aligned plain text, no line wider than 120 characters.

    Parameters
    ----------
    table : Table or DataFrame
        A table with title and notes, or a frame. When any row is synthetic the caption says so.
    caption, notes : str, sequence of str, optional
        Caption of a frame, and the lines below it; plain text.

    Returns
    -------
    str
        The text: long cells are wrapped, and the kinds of interval are explained below the table.
        A table of more columns than fit is not cut: its lines are then longer.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["naive", "treated"], "n": [22, 18]})
    >>> print(mb.io.to_text(table, "Patients", notes=["Counts at inclusion."]))
    Patients
    group    n
    -----------
    naive    22
    treated  18
    * Counts at inclusion.
    """
    shown = printed(Table.of(table, caption, notes))
    text, marks = _with_marks(shown.frame)
    header_of = {column.name: column.header for column in shown.columns}
    heads = [header_of[str(name)] for name in text.columns]
    cells = [heads, *text.to_numpy(dtype=object).tolist()]
    cells = [[" ".join(str(cell).split()) for cell in row] for row in cells]
    widths = _widths(cells, [str(name) in UNBROKEN for name in text.columns])
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    header, *body = ["\n".join(_wrapped(row, widths)) for row in cells]
    lines = [*textwrap.wrap(shown.title, TERMINAL_WIDTH), header, rule, *body]
    for note in [*marks, *shown.notes]:
        lines += textwrap.wrap(note, TERMINAL_WIDTH, initial_indent="* ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def print_table(table: Table | pd.DataFrame, caption: str = "", notes: Sequence[str] = ()) -> None:
    """Print a table on the terminal.

    Parameters
    ----------
    table : Table or DataFrame
        A table with title and notes, or a frame. When any row is synthetic the caption says so.
    caption : str, default ""
        Caption of a frame, plain text.
    notes : sequence of str, default ()
        Lines below a frame, plain text.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["naive", "treated"], "n": [22, 18]})
    >>> mb.io.print_table(table, "Patients")
    Patients
    group    n
    -----------
    naive    22
    treated  18
    """
    print(to_text(table, caption, notes), end="")


def interval_in_words(kind: str, level: float, distribution: str = "posterior") -> str:
    """Return the name of an interval, such as "95 % confidence interval, exact".

    Parameters
    ----------
    kind : str
        As in the column `interval` of a table of estimates.
    level : float
        Its level, from 0 to 1.
    distribution : str, default "posterior"
        What an interval of draws is of: "posterior", "prior" or "predictive".

    Returns
    -------
    str
        "confidence" for a frequentist interval, "credible" for a posterior one, "prior" and
        "predictive" for theirs.
    """
    if kind in CONFIDENCE:
        words = f"confidence interval, {CONFIDENCE[kind]}"
    elif kind in OF_DRAWS:
        of = "credible" if distribution == "posterior" else distribution
        words = f"{of} interval, {OF_DRAWS[kind]}"
    else:
        words = f"interval, {kind}"
    return f"{100 * level:g} % {words}"


def _row_in_words(row: dict[Any, Any]) -> dict[str, str]:
    """One row as text: what belongs together drawn together, at the place of its first column."""
    words: dict[str, str] = {}
    is_estimate = all(name in row for name in ESTIMATE)
    counts_people = all(name in row for name in COUNTS)
    for name, value in row.items():
        if name in LEFT_OUT:
            continue
        if counts_people and name in COUNTS:
            words["patients"] = _patients(row)
        elif is_estimate and name in ("estimate", "lower", "upper"):
            words["estimate"] = _estimate(row)
        elif is_estimate and name in ("level", "interval"):
            words["interval"] = _interval(row)
        elif is_estimate and name == "distribution":
            continue  # said by the words for the interval
        elif name in ("ess_bulk", "ess_tail") and "ess_tail" in row and "ess_bulk" in row:
            words["ESS bulk/tail"] = _both(row["ess_bulk"], row["ess_tail"])
        elif name == "r_hat":
            words["R-hat"] = ABSENT if _is_absent(value) else f"{value:.3f}"
        else:
            words[str(name)] = _cell(value)
    return words


def _patients(row: dict[Any, Any]) -> str:
    if _is_absent(row["n"]):
        return ABSENT
    # Counts of a table read back from a file are floats where some are missing.
    events = "" if _is_absent(row["events"]) else f"{row['events']:.0f}/"
    count = f"{events}{row['n']:.0f}"
    return count if _is_absent(row["missing"]) else f"{count}, {row['missing']:.0f} missing"


def _estimate(row: dict[Any, Any]) -> str:
    if _is_absent(row["estimate"]):
        return ABSENT
    limits = [row["lower"], row["upper"]]
    if any(_is_absent(limit) for limit in limits):
        return f"{row['estimate']:.2f}"
    # Two decimals, as such tables are printed; more where they would hide the interval's width.
    width = abs(limits[1] - limits[0])
    digits = 2 if width == 0 or width >= 0.03 else 3 if width >= 0.003 else 4
    low, high = (f"{limit:.{digits}f}" for limit in limits)
    return f"{row['estimate']:.{digits}f} ({low} to {high})"


def _interval(row: dict[Any, Any]) -> str:
    if _is_absent(row["interval"]):
        return ABSENT
    distribution = row.get("distribution")
    of = "posterior" if _is_absent(distribution) else str(distribution)
    return interval_in_words(row["interval"], row["level"], of)


def _both(bulk: Any, tail: Any) -> str:
    if _is_absent(bulk) and _is_absent(tail):
        return ABSENT
    return "/".join(ABSENT if _is_absent(size) else f"{size:.0f}" for size in (bulk, tail))


def _cell(value: Any) -> str:
    if _is_absent(value):
        return ABSENT
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, float):
        if value.is_integer():
            return f"{value:.0f}"
        return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.{SIGNIFICANT_DIGITS}g}"
    return str(value)


def _is_absent(value: Any) -> bool:
    return bool(pd.isna(value)) or value == ""


def _with_marks(text: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with a letter at each estimate for the kind of its interval, and the key."""
    if not {"estimate", "interval"} <= set(text.columns):
        return text, []
    stated = text["interval"][text["interval"] != ABSENT]
    kinds = dict(zip(stated.unique(), "abcdefghijklmnopqrstuvwxyz", strict=False))
    bare = (text["estimate"] == ABSENT) | (text["interval"] == ABSENT)
    marks = text["interval"].map(kinds)
    marked = text["estimate"].where(bare, text["estimate"] + " " + marks)
    key = [f"{mark}: {kind}" for kind, mark in kinds.items()]
    return text.assign(estimate=marked).drop(columns="interval"), key


def _pipes(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: Any) -> str:
    """Make text from data harmless in Markdown, and in the HTML that is made of it."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\|`*_~\[\]])", r"\\\1", plain)


def _escaped_line(text: Any) -> str:
    """Escape also what at the start of a line, and only there, opens a heading, list or rule."""
    return re.sub(r"^([0-9]{1,9}(?=[.)](?:\s|$))|(?=[-+#]))", r"\1\\", _escaped(text))


def _widths(cells: list[list[str]], unbroken: list[bool]) -> list[int]:
    """Widths that fit the terminal: the widest columns give way first, headers included."""
    widths = [max(len(row[j]) for row in cells) for j in range(len(cells[0]))]
    least = [
        width if keep else min(width, NARROWEST_CELL)
        for width, keep in zip(widths, unbroken, strict=True)
    ]
    while sum(widths) + 2 * (len(widths) - 1) > TERMINAL_WIDTH:
        spare = [(width, j) for j, width in enumerate(widths) if width > least[j]]
        if not spare:
            break
        widths[max(spare)[1]] -= 1
    return widths


def _wrapped(row: list[str], widths: list[int]) -> list[str]:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    rows = [[lines[i] if i < len(lines) else "" for lines in wrapped] for i in range(height)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in rows
    ]
