"""Treatment response in multifocal motor neuropathy: hierarchical Bayesian models of muscle grades.

The public face: every verb of the package, imported when it is first used, so that reading a cohort
does not wait for a sampler. What each does is said where it lives.
"""

from importlib import import_module
from importlib.metadata import version
from types import FunctionType
from typing import Any

__version__ = version("mmn_bayes")

_HOMES = {
    "mmn_bayes.cohort.reading": ("make_cohort", "read_cohort", "write_cohort"),
    "mmn_bayes.cohort.schema": ("Cohort",),
    "mmn_bayes.cohort.exposure": ("infusion_exposure",),
    "mmn_bayes.cohort.published": ("read_evidence", "read_published", "read_trial"),
    "mmn_bayes.cohort.deriving": ("with_early_response",),
    "mmn_bayes.cohort.definitions": ("Definition", "definition_grid"),
    "mmn_bayes.cohort.response": ("ResponseRule", "flow", "responses"),
    "mmn_bayes.cohort.restricting": ("first_months", "with_blanks"),
    "mmn_bayes.cohort.schedules": ("courses", "no_infusions", "schedule"),
    "mmn_bayes.cohort.simulate": ("Recipe", "simulate_cohort"),
    "mmn_bayes.cohort.histories": ("on_clock",),
    "mmn_bayes.cohort.simulate_histories": ("HistoryRecipe", "with_histories"),
    "mmn_bayes.cohort.simulate_joint": ("simulate_joint",),
    "mmn_bayes.cohort.simulate_responses": ("simulate_responses",),
    "mmn_bayes.cohort.reproduction": ("reproduce_cohort",),
    "mmn_bayes.errors": (
        "CohortWarning",
        "DataError",
        "NotConverged",
        "SamplingError",
        "SpecError",
    ),
    "mmn_bayes.spec.joint": ("part_of", "without_sharing"),
    "mmn_bayes.spec.model_spec": ("ModelSpec", "spec_to_toml"),
    "mmn_bayes.spec.reading": ("parse_spec", "read_spec"),
    "mmn_bayes.model.events": ("select_evidence",),
    "mmn_bayes.model.sampling": ("fit",),
    "mmn_bayes.frequentist.comparing": ("compare_rates", "observed_contrast"),
    "mmn_bayes.frequentist.effects": ("observed_effects",),
    "mmn_bayes.frequentist.imputing": (
        "between_share",
        "complete_cases",
        "impute_cohorts",
        "missing_covariates",
    ),
    "mmn_bayes.frequentist.blocks": ("block_changes", "blocks_and_strength", "observed_blocks"),
    "mmn_bayes.frequentist.long_term": ("class_bounds", "compare_groups", "observed_classes"),
    "mmn_bayes.frequentist.occupancy": (
        "aalen_johansen",
        "empirical_occupancy",
        "observed_leaving",
        "state_intervals",
    ),
    "mmn_bayes.frequentist.missing": ("assumed_missing", "tipping_point"),
    "mmn_bayes.frequentist.pairs": ("observed_agreement", "observed_change", "paired_test"),
    "mmn_bayes.frequentist.published": ("check_published", "recompute"),
    "mmn_bayes.frequentist.rates": ("exact_test", "observed_response"),
    "mmn_bayes.frequentist.univariable": ("observed_predictors", "univariable_tests"),
    "mmn_bayes.posterior.blocks": ("block_kinds", "expected_block_change"),
    "mmn_bayes.posterior.classes": ("class_probability", "simultaneous_intervals"),
    "mmn_bayes.posterior.definitions": ("response_by_definition",),
    "mmn_bayes.posterior.diagnostics": ("diagnose", "require_converged"),
    "mmn_bayes.posterior.events": ("new_unit_rate", "standardised_rates", "unit_rates"),
    "mmn_bayes.posterior.historical": (
        "against_placebo",
        "check_mixture",
        "historical_prior",
        "prior_data_conflict",
    ),
    "mmn_bayes.posterior.leaving_out": (
        "compare_models",
        "left_out_by_importance",
        "left_out_response",
    ),
    "mmn_bayes.posterior.patient_density": ("patient_log_likelihood",),
    "mmn_bayes.posterior.predictor_table": ("predictor_table",),
    "mmn_bayes.posterior.predictors": ("predictor_effects",),
    "mmn_bayes.posterior.long_run": ("block_ratios", "class_odds_ratios", "state_odds_ratios"),
    "mmn_bayes.posterior.missing": ("delta_response",),
    "mmn_bayes.posterior.mixtures": ("effective_sample_size",),
    "mmn_bayes.posterior.implied": ("implied_by_prior", "prior_of"),
    "mmn_bayes.posterior.response": (
        "check_response",
        "replicated_response",
        "response_probability",
    ),
    "mmn_bayes.posterior.kernel": (
        "dose_in_effect_kernel",
        "dose_to_keep",
        "wearing_off_curve",
    ),
    "mmn_bayes.posterior.extrapolation": ("extrapolation",),
    "mmn_bayes.posterior.scenarios": ("patient_course", "trajectory"),
    "mmn_bayes.posterior.confounding": ("confounding_bound",),
    "mmn_bayes.posterior.dosing": ("dose_response",),
    "mmn_bayes.posterior.identifying": ("change_by_part", "time_against_infusions"),
    "mmn_bayes.posterior.shares": ("grade_shares", "observed_shares"),
    "mmn_bayes.posterior.states": (
        "ever_left",
        "state_occupancy",
        "step_probability",
        "time_in_state",
    ),
    "mmn_bayes.posterior.summary": ("contrast", "summarise"),
    "mmn_bayes.report.blocks": ("blocks_notes", "blocks_table"),
    "mmn_bayes.report.calibration": ("calibration_table", "prediction_scores"),
    "mmn_bayes.report.comparing": ("comparison_table",),
    "mmn_bayes.report.definitions": ("definition_table",),
    "mmn_bayes.report.predictors": ("compare_predictors", "predictor_notes", "shown_predictors"),
    "mmn_bayes.report.historical": ("history_table", "placebo_table", "trial_table"),
    "mmn_bayes.report.histories": (
        "histories_notes",
        "leaving_table",
        "occupancy_table",
        "time_table",
    ),
    "mmn_bayes.report.imputed": ("imputed_predictors",),
    "mmn_bayes.report.joint": ("margins_table", "relation_table", "sharing_table"),
    "mmn_bayes.report.leaving_out": ("importance_against_exact", "leave_patients_out"),
    "mmn_bayes.report.long_term": ("cohorts_table", "long_term_notes", "long_term_table"),
    "mmn_bayes.report.missing": ("missing_table", "tipping_table"),
    "mmn_bayes.report.running": ("Task", "run_tasks", "task_seed"),
    "mmn_bayes.report.scenarios": (
        "contrast_table",
        "scenario_response_table",
        "trajectory_table",
        "yearly_change_table",
    ),
    "mmn_bayes.report.store": ("load", "save"),
    "mmn_bayes.report.tables": ("response_table",),
    "mmn_bayes.report.variants": ("variants_table",),
    "mmn_bayes.report.worth": ("predictor_worth",),
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
