"""From a specification and a cohort to a fit: the only rooms that know PyMC's graph."""

from mmn_bayes.model.code_folder import prepare

# Before any room is entered: PyTensor asks for a folder as soon as it is imported.
prepare()
