"""Cohorts with a known truth."""

from mmn_bayes.data.restricting import with_blanks as with_blanks
from mmn_bayes.simulation.cohort import simulate_cohort as simulate_cohort
from mmn_bayes.simulation.joint import simulate_joint as simulate_joint
from mmn_bayes.simulation.recipe import Recipe as Recipe
from mmn_bayes.simulation.recipe import truth_to_toml as truth_to_toml
from mmn_bayes.simulation.recipe import with_compartment as with_compartment
from mmn_bayes.simulation.reproduction import reproduce_cohort as reproduce_cohort
from mmn_bayes.simulation.responses import simulate_responses as simulate_responses
from mmn_bayes.simulation.status_paths import StatePathsRecipe as StatePathsRecipe
from mmn_bayes.simulation.status_paths import with_state_paths as with_state_paths
