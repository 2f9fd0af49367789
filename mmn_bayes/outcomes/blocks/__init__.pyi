"""Conduction blocks before treatment and after."""

from mmn_bayes.outcomes.blocks.estimands import block_effect_ratios as block_effect_ratios
from mmn_bayes.outcomes.blocks.estimands import block_kinds as block_kinds
from mmn_bayes.outcomes.blocks.estimands import expected_block_change as expected_block_change
