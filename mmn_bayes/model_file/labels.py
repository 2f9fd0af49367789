"""What the effects of a predictor are called, and what each is of: the one place for it."""

from mmn_bayes.model_file.model_spec import Predictor


def effect_labels(predictor: Predictor) -> list[str]:
    """Return the names of the effects of a predictor: one, or one for each level but the first."""
    if predictor.kind == "category":
        return [f"{predictor.name}: {level}" for level in predictor.levels[1:]]
    return [predictor.name]


def effect_meaning(predictor: Predictor, label: str) -> str:
    """Say in words what an effect compares.

    Parameters
    ----------
    predictor, label
        The predictor, and one of its `effect_labels`.
    """
    if predictor.kind == "category":
        return f"{label.removeprefix(f'{predictor.name}: ')} against {predictor.levels[0]}"
    if predictor.kind == "ordered":
        return f"{predictor.levels[-1]} against {predictor.levels[0]}"
    if predictor.kind == "number":
        return f"per {predictor.per:g} {predictor.unit}".strip()
    return "yes against no"
