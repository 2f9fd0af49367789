"""An outcome as a record: all that dispatches on the outcome of a model asks it, by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmn_bayes.model_file.declaration import Declaration, declare, record_of

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from mmn_bayes.data.schema import Cohort
    from mmn_bayes.model_file.model_spec import Group, ModelSpec


def _nothing(*_: Any) -> tuple[()]:
    return ()


def _no_quantities(*_: Any) -> dict[Any, Any]:
    return {}


def _odds_ratio(*_: Any) -> str:
    return "odds ratio"


@dataclass(frozen=True)
class Outcome:
    """Define an outcome: how its models are built, sampled and reported.

    Attributes
    ----------
    name : str
        As model files have it in `outcome` and `acts_on`.
    add_likelihood : callable
        Adds parameters and likelihood to the model in context, given the specification, the arrays
        of the design by name, and the purpose ("sample", "recover" or "predict"; see `build`).
        Returns None, or the effects of groups, in sds, that other outcomes may share, by group.
    add_data : callable, optional
        Returns a design with the data of the outcome added, given a design of patients, the
        specification and the cohort. Raises a DataError with every defect.
    make_design : callable, optional
        In the place of `add_data` where the data are a table and no cohort: makes the whole design
        of the specification and the table.
    defects : callable
        Reasons why a cohort cannot be used, given specification and cohort, before data are added.
    uninformative : callable
        Sentences on parameters that the data do not inform, given specification and design.
    not_in_graph : frozenset of str
        Variables of the design that only estimands need.
    in_likelihood : callable
        Whether each patient is in the likelihood, given the variables of the design by name: those
        of a Dataset, or those of the graph.
    target_accept : float
        Target acceptance rate of the step-size adaptation.
    sampled_groups : callable
        The groups of a specification whose parametrisation may be chosen.
    draw_integrated : callable, optional
        Draws what the likelihood integrates out, given specification, design, posterior, seed and
        cores: dims and values by name. Its parameters have a graph of purpose "recover".
    effect_dim : str
        Dim of the effects of predictors, and of what is shared, on the outcome; empty for none.
    effects_by : str
        The verb that returns those effects as ratios.
    ratio : callable
        Name of the ratio of an effect, given specification and member of that dim.
    estimands : tuple of str
        The verbs that answer for a fit, where `response_probability` does not.
    judged : bool
        Whether a model judges the response of patients.
    of_grades : bool
        Whether it does so by the rule, from grades that it replicates.
    prior_quantities : callable
        Draws of quantities on the clinical scale by their description, given a fit whose draws are
        of the prior.
    joint_quantities : callable
        Draws of the quantities of a joint model by description and group, given a fit,
        "cohort" or "population", and days.
    log_probability : callable, optional
        Where a patient has one outcome: its log-probability, shape (draw, patient), given
        specification, design and posterior.
    recorded : callable, optional
        The data of that density, given the design: arrays that two fits on one cohort share.

    Examples
    --------
    >>> outcome = mb.registry.outcome_of("class")
    >>> outcome.effect_dim, outcome.effects_by
    ('contrast', 'class_odds_ratios')
    >>> outcome.estimands
    ('class_probability', 'class_odds_ratios')
    """

    name: str
    add_likelihood: Callable[[ModelSpec, dict[str, Any], str], Mapping[str, Any] | None]
    in_likelihood: Callable[[Any], Any]
    add_data: Callable[[xr.Dataset, ModelSpec, Cohort], xr.Dataset] | None = None
    make_design: Callable[[ModelSpec, Any], xr.Dataset] | None = None
    defects: Callable[[ModelSpec, Cohort], Iterable[str]] = _nothing
    uninformative: Callable[[ModelSpec, xr.Dataset], Iterable[str]] = _nothing
    not_in_graph: frozenset[str] = frozenset()
    target_accept: float = 0.8
    sampled_groups: Callable[[ModelSpec], Sequence[Group]] = _nothing
    draw_integrated: (
        Callable[
            [ModelSpec, xr.Dataset, xr.Dataset, int, int | None],
            dict[str, tuple[tuple[str, ...], np.ndarray]],
        ]
        | None
    ) = None
    effect_dim: str = ""
    effects_by: str = ""
    ratio: Callable[[ModelSpec, str], str] = _odds_ratio
    estimands: tuple[str, ...] = ()
    judged: bool = False
    of_grades: bool = False
    prior_quantities: Callable[[xr.DataTree], Mapping[str, np.ndarray]] = _no_quantities
    joint_quantities: Callable[
        [xr.DataTree, Any, Sequence[float]], Mapping[tuple[str, str], xr.DataArray]
    ] = _no_quantities
    log_probability: Callable[[ModelSpec, xr.Dataset, xr.Dataset], np.ndarray] | None = None
    recorded: Callable[[xr.Dataset], tuple[np.ndarray, ...]] | None = None

    @property
    def cure(self) -> str:
        """The verbs that answer for a fit, as a message ends."""
        *others, last = (f"`{verb}`" for verb in self.estimands)
        return f"use {', '.join(others)}{' or ' if others else ''}{last}"


_RECORDS: dict[str, Outcome] = {}


def register(outcome: Outcome, declaration: Declaration) -> None:
    """Register an outcome by its name; one of the same name is replaced.

    Parameters
    ----------
    outcome : Outcome
        Its record.
    declaration : Declaration
        What model files may state of it.

    Examples
    --------
    >>> declared = mb.registry.Declaration(
    ...     name="relapses", words="relapses", acts_on=("relapses",), required=("relapses",)
    ... )
    >>> outcome = mb.registry.Outcome(
    ...     "relapses",
    ...     add_likelihood=lambda spec, arrays, purpose: None,
    ...     in_likelihood=lambda design: design["naive"] >= 0,
    ... )
    >>> outcome.name == declared.name
    True
    >>> mb.registry.register(outcome, declared)  # doctest: +SKIP
    """
    declare(declaration, lambda: outcome)
    _RECORDS.pop(declaration.name, None)


def outcome_of(name: str) -> Outcome:
    """Return the record of an outcome.

    Parameters
    ----------
    name : str
        As model files have it.

    Returns
    -------
    Outcome
        The record that was registered; imported when it is first asked for.

    Raises
    ------
    ValueError
        When nothing of that name is registered.

    Examples
    --------
    >>> outcome = mb.registry.outcome_of("response")
    >>> outcome.name, outcome.judged, outcome.of_grades
    ('response', True, False)
    """
    if name not in _RECORDS:
        _RECORDS[name] = record_of(name)
    return _RECORDS[name]
