"""Conduction blocks before and after as an outcome."""

from mmn_bayes.engine.outcome import Outcome
from mmn_bayes.outcomes.blocks.design import section_of, with_blocks
from mmn_bayes.outcomes.blocks.estimands import joint_quantities, prior_quantities
from mmn_bayes.outcomes.blocks.likelihood import blocked

BLOCKS = Outcome(
    name="blocks",
    add_likelihood=blocked,
    add_data=with_blocks,
    in_likelihood=lambda design: design["blocks_after"] >= 0,
    not_in_graph=frozenset({"nerves_before"}),
    # The overdispersion reaches down to 0, where steps of the usual length diverge: at 0.8 four of
    # six fits had a divergence or two, at 0.95 none.
    target_accept=0.95,
    effect_dim="fate",
    effects_by="block_effect_ratios",
    estimands=("block_kinds", "expected_block_change"),
    ratio=lambda spec, member: (
        "rate ratio" if member == "appears" and section_of(spec).new != "binomial" else "odds ratio"
    ),
    prior_quantities=prior_quantities,
    joint_quantities=joint_quantities,
)
