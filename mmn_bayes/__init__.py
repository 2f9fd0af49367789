"""Treatment response in multifocal motor neuropathy: hierarchical Bayesian models of muscle grades.

The public face: every verb of the package, imported when it is first used, so that reading a cohort
does not wait for a sampler. What each does is said where it lives.
"""

from importlib import import_module
from importlib.metadata import version
from types import FunctionType
from typing import Any

import mmn_bayes.outcomes as _outcomes  # noqa: F401  registers the outcomes of the package

__version__ = version("mmn_bayes")

_HOMES = {
    "mmn_bayes.data.definitions": (
        "Definition",
        "definition_grid",
    ),
    "mmn_bayes.data.deriving": ("with_early_response",),
    "mmn_bayes.data.exposure": ("infusion_exposure",),
    "mmn_bayes.data.published": (
        "read_evidence",
        "read_published",
        "read_trial",
    ),
    "mmn_bayes.data.reading": (
        "make_cohort",
        "read_cohort",
        "write_cohort",
    ),
    "mmn_bayes.data.response": (
        "ResponseRule",
        "flow",
        "responses",
    ),
    "mmn_bayes.data.restricting": (
        "first_months",
        "with_blanks",
    ),
    "mmn_bayes.data.schedules": (
        "courses",
        "no_infusions",
        "schedule",
    ),
    "mmn_bayes.data.schema": ("Cohort",),
    "mmn_bayes.data.status_paths": ("on_clock",),
    "mmn_bayes.engine.family": ("Family",),
    "mmn_bayes.engine.link": ("Link",),
    "mmn_bayes.engine.sampling": ("fit",),
    "mmn_bayes.errors": (
        "CohortWarning",
        "DataError",
        "NotConverged",
        "SamplingError",
        "SpecError",
    ),
    "mmn_bayes.exposure.confounding": ("confounding_bound",),
    "mmn_bayes.exposure.dose_response": ("dose_response",),
    "mmn_bayes.exposure.extrapolation": ("extrapolation",),
    "mmn_bayes.exposure.identifiability": (
        "change_by_part",
        "time_against_infusions",
    ),
    "mmn_bayes.exposure.kernel": (
        "dose_in_effect_kernel",
        "dose_to_keep",
        "wearing_off_curve",
    ),
    "mmn_bayes.exposure.scenarios": (
        "patient_course",
        "trajectory",
    ),
    "mmn_bayes.exposure.scenarios_table": (
        "contrast_table",
        "scenario_response_table",
        "trajectory_table",
        "yearly_change_table",
    ),
    "mmn_bayes.exposure.variants_table": ("variants_table",),
    "mmn_bayes.model_file.model_spec": (
        "ModelSpec",
        "spec_to_toml",
    ),
    "mmn_bayes.model_file.reading": (
        "parse_spec",
        "read_spec",
    ),
    "mmn_bayes.outcomes.blocks.estimands": (
        "block_kinds",
        "block_ratios",
        "expected_block_change",
    ),
    "mmn_bayes.outcomes.blocks.observed": (
        "block_changes",
        "blocks_and_strength",
        "observed_blocks",
    ),
    "mmn_bayes.outcomes.blocks.table": (
        "blocks_notes",
        "blocks_table",
    ),
    "mmn_bayes.outcomes.classes.estimands": (
        "class_odds_ratios",
        "class_probability",
        "simultaneous_intervals",
    ),
    "mmn_bayes.outcomes.classes.observed": (
        "class_bounds",
        "compare_groups",
        "observed_classes",
    ),
    "mmn_bayes.outcomes.classes.table": (
        "cohorts_table",
        "long_term_notes",
        "long_term_table",
    ),
    "mmn_bayes.outcomes.evidence.design": ("select_evidence",),
    "mmn_bayes.outcomes.evidence.estimands": (
        "new_unit_rate",
        "standardised_rates",
        "unit_rates",
    ),
    "mmn_bayes.outcomes.evidence.mixtures": ("effective_sample_size",),
    "mmn_bayes.outcomes.evidence.observed": (
        "check_published",
        "recompute",
    ),
    "mmn_bayes.outcomes.evidence.prior": (
        "against_placebo",
        "check_mixture",
        "historical_prior",
        "prior_data_conflict",
    ),
    "mmn_bayes.outcomes.evidence.table": (
        "history_table",
        "placebo_table",
        "trial_table",
    ),
    "mmn_bayes.outcomes.grade.grade_distribution": (
        "grade_shares",
        "observed_shares",
    ),
    "mmn_bayes.outcomes.joint": (
        "part_of",
        "without_sharing",
    ),
    "mmn_bayes.outcomes.joint_table": (
        "margins_table",
        "relation_table",
        "sharing_table",
    ),
    "mmn_bayes.outcomes.observed_rates": ("exact_test",),
    "mmn_bayes.outcomes.response.calibration_table": (
        "calibration_table",
        "prediction_scores",
    ),
    "mmn_bayes.outcomes.response.comparison_table": ("comparison_table",),
    "mmn_bayes.outcomes.response.definitions": ("response_by_definition",),
    "mmn_bayes.outcomes.response.definitions_table": ("definition_table",),
    "mmn_bayes.outcomes.response.estimands": (
        "check_response",
        "replicated_response",
        "response_probability",
    ),
    "mmn_bayes.outcomes.response.loo": ("left_out_response",),
    "mmn_bayes.outcomes.response.missing": ("delta_response",),
    "mmn_bayes.outcomes.response.missing_table": (
        "missing_table",
        "tipping_table",
    ),
    "mmn_bayes.outcomes.response.observed": ("observed_response",),
    "mmn_bayes.outcomes.response.observed_contrast": (
        "compare_rates",
        "observed_contrast",
    ),
    "mmn_bayes.outcomes.response.observed_missing": (
        "assumed_missing",
        "tipping_point",
    ),
    "mmn_bayes.outcomes.response.observed_pairs": (
        "observed_agreement",
        "observed_change",
        "paired_test",
    ),
    "mmn_bayes.outcomes.response.table": ("response_table",),
    "mmn_bayes.outcomes.states.estimands": (
        "ever_left",
        "state_occupancy",
        "state_odds_ratios",
        "step_probability",
        "time_in_state",
    ),
    "mmn_bayes.outcomes.states.observed": (
        "aalen_johansen",
        "empirical_occupancy",
        "observed_leaving",
        "state_intervals",
    ),
    "mmn_bayes.outcomes.states.table": (
        "histories_notes",
        "leaving_table",
        "occupancy_table",
        "time_table",
    ),
    "mmn_bayes.posterior.diagnostics": (
        "diagnose",
        "require_converged",
    ),
    "mmn_bayes.posterior.loo": (
        "compare_models",
        "left_out_by_importance",
    ),
    "mmn_bayes.posterior.patient_density": ("patient_log_likelihood",),
    "mmn_bayes.posterior.prior_predictive": (
        "implied_by_prior",
        "prior_of",
    ),
    "mmn_bayes.posterior.summary": (
        "contrast",
        "summarise",
    ),
    "mmn_bayes.predictors.comparison_table": (
        "compare_predictors",
        "predictor_notes",
        "shown_predictors",
    ),
    "mmn_bayes.predictors.effects": ("predictor_effects",),
    "mmn_bayes.predictors.observed": ("observed_effects",),
    "mmn_bayes.predictors.observed_imputation": (
        "between_share",
        "complete_cases",
        "impute_cohorts",
        "missing_covariates",
    ),
    "mmn_bayes.predictors.observed_univariable": (
        "observed_predictors",
        "univariable_tests",
    ),
    "mmn_bayes.predictors.table": ("predictor_table",),
    "mmn_bayes.report.fit_files": (
        "load",
        "save",
    ),
    "mmn_bayes.simulation.cohort": ("simulate_cohort",),
    "mmn_bayes.simulation.joint": ("simulate_joint",),
    "mmn_bayes.simulation.recipe": ("Recipe",),
    "mmn_bayes.simulation.reproduction": ("reproduce_cohort",),
    "mmn_bayes.simulation.responses": ("simulate_responses",),
    "mmn_bayes.simulation.status_paths": (
        "HistoryRecipe",
        "with_histories",
    ),
    "mmn_bayes.studies.added_value": ("predictor_worth",),
    "mmn_bayes.studies.exact_loo": (
        "importance_against_exact",
        "leave_patients_out",
    ),
    "mmn_bayes.studies.imputed": ("imputed_predictors",),
    "mmn_bayes.studies.runner": (
        "Task",
        "run_tasks",
        "task_seed",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "__version__"])


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"mmn_bayes has no public name '{name}'; it has {', '.join(__all__)}.")
    value = getattr(import_module(_HOME_OF[name]), name)
    if isinstance(value, FunctionType):
        from mmn_bayes.arguments import checked  # here, since it imports pandas and xarray

        value = checked(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__
