"""Grades of muscles over time."""

from mmn_bayes.outcomes.grade.distribution import grade_distribution as grade_distribution
