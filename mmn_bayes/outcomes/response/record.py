"""Responses of patients as an outcome."""

from mmn_bayes.engine.outcome import Outcome
from mmn_bayes.outcomes.response.design import uninformative_responses, with_responses
from mmn_bayes.outcomes.response.likelihood import responded
from mmn_bayes.outcomes.response.loo import log_probability_of_response
from mmn_bayes.outcomes.response.prior_quantities import prior_rates

RESPONSE = Outcome(
    name="response",
    add_likelihood=responded,
    add_data=with_responses,
    in_likelihood=lambda design: design["response"] >= 0,
    uninformative=uninformative_responses,
    estimands=("response_probability",),
    judged=True,
    prior_quantities=lambda fit: prior_rates(fit, "response_probability", "any patient"),
    log_probability=log_probability_of_response,
    recorded=lambda design: (design["patient"].to_numpy(), design["response"].to_numpy()),
)
