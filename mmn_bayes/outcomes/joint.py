"""A joint model taken apart: without what its outcomes share, and each outcome by itself."""

from typing import Any

from mmn_bayes.model_file.declaration import declared, has_table, with_tables
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.reading import parse_model

_SHARED = ("title", "link", "scale", "response", "estimand")


def without_shared_effects(spec: ModelSpec, name: str) -> ModelSpec:
    """Return a joint model without its shared effects, so that its outcomes are independent.

    Parameters
    ----------
    spec, name : ModelSpec, str
        The joint model, and the name of the new one.

    Returns
    -------
    ModelSpec
        The model; each outcome has the posterior that it has by itself.

    Raises
    ------
    ValueError
        When the model shares nothing.

    Examples
    --------
    >>> joint = mb.read_model("models/joint.toml")
    >>> [shared.name for shared in joint.sharing]
    ['gain_on_blocks', 'gain_on_class']
    >>> apart = mb.joint.without_shared_effects(joint, "apart")
    >>> apart.outcomes, apart.sharing
    (('grade', 'class', 'blocks'), ())
    """
    if not spec.sharing:
        raise ValueError(f"The model '{spec.name}' shares nothing between outcomes.")
    content = {key: table for key, table in spec.resolved.items() if key != "sharing"}
    return parse_model(content, name)


def submodel(spec: ModelSpec, outcome: str, name: str) -> ModelSpec:
    """Return the model of one outcome of a joint model by itself.

    Parameters
    ----------
    spec : ModelSpec
        The joint model.
    outcome : str
        "grade", "class", "blocks" or "state".
    name : str
        Name of the new model.

    Returns
    -------
    ModelSpec
        With the priors of the joint model, its parameters by the same names, and without shared
        effects.

    Raises
    ------
    ValueError
        When the model is no joint one, or has no such outcome.

    Examples
    --------
    >>> joint = mb.read_model("models/joint.toml")
    >>> alone = mb.joint.submodel(joint, "blocks", "blocks_alone")
    >>> alone.outcome, sorted(alone.priors)
    ('blocks', ['block_appears', 'block_stays', 'naive_blocks'])
    """
    if len(spec.outcomes) < 2:
        raise ValueError(f"The model '{spec.name}' is of '{spec.outcome}' alone: it has no parts.")
    if outcome not in spec.outcomes:
        raise ValueError(
            f"The model '{spec.name}' has no outcome '{outcome}'; it has: "
            f"{', '.join(spec.outcomes)}."
        )
    whole: dict[str, Any] = spec.resolved
    of_grades = outcome == "grade"
    gone = {"sharing", "predictor", *(with_tables() if of_grades else ())}
    kept = set(whole) - gone if of_grades else {*_SHARED, declared(outcome).table}
    content = {key: table for key, table in whole.items() if key in kept}
    predictors = {
        n: table
        for n, table in whole.get("predictor", {}).items()
        if (not has_table(table["acts_on"]) if of_grades else table["acts_on"] == outcome)
    }
    content |= {"outcome": outcome} | ({"predictor": predictors} if predictors else {})
    return parse_model(content, name)
