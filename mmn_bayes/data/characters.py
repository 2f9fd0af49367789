"""Characters that identifiers, names and labels may not hold: nobody sees them, or they act.

Control characters end a text in some libraries and steer a terminal, lone surrogates cannot be
written to a file, marks of direction make a text look like another one, and invisible characters
make two texts of what is one to a reader. The joiners U+200C and U+200D stay, for some scripts
spell with them.
"""

import dataclasses
import re
import unicodedata

import numpy as np
import pandas as pd

from mmn_bayes.data.findings import SHOWN_ROWS, Findings, place, quoted
from mmn_bayes.data.tables import TextTable

_REFUSED = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters
    "\u2028\u2029"  # separators of lines and paragraphs
    "\ud800-\udfff"  # lone surrogates
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    "\u00ad\u034f\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f"  # tags
    "\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + 0xFFFE + last) for plane in range(17) for last in (0, 1))
    + "]"
)
_DIRECTION = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_LINES = "\t\n\r"  # blanks around a cell, and line feeds and tabs inside prose, are no mistake
CURE = "retype it, without control, invisible or direction characters"


def refused_character(text: str, *, prose: bool = False) -> str:
    """Name the first character of a text that it may not hold.

    Parameters
    ----------
    text : str
        The text.
    prose : bool
        Whether it is a text of several lines, in which line feeds and tabs are legal.

    Returns
    -------
    str
        For example "U+0000 (a control character)"; "" when there is none.
    """
    for found in _REFUSED.finditer(text):
        character = found.group()
        if not (prose and character in "\t\n"):
            return f"U+{ord(character):04X} ({_kind(character)})"
    return ""


def _kind(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp":
            return "a control character"
        case "Cs":
            return "half a character"
        case "Cn":
            return "no character"
    return "a mark of direction" if character in _DIRECTION else "an invisible character"


def without_refused(text: TextTable, findings: Findings) -> TextTable:
    """Find the refused characters of a table, in its header and in every cell.

    Parameters
    ----------
    text : TextTable
        The table.
    findings : Findings
        Where defects go, one a column. Identifiers of patients are not shown.

    Returns
    -------
    TextTable
        The table without those characters, so that the other checks go on with what is seen.
    """
    cells: dict[str, np.ndarray] = {}
    for name, column in text.cells.items():
        if character := refused_character(name):
            problem = f"the name of column {quoted(name)} has the character {character}"
            findings.defect(text.name, problem, CURE)
        seen = _REFUSED.sub("", name).strip()
        # Two names may be one without such characters: which has been said of one of them.
        cells.setdefault(seen or name, _seen(text, name, column, findings))
    return dataclasses.replace(text, cells=cells)


def _seen(text: TextTable, name: str, column: np.ndarray, findings: Findings) -> np.ndarray:
    codes, values = pd.factorize(column)
    first = [refused_character(value.strip(f" {_LINES}")) for value in values]
    bad = np.array([bool(character) for character in first], dtype=bool)
    if not bad.any():
        return column
    rows = np.flatnonzero(bad[codes])
    shown = [
        first[codes[row]] + ("" if name == "patient" else f" in {quoted(values[codes[row]])}")
        for row in rows[:SHOWN_ROWS]
    ]
    problem = "characters that nobody sees or that act"
    findings.defect(place(text.name, name, text.rows(rows, shown)), problem, CURE)
    cleaned = np.array([_REFUSED.sub("", value) for value in values], dtype=object)
    return cleaned[codes]
