"""One folder an outcome, with the same files in each, and what several of them share.

Here, and nowhere else, the outcomes of the package are registered. What model files may say of them
is imported at once, which takes milliseconds; their records, and with them a sampler, when a model
is first built.
"""

from typing import Any

from mmn_bayes.model_file.declaration import declare
from mmn_bayes.outcomes.blocks.declared import BLOCKS
from mmn_bayes.outcomes.classes.declared import CLASS
from mmn_bayes.outcomes.evidence.declared import EVENTS
from mmn_bayes.outcomes.grade.declared import GRADE
from mmn_bayes.outcomes.response.declared import RESPONSE
from mmn_bayes.outcomes.states.declared import STATE


def _grade() -> Any:
    from mmn_bayes.outcomes.grade.record import GRADE

    return GRADE


def _response() -> Any:
    from mmn_bayes.outcomes.response.record import RESPONSE

    return RESPONSE


def _events() -> Any:
    from mmn_bayes.outcomes.evidence.record import EVENTS

    return EVENTS


def _class() -> Any:
    from mmn_bayes.outcomes.classes.record import CLASS

    return CLASS


def _blocks() -> Any:
    from mmn_bayes.outcomes.blocks.record import BLOCKS

    return BLOCKS


def _state() -> Any:
    from mmn_bayes.outcomes.states.record import STATE

    return STATE


declare(GRADE, _grade)
declare(RESPONSE, _response)
declare(EVENTS, _events)
declare(CLASS, _class)
declare(BLOCKS, _blocks)
declare(STATE, _state)
