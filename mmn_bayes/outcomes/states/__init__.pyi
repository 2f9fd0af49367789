"""States of patients over time: a Markov chain."""

from mmn_bayes.data.status_paths import on_clock as on_clock
from mmn_bayes.outcomes.states.estimands import (
    cumulative_incidence_of_leaving as cumulative_incidence_of_leaving,
)
from mmn_bayes.outcomes.states.estimands import expected_sojourn as expected_sojourn
from mmn_bayes.outcomes.states.estimands import state_occupancy as state_occupancy
from mmn_bayes.outcomes.states.estimands import state_odds_ratios as state_odds_ratios
from mmn_bayes.outcomes.states.estimands import transition_probability as transition_probability
