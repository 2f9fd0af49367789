"""A model with some of its candidates: the specifications that compare what each one adds."""

from collections.abc import Collection
from typing import Any

from mmn_bayes.errors import SpecError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.reading import parse_model


def with_candidates(spec: ModelSpec, kept: Collection[str], name: str) -> ModelSpec:
    """Return a model with some of its candidates, everything else as it is.

    Parameters
    ----------
    spec : ModelSpec
        A model with candidates.
    kept : collection of str
        Names of those that stay; of effects that share a prior those that stay go on sharing it.
    name : str
        Of the new model.

    Returns
    -------
    ModelSpec
        As `parse_model` checks it.

    Raises
    ------
    ValueError
        When a name is none of a candidate.
    SpecError
        When what is left has no meaning: a horseshoe of as many effects as are expected to be
        relevant, R2 shared by one.
    """
    candidates = [p.name for p in spec.candidates]
    unknown = [n for n in kept if n not in candidates]
    if unknown:
        raise ValueError(
            f"'{unknown[0]}' is no candidate of '{spec.name}'; it has: {', '.join(candidates)}."
        )
    gone = set(candidates) - set(kept)
    content: dict[str, Any] = spec.resolved
    predictors = {n: table for n, table in content["predictor"].items() if n not in gone}
    content = {key: table for key, table in content.items() if key != "predictor"}
    content |= {"predictor": predictors} if predictors else {}
    shrinkage = content.pop("shrinkage", None)
    shared = [n for n in shrinkage["of"] if n not in gone] if shrinkage else []
    if shared:
        content["shrinkage"] = {**shrinkage, "of": shared}
    try:
        return parse_model(content, name)
    except SpecError as error:
        raise SpecError(
            f"The candidates of '{spec.name}' cannot be taken apart; where they share a prior, "
            "compare them in a model that gives each one of its own.",
            error.defects,
        ) from None
