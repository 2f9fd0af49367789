"""What the draws are worth: effective sizes of the parameters that every engine reports."""

from typing import Any

import arviz as az
import xarray as xr

REPORTED = ("thresholds", "patient_sd", "site_sd", "naive", "dose_rate")
SAMPLE = ("chain", "draw")


def described(trace: Any, names: dict[str, str]) -> dict[str, Any]:
    """Return effective sizes, R-hat, divergences and leapfrogs of a fit by any engine.

    Parameters
    ----------
    trace
        What the engine gave, with groups `posterior` and `sample_stats`.
    names
        Names of the reported parameters where they differ from `REPORTED`.
    """
    posterior, stats = trace["posterior"].to_dataset(), trace["sample_stats"].to_dataset()
    known = {own: name for own, name in names.items() if own in posterior}
    reported = posterior.rename_vars(known)[list(REPORTED)]
    # R-hat also of every patient; effects of sites are integrated out in one of the engines.
    patients = [v for v in posterior.data_vars.values() if set(v.dims) & PATIENTS]
    bulk, tail = (least(az.ess(reported, method=kind)) for kind in ("bulk", "tail"))
    return {
        "chains": posterior.sizes["chain"],
        "draws": posterior.sizes["draw"],
        "ess_bulk": bulk[0],
        "ess_bulk_of": bulk[1],
        "ess_tail": tail[0],
        "ess_tail_of": tail[1],
        "r_hat": max(float(value.max()) for value in az.rhat(reported).data_vars.values()),
        "r_hat_patients": max(float(az.rhat(v).max()) for v in patients) if patients else None,
        "divergences": int(stats["diverging"].sum()),
        "leapfrogs_per_draw": float(stats["n_steps"].mean()),
        **{
            f"mean_{name}": float(reported[name].mean())
            for name in REPORTED
            if name != "thresholds"
        },
    }


PATIENTS = {"patient", "patient__factor_dim"}


def least(sizes: xr.Dataset) -> tuple[float, str]:
    """Return the smallest value of a dataset and the variable that has it."""
    return min((float(value.min()), str(name)) for name, value in sizes.data_vars.items())
