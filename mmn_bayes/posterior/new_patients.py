"""New patients like those of a cohort: whom they are like, and of which group they are."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from mmn_bayes.posterior.groups import Groups

# New patients a draw and a group, at least: where nearly all can be judged, the Monte Carlo error
# they leave in each draw, at most 0.5 / sqrt(400) = 0.025, widens an interval of half-width 0.15
# by 5 % of it or less.
NEW_PATIENTS = 400
# Fewer, where what is asked of each is dear, and where the same ones are taken at both values of a
# covariate, in every scenario, or at every step: the Monte Carlo error of a change of 0.1 between
# two such rates is about sqrt(0.1 / 200) = 0.02 a draw.
FEW_NEW_PATIENTS = 200


def new_patients(
    groups: Groups, number: int = NEW_PATIENTS, rng: np.random.Generator | None = None
) -> tuple[np.ndarray, dict[object, np.ndarray]]:
    """Lay out new patients of each group, like those of the cohort.

    Parameters
    ----------
    groups : Groups
        The groups of a cohort.
    number : int, default NEW_PATIENTS
        How many of each group: at least, those of the cohort each equally often.
    rng : Generator or None, optional
        With it exactly so many, those of the cohort in random order, over and over.

    Returns
    -------
    ndarray, dict of ndarray
        Positions of the patients they are like, shape (new patient,), and of each group who of them
        it has.
    """
    of_groups = map(np.flatnonzero, groups.members.values())
    if rng is None:
        copies = [np.tile(own, -(-number // own.size)) for own in of_groups]
    else:
        copies = [np.resize(rng.permutation(own), number) for own in of_groups]
    group = np.repeat(np.arange(len(copies)), [copy.size for copy in copies])
    members = {label: group == place for place, label in enumerate(groups.members)}
    return np.concatenate(copies), members


Patients = Literal["cohort", "population"]


def require_patients(patients: object, legal: Sequence[str] = ()) -> None:
    """Raise unless the patients asked for may be: those of `Patients`, or the `legal` ones."""
    legal = legal or get_args(Patients)
    if patients not in legal:
        *others, last = map(repr, legal)
        raise ValueError(f"patients is {patients!r}; it is {', '.join(others)} or {last}.")
