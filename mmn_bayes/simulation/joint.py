"""Cohorts whose blocks and classes are associated with the patients' gains in a known way.

A second author of `joint.toml`, in plain NumPy: nothing here may import `mmn_bayes.engine`.
"""

from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.schema import TABLES, Cohort
from mmn_bayes.simulation.cohort import draw_plan, simulate_tables
from mmn_bayes.simulation.recipe import truth_of, with_compartment

LEVELS = ("dependent", "remission", "other")


def simulate_joint(
    n_patients: int,
    *,
    seed: int,
    gain_on_class: tuple[float, float] = (1.0, -0.7),
    gain_on_blocks: tuple[float, float] = (-0.8, 0.6),
    class_shares: tuple[float, float, float] = (0.6, 0.25, 0.15),
    block_stays: float = 0.75,
    block_appears: float = 0.03,
    patient_gain_sd: float = 0.2,
) -> Cohort:
    """Simulate a cohort in which gains of strength act on long-term classes and blocks.

    Parameters
    ----------
    n_patients, seed : int
        How many patients, and the seed of all randomness.
    gain_on_class : tuple of (float, float), default (1.0, -0.7)
        Effect of one sd of the gain on the log odds of remission and of another class against
        dependency.
    gain_on_blocks : tuple of (float, float), default (-0.8, 0.6)
        Effect of one sd of the gain on the log odds that a block stays, and that one appears.
    class_shares : tuple of (float, float, float), default (0.6, 0.25, 0.15)
        Rates of the classes at an average gain.
    block_stays, block_appears : float, float, optional
        Probabilities that a block of a nerve stays, and that one appears, at an average gain.
    patient_gain_sd : float, default 0.2
        Sd of the gains between patients: large enough that grades are informative of them.

    Returns
    -------
    Cohort
        Synthetic; doses act as in `strength.toml`; `truth` has the parameters by their names in
        `joint.toml`.

    Raises
    ------
    ValueError
        When `n_patients` is below 1.

    Examples
    --------
    >>> simulated = mb.simulation.simulate_joint(10, seed=1)
    >>> simulated.truth["gain_on_class"], simulated.truth["gain_on_blocks"]
    ((1.0, -0.7), (-0.8, 0.6))
    """
    if n_patients < 1:
        raise ValueError(f"n_patients is {n_patients}; a cohort has at least one patient.")
    recipe = replace(with_compartment(), patient_gain_sd=patient_gain_sd)
    rng = np.random.default_rng(seed)
    plan = draw_plan(rng, n_patients, recipe)
    gain = plan["gain_z"].to_numpy()
    odds = np.array(class_shares) * np.exp(gain[:, None] * np.append(0.0, gain_on_class))
    below = odds.cumsum(axis=1) / odds.sum(axis=1, keepdims=True)
    drawn = (rng.random((n_patients, 1)) > below[:, :-1]).sum(axis=1)
    unclassified = rng.random(n_patients) < recipe.unclassified_share
    plan["status"] = np.where(unclassified, "", np.array(LEVELS, dtype=object)[drawn])
    tables = simulate_tables(rng, plan, recipe)
    blocks = tables["blocks"]
    first = blocks[blocks["day"] == 0].set_index("patient")
    own = plan.set_index("patient")["gain_z"]
    before, tested = first["n_blocks"].to_numpy(), first["n_nerves"].to_numpy()
    z = own.reindex(first.index).to_numpy()
    stayed = rng.binomial(before, expit(logit(block_stays) + gain_on_blocks[0] * z))
    new = rng.binomial(tested - before, expit(logit(block_appears) + gain_on_blocks[1] * z))
    after = dict(zip(first.index, stayed + new, strict=True))
    again = blocks["day"] != 0
    counts = blocks["n_blocks"].where(~again, blocks["patient"].map(after))
    tables["blocks"] = blocks.assign(n_blocks=counts)
    return make_cohort(
        *(tables[name] for name in TABLES),
        scale=recipe.scale,
        title=f"Simulated cohort of {n_patients} patients whose outcomes share their gains",
        source=f"simulate_joint, seed {seed}",
        synthetic=True,
        truth={
            **truth_of(recipe),
            "gain_on_class": tuple(gain_on_class),
            "gain_on_blocks": tuple(gain_on_blocks),
            "reference_probability": tuple(class_shares),
            "block_stays": block_stays,
            "block_appears": block_appears,
            "naive_class": (0.0, 0.0),
            "naive_blocks": (0.0, 0.0),
        },
    )
