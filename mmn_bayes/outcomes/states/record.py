"""The states of a patient, one after the other, as an outcome."""

import numpy as np

from mmn_bayes.engine.outcome import Outcome
from mmn_bayes.outcomes.states.design import with_states
from mmn_bayes.outcomes.states.estimands import joint_quantities, prior_quantities
from mmn_bayes.outcomes.states.likelihood import moving

STATE = Outcome(
    name="state",
    add_likelihood=moving,
    add_data=with_states,
    in_likelihood=lambda design: np.isin(
        np.arange(design.sizes["patient"]), design["seen_patient"].to_numpy()
    ),
    not_in_graph=frozenset({"seen_patient", "seen_step", "seen_code", "seen_day"}),
    # The sd between patients reaches down to 0, where steps of the usual length diverge: one of
    # three fits had 214 divergences at 0.8, one had 1 at 0.95 (300 draws of warm-up), none at 0.99.
    target_accept=0.99,
    effect_dim="contrast",
    effects_by="state_odds_ratios",
    estimands=("state_occupancy", "expected_sojourn", "cumulative_incidence_of_leaving"),
    prior_quantities=prior_quantities,
    joint_quantities=joint_quantities,
)
