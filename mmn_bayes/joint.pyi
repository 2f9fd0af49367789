"""Joint models taken apart: one outcome of a model, or the model without shared effects."""

from mmn_bayes.outcomes.joint import submodel as submodel
from mmn_bayes.outcomes.joint import without_shared_effects as without_shared_effects
