"""Candidate predictors: complete cases, imputation, pooling."""

from mmn_bayes.predictors.comparison_table import printed_predictors as printed_predictors
from mmn_bayes.predictors.observed_imputation import complete_cases as complete_cases
from mmn_bayes.predictors.observed_imputation import impute_cohorts as impute_cohorts
from mmn_bayes.predictors.observed_imputation import missing_covariates as missing_covariates
from mmn_bayes.predictors.observed_imputation import pool_rubin as pool_rubin
from mmn_bayes.studies.imputed import imputed_predictors as imputed_predictors
