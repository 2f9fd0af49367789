"""What a synthetic cohort is to reproduce: the published margins of a study, checked."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from mmn_bayes.data.margins import CLASS_QUANTITIES
from mmn_bayes.errors import DataError

# Published counts that must add up: the whole, and its parts.
SUMS = (
    ("enrolled", ("naive", "previously_treated")),
    ("enrolled", ("long_term_classified", "long_term_not_classified")),
    ("naive", ("evaluable_6_months", "missing_6_months")),
    ("response_6_months", ("blocks_fewer_or_unchanged", "blocks_more")),
    ("long_term_classified", tuple(CLASS_QUANTITIES.values())),
)


class Targets(NamedTuple):
    """What is to be reproduced: counts by their quantity, and the follow-up (years)."""

    counts: Mapping[str, int]
    follow_up_mean: float
    follow_up_sd: float
    decimals: int  # printed, of the more precise of the two


def read_targets(counts: pd.DataFrame, measurements: pd.DataFrame) -> Targets:
    """Read from the published tables what is to be reproduced.

    Parameters
    ----------
    counts, measurements : DataFrame
        The tables of `read_published`.

    Returns
    -------
    Targets
        Every count of the table, and mean, sd and decimals of the follow-up in years.

    Raises
    ------
    DataError
        When a figure that is needed is missing, or the counts do not add up.
    """
    events = counts[counts["events"].notna()].set_index("quantity")["events"]
    given = {str(name): int(value) for name, value in events.items()}
    follow_up = measurements[measurements["quantity"] == "follow_up"]
    figures = follow_up.set_index("statistic")["value"].to_dict()
    needed = sorted({name for whole, parts in SUMS for name in (whole, *parts)})
    defects = [
        f"counts: no count of '{name}'; add its row." for name in needed if name not in given
    ] + [
        f"measurements: no {name} of 'follow_up'; add its row."
        for name in ("mean", "sd")
        if name not in figures
    ]
    if not defects:
        defects = [
            f"counts: {' + '.join(parts)} is {sum(given[part] for part in parts)}, but '{whole}' "
            f"is {given[whole]}; correct the wrong one."
            for whole, parts in SUMS
            if sum(given[part] for part in parts) != given[whole]
        ]
    if defects:
        raise DataError("The published margins cannot be reproduced.", defects)
    mean, sd = float(figures["mean"]), float(figures["sd"])
    decimals = max(len(f"{value!r}".partition(".")[2]) for value in (mean, sd))
    return Targets(given, mean, sd, decimals)
