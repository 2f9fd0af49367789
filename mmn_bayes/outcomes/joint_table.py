"""A joint model beside its parts: the same margins if nothing is shared, and what sharing does."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.posterior.draws import spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import PATIENTS, group_label

# Draws that are not parameters but standard normals behind them.
_STANDARD = {"state_varying_z", "relaxed_z"}
_KEPT = ["estimate", "lower", "upper", "level", "interval", "ess_bulk", "r_hat", "mcse"]


def margins_table(
    parts: Sequence[xr.DataTree], apart: xr.DataTree, joint: xr.DataTree, *, level: float = 0.95
) -> pd.DataFrame:
    """Compare the margins of every parameter: outcome alone, jointly without sharing, with sharing.

    Parameters
    ----------
    parts : sequence of DataTree
        Fits of the outcomes alone (`submodel`).
    apart, joint : DataTree
        Fits of the joint model `without_shared_effects`, and with it.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.

    Returns
    -------
    DataFrame
        One row a parameter and member: `parameter`, `member`, `part` (the model alone), of each
        of the three `mean_...`, `sd_...`, `lower_...`, `upper_...`, `mcse_...`, with "alone",
        "apart" and "joint"; `level`, `interval`; `difference_mcse` (apart less alone, over the
        Monte Carlo standard error of both: of order 1 where they are the same posterior), and
        `moved_sd` (joint less apart, in posterior sds of apart), and `synthetic`.

    Raises
    ------
    ValueError
        When no fit of an outcome alone is given, two of them have a parameter of one name, or a
        joint fit lacks one of theirs.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`, and `joint_fit`, one of `models/joint.toml`, which
    here also takes the place of the fit without sharing:

    >>> table = mb.tables.margins_table([fit], joint_fit, joint_fit)
    >>> table[["parameter", "member", "part"]].head(2)
               parameter member   part
    0              noise         grade
    1  grade_probability      0  grade
    >>> bool((table["moved_sd"] == 0).all())
    True
    """
    if not parts or not all("spec_toml" in getattr(part, "attrs", ()) for part in parts):
        raise ValueError("Give a list of the fits of the outcomes alone, one at least.")
    tables, seen = [], set[str]()
    for part in parts:
        posterior = part["posterior"].to_dataset()
        standard = {f"{group.name}_z" for group in spec_of(part).groups} | _STANDARD
        names = [n for n in map(str, posterior) if n not in standard]
        if seen & set(names):
            raise ValueError(f"Two parts have a parameter '{sorted(seen & set(names))[0]}'.")
        absent = [n for n in names if n not in apart["posterior"] or n not in joint["posterior"]]
        if absent:
            raise ValueError(f"The joint fits have no parameter '{absent[0]}'.")
        seen |= set(names)
        for name in names:
            tables.append(_beside(name, part, apart, joint, level))
    table = pd.concat(tables, ignore_index=True)
    error = np.hypot(table["mcse_alone"], table["mcse_apart"])
    table["difference_mcse"] = (table["mean_apart"] - table["mean_alone"]) / error
    table["moved_sd"] = (table["mean_joint"] - table["mean_apart"]) / table["sd_apart"]
    return table.assign(synthetic=bool(joint.attrs["synthetic"]))


def _beside(
    name: str, part: xr.DataTree, apart: xr.DataTree, joint: xr.DataTree, level: float
) -> pd.DataFrame:
    """One parameter of three fits; a row a member."""
    fits = {"alone": part, "apart": apart, "joint": joint}
    found = {
        which: summarise(fit["posterior"].to_dataset()[name], level=level, interval="eti")
        for which, fit in fits.items()
    }
    first = found["alone"]
    dims = list(first.columns[: first.columns.get_loc("estimate")])
    members = first[dims].astype(str).agg(", ".join, axis=1) if dims else ""
    table = pd.DataFrame({"parameter": name, "member": members}, index=first.index)
    table["part"] = spec_of(part).outcome
    columns = {"estimate": "mean", **{n: n for n in ("sd", "lower", "upper", "mcse")}}
    for which, own in found.items():
        for column, said in columns.items():
            table[f"{said}_{which}"] = own[column].to_numpy()
    return table.assign(level=level, interval="eti")


def shared_effects_table(
    fits: Mapping[str, xr.DataTree], *, level: float = 0.95, days: Sequence[float] = ()
) -> pd.DataFrame:
    """Tabulate the estimands of joint models that share more and less.

    Parameters
    ----------
    fits : mapping of str to DataTree
        Fits of joint models of one cohort, by name; the first is the reference.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.
    days : sequence of float, default ()
        For joint models with states: days since day 0 on which occupancy is tabulated.

    Returns
    -------
    DataFrame
        One row a quantity, group and fit: `quantity`, `patients`, `group`, `source` (name of the
        fit), the estimate with its interval, `change` (of the estimate, less that of the first fit,
        missing where that has none), `synthetic`.

    Raises
    ------
    ValueError
        When there is no fit.

    Examples
    --------
    With `joint_fit`, a fit of `models/joint.toml`:

    >>> table = mb.tables.shared_effects_table({"shared": joint_fit})
    >>> table[["quantity", "patients", "group"]].head(3)
              quantity        patients               group
    0         response  these patients  previously treated
    1         response  these patients               naive
    2  class dependent  these patients                 all
    """
    if not fits:
        raise ValueError("Give the fits of joint models, by what they are called.")
    tables = []
    for source, fit in fits.items():
        for (quantity, patients, group), drawn in _asked(fit, days).items():
            row = summarise(drawn, level=level, interval="eti")[[*_KEPT, "synthetic"]]
            about = {"quantity": quantity, "patients": patients, "group": group, "source": source}
            tables.append(row.assign(**about))
    table = pd.concat(tables, ignore_index=True)
    key = ["quantity", "patients", "group"]
    of_first = table[table["source"] == next(iter(fits))].set_index(key)["estimate"]
    first = of_first.reindex(pd.MultiIndex.from_frame(table[key])).to_numpy()
    table["change"] = table["estimate"] - first
    order = table.groupby(key, sort=False).ngroup()
    table = table.assign(order=order).sort_values("order", kind="stable", ignore_index=True)
    return table[[*key, "source", *_KEPT, "change", "synthetic"]]


def _asked(fit: xr.DataTree, days: Sequence[float]) -> dict[tuple[str, str, str], xr.DataArray]:
    """What the outcomes of a joint model are asked for, each a number in every draw."""
    spec = spec_of(fit)
    found: dict[tuple[str, str, str], xr.DataArray] = {}
    for patients, said in PATIENTS.items():
        rates = response_probability(fit, patients=patients, by="naive")
        for value in rates["naive"].to_numpy().tolist():
            group = group_label("naive", value)
            found["response", said, group] = rates.sel(naive=value, drop=True)
        for outcome in spec.outcomes:
            asked = outcome_of(outcome).joint_quantities(fit, patients, days)
            found |= {(what, said, group): drawn for (what, group), drawn in asked.items()}
    return found


def relation_table(fit: xr.DataTree, *, level: float = 0.95) -> pd.DataFrame:
    """Tabulate the odds or rate ratio of one sd of each shared patient effect.

    Parameters
    ----------
    fit : DataTree
        Of a joint model with shared effects.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.

    Returns
    -------
    DataFrame
        One row a shared effect and member: `sharing`, `group` (whose sd), `acts_on`, `member`,
        `ratio` ("odds ratio" or "rate ratio" of one sd of the patient's effect), its median as
        `estimate` and its interval, `p_above` (probability that it is above 1), `synthetic`.

    Raises
    ------
    ValueError
        When the model shares nothing.

    Examples
    --------
    With `joint_fit`, a fit of `models/joint.toml`:

    >>> table = mb.tables.relation_table(joint_fit)
    >>> table[["sharing", "group", "acts_on", "member", "ratio"]]
              sharing         group acts_on     member       ratio
    0  gain_on_blocks  patient_gain  blocks      stays  odds ratio
    1  gain_on_blocks  patient_gain  blocks    appears  odds ratio
    2   gain_on_class  patient_gain   class  remission  odds ratio
    3   gain_on_class  patient_gain   class      other  odds ratio
    """
    spec = spec_of(fit)
    if not spec.sharing:
        raise ValueError(f"The model '{spec.name}' shares nothing between outcomes.")
    parts = []
    for shared in spec.sharing:
        # By the logarithm: its mean is that of a ratio and of its inverse alike.
        logs = fit["posterior"].to_dataset()[shared.name]
        logs = logs.assign_attrs(synthetic=bool(fit.attrs["synthetic"]))
        table = summarise(logs, level=level, interval="eti", above=0.0)
        dim = table.columns[0]
        median = logs.median(("chain", "draw")).to_series().reindex(table[dim]).to_numpy()
        limits = {name: np.exp(table[name]) for name in ("lower", "upper")}
        ratio = outcome_of(shared.acts_on).ratio
        parts.append(
            table.assign(
                sharing=shared.name,
                group=shared.group,
                acts_on=shared.acts_on,
                member=table[dim].astype(str),
                ratio=[ratio(spec, member) for member in table[dim].astype(str)],
                estimate=np.exp(median),
                **limits,
            )
        )
    columns = ["sharing", "group", "acts_on", "member", "ratio", "estimate", "lower", "upper"]
    columns += ["level", "interval", "p_above", "ess_bulk", "ess_tail", "r_hat", "synthetic"]
    return pd.concat(parts, ignore_index=True)[columns]
