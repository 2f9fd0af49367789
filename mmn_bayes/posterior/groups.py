"""What `by` makes of the patients of a fit: the groups of a yes/no variable, or all as one."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.posterior.draws import EVERYBODY, design_of, spec_of

ALL = "all"


class Groups(NamedTuple):
    """Members of each group that has any, shape (patient,), by its label."""

    by: str | None
    members: dict[object, np.ndarray]

    @property
    def dims(self) -> dict[str, list[object]]:
        """The dim of the groups, with their labels, as `as_draws` takes it."""
        return {self.by or EVERYBODY: list(self.members)}

    @property
    def number(self) -> np.ndarray:
        """Position of each patient's group among the members, shape (patient,)."""
        return np.argmax(list(self.members.values()), axis=0)

    @property
    def of_patient(self) -> np.ndarray:
        """Label of each patient's group, shape (patient,)."""
        return np.array(list(self.members))[self.number]


def groups_of(fit: xr.DataTree, by: str | None) -> Groups:
    """Put the patients of a fit into groups.

    Parameters
    ----------
    fit : DataTree
        The fit, whose design has the variables.
    by : str or None
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    Groups
        Labels False and True, in this order, those that have patients; "all" when `by` is None.

    Raises
    ------
    ValueError
        When `by` is none of these (the message names what is), or the fit is of counts of events.
    """
    design = design_of(fit)
    if "patient" not in design.sizes:
        raise ValueError(
            f"The model '{fit.attrs['spec_name']}' is of counts of events: it has no patients to "
            f"judge; {outcome_of(spec_of(fit).outcome).cure}."
        )
    if by is None:
        return Groups(None, {ALL: np.full(design.sizes["patient"], True)})
    predictors = [name for name in map(str, design.data_vars) if name.startswith("x_")]
    # Places of levels are whole numbers, yes and no are not.
    numbers = [name for name in predictors if design[name].dtype.kind == "f"]
    yes_no = [name for name in numbers if np.isin(design[name].to_numpy(), (0, 1)).all()]
    legal = list(dict.fromkeys(["naive", *(name.removeprefix("x_") for name in yes_no)]))
    if by not in legal:
        raise ValueError(
            f"by is {by!r}, which makes no groups in the model '{fit.attrs['spec_name']}'; use one "
            f"of {', '.join(legal)}, or None."
        )
    values = design["naive" if by == "naive" else f"x_{by}"].to_numpy()
    present = [label for label in (False, True) if (values == label).any()]
    return Groups(by, {label: values == label for label in present})
