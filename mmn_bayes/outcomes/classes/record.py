"""The last status of a patient as an outcome."""

from mmn_bayes.engine.outcome import Outcome
from mmn_bayes.outcomes.classes.design import with_classes
from mmn_bayes.outcomes.classes.estimands import (
    joint_quantities,
    log_probability_of_class,
    prior_quantities,
)
from mmn_bayes.outcomes.classes.likelihood import classified

CLASS = Outcome(
    name="class",
    add_likelihood=classified,
    add_data=with_classes,
    in_likelihood=lambda design: design["class_code"] >= 0,
    effect_dim="contrast",
    effects_by="class_odds_ratios",
    estimands=("class_probability", "class_odds_ratios"),
    prior_quantities=prior_quantities,
    joint_quantities=joint_quantities,
    log_probability=log_probability_of_class,
    recorded=lambda design: tuple(
        design[name].to_numpy() for name in ("patient", "class_code", "class")
    ),
)
