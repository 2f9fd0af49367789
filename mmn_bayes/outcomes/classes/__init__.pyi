"""Long-term classes: the last status of each patient."""

from mmn_bayes.outcomes.classes.estimands import class_odds_ratios as class_odds_ratios
from mmn_bayes.outcomes.classes.estimands import class_probability as class_probability
from mmn_bayes.outcomes.classes.estimands import simultaneous_intervals as simultaneous_intervals
