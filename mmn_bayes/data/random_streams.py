"""Random numbers by purpose: each purpose has a stream of its own, of the same seed."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

# What follows the seed. No key is changed, nor used again: stored results were drawn by them.
KEYS: Mapping[str, tuple[int, ...]] = {
    "effects of sites, given the other parameters": (1,),
    "grades, under the prior": (2,),
    "rates of new units": (3,),
    "placebo rates, paired with others": (4,),
    "patients who lend their infusions": (5,),
    "classes, filled in": (7,),
    "classes, effects of new patients": (9,),
    "blocks, filled in": (11,),
    "blocks, effects of new patients": (13,),
    "states, filled in": (17,),
    "states, effects of new patients": (19,),
    # Of responses, by `patients`; other definitions of response take the same.
    "cohort": tuple(b"cohort"),
    "population": tuple(b"population"),
    "replicated": tuple(b"replicated"),
    "grades, effects of new days": tuple(b"shares"),
    "scenarios, whom new patients are like": tuple(b"scenario patients"),
    "scenarios, new effects": tuple(b"trajectory"),
    "course of a patient, effects of new days": tuple(b"patient course"),
    "covariates, imputed": tuple(b"imputed"),  # then the number of the set
    "covariates, blanked": (),  # then the characters of the column
}


def rng_of(seed: int | xr.DataTree, purpose: str, *more: int) -> np.random.Generator:
    """Return the generator of random numbers for a purpose.

    Parameters
    ----------
    seed : int or DataTree
        The seed, or a fit: its own seed.
    purpose : str
        One of `KEYS`.
    *more : int
        Which one of several of the same purpose.

    Returns
    -------
    Generator
        At its beginning, the same one whenever it is asked for.
    """
    number = int(seed.attrs["seed"]) if isinstance(seed, xr.DataTree) else seed
    return np.random.default_rng([number, *KEYS[purpose], *more])
