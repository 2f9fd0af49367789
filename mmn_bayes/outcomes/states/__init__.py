"""States of patients over time: a Markov chain."""
