"""Cohorts with a known truth: a second author of the models, in plain NumPy."""
