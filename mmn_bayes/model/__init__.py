"""From a specification and a cohort to a fit: the only rooms that know PyMC's graph."""
