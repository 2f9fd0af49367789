"""From a specification and a cohort to a fit: the rooms that know PyMC's graph."""

from mmn_bayes.engine.code_folder import prepare

# Before any room is entered: PyTensor asks for a folder as soon as it is imported.
prepare()
