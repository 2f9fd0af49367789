"""One folder an outcome, with the same files in each, and what several of them share."""

# A room that imports PyMC before those of `engine` finds the folder of compiled code prepared.
import mmn_bayes.engine as _engine  # noqa: F401
