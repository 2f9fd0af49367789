"""What can be registered: outcomes, families, links, kinds of predictors."""

from mmn_bayes.engine.family import Family as Family
from mmn_bayes.engine.link import Link as Link
from mmn_bayes.engine.outcome import Outcome as Outcome
from mmn_bayes.engine.outcome import outcome_of as outcome_of
from mmn_bayes.engine.outcome import register as register
from mmn_bayes.model_file.declaration import Declaration as Declaration
from mmn_bayes.model_file.keys import Key as Key
from mmn_bayes.model_file.predictor_kinds import PredictorKind as PredictorKind
from mmn_bayes.model_file.prior import optional_prior as optional_prior
from mmn_bayes.model_file.prior import stated_prior as stated_prior
