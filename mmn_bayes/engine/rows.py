"""The rows of a design: which share cutpoints, and which repeat a grade that is remembered."""

from typing import NamedTuple

import numpy as np
import xarray as xr


class Part(NamedTuple):
    """The sites that have one set of cutpoints, and their rows."""

    number: int
    sites: np.ndarray
    rows: np.ndarray
    first_row: np.ndarray  # of each of its sites, and how many rows it has


def parts_of_rows(set_of_row: np.ndarray, first_row_of_site: np.ndarray) -> list[Part]:
    """Part the rows of a design by the cutpoints of their sites.

    Parameters
    ----------
    set_of_row, first_row_of_site : ndarray
        As the design has them, shapes (row,) and (site + 1,); a site has one set.

    Returns
    -------
    list of Part
        One a set of cutpoints that some row has; the rows of a site stay together. A site without
        rows is of the first.
    """
    n_rows = np.diff(first_row_of_site)
    numbers = np.unique(set_of_row)
    set_of_site = np.full(n_rows.size, numbers[0])
    set_of_site[n_rows > 0] = set_of_row[first_row_of_site[:-1][n_rows > 0]]
    parts = []
    for number in numbers:
        sites = np.flatnonzero(set_of_site == number)
        first_row = np.concatenate([[0], np.cumsum(n_rows[sites])])
        parts.append(Part(number, sites, np.flatnonzero(set_of_row == number), first_row))
    return parts


def earlier_rows(site: np.ndarray, day: np.ndarray, within_days: float) -> np.ndarray:
    """Row of the grade before, where that is of the same site and so near; else -1; (row,)."""
    before = np.arange(site.size) - 1
    near = (site == np.roll(site, 1)) & (day - np.roll(day, 1) <= within_days)
    return np.where(near & (before >= 0), before, -1)


def repeats(design: xr.Dataset) -> np.ndarray:
    """Say of each row whether it repeats a remembered grade; shape (row,).

    1: it does; 0: it is another grade; -1: there is none to remember, or the model has no memory.
    """
    code = design["code"].to_numpy()
    if "earlier_row" not in design:
        return np.full(code.size, -1)
    earlier = design["earlier_row"].to_numpy()
    return np.where(earlier < 0, -1, (code == code[earlier]).astype(int))
