"""The margins of a cohort: the counts and figures that a paper prints, by the package's rules."""

import numpy as np
import pandas as pd

from mmn_bayes.data.response import HasResponseRule, ResponseRule, judged_patients, visit_pair
from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import DataError

YEAR = 365.25  # days

# A long-term status, and the published quantity that counts it.
CLASS_QUANTITIES = {"remission": "remission", "dependent": "dependent", "other": "other_long_term"}

# What may become of a patient's number of blocks, and by whom it is reported.
BLOCK_KINDS = ("fewer", "unchanged", "more")
BLOCK_GROUPS = (
    *("naive responders", "naive", "previously treated", "responders", "non-responders", "all"),
)


def cohort_margins(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Count in a cohort what the published table of counts counts, under the same names.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        A cohort with `blocks` and `status`, and a `ModelSpec` (whatever holds a rule).

    Returns
    -------
    DataFrame
        Columns `quantity`, `group`, `events`, `n`, `synthetic`; `quantity` and `group` as in
        `counts` of `read_published`. Blocks are counted among the naive responders with a count
        at both visits; a long-term class is a patient's last status.

    Raises
    ------
    DataError
        When the cohort has no blocks or no status.
    """
    if cohort.status is None:
        raise DataError("The margins cannot be counted:", ["status: no such table; add it."])
    judged = judged_patients(cohort, visit_pair(cohort, spec), spec)
    naive = cohort.patients["naive"].to_numpy(dtype=bool)
    evaluable = naive & (judged["reason"] == "").to_numpy()
    responder = evaluable & judged["response"].fillna(False).to_numpy(dtype=bool)
    last = cohort.status.groupby("patient")["status"].last()
    counts = block_counts(cohort, spec.response)[responder]
    change = (counts["follow_up"] - counts["baseline"]).dropna()
    n, n_naive, n_evaluable, n_class = len(naive), naive.sum(), evaluable.sum(), len(last)
    rows = [
        ("enrolled", "all", n, n),
        ("naive", "all", n_naive, n),
        ("previously_treated", "all", n - n_naive, n),
        ("evaluable_6_months", "naive", n_evaluable, n_naive),
        ("missing_6_months", "naive", n_naive - n_evaluable, n_naive),
        ("response_6_months", "naive", responder.sum(), n_evaluable),
        ("long_term_classified", "all", n_class, n),
        ("long_term_not_classified", "all", n - n_class, n),
        *(
            (name, "all", (last == value).sum(), n_class)
            for value, name in CLASS_QUANTITIES.items()
        ),
        ("blocks_fewer_or_unchanged", "naive responders", (change <= 0).sum(), len(change)),
        ("blocks_more", "naive responders", (change > 0).sum(), len(change)),
    ]
    table = pd.DataFrame(rows, columns=["quantity", "group", "events", "n"])
    return table.astype({"events": "int64", "n": "int64"}).assign(synthetic=cohort.synthetic)


def follow_up_years(cohort: Cohort) -> pd.Series:
    """Return each patient's last graded day in years of 365.25 days, by patient."""
    graded = cohort.grades[cohort.grades["grade"].notna()]
    last = graded.groupby("patient")["day"].max() / YEAR
    return last.reindex(cohort.patients["patient"]).rename("follow_up_years")


def block_counts(cohort: Cohort, rule: ResponseRule, column: str = "n_blocks") -> pd.DataFrame:
    """Return the number of conduction blocks at the two visits that the response rule compares.

    Parameters
    ----------
    cohort, rule : Cohort, ResponseRule
        A cohort with `blocks`, and the rule whose target days and windows are used.
    column : str, default "n_blocks"
        Of the nerve conduction studies that are compared, which column: `n_blocks`, `n_nerves` or
        `day`.

    Returns
    -------
    DataFrame
        One row a patient, in the cohort's order: `patient`, `baseline` and `follow_up`, float64,
        missing without a study in the window; of two as near, the earlier.

    Raises
    ------
    DataError
        When the cohort has no blocks.
    """
    if cohort.blocks is None:
        raise DataError("Conduction blocks cannot be counted:", ["blocks: no such table; add it."])
    patients, recorded = cohort.patients["patient"], cohort.blocks

    def nearest(target: float, window: tuple[float, float]) -> np.ndarray:
        blocks = recorded[recorded["day"].between(*window)]
        blocks = blocks.assign(distance=(blocks["day"] - target).abs())
        blocks = blocks.sort_values(["patient", "distance", "day"]).drop_duplicates("patient")
        values = blocks.set_index("patient").get(column, pd.Series(dtype=float))
        found = values.reindex(patients)
        return found.to_numpy(dtype=float, na_value=np.nan)

    return pd.DataFrame(
        {
            "patient": patients,
            "baseline": nearest(rule.baseline_day, rule.baseline_window_days),
            "follow_up": nearest(rule.follow_up_day, rule.follow_up_window_days),
        }
    )


def block_group(group: str, naive: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Say who is of a group by which blocks are reported.

    Parameters
    ----------
    group : str
        One of `BLOCK_GROUPS`.
    naive, response : ndarray
        Naive status, and response (1, 0, or -1 when not evaluable: neither a responder nor a
        non-responder), shape (patient,).

    Returns
    -------
    ndarray
        Shape (patient,).

    Raises
    ------
    ValueError
        When there is no such group.
    """
    naive = np.asarray(naive, dtype=bool)
    members = {
        "naive responders": naive & (response == 1),
        "naive": naive,
        "previously treated": ~naive,
        "responders": response == 1,
        "non-responders": response == 0,
        "all": np.full(naive.size, True),
    }
    if group not in members:
        raise ValueError(f"The group '{group}' is unknown; use one of {', '.join(BLOCK_GROUPS)}.")
    return members[group]
