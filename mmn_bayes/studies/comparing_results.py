"""Stored results against those of another run: what agrees within Monte Carlo error, what does not.

Numbers that hang on draws are other ones on another processor, or after a change of the sampler.
Here every file of two sets of results is compared: such numbers by their Monte Carlo errors
(`monte_carlo`), everything else exactly.
"""

import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from mmn_bayes.engine.stopping import MOST_R_HAT
from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.report.store import csv_text
from mmn_bayes.studies.counted_tables import Counting, counted_from, page_of
from mmn_bayes.studies.sides import Side
from mmn_bayes.studies.table_pairs import WORDS, TablePair, shortened

# How often two sets that differ by their draws alone have any number that is reported.
FALSE_ALARMS = 0.01
# A standard error is itself an estimate. That of a mean with some 1,000 effective draws of 4 chains
# is known to about 10 %, its square to 20 %: as a chi-squared of 2 / 0.2^2 degrees of freedom.
DEGREES_OF_FREEDOM = 50
# What two libraries of mathematics may make different of the same numbers, optimisers included.
ROUNDING = 1e-6

# Of 1,000 draws of 4 chains R-hat scatters by 0.01, and ess_tail by a third of itself.
MOST_R_HAT_APART, MOST_TIMES_APART = 0.05, 3.0

FIGURES = (".png", ".svg", ".pdf")
COLUMNS = ("file", "row", "column", "committed", "regenerated", "allowance", "why")
_MUST = "must be the same"

# Times, sizes and versions are those of a machine and a day; so is what a benchmark measures, and
# what the luck of its samplers makes of that. How many draws it took to an effective sample size
# hangs on the draws.
_OF_THE_MACHINE = (
    r"date|versions?|numba|seconds\w*|\w*_seconds?|us_per_gradient|times_no_exposure|memory_mib|"
    r"worker_memory_mib|saved_mb|ess_per_\w+|ess_(bulk|tail)_of|r_hat_patients|"
    r"leapfrogs_per_draw|n_draws"
)
_R_HAT = r"(worst_)?r_hat|R-hat"
_ESS = r"(least_)?ess_(bulk|tail)|ESS bulk/tail"
_MCSE = r"mcse(_\w+)?|(added|removed)_mcse"
_OF_DRAWS = f"{_R_HAT}|{_ESS}|{_MCSE}"
_VERSION = re.compile(r"\b([A-Za-z_]+|chains of) (?:\d+\.\d+\.\d+|\d+(?= draws))")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
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

Where = tuple[str, str, str]  # file, row, column


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Parameters
    ----------
    differences
        One row for everything that does not agree: `file`, `row` (what tells it apart), `column`,
        `committed`, `regenerated`, `allowance` (missing where the two must be the same) and `why`.
    files, numbers, drawn
        How many files were compared; numbers, and of these by Monte Carlo error.
    factor
        By how many standard errors two numbers may differ.
    largest
        The largest difference found, in standard errors of it.
    information
        What differs and is not compared: versions.
    """

    differences: pd.DataFrame
    files: int
    numbers: int
    drawn: int
    factor: float
    largest: float
    information: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line: how much was compared, and how much of it does not agree."""
        beyond = int(self.differences["allowance"].notna().sum())
        return (
            f"{self.files} files, {self.numbers} numbers, {self.drawn} of them by their Monte "
            f"Carlo error: {beyond} beyond {self.factor:.1f} standard errors of the difference "
            f"(largest {self.largest:.1f}; false alarm of all together {FALSE_ALARMS:.0%}), "
            f"{len(self.differences) - beyond} other differences."
        )


def compare_results(committed: Side, regenerated: Side, folders: Iterable[str]) -> Comparison:
    """Compare two sets of results, file by file.

    Parameters
    ----------
    committed, regenerated
        The two sets.
    folders
        Folders of both, from the root.

    Returns
    -------
    Comparison
        Of what does not agree:

        - Files, rows and columns that only one of the two has.
        - Numbers that hang on draws and are further apart than so many standard errors of their
          difference, sqrt(error^2 + error^2) (`monte_carlo`). How many: of Student's t with
          `DEGREES_OF_FREEDOM`, by Bonferroni over all such numbers, so that two sets which differ
          by their draws alone have any number beyond with probability `FALSE_ALARMS` at most.
        - R-hat and effective sample sizes, unless both pass the threshold of the gate or they are
          as near as they are known (`MOST_R_HAT_APART`, `MOST_TIMES_APART`); Monte Carlo errors,
          too. They are not asked for where an interval is a point on both sides: whether one draw
          of thousands lies beside it is luck.
        - What is counted from other stored tables and not what they give, on either side.
        - What is said in words. Numbers in them may be as far apart as those of the row.
        - Anything else that is not the same: counts, observed rates, text, settings, fingerprints.

        Of pages (Markdown) the printed numbers are compared, with half a last digit on either side
        besides. Of figures only whether they are there. Dates, times, versions and what a benchmark
        measures are not compared; other versions are told.
    """
    asked = list(folders)
    old, new = (_Read(side, side.names(asked)) for side in (committed, regenerated))
    work = _Work(old, new)
    for name in sorted(old.names | new.names):
        work.file(name)
    return work.finished()


