"""Conduction blocks before and after: their part of a design."""

import numpy as np
import xarray as xr

from mmn_bayes.data.findings import rows_of_patients
from mmn_bayes.data.margins import block_counts
from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.blocks.declared import Blocks

UNKNOWN = -1
FATES = ("stays", "appears")


def with_blocks(design: xr.Dataset, spec: ModelSpec, cohort: Cohort) -> xr.Dataset:
    """Add the blocks of each patient to the part of a design that has one value a patient.

    Parameters
    ----------
    design, spec, cohort : Dataset, ModelSpec, Cohort
        With dim `patient`; the model, and its data.

    Returns
    -------
    Dataset
        With `blocks_before` and `blocks_after`, at the two visits of the response rule (-1 without
        a count); `nerves_before`, tested at baseline (at follow-up where that is not known; -1
        where neither is); `blocked_nerves` and `free_nerves`, those of the nerves tested at
        follow-up that had a block before and that had none (0 where unknown; where nobody was seen
        at follow-up those tested before); and the coordinate `fate`.

    Raises
    ------
    DataError
        When there is no table of blocks, nobody has both counts, or it is not known how many nerves
        were tested, or none was, and the model is a binomial of them.
    """
    headline = f"The model '{spec.name}' cannot be fitted to this cohort."
    try:
        counts = block_counts(cohort, spec.response)
    except DataError as error:
        raise DataError(headline, error.defects) from None
    nerves = block_counts(cohort, spec.response, "n_nerves")
    before, after = counts["baseline"].to_numpy(), counts["follow_up"].to_numpy()
    both = np.isfinite(before) & np.isfinite(after)
    defects = []
    if not both.any():
        defects.append(
            "blocks: nobody has a count both in the baseline window and at follow-up; add rows, or "
            "widen the windows of [response]."
        )
    # Who was not seen at follow-up would have been tested as before.
    tested = np.where(np.isfinite(after), nerves["follow_up"], nerves["baseline"])
    binomial = section_of(spec).binomial
    unknown = np.isfinite(before) & ~np.isfinite(tested)
    if binomial and unknown.any():
        who = rows_of_patients(cohort.patients, counts.loc[unknown, "patient"])
        defects.append(
            f"blocks: column 'n_nerves' is blank for {unknown.sum()} patients with blocks ("
            f"{who}), of which the model is a binomial; fill it in, or take blocks.new = "
            "'negative_binomial'."
        )
    none = both & (tested == 0)
    if binomial and none.any():
        who = rows_of_patients(cohort.patients, counts.loc[none, "patient"])
        defects.append(
            f"blocks: column 'n_nerves' is 0 at follow-up for {none.sum()} patients ("
            f"{who}): a study that tested no nerve says nothing of blocks; leave its row out."
        )
    if defects:
        raise DataError(headline, defects)
    known = nerves["baseline"].fillna(nerves["follow_up"]).fillna(UNKNOWN).to_numpy()
    if not binomial:
        tested = np.full_like(tested, np.inf)
    blocked = np.minimum(np.nan_to_num(before), tested)
    free = np.where(np.isfinite(tested), np.maximum(tested - np.nan_to_num(before), 0.0), 0.0)
    numbers = {
        "blocks_before": np.where(np.isfinite(before), before, UNKNOWN),
        "blocks_after": np.where(both, after, UNKNOWN),
        "nerves_before": known,
        "blocked_nerves": np.where(np.isfinite(before), blocked, 0.0),
        "free_nerves": np.where(np.isfinite(before), free, 0.0),
    }
    return design.assign(
        {name: ("patient", values.astype(np.int64)) for name, values in numbers.items()}
    ).assign_coords(fate=np.array(FATES))


def section_of(spec: ModelSpec) -> Blocks:
    """Return `[blocks]` of a model; raise for a model without."""
    section: Blocks = spec.section("blocks")
    return section
