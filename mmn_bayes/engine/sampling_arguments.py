"""What `fit` is asked for: how long to sample, from which seed; what cannot be used is refused."""

from typing import Any, NamedTuple, get_args

import numpy as np

from mmn_bayes.engine.sampling_progress import Progress
from mmn_bayes.engine.stopping import MOST_DRAWS

# Effective sample size, of bulk and tails, that every parameter has where nothing is asked: what
# `diagnose` asks for (400), and a margin for quantities that are computed from the parameters.
ESS = 500
# Beyond these no machine could keep the draws, or start the threads.
_MOST = {"chains": 1000, "draws": 10_000_000, "tune": 10_000_000, "cores": 1000}
_OPTIONAL = ("seed", "cores")


class Settings(NamedTuple):
    """Of one run of the sampler."""

    lengths: dict[str, int]  # chains, draws and tune
    seed: int
    ess: float | None
    cores: int | None


def settings_of(
    *,
    seed: int | None,
    progress: Progress,
    chains: int,
    draws: int | None,
    ess: float | None,
    tune: int,
    cores: int | None,
) -> Settings:
    """Return what is asked for, with what is not said filled in; as of `fit`.

    Raises
    ------
    ValueError
        With all that cannot be used.
    """
    if draws is None and ess is None:
        ess = ESS
    draws = MOST_DRAWS if draws is None else draws
    _check_numbers(ess, progress, seed=seed, chains=chains, draws=draws, tune=tune, cores=cores)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    # NumPy's own numbers would not be kept.
    lengths = {"chains": int(chains), "draws": int(draws), "tune": int(tune)}
    return Settings(lengths, seed, ess, None if cores is None else int(cores))


def _check_numbers(ess: Any, progress: object, **numbers: Any) -> None:
    """Raise one error with all that cannot be used of what was asked."""
    faults = [f for name, number in numbers.items() if (f := _fault_of(name, number)) is not None]
    if progress not in get_args(Progress):
        faults.append(f"progress is {progress!r}; give one of {', '.join(get_args(Progress))}.")
    if ess is not None:
        real = isinstance(ess, int | float | np.integer | np.floating) and not isinstance(ess, bool)
        if not (real and 0 < ess < np.inf):
            faults.append(f"ess is {ess!r}; give a number above 0, such as {ESS}.")
        elif not faults and ess > (n_draws := int(numbers["chains"]) * int(numbers["draws"])):
            faults.append(
                f"ess is {ess:g}, more than the {n_draws} draws that there are at most; ask for "
                "less, or give more draws."
            )
    if faults:
        raise ValueError(" ".join(faults))


def _fault_of(name: str, number: object) -> str | None:
    if number is None and name in _OPTIONAL:
        return None
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        return f"{name} is {number!r}; give a whole number."
    if name == "seed":
        inside = 0 <= number < 2**32
        return None if inside else f"seed is {number}; give a whole number from 0 to {2**32 - 1}."
    if number < 1:
        return f"{name} is {number}; at least 1 is needed."
    if number > _MOST[name]:
        return f"{name} is {number}; at most {_MOST[name]} can be used."
    return None
