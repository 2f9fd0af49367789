"""Counts of responders in other studies: priors made of them, and what papers print."""
