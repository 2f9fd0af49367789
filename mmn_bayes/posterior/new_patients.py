"""New patients like those of a cohort: whom they are like, and of which group they are."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from mmn_bayes.posterior.groups import Groups

# New patients a draw and a group, at least: where nearly all can be judged, the Monte Carlo error
# they leave in each draw, at most 0.5 / sqrt(400) = 0.025, widens an interval of half-width 0.15
# by 5 % of it or less.
NEW_PATIENTS = 400


def new_patients(
    groups: Groups, at_least: int = NEW_PATIENTS
) -> tuple[np.ndarray, dict[object, np.ndarray]]:
    """Lay out new patients of each group, like those of the cohort, each of these equally often.

    Parameters
    ----------
    groups
        The groups of a cohort.
    at_least
        How many of each group.

    Returns
    -------
    ndarray, dict of ndarray
        Positions of the patients they are like, shape (new patient,), and of each group who of them
        it has.
    """
    copies = [
        np.tile(np.flatnonzero(member), -(-at_least // int(member.sum())))
        for member in groups.members.values()
    ]
    group = np.repeat(np.arange(len(copies)), [copy.size for copy in copies])
    members = {label: group == number for number, label in enumerate(groups.members)}
    return np.concatenate(copies), members


Patients = Literal["cohort", "population"]


def require_patients(patients: object, legal: Sequence[str] = ()) -> None:
    """Raise unless the patients asked for may be: those of `Patients`, or the `legal` ones."""
    legal = legal or get_args(Patients)
    if patients not in legal:
        *others, last = map(repr, legal)
        raise ValueError(f"patients is {patients!r}; it is {', '.join(others)} or {last}.")
