"""Other studies: published counts, and priors made of them."""

from mmn_bayes.data.published import read_evidence as read_evidence
from mmn_bayes.data.published import read_published as read_published
from mmn_bayes.data.published import read_trial as read_trial
from mmn_bayes.outcomes.evidence.design import select_evidence as select_evidence
from mmn_bayes.outcomes.evidence.estimands import new_unit_rate as new_unit_rate
from mmn_bayes.outcomes.evidence.estimands import standardised_rates as standardised_rates
from mmn_bayes.outcomes.evidence.estimands import unit_rates as unit_rates
from mmn_bayes.outcomes.evidence.mixtures import effective_sample_size as effective_sample_size
from mmn_bayes.outcomes.evidence.prior import check_mixture as check_mixture
from mmn_bayes.outcomes.evidence.prior import difference_from_placebo as difference_from_placebo
from mmn_bayes.outcomes.evidence.prior import historical_prior as historical_prior
from mmn_bayes.outcomes.evidence.prior import prior_data_conflict as prior_data_conflict