def most_errors(n: int) -> float:
    """Return by how many standard errors of their difference two numbers may differ.

    Parameters
    ----------
    n
        How many pairs of numbers are looked at together.

    Returns
    -------
    float
        That which, by Bonferroni, any of them exceeds with probability `FALSE_ALARMS` at most when
        they differ by their draws alone.
    """
    return float(student.isf(FALSE_ALARMS / (2 * max(n, 1)), DEGREES_OF_FREEDOM))


class _Read:
    """One side, its tables read once."""

    def __init__(self, side: Side, names: set[str]):
        self.side, self.names = side, names
        self._tables: dict[str, pd.DataFrame] = {}

    def text(self, name: str) -> str:
        return self.side.read(name).decode("utf-8")

    def table(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            self._tables[name] = _read_back(self.text(name))
        return self._tables[name]


def _read_back(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"member": str})


class _Number(NamedTuple):
    """Two numbers that may be some standard errors apart, and a step besides."""

    where: Where
    shown: tuple[Any, Any]
    values: tuple[float, float]
    error: float
    besides: float


class _Work:
    """A comparison under way: what must be the same is judged at once, what is drawn at last."""

    def __init__(self, old: _Read, new: _Read):
        self.sides = (old, new)
        self.found: list[tuple[Any, ...]] = []
        self.drawn: list[_Number] = []
        self.files = self.numbers = 0
        self.information: set[str] = set()
        self.pairs: dict[str, TablePair] = {}

    def file(self, name: str) -> None:
        """Compare one file."""
        self.files += 1
        there = [name in side.names for side in self.sides]
        if not all(there):
            words = tuple("there" if one else "missing" for one in there)
            self._differ((name, "", ""), words, "the file is on one side only")
            return
        suffix = Path(name).suffix
        if suffix == ".csv":
            counting = counted_from(name)
            if counting is None:
                self._table(name)
            else:
                self._count_again(name, counting)
        elif suffix == ".md":
            self._page(name)
        elif suffix == ".json":
            self._json(name, "", *(json.loads(side.text(name)) for side in self.sides))
        elif suffix not in FIGURES:
            old, new = (side.text(name) for side in self.sides)
            self._words((name, "", ""), old, new)

    def finished(self) -> Comparison:
        """Judge what is drawn, now that it is known how many numbers there are."""
        factor = most_errors(len(self.drawn))
        largest = 0.0
        for number in self.drawn:
            apart = abs(number.values[0] - number.values[1])
            allowance = factor * number.error + number.besides
            if number.error > 0.0:
                largest = max(largest, max(apart - number.besides, 0.0) / number.error)
            if not apart <= allowance + ROUNDING * max(map(abs, number.values)):
                why = "further apart than their Monte Carlo error"
                self.found.append((*number.where, *number.shown, allowance, why))
        differences = pd.DataFrame(self.found, columns=list(COLUMNS))
        differences = differences.astype({"allowance": float}).sort_values("file", kind="stable")
        return Comparison(
            differences.reset_index(drop=True),
            *(self.files, self.numbers, len(self.drawn), factor, largest),
            tuple(sorted(self.information)),
        )

    def _differ(self, where: Where, values: tuple[Any, ...], why: str = _MUST) -> None:
        self.found.append((*where, *values, np.nan, why))

    def _told(self, what: str, old: object, new: object) -> None:
        if re.match("version|sampler|numba", what) and str(old) != str(new):
            self.information.add(f"{what}: {shortened(old)} / {shortened(new)}")

    # --- tables

    def _pair(self, name: str) -> TablePair:
        if name not in self.pairs:
            self.pairs[name] = TablePair(*(side.table(name) for side in self.sides))
        return self.pairs[name]

    def _table(self, name: str) -> None:
        pair = self._pair(name)
        for where, values in pair.one_sided:
            self._differ((name, *where), values, "on one side only")
        for column in pair.columns:
            for place, (old, new) in enumerate(zip(*pair.cells[column], strict=True)):
                if re.fullmatch(_OF_THE_MACHINE, column):
                    self._told(column, old, new)
                    continue
                self.numbers += _is_number(old) or _is_number(new)
                self._cell((name, pair.keys[place], column), old, new, pair, place)

    def _cell(self, where: Where, old: Any, new: Any, pair: TablePair, place: int) -> None:
        column = where[2]
        error, step = float(pair.error[column][place]), float(pair.step[column][place])
        numbers = _is_number(old) and _is_number(new)
        if numbers and np.isfinite(error) and np.isfinite([old, new]).all():
            self.drawn.append(_Number(where, (old, new), (float(old), float(new)), error, step))
        elif _same(old, new) or (re.fullmatch(_OF_DRAWS, column) and pair.is_point(place)):
            return
        elif pd.isna(old) or pd.isna(new):
            self._differ(where, (old, new), "one of the two is missing")
        elif numbers and column == "value" and {"threshold", "passed"} <= set(pair.columns):
            # Whether a check is passed stands beside it, and must be the same.
            if not all(side[place] for side in pair.cells["passed"]):
                self._judge(where, (old, new), str(pair.cells["check"][0][place]))
        elif numbers and column == "value" and "target" in pair.columns:
            return  # a ratio of times: that it reaches its target stands beside it
        elif numbers and re.fullmatch(_OF_DRAWS, column):
            self._judge(where, (old, new), column)
        elif not numbers and (turning := pair.turning(place, column)) is not None:
            value, bound, error, besides = turning
            self.drawn.append(_Number(where, (old, new), (value, bound), error, besides))
        elif not numbers and isinstance(old, str) and isinstance(new, str):
            self._words(where, old, new, pair.widest(place))
        else:
            self._differ(where, (old, new))

    def _judge(self, where: Where, values: tuple[float, float], kind: str) -> None:
        """Diagnostics: both pass, or they are as near as they are known."""
        if re.fullmatch(_R_HAT, kind):
            near = abs(values[0] - values[1]) <= MOST_R_HAT_APART
            fine = max(values) <= MOST_R_HAT
        else:
            near = 0.0 < max(values) <= MOST_TIMES_APART * min(values)
            fine = re.fullmatch(_ESS, kind) is not None and min(values) >= LEAST_ESS
        if not (near or fine):
            self._differ(where, values, "not both passed, and further apart than they are known")

    def _words(self, where: Where, old: str, new: str, error: float = np.nan) -> None:
        """Text: the same words, and numbers as far apart as those of the row may be."""
        if old == new:
            return
        if _VERSION.sub(r"\1", old) == _VERSION.sub(r"\1", new):
            self._told("versions", _versions(old), _versions(new))
            return
        drawn = re.fullmatch(WORDS, where[2]) is not None and np.isfinite(error)
        if not drawn or _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
            self._differ(where, (shortened(old), shortened(new)))
            return
        of_percent = 100.0 if re.search("%|percent", old) else 1.0
        for one, other in zip(_NUMBER.finditer(old), _NUMBER.finditer(new), strict=True):
            self.numbers += 1
            # A correlation is known to (1 - r^2) / sqrt(ESS), whatever else the row is about.
            is_correlation = old[: one.start()].endswith("correlation ")
            own = LEAST_ESS**-0.5 if is_correlation else error * of_percent
            self._printed(where, one[0], other[0], own, 0.0)

    def _printed(self, where: Where, old: str, new: str, error: float, besides: float) -> None:
        """Printed numbers: as far apart as they may be, and half a last digit on either side."""
        if old == new:
            return
        if not np.isfinite(error):
            self._differ(where, (old, new))
            return
        last = _last_digit(old, new)
        values = (_value(old), _value(new))
        self.drawn.append(_Number(where, (old, new), values, error, besides + last))

    def _count_again(self, name: str, counting: Counting) -> None:
        """A table that is counted from others must be what they give: those are compared."""
        for side, words in zip(self.sides, ("committed", "regenerated"), strict=True):
            stored = side.table(name)
            sources = {s: side.table(s) for s in sorted(side.names) if counting.is_source(s)}
            why = f"not what it is counted from, of the {words} ones"
            if not sources:
                self._differ((name, "", ""), ("there", "missing"), why)
                continue
            again = counting.again(stored, sources, side.side.read)
            pair = TablePair(stored, _read_back(csv_text(again)))
            for where, values in pair.one_sided:
                self._differ((name, *where), values, why)
            for column in pair.columns:
                for place, (old, new) in enumerate(zip(*pair.cells[column], strict=True)):
                    self.numbers += _is_number(old)
                    if not _same(old, new):
                        self._differ((name, pair.keys[place], column), (old, new), why)

    # --- pages

    def _page(self, name: str) -> None:
        """Markdown: rows by those of the table of the same name, all else word by word."""
        source = f"{name.removesuffix('.md')}.csv"
        both = all(source in side.names for side in self.sides)
        if both and counted_from(source) is not None:
            for side in self.sides:
                if side.text(name) != page_of(name, side.table(source)):
                    self._differ((name, "", ""), ("", ""), "not the table of the same name")
            return
        first, second = pages = [_Page(side.text(name)) for side in self.sides]
        if first.header != second.header:
            self._differ((name, "", ""), (first.header, second.header), "other columns")
            return
        pair = self._pair(source) if both else None
        lengths = [len(page.rows) for page in pages]
        if pair is not None and lengths == [len(side.table(source)) for side in self.sides]:
            for place, (i, j) in enumerate(pair.places):
                self._row(name, first.header, (first.rows[i], second.rows[j]), pair, place)
        elif first.rows != second.rows:
            words = tuple(f"{n} rows" for n in lengths)
            self._differ((name, "", ""), words, "rows that are not those of a table beside it")
        for old, new in zip(first.lines, second.lines, strict=False):
            self._words((name, "", ""), old, new)
        if len(first.lines) != len(second.lines):
            words = (f"{len(first.lines)} lines", f"{len(second.lines)} lines")
            self._differ((name, "", ""), words)

    def _row(
        self,
        name: str,
        header: list[str],
        cells: tuple[list[str], list[str]],
        pair: TablePair,
        place: int,
    ) -> None:
        for column, old, new in zip(header, *cells, strict=True):
            where = (name, pair.keys[place], column)
            printed = [_NUMBER.findall(cell) for cell in (old, new)]
            self.numbers += len(printed[0])
            if old == new or (column in pair.columns and pair.turning(place, column) is not None):
                continue  # of a name that turns on a number, the table itself says what holds
            if re.fullmatch(_OF_DRAWS, column) and pair.is_point(place):
                continue
            if re.fullmatch(WORDS, column):
                self._words(where, old, new, pair.widest(place))
                continue
            if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
                self._differ(where, (old, new))
                continue
            names = _PRINTED.get(column, (column,))
            for number, (one, other) in enumerate(zip(*printed, strict=True)):
                own = names[min(number, len(names) - 1)]
                if re.fullmatch(f"{_R_HAT}|{_ESS}", column):
                    self._judge(where, (_value(one), _value(other)), column)
                elif own in pair.columns:
                    error, step = pair.error[own][place], pair.step[own][place]
                    self._printed(where, one, other, float(error), float(step))
                elif one != other:
                    self._differ(where, (one, other))

    # --- JSON

    def _json(self, name: str, path: str, old: Any, new: Any) -> None:
        key = path.rpartition(".")[2]
        if re.fullmatch(_OF_THE_MACHINE, key):
            self._told(key, *(_said(one) for one in (old, new)))
        elif isinstance(old, dict) and isinstance(new, dict):
            # Until an effective sample size was reached: as many as it took.
            until = "ess_asked" in old and old["ess_asked"] == new.get("ess_asked")
            for one in sorted((old.keys() | new.keys()) - ({"draws"} if until else set())):
                if one in old and one in new:
                    self._json(name, f"{path}.{one}".lstrip("."), old[one], new[one])
                else:
                    here = tuple("there" if one in side else "missing" for side in (old, new))
                    self._differ((name, path, str(one)), here, "on one side only")
        elif isinstance(old, str) and isinstance(new, str):
            self._words((name, path, key), old, new)
        elif old != new:
            self._differ((name, path, key), (_said(old), _said(new)))


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


def _said(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _versions(text: str) -> str:
    return ", ".join(found[0] for found in _VERSION.finditer(text))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(old: Any, new: Any) -> bool:
    if pd.isna(old) and pd.isna(new):
        return True
    if _is_number(old) and _is_number(new):
        return bool(np.isclose(old, new, rtol=ROUNDING, atol=1e-9))
    return bool(old == new)


def _value(printed: str) -> float:
    return float(printed.replace(",", ""))


def _last_digit(old: str, new: str) -> float:
    """One unit of the last digit of the longer one, and half a percent: the third digit.

    Noughts at the end are not printed: "1" may be 1.004 to three digits.
    """
    units = []
    for printed in (old, new):
        digits, _, power = printed.partition("e")
        units.append(10.0 ** (int(power or 0) - len(digits.partition(".")[2])))
    return max(min(units), 0.005 * max(abs(_value(old)), abs(_value(new))))
