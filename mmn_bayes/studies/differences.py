"""What two sets of results differ in: said at once, or judged at last by Monte Carlo errors."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from mmn_bayes.engine.stopping import MOST_R_HAT
from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.studies.table_pairs import shortened

# How often two sets that differ by their draws alone have any number that is reported.
FALSE_ALARMS = 0.01
# A standard error is itself an estimate. That of a mean with some 1,000 effective draws of 4 chains
# is known to about 10 %, its square to 20 %: as a chi-squared of 2 / 0.2^2 degrees of freedom.
DEGREES_OF_FREEDOM = 50
# What two libraries of mathematics may make different of the same numbers, optimisers included.
ROUNDING = 1e-6

# Of 1,000 draws of 4 chains R-hat scatters by 0.01, and ess_tail by a third of itself.
MOST_R_HAT_APART, MOST_TIMES_APART = 0.05, 3.0

COLUMNS = ("file", "row", "column", "committed", "regenerated", "allowance", "why")
_MUST = "must be the same"

# Times, sizes and versions are those of a machine and a day; so is what a benchmark measures, and
# what the luck of its samplers makes of that. How many draws it took to an effective sample size
# hangs on the draws.
OF_THE_MACHINE = (
    r"date|versions?|numba|seconds\w*|\w*_seconds?|us_per_gradient|times_no_exposure|memory_mib|"
    r"worker_memory_mib|saved_mb|ess_per_\w+|ess_(bulk|tail)_of|r_hat_patients|"
    r"leapfrogs_per_draw|n_draws"
)
R_HAT = r"(worst_)?r_hat|R-hat"
ESS = r"(least_)?ess_(bulk|tail)|ESS bulk/tail"
MCSE = r"mcse(_\w+)?|(added|removed)_mcse"
OF_DRAWS = f"{R_HAT}|{ESS}|{MCSE}"

Where = tuple[str, str, str]  # file, row, column


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes
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


def most_errors(n: int) -> float:
    """Return by how many standard errors of their difference two numbers may differ.

    Parameters
    ----------
    n : int
        How many pairs of numbers are looked at together.

    Returns
    -------
    float
        That which, by Bonferroni, any of them exceeds with probability `FALSE_ALARMS` at most when
        they differ by their draws alone.
    """
    return float(student.isf(FALSE_ALARMS / (2 * max(n, 1)), DEGREES_OF_FREEDOM))


class _Number(NamedTuple):
    """Two numbers that may be some standard errors apart, and a step besides."""

    where: Where
    shown: tuple[Any, Any]
    values: tuple[float, float]
    error: float
    besides: float


class Differences:
    """A comparison under way: what must be the same is judged at once, what is drawn at last."""

    def __init__(self) -> None:
        self._found: list[tuple[Any, ...]] = []
        self._drawn: list[_Number] = []
        self.files = self.numbers = 0
        self._information: set[str] = set()

    def differ(self, where: Where, values: tuple[Any, ...], why: str = _MUST) -> None:
        """Say that two values are not the same."""
        self._found.append((*where, *values, np.nan, why))

    def tell(self, what: str, old: object, new: object) -> None:
        """Say for information that versions differ."""
        if re.match("version|sampler|numba", what) and str(old) != str(new):
            self._information.add(f"{what}: {shortened(old)} / {shortened(new)}")

    def draw(
        self,
        where: Where,
        shown: tuple[Any, Any],
        values: tuple[float, float],
        error: float,
        besides: float,
    ) -> None:
        """Have two numbers judged at last: some standard errors apart, and a step besides."""
        self._drawn.append(_Number(where, shown, values, error, besides))

    def judge(self, where: Where, values: tuple[float, float], kind: str) -> None:
        """Diagnostics: both pass, or they are as near as they are known."""
        if re.fullmatch(R_HAT, kind):
            near = abs(values[0] - values[1]) <= MOST_R_HAT_APART
            fine = max(values) <= MOST_R_HAT
        else:
            near = 0.0 < max(values) <= MOST_TIMES_APART * min(values)
            fine = re.fullmatch(ESS, kind) is not None and min(values) >= LEAST_ESS
        if not (near or fine):
            self.differ(where, values, "not both passed, and further apart than they are known")

    def finished(self) -> Comparison:
        """Judge what is drawn, now that it is known how many numbers there are."""
        factor = most_errors(len(self._drawn))
        largest = 0.0
        for number in self._drawn:
            apart = abs(number.values[0] - number.values[1])
            allowance = factor * number.error + number.besides
            if number.error > 0.0:
                largest = max(largest, max(apart - number.besides, 0.0) / number.error)
            if not apart <= allowance + ROUNDING * max(map(abs, number.values)):
                why = "further apart than their Monte Carlo error"
                self._found.append((*number.where, *number.shown, allowance, why))
        differences = pd.DataFrame(self._found, columns=list(COLUMNS))
        differences = differences.astype({"allowance": float}).sort_values("file", kind="stable")
        return Comparison(
            differences.reset_index(drop=True),
            *(self.files, self.numbers, len(self._drawn), factor, largest),
            tuple(sorted(self._information)),
        )
