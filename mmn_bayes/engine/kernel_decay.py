"""Doses that decay: for each visit the sum over earlier infusions of dose times exp(-rate days).

One pass over a patient's infusions and visits in their order: what is left at one is what was left
at the one before, times exp(-rate gap). Days between them are few different numbers (courses are
days apart, cycles weeks), so that the exponentials are taken once for each of these numbers, not
once an infusion; the slope by the rate is carried along.

Compiled code is kept on disk beside this file, under a key that knows only this file.
"""

import functools
from typing import Any

import numba
import numpy as np
from numba import types


@numba.njit(error_model="numpy", cache=True)
def decayed_dose(rate, first_event, gap, gap_days, dose, visit, value, slope):  # type: ignore[no-untyped-def]
    """Fill in what is left at each visit, and its slope by the rate.

    Parameters
    ----------
    rate : object
        Per day, shape (patient,).
    first_event : object
        First event of each patient and the number of events, shape (patient + 1,).
    gap, gap_days : object
        Of each event which number of days lies between it and the one before, shape (event,), and
        these numbers.
    dose, visit : object
        Of each event the dose, and the place of the visit, -1 for an infusion; shape (event,).
    value, slope : object
        Filled with the sums and their slopes by the rate of the patient, shape (visit,).
    """
    left, known = np.empty(gap_days.size), np.nan
    for patient in range(rate.size):
        if rate[patient] != known:
            known = rate[patient]
            for i in range(gap_days.size):
                left[i] = np.exp(-known * gap_days[i])
        total = tangent = 0.0
        for event in range(first_event[patient], first_event[patient + 1]):
            share = left[gap[event]]
            tangent = share * (tangent - gap_days[gap[event]] * total)
            total *= share
            if visit[event] >= 0:
                value[visit[event]], slope[visit[event]] = total, tangent
            else:
                total += dose[event]


_REALS, _INTEGERS = types.CPointer(types.float64), types.CPointer(types.int64)
SIGNATURE = types.void(
    *(_REALS, _INTEGERS, _INTEGERS, _REALS, _REALS, _INTEGERS),
    *(types.int64, types.int64, types.int64, types.int64, _REALS, _REALS),
)


def at_addresses(  # type: ignore[no-untyped-def]
    rate,
    first_event,
    gap,
    gap_days,
    dose,
    visit,
    n_patients,
    n_gaps,
    n_events,
    n_visits,
    value,
    slope,
):
    """`decayed_dose` for arrays by their addresses; SIGNATURE states their types."""
    decayed_dose(
        numba.carray(rate, n_patients),
        numba.carray(first_event, n_patients + 1),
        numba.carray(gap, n_events),
        numba.carray(gap_days, n_gaps),
        numba.carray(dose, n_events),
        numba.carray(visit, n_events),
        numba.carray(value, n_visits),
        numba.carray(slope, n_visits),
    )


@functools.cache
def compiled() -> Any:
    """`at_addresses` in machine code: compiled once a machine, then read from the disk."""
    return numba.cfunc(SIGNATURE, cache=True)(at_addresses)
