"""Pages (Markdown) of two sets of results: rows by those of the table beside them, else words."""

import re

from mmn_bayes.studies.compared_text import NUMBER, compare_printed, compare_words, value_of
from mmn_bayes.studies.differences import ESS, OF_DRAWS, R_HAT, Differences
from mmn_bayes.studies.table_pairs import WORDS, TablePair

# Which columns of a table are drawn together in one column of its page.
_PRINTED = {
    "estimate": ("estimate", "lower", "upper"),
    "prior interval": ("prior_lower", "prior_upper"),
    "P(> none)": ("p_above",),
    "P(within margin)": ("p_within",),
    "prior P(within)": ("prior_p_within",),
    "change in response": ("change", "change_lower", "change_upper"),
    "variance removed": ("variance_removed",),
}


def compare_page(
    found: Differences, name: str, texts: tuple[str, str], pair: TablePair | None
) -> None:
    """Compare two pages; `pair` is the table of the same name, where both sides have it."""
    first, second = pages = [_Page(text) for text in texts]
    if first.header != second.header:
        found.differ((name, "", ""), (first.header, second.header), "other columns")
        return
    lengths = [len(page.rows) for page in pages]
    if pair is not None and lengths == pair.lengths:
        for place, (i, j) in enumerate(pair.places):
            _compare_row(found, name, first.header, (first.rows[i], second.rows[j]), pair, place)
    elif first.rows != second.rows:
        words = tuple(f"{n} rows" for n in lengths)
        found.differ((name, "", ""), words, "rows that are not those of a table beside it")
    for old, new in zip(first.lines, second.lines, strict=False):
        compare_words(found, (name, "", ""), old, new)
    if len(first.lines) != len(second.lines):
        words = (f"{len(first.lines)} lines", f"{len(second.lines)} lines")
        found.differ((name, "", ""), words)


def _compare_row(
    found: Differences,
    name: str,
    header: list[str],
    cells: tuple[list[str], list[str]],
    pair: TablePair,
    place: int,
) -> None:
    for column, old, new in zip(header, *cells, strict=True):
        where = (name, pair.keys[place], column)
        printed = [NUMBER.findall(cell) for cell in (old, new)]
        found.numbers += len(printed[0])
        if old == new or (column in pair.columns and pair.turning(place, column) is not None):
            continue  # of a name that turns on a number, the table itself says what holds
        if re.fullmatch(OF_DRAWS, column) and pair.is_point(place):
            continue
        if re.fullmatch(WORDS, column):
            compare_words(found, where, old, new, pair.widest(place))
            continue
        if NUMBER.sub("#", old) != NUMBER.sub("#", new):
            found.differ(where, (old, new))
            continue
        names = _PRINTED.get(column, (column,))
        for number, (one, other) in enumerate(zip(*printed, strict=True)):
            own = names[min(number, len(names) - 1)]
            if re.fullmatch(f"{R_HAT}|{ESS}", column):
                found.judge(where, (value_of(one), value_of(other)), column)
            elif own in pair.columns:
                error, step = pair.error[own][place], pair.step[own][place]
                compare_printed(found, where, one, other, float(error), float(step))
            elif one != other:
                found.differ(where, (one, other))


class _Page:
    """The table of a page, and its other lines."""

    def __init__(self, text: str):
        lines = text.splitlines()
        table = [_cells(line) for line in lines if line.startswith("|")]
        self.header, self.rows = (table[0], table[2:]) if table else ([], [])
        self.lines = [line for line in lines if not line.startswith("|")]


def _cells(line: str) -> list[str]:
    plain = line.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
    cells = re.split(r"(?<!\\)\|", plain.strip().strip("|"))
    return [re.sub(r"\\(.)", r"\1", cell).strip() for cell in cells]
