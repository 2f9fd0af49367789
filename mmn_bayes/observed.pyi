"""What is counted: rates with exact intervals, contrasts, tests, regressions; no model."""

from mmn_bayes.outcomes.blocks.observed import block_changes as block_changes
from mmn_bayes.outcomes.blocks.observed import blocks_and_strength as blocks_and_strength
from mmn_bayes.outcomes.blocks.observed import observed_blocks as observed_blocks
from mmn_bayes.outcomes.classes.observed import class_bounds as class_bounds
from mmn_bayes.outcomes.classes.observed import observed_classes as observed_classes
from mmn_bayes.outcomes.classes.observed import published_classes as published_classes
from mmn_bayes.outcomes.evidence.observed import check_published as check_published
from mmn_bayes.outcomes.evidence.observed import recompute as recompute
from mmn_bayes.outcomes.grade.distribution import (
    observed_grade_distribution as observed_grade_distribution,
)
from mmn_bayes.outcomes.observed_rates import exact_test as exact_test
from mmn_bayes.outcomes.response.observed_contrast import compare_rates as compare_rates
from mmn_bayes.outcomes.response.observed_contrast import observed_contrast as observed_contrast
from mmn_bayes.outcomes.response.observed_missing import assumed_missing as assumed_missing
from mmn_bayes.outcomes.response.observed_missing import tipping_point as tipping_point
from mmn_bayes.outcomes.response.observed_pairs import observed_agreement as observed_agreement
from mmn_bayes.outcomes.response.observed_pairs import observed_change as observed_change
from mmn_bayes.outcomes.response.observed_pairs import paired_test as paired_test
from mmn_bayes.outcomes.states.observed import aalen_johansen as aalen_johansen
from mmn_bayes.outcomes.states.observed import empirical_occupancy as empirical_occupancy
from mmn_bayes.outcomes.states.observed import observed_leaving as observed_leaving
from mmn_bayes.outcomes.states.observed import state_intervals as state_intervals
from mmn_bayes.predictors.observed import observed_effects as observed_effects
from mmn_bayes.predictors.observed_univariable import observed_predictors as observed_predictors
from mmn_bayes.predictors.observed_univariable import univariable_tests as univariable_tests
