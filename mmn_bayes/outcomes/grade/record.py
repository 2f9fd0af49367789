"""Grades of muscles as an outcome."""

from mmn_bayes.engine.outcome import Outcome
from mmn_bayes.outcomes.grade.design import missing_for_grades, uninformative_grades, with_grades
from mmn_bayes.outcomes.grade.estimands import prior_quantities
from mmn_bayes.outcomes.grade.likelihood import graded
from mmn_bayes.outcomes.grade.site_effects import site_effects

GRADE = Outcome(
    name="grade",
    add_likelihood=graded,
    add_data=with_grades,
    in_likelihood=lambda design: design["n_sites"] > 0,
    defects=missing_for_grades,
    uninformative=uninformative_grades,
    not_in_graph=frozenset(
        {
            *("day_of_visit", "position_of_row", "earlier_row"),
            *("infusion_day", "infusion_dose_g_per_kg"),
        }
    ),
    sampled_groups=lambda spec: [group for group in spec.groups if group is not spec.site_group],
    draw_integrated=site_effects,
    estimands=("response_probability", "grade_shares"),
    judged=True,
    of_grades=True,
    prior_quantities=prior_quantities,
)
