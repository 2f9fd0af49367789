"""One folder an outcome, with the same files in each, and what several of them share.

Here, and nowhere else, the outcomes of the package are registered. What model files may say of them
is imported at once, which takes milliseconds; their records, and with them a sampler, when a model
is first built.
"""

from importlib import import_module

from mmn_bayes.model_file.declaration import declare
from mmn_bayes.outcomes.blocks.declared import BLOCKS
from mmn_bayes.outcomes.classes.declared import CLASS
from mmn_bayes.outcomes.evidence.declared import EVENTS
from mmn_bayes.outcomes.grade.declared import GRADE
from mmn_bayes.outcomes.response.declared import RESPONSE
from mmn_bayes.outcomes.states.declared import STATE

declare(GRADE, lambda: import_module("mmn_bayes.outcomes.grade.record").GRADE)
declare(RESPONSE, lambda: import_module("mmn_bayes.outcomes.response.record").RESPONSE)
declare(EVENTS, lambda: import_module("mmn_bayes.outcomes.evidence.record").EVENTS)
declare(CLASS, lambda: import_module("mmn_bayes.outcomes.classes.record").CLASS)
declare(BLOCKS, lambda: import_module("mmn_bayes.outcomes.blocks.record").BLOCKS)
declare(STATE, lambda: import_module("mmn_bayes.outcomes.states.record").STATE)
