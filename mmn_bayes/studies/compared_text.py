"""Text of two sets of results: the same words, and numbers as near as those of their row are."""

import re

import numpy as np

from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.studies.differences import Differences, Where
from mmn_bayes.studies.table_pairs import WORDS, shortened

_VERSION = re.compile(r"\b([A-Za-z_]+|chains of) (?:\d+\.\d+\.\d+|\d+(?= draws))")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")


def compare_words(
    found: Differences, where: Where, old: str, new: str, error: float = np.nan
) -> None:
    """Text: the same words, and numbers as far apart as those of the row may be."""
    if old == new:
        return
    if _VERSION.sub(r"\1", old) == _VERSION.sub(r"\1", new):
        found.tell("versions", _versions(old), _versions(new))
        return
    drawn = re.fullmatch(WORDS, where[2]) is not None and np.isfinite(error)
    if not drawn or NUMBER.sub("#", old) != NUMBER.sub("#", new):
        found.differ(where, (shortened(old), shortened(new)))
        return
    of_percent = 100.0 if re.search("%|percent", old) else 1.0
    for one, other in zip(NUMBER.finditer(old), NUMBER.finditer(new), strict=True):
        found.numbers += 1
        # A correlation is known to (1 - r^2) / sqrt(ESS), whatever else the row is about.
        is_correlation = old[: one.start()].endswith("correlation ")
        own = LEAST_ESS**-0.5 if is_correlation else error * of_percent
        compare_printed(found, where, one[0], other[0], own, 0.0)


def compare_printed(
    found: Differences, where: Where, old: str, new: str, error: float, besides: float
) -> None:
    """Printed numbers: as far apart as they may be, and half a last digit on either side."""
    if old == new:
        return
    if not np.isfinite(error):
        found.differ(where, (old, new))
        return
    last = _last_digit(old, new)
    values = (value_of(old), value_of(new))
    found.draw(where, (old, new), values, error, besides + last)


def _versions(text: str) -> str:
    return ", ".join(found[0] for found in _VERSION.finditer(text))


def value_of(printed: str) -> float:
    """Return a printed number."""
    return float(printed.replace(",", ""))


def _last_digit(old: str, new: str) -> float:
    """One unit of the last digit of the longer one, and half a percent: the third digit.

    Noughts at the end are not printed: "1" may be 1.004 to three digits.
    """
    units = []
    for printed in (old, new):
        digits, _, power = printed.partition("e")
        units.append(10.0 ** (int(power or 0) - len(digits.partition(".")[2])))
    return max(min(units), 0.005 * max(abs(value_of(old)), abs(value_of(new))))
