"""From a model and a cohort to a fit: the rooms that know PyMC's graph."""

from mmn_bayes.engine.code_folder import prepare
from mmn_bayes.public_names import attach

# Before any room is entered: PyTensor asks for a folder as soon as it is imported.
prepare()

__getattr__, __dir__, __all__ = attach(__name__, __file__)
