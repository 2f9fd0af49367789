"""From a fit to what was asked: estimands as draws, checks, and the summary of draws."""

# A room that imports PyMC before those of `engine` finds the folder of compiled code prepared.
import mmn_bayes.engine as _engine  # noqa: F401
