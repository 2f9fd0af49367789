"""Other definitions of response: the rule of a specification with one thing changed at a time."""

from dataclasses import dataclass, replace

import numpy as np

from mmn_bayes.arguments import check_fields
from mmn_bayes.data.response import NOT_GRADED, HasResponseRule, ResponseRule

GAINS, MUSCLES = (1, 2), (1, 2, 3)
# Days of follow-up with the half-width of their windows, days: 3, 6 and 12 months.
DAYS = ((91.0, 30.0), (182.0, 61.0), (365.0, 61.0))
HALF_WIDTHS = (30.0, 61.0, 91.0)
STATED = "as stated"


@dataclass(frozen=True)
class Definition:
    """State one definition of response.

    Attributes
    ----------
    label
        What it is called in tables; one definition a label.
    rule
        The rule, its `affected_below` a label of `scale`.
    scale
        Ordered labels on which its steps are counted.
    collapse
        Labels of the specification's scale that are not of this one, each with the one it counts
        as.

    Examples
    --------
    >>> model = mb.read_model("models/strength.toml")
    >>> collapse = (("1", "0"), ("2", "0"))
    >>> scale = ("0", "3", "4", "5")
    >>> coarse = mb.response.Definition("0-2 as one", model.response, scale, collapse)
    >>> coarse.code_of(model.scale)
    array([ 0,  0,  0,  1,  2,  3, -1])
    """

    label: str
    rule: ResponseRule
    scale: tuple[str, ...]
    collapse: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is of the wrong kind."""
        check_fields(self)

    def code_of(self, scale: tuple[str, ...]) -> np.ndarray:
        """Return the code on this scale of each code of another, and last that of no grade.

        Parameters
        ----------
        scale : tuple of str
            The labels of the other.

        Returns
        -------
        ndarray
            Shape (K + 1,): indexing it by codes, `NOT_GRADED` among them, gives codes.

        Raises
        ------
        ValueError
            When a label has no place here, or the order is turned round.
        """
        counted = dict(self.collapse)
        try:
            codes = [self.scale.index(counted.get(label, label)) for label in scale]
        except ValueError:
            lost = [label for label in scale if counted.get(label, label) not in self.scale]
            raise ValueError(
                f"The definition '{self.label}' does not say what grade '{lost[0]}' counts as; add "
                "it to its scale or collapse."
            ) from None
        if codes != sorted(codes):
            raise ValueError(f"The definition '{self.label}' turns grades round; keep their order.")
        return np.array([*codes, NOT_GRADED])


def definition_grid(spec: HasResponseRule) -> tuple[Definition, ...]:
    """Return the response definition of a model and its neighbours, for a sensitivity analysis.

    Parameters
    ----------
    spec : HasResponseRule
        Anything with a `scale` and a `response` rule.

    Returns
    -------
    tuple of Definition
        "as stated"; every other pair of 1 or 2 steps gained in 1, 2 or 3 muscles; follow-up at 91,
        182 and 365 days; windows of 30, 61 and 91 days either side; the lower half of the scale as
        one grade. What the scale or the baseline window has no room for is left out, and so is
        what the stated definition is already.

    Examples
    --------
    >>> model = mb.read_model("models/strength.toml")
    >>> definitions = mb.response.definition_grid(model)
    >>> len(definitions)
    11
    >>> [definition.label for definition in definitions[:4]]
    ['as stated', '1 grade in 1 muscle', '1 grade in 3 muscles', '2 grades in 1 muscle']
    """
    rule, scale = spec.response, tuple(spec.scale)
    found = [Definition(STATED, rule, scale)]
    for gain in GAINS:
        for muscles in MUSCLES:
            if gain < len(scale):
                words = f"{gain} grade{'s' * (gain > 1)} in {muscles} muscle{'s' * (muscles > 1)}"
                found.append(Definition(words, replace(rule, gain=gain, muscles=muscles), scale))
    for day, half in DAYS:
        window = (day - half, day + half)
        moved = replace(rule, follow_up_day=day, follow_up_window_days=window)
        found.append(Definition(f"day {day:g} (\u00b1 {half:g})", moved, scale))
    for half in HALF_WIDTHS:
        window = (rule.follow_up_day - half, rule.follow_up_day + half)
        wide = replace(rule, follow_up_window_days=window)
        found.append(Definition(f"window \u00b1 {half:g} days", wide, scale))
    found += _collapsed(rule, scale)
    room = rule.baseline_window_days[1]
    kept: list[Definition] = []
    for definition in found:
        same = any(d.rule == definition.rule and d.scale == definition.scale for d in kept)
        if not same and definition.rule.follow_up_window_days[0] > room:
            kept.append(definition)
    return tuple(kept)


def _collapsed(rule: ResponseRule, scale: tuple[str, ...]) -> list[Definition]:
    """The lower half of the scale as one grade, where that leaves a muscle to be affected."""
    n = -(-len(scale) // 2)
    low = f"{scale[0]}-{scale[n - 1]}"
    coarse = (low, *scale[n:])
    if n < 2 or rule.affected_below not in coarse[1:] or rule.gain >= len(coarse):
        return []
    folded = tuple((label, low) for label in scale[:n])
    return [Definition(f"grades {low} as one", rule, coarse, folded)]
