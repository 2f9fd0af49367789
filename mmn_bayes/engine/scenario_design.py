"""The design of a model under other infusions than those recorded."""

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.schedules import scenario_table
from mmn_bayes.engine.design import recorded_infusions


def with_infusions(design: xr.Dataset, scenario: pd.DataFrame, from_day: float) -> xr.Dataset:
    """Replace the infusions of a design from a day on by those of a scenario.

    Parameters
    ----------
    design : Dataset
        With dim `infusion`.
    scenario : DataFrame
        Infusions as `schedule` or `no_infusions` gives them, or any table with `day`,
        `dose_g_per_kg` and, where patients differ, `patient`; or several by their names.
    from_day : float
        What was infused before stays, and so does that a patient was treated before.

    Returns
    -------
    Dataset
        The design with the new infusions; its rows are of the old ones until laid anew.

    Raises
    ------
    ValueError
        As `scenario_table`; or when the scenario begins before `from_day`.
    """
    if not isinstance(scenario, pd.DataFrame):
        raise ValueError(  # noqa: TRY004 - one kind of error for whatever cannot be asked
            "A scenario is a table of infusions, such as `schedule` or `no_infusions` gives, not "
            f"{type(scenario).__name__}."
        )
    if not np.isfinite(from_day):
        raise ValueError(f"from_day is {from_day}; give a day.")
    recorded = recorded_infusions(design)
    new = scenario_table(scenario, design["patient"].to_numpy())
    if (new["day"] < from_day).any():
        raise ValueError(
            f"The scenario begins on day {new['day'].min():g}, before from_day, {from_day:g}, up "
            "to which what was recorded stays; name an earlier from_day."
        )
    table = pd.concat([recorded[recorded["day"] < from_day], new], ignore_index=True)
    names = {"patient": "infusion_patient", "day": "infusion_day"}
    names |= {"dose_g_per_kg": "infusion_dose_g_per_kg"}
    kept = design.drop_vars(list(names.values()))
    columns = {
        names[column]: ("infusion", table[column].to_numpy(dtype=str if i == 0 else float))
        for i, column in enumerate(names)
    }
    return kept.assign(columns)
