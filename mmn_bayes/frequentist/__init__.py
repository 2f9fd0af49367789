"""The figures that reviewers know: rates, exact tests, univariable tests, the published numbers."""
