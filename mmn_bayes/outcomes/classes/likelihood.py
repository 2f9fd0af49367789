"""The likelihood of the last status of each patient: log odds against the first level."""

# Before PyMC is imported: the folder of compiled code is prepared.
import mmn_bayes.engine as _engine  # noqa: F401

# isort: split
from collections.abc import Mapping
from typing import Any

import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.effects import long_run_shifts
from mmn_bayes.engine.priors import parameter
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.classes.design import section_of


def classified(spec: ModelSpec, arrays: Mapping[str, Any], purpose: str) -> None:
    """Add the model of classes to the model in context: log odds of each against the first.

    For "predict" the deterministic `class_probability` (dims patient, class) in place of the
    likelihood.
    """
    reference = parameter("reference_probability", section_of(spec).prior, dims="class")
    code = arrays["class_code"]
    shift = pt.zeros((code.shape[0], len(section_of(spec).levels) - 1))
    for x, effect in long_run_shifts(spec, "class", arrays, "contrast").values():
        shift = shift + x[:, None] * effect[None, :]
    eta = pt.log(reference)[None, :] + pt.concatenate([pt.zeros_like(shift[:, :1]), shift], axis=1)
    logs = eta - pt.logsumexp(eta, axis=1, keepdims=True)
    if purpose == "predict":
        pm.Deterministic("class_probability", pt.exp(logs), dims=("patient", "class"))
        return
    # Codes are data, -1 of the unclassified, who have no part in the sum.
    own = logs[pt.arange(code.shape[0]), pt.maximum(code, 0)]
    pm.Potential("classes", (own * pt.ge(code, 0)).sum())
