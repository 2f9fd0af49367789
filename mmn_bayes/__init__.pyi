"""Hierarchical Bayesian models of muscle grades, and of any graded outcome."""

from mmn_bayes import engine as engine
from mmn_bayes import exposure as exposure
from mmn_bayes import io as io
from mmn_bayes import joint as joint
from mmn_bayes import loo as loo
from mmn_bayes import observed as observed
from mmn_bayes import plots as plots
from mmn_bayes import predictors as predictors
from mmn_bayes import registry as registry
from mmn_bayes import simulation as simulation
from mmn_bayes import studies as studies
from mmn_bayes import tables as tables
from mmn_bayes.data.reading import make_cohort as make_cohort
from mmn_bayes.data.reading import read_cohort as read_cohort
from mmn_bayes.data.reading import write_cohort as write_cohort
from mmn_bayes.data.response import ResponseRule as ResponseRule
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.response import patient_flow as patient_flow
from mmn_bayes.data.schema import Cohort as Cohort
from mmn_bayes.engine.sampling import fit as fit
from mmn_bayes.errors import CohortWarning as CohortWarning
from mmn_bayes.errors import DataError as DataError
from mmn_bayes.errors import NotConverged as NotConverged
from mmn_bayes.errors import SamplingError as SamplingError
from mmn_bayes.errors import SpecError as SpecError
from mmn_bayes.model_file.model_spec import ModelSpec as ModelSpec
from mmn_bayes.model_file.reading import read_model as read_model
from mmn_bayes.outcomes import blocks as blocks
from mmn_bayes.outcomes import classes as classes
from mmn_bayes.outcomes import evidence as evidence
from mmn_bayes.outcomes import grade as grade
from mmn_bayes.outcomes import response as response
from mmn_bayes.outcomes import states as states
from mmn_bayes.outcomes.response.comparison_table import comparison_table as comparison_table
from mmn_bayes.outcomes.response.estimands import (
    posterior_predictive_check as posterior_predictive_check,
)
from mmn_bayes.outcomes.response.estimands import response_probability as response_probability
from mmn_bayes.outcomes.response.observed import observed_response as observed_response
from mmn_bayes.outcomes.response.table import response_table as response_table
from mmn_bayes.posterior.diagnostics import diagnose as diagnose
from mmn_bayes.posterior.diagnostics import require_converged as require_converged
from mmn_bayes.posterior.prior_predictive import prior_predictive as prior_predictive
from mmn_bayes.posterior.prior_predictive import sample_prior as sample_prior
from mmn_bayes.posterior.summary import contrast as contrast
from mmn_bayes.posterior.summary import summarise as summarise
from mmn_bayes.predictors.effects import predictor_effects as predictor_effects
from mmn_bayes.predictors.table import predictor_table as predictor_table
from mmn_bayes.report.fit_files import load as load
from mmn_bayes.report.fit_files import save as save

__version__: str
