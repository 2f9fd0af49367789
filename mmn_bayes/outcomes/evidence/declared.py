"""Counts of responders, as model files have them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmn_bayes.model_file.declaration import Declaration


def _contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    studies = content["unit"]["by"] == "study"
    if content["link"] != "logit":
        yield "link: counts of events are modelled by their log odds; take logit."
    for table in ("evidence", "robust"):
        if table in content and not studies:
            yield f'{table}: belongs to unit.by = "study", and to nothing else; leave it out.'


EVENTS = Declaration(
    name="events",
    words="events",
    acts_on=("response",),
    required=("intercept", "unit"),
    contradictions=_contradictions,
    plain_predictors=True,
)
