"""Counts of responders of other studies, or of patients of a trial, as an outcome."""

from mmn_bayes.engine.outcome import Outcome
from mmn_bayes.outcomes.evidence.design import events_design, uninformative_events
from mmn_bayes.outcomes.evidence.likelihood import counted_events
from mmn_bayes.outcomes.response.prior_quantities import prior_rates

EVENTS = Outcome(
    name="events",
    add_likelihood=counted_events,
    make_design=events_design,
    in_likelihood=lambda design: design["n"] > 0,
    uninformative=uninformative_events,
    # Units are few, and their sd reaches down to 0, where steps of the usual length diverge (9 of
    # 16,000 draws of two such models); it costs nothing to take shorter ones.
    target_accept=0.99,
    estimands=("unit_rates", "new_unit_rate", "standardised_rates"),
    prior_quantities=lambda fit: prior_rates(fit, "event_probability", "any unit"),
)
