"""From a model and a cohort to a fit: design, PyMC model, compiled log-density."""

from mmn_bayes.engine.compiled_logp import compiled as compiled
from mmn_bayes.engine.compiled_logp import for_sampler as for_sampler
from mmn_bayes.engine.design import CODE_VERSION as CODE_VERSION
from mmn_bayes.engine.design import MADE_OF as MADE_OF
from mmn_bayes.engine.design import fingerprint as fingerprint
from mmn_bayes.engine.design import make_design as make_design
from mmn_bayes.engine.graph import build as build
from mmn_bayes.posterior.draws import design_of as design_of
from mmn_bayes.posterior.draws import history_of as history_of
from mmn_bayes.posterior.draws import is_fit_of as is_fit_of
from mmn_bayes.posterior.draws import spec_of as spec_of
from mmn_bayes.report.fit_files import CHECKSUM as CHECKSUM
