"""Histories of states with a known truth: a second author of the Markov model, in plain NumPy.

Nothing here may import `mmn_bayes.engine`: agreement between the two is a test, not a definition.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from mmn_bayes.arguments import check_fields
from mmn_bayes.data.margins import YEAR
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.status_paths import days_zero


@dataclass(frozen=True)
class StatePathsRecipe:
    """Hold the parameters and the visits of simulated state paths.

    Shares of months spent dependent, in remission and otherwise are near those of the published
    cohorts at their last visits (Leger 2008: 25, 8 and 4 of 37 after 2.2 years); no transition has
    been published. Effects are log odds against the first level, one for each other level.

    Examples
    --------
    >>> recipe = mb.simulation.StatePathsRecipe()
    >>> recipe.levels
    ('dependent', 'remission', 'other')
    >>> recipe.transitions.round(3)
    array([[0.965, 0.023, 0.012],
           [0.08 , 0.9  , 0.02 ],
           [0.07 , 0.03 , 0.9  ]])
    """

    levels: tuple[str, ...] = ("dependent", "remission", "other")
    step_days: float = YEAR / 4
    start: tuple[float, ...] = (0.85, 0.05, 0.1)
    leaves: tuple[float, ...] = (0.035, 0.1, 0.1)
    towards: tuple[tuple[float, ...], ...] = ((0.65, 0.35), (0.8, 0.2), (0.7, 0.3))
    change: tuple[float, ...] = (0.2, -0.1)  # with each doubling of 1 + years
    naive: tuple[float, ...] = (0.3, 0.0)
    patient_sd: float = 0.4
    visit_every_days: float = 182.0
    visit_jitter_days: float = 20.0
    missed_share: float = 0.15
    followed_days: tuple[float, float] = (730.0, 2557.0)  # since the first infusion

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated, in one message.

        Raises
        ------
        ValueError
            Every reason at once.
        """
        check_fields(self)
        k = len(self.levels)
        wrong = {
            "levels: two or more": k >= 2,
            "start: one share a level, adding up to 1": _are_shares(self.start, k),
            "leaves: one probability a level": _are_probabilities(self.leaves, k),
            "towards: for each level the shares of the others": len(self.towards) == k
            and all(_are_shares(own, k - 1) for own in self.towards),
            "change and naive: one number for each level but the first": (
                len(self.change) == len(self.naive) == k - 1
            ),
            "patient_sd and visit_jitter_days: 0 or more": (
                self.patient_sd >= 0 and self.visit_jitter_days >= 0
            ),
            "step_days: above 0": self.step_days > 0,
            "visit_every_days: more than twice the jitter and a day": (
                self.visit_every_days > 2 * self.visit_jitter_days + 1
            ),
            "missed_share: from 0 to below 1": 0 <= self.missed_share < 1,
            "followed_days: two days above 0, the first no later": (
                0 < self.followed_days[0] <= self.followed_days[-1]
            ),
        }
        said = [what for what, right in wrong.items() if not right]
        if said:
            raise ValueError(f"The recipe of histories is wrong. {'; '.join(said)}.")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of every number of the recipe, in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def transitions(self) -> np.ndarray:
        """Of a step from day 0 on of who has no effects, shape (state, next state)."""
        k = len(self.levels)
        matrix = np.diag(1.0 - np.array(self.leaves))
        for state in range(k):
            others = [other for other in range(k) if other != state]
            matrix[state, others] = self.leaves[state] * np.array(self.towards[state])
        return matrix

    @property
    def truth(self) -> Mapping[str, object]:
        """Its parameters, by their names in `histories.toml`."""
        return {
            "start_probability": self.start,
            "leaves": self.leaves,
            "towards": tuple(np.ravel(self.towards).tolist()),
            "state_change": self.change,
            "naive": self.naive,
            "patient_state_sd": self.patient_sd,
        }


def _are_probabilities(values: Sequence[float], n: int) -> bool:
    return len(values) == n and all(0.0 <= value <= 1.0 for value in values)


def _are_shares(values: Sequence[float], n: int) -> bool:
    return _are_probabilities(values, n) and abs(sum(values) - 1.0) < 1e-9


def with_state_paths(
    cohort: Cohort, *, seed: int, recipe: StatePathsRecipe | None = None
) -> Cohort:
    """Replace the `status` of a cohort by simulated state paths.

    Parameters
    ----------
    cohort : Cohort
        With infusions: a path begins with the first one.
    seed : int
        Seed of all randomness.
    recipe : StatePathsRecipe or None, optional
        The parameters; by default those of `StatePathsRecipe()`.

    Returns
    -------
    Cohort
        Synthetic, with the parameters of the paths as `truth`. Each patient is observed on the day
        of the first infusion and, where visits are not missed, every so many days from then on:
        days are irregular, and a state may change and change back between two.

    Raises
    ------
    ValueError
        When a patient has no infusion.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> simulated = mb.simulation.with_state_paths(cohort, seed=1)
    >>> list(simulated.status.columns)
    ['patient', 'day', 'status']
    >>> simulated.truth["start_probability"]
    (0.85, 0.05, 0.1)
    """
    recipe = recipe or StatePathsRecipe()
    zero = days_zero(cohort, "first_infusion")
    if zero.isna().any():
        raise ValueError(f"Patient '{zero.index[zero.isna()][0]}' has no infusion to begin with.")
    rng = np.random.default_rng(seed)
    naive = cohort.patients["naive"].to_numpy(dtype=bool)
    rows = []
    for patient, own_zero, is_naive in zip(zero.index, zero, naive, strict=True):
        until = rng.uniform(*recipe.followed_days)
        path = _path(rng, recipe, int(np.round(until / recipe.step_days)), bool(is_naive))
        planned = np.arange(0.0, until, recipe.visit_every_days)
        jitter = recipe.visit_jitter_days * rng.uniform(-1.0, 1.0, planned.size)
        days = np.where(planned > 0, np.round(planned + jitter), 0.0)
        seen = (rng.random(days.size) >= recipe.missed_share) | (planned == 0)
        for day in days[seen & (days <= until)]:
            state = recipe.levels[path[int(np.round(day / recipe.step_days))]]
            rows.append((patient, own_zero + day, state))
    status = pd.DataFrame(rows, columns=["patient", "day", "status"])
    return replace(
        cohort,
        status=status.astype({"patient": "str", "day": float, "status": "str"}),
        source=f"{cohort.source}; histories simulated, seed {seed}",
        synthetic=True,
        truth=dict(recipe.truth),
    )


def _path(
    rng: np.random.Generator, recipe: StatePathsRecipe, n_steps: int, naive: bool
) -> list[int]:
    """State at every step from 0 to `n_steps`."""
    k = len(recipe.levels)
    own = recipe.patient_sd * rng.normal()
    path = [int(rng.choice(k, p=recipe.start))]
    for step in range(n_steps):
        doublings = np.log2(1.0 + step * recipe.step_days / YEAR)
        shift = own + doublings * np.array(recipe.change) + naive * np.array(recipe.naive)
        weight = recipe.transitions[path[-1]] * np.exp(np.concatenate([[0.0], shift]))
        path.append(int(rng.choice(k, p=weight / weight.sum())))
    return path
