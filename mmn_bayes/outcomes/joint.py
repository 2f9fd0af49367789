"""A joint model taken apart: without what its outcomes share, and each outcome by itself."""

from typing import Any

from mmn_bayes.model_file.declaration import declared, has_table, with_tables
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.reading import parse_model

_SHARED = ("title", "link", "scale", "response", "estimand")


def without_shared_effects(spec: ModelSpec, name: str) -> ModelSpec:
    """Return a joint model whose outcomes have nothing to do with each other.

    Parameters
    ----------
    spec, name : ModelSpec, str
        The joint model, and the name of the new one.

    Returns
    -------
    ModelSpec
        Each outcome has the posterior that it has by itself.

    Raises
    ------
    ValueError
        When the model shares nothing.
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
        Of the new model.

    Returns
    -------
    ModelSpec
        With the priors of the joint model, its parameters by the same names, and none of what is
        shared.

    Raises
    ------
    ValueError
        When the model is no joint one, or has no such outcome.
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
