"""The cohort: its data dictionary, its reading and checking, and what is derived from it."""
