"""Patients left out: importance sampling, exact refits, comparison of models."""

from mmn_bayes.outcomes.response.loo import left_out_response as left_out_response
from mmn_bayes.posterior.loo import compare_elpd as compare_elpd
from mmn_bayes.posterior.loo import psis_loo_patients as psis_loo_patients
from mmn_bayes.posterior.patient_density import patient_log_likelihood as patient_log_likelihood
from mmn_bayes.studies.added_value import added_predictive_value as added_predictive_value
from mmn_bayes.studies.exact_loo import importance_against_exact as importance_against_exact
from mmn_bayes.studies.exact_loo import leave_patients_out as leave_patients_out
