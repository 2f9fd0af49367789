"""Reading a model file: resolve what it is based on, check all of it, only then build."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmn_bayes.data.response import ResponseRule
from mmn_bayes.data.toml_text import toml_content
from mmn_bayes.errors import SpecError
from mmn_bayes.model_file.checking import defects_of
from mmn_bayes.model_file.declaration import with_tables
from mmn_bayes.model_file.model_spec import (
    Estimand,
    Evidence,
    Exposure,
    Gain,
    Group,
    Historical,
    Memory,
    ModelSpec,
    Relaxed,
    Robust,
    Sharing,
    Shrinkage,
    Slope,
    Time,
    Unit,
)
from mmn_bayes.model_file.predictor_kinds import KINDS, Margin, Predictor
from mmn_bayes.model_file.prior import optional_prior, stated_prior

# Columns of the evidence by whose values rows enter.
SELECTING = ("treatment", "disease_group", "endpoint", "occasion")

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def read_model(path: str | Path) -> ModelSpec:
    """Read and check a model file.

    Parameters
    ----------
    path : path-like
        A TOML file in the vocabulary of `models/README.md`. With `based_on = "other"` it states
        only what differs from `other.toml` of the same folder; `drop` names tables of that file to
        leave out.

    Returns
    -------
    ModelSpec
        The model, resolved and checked; its `name` is the file's.

    Raises
    ------
    SpecError
        When the file is missing, is not TOML, or breaks the vocabulary: every defect at once.

    Examples
    --------
    >>> model = mb.read_model("models/strength.toml")
    >>> model.name, model.outcome, model.link
    ('strength', 'grade', 'logit')
    >>> [group.name for group in model.groups]
    ['muscle', 'patient_gain', 'patient_level', 'site']
    >>> [predictor.name for predictor in model.predictors]
    ['naive_gain', 'naive_level']
    """
    path = Path(path)
    stated = _read_toml(path)
    name = path.stem
    drop = stated.pop("drop", [])
    if "based_on" not in stated:
        if drop:
            raise _unusable(path, "drop: there is no based_on to drop from.")
        return parse_model(stated, name)
    base_name = stated.pop("based_on")
    if not isinstance(base_name, str) or not _NAME.fullmatch(base_name):
        raise _unusable(
            path,
            f"based_on: {base_name!r} is not the name of a model file; write it without folder or "
            "ending.",
        )
    base = _read_toml(path.with_name(f"{base_name}.toml"))
    if "based_on" in base:
        raise _unusable(
            path,
            f"based_on: '{base_name}' is itself based on another file; base this one on a file "
            "that stands by itself.",
        )
    if not isinstance(drop, list) or not all(isinstance(entry, str) for entry in drop):
        raise _unusable(path, 'drop: give a list of names such as ["gain"].')
    absent = [
        f"drop: '{base_name}' has no table '{dotted}'."
        for dotted in drop
        if not isinstance(_table(base, dotted), dict)
    ]
    if absent:
        raise _unusable(path, *absent)
    return parse_model(_overlay(_without(base, drop), stated), name)


def parse_model(content: Mapping[str, Any], name: str) -> ModelSpec:
    """Check the content of a resolved model file and build the specification.

    Parameters
    ----------
    content : mapping of str to object
        Nested tables as TOML gives them.
    name : str
        Name of the model: small letters, digits and _, a letter first.

    Returns
    -------
    ModelSpec
        The specification.

    Raises
    ------
    SpecError
        Every breach of the vocabulary, in one message.

    Examples
    --------
    With `response_model`, the model of `models/response.toml`:

    >>> import tomllib
    >>> content = tomllib.loads(mb.io.model_to_toml(response_model))
    >>> mb.io.parse_model(content, "response").fingerprint == response_model.fingerprint
    True
    """
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"A model cannot be named '{name}'.",
            ["Name the file with small letters, digits and _, a letter first."],
        )
    defects = defects_of(content)
    if defects:
        raise SpecError(f"The model file '{name}' cannot be used.", defects)
    return _build(content, name)


def _unusable(path: Path, *defects: str) -> SpecError:
    return SpecError(f"The model file '{path.name}' cannot be used.", defects)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return toml_content(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = sorted(other.name for other in path.parent.glob("*.toml"))
        known = f"; the folder has {', '.join(near)}" if near else ""
        raise SpecError(f"There is no model file {path}{known}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"The model file {path} cannot be read: {error}.") from None
    except ValueError as error:
        raise SpecError(f"The model file {path} is not valid TOML: {error}.") from None


def _table(content: Mapping[str, Any], dotted: str) -> Any:
    """What stands under a dotted name; None when nothing does."""
    found: Any = content
    for part in dotted.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _without(content: Mapping[str, Any], drop: Sequence[str]) -> dict[str, Any]:
    """A copy without the tables named, nor those that are empty once these are gone."""
    kept = {}
    for key, value in content.items():
        if key in drop:
            continue
        if isinstance(value, dict) and value:
            below = [
                dotted.removeprefix(f"{key}.") for dotted in drop if dotted.startswith(f"{key}.")
            ]
            value = _without(value, below)
            if not value:
                continue
        kept[key] = value
    return kept


def _overlay(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over a table; a prior is replaced whole, since its parameters belong together."""
    for key, value in changes.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and "distribution" not in below:
            base[key] = _overlay(below, value)
        else:
            base[key] = value
    return base


def _build(content: Mapping[str, Any], name: str) -> ModelSpec:
    # Built from the canonical text, so that one fingerprint is one model down to the order of its
    # parameters, on which the draws of a seed depend.
    canonical = json.dumps(content, sort_keys=True)
    content = json.loads(canonical)
    rule = dict(content["response"])
    rule.pop("why")
    for window in ("baseline_window_days", "follow_up_window_days"):
        rule[window] = tuple(float(day) for day in rule[window])
    for day in ("baseline_day", "follow_up_day"):
        rule[day] = float(rule[day])
    gain, slope, course, relaxed, memory = (
        content.get(table) for table in ("gain", "slope", "time", "relaxed", "memory")
    )
    unit, evidence, robust, historical, shrinkage = (
        content.get(table) for table in ("unit", "evidence", "robust", "historical", "shrinkage")
    )
    return ModelSpec(
        name=name,
        title=content["title"],
        outcome=content["outcome"],
        link=content["link"],
        family=content.get("family", "cumulative"),
        scale=tuple(content["scale"]["grades"]),
        collapse=tuple(content["scale"].get("collapse", {}).items()),
        response=ResponseRule(**rule),
        estimand=Estimand(**{k: v for k, v in content["estimand"].items() if k != "why"}),
        threshold=optional_prior(content.get("threshold", {}).get("prior")),
        relaxed=relaxed
        and Relaxed(
            relaxed["by"],
            tuple(relaxed.get("groups", {}).items()),
            stated_prior(relaxed["sd"]),
            _relaxed_of(relaxed["by"], content.get("predictor", {})),
        ),
        memory=memory and Memory(float(memory["within_days"]), stated_prior(memory["probability"])),
        noise=optional_prior(content.get("noise", {}).get("prior")),
        intercept=optional_prior(content.get("intercept", {}).get("prior")),
        groups=tuple(
            Group(
                key,
                table["by"],
                table["acts_on"],
                optional_prior(table.get("sd")),
                table.get("parametrisation"),
            )
            for key, table in content.get("group", {}).items()
        ),
        correlation=optional_prior(content.get("correlation", {}).get("patient")),
        gain=gain
        and Gain(
            gain["since"],
            gain["shape"],
            stated_prior(gain["size"]),
            stated_prior(gain["half_time_days"]),
        ),
        slope=slope
        and Slope(slope["since"], float(slope["per_days"]), stated_prior(slope["size"])),
        time=course
        and Time(
            course["shape"],
            course["since"],
            tuple(map(float, course["knots_days"])),
            stated_prior(course["step"]),
        ),
        exposures=tuple(
            Exposure(
                key,
                table["measure"],
                _days(table.get("window_days")),
                optional_prior(table.get("onset_half_life_days")),
                optional_prior(table.get("wearing_off_half_life_days")),
                optional_prior(table.get("half_effect")),
                stated_prior(table["prior"]),
            )
            for key, table in content.get("exposure", {}).items()
        ),
        predictors=tuple(
            _predictor(key, table) for key, table in content.get("predictor", {}).items()
        ),
        shrinkage=shrinkage and Shrinkage(tuple(shrinkage["of"]), stated_prior(shrinkage["prior"])),
        sections=tuple(
            (one.name, one.section(content[table]))
            for table, one in with_tables().items()
            if table in content and one.section is not None
        ),
        sharing=tuple(
            Sharing(key, table["group"], table["acts_on"], stated_prior(table["prior"]))
            for key, table in content.get("sharing", {}).items()
        ),
        unit=unit and Unit(unit["by"], stated_prior(unit["sd"])),
        evidence=evidence
        and Evidence(
            evidence["target"],
            tuple((column, tuple(evidence[column])) for column in SELECTING),
            tuple(evidence.get("left_out", {}).items()),
        ),
        robust=robust and Robust(float(robust["weight"]), stated_prior(robust["prior"])),
        historical=historical and Historical(**historical),
        canonical=canonical,
    )


def _predictor(name: str, table: Mapping[str, Any]) -> Predictor:
    margin = table.get("margin")
    return Predictor(
        name,
        table["column"],
        KINDS[table["kind"]],
        table["acts_on"],
        float(table.get("centre", 0.0)),
        float(table.get("per", 1.0)),
        table.get("unit", ""),
        tuple(table.get("levels", ())),
        optional_prior(table.get("steps")),
        margin and Margin(margin["scale"], float(margin["value"]), margin["why"]),
        optional_prior(table.get("prior")),
    )


def _days(stated: float | None) -> float | None:
    return None if stated is None else float(stated)


def _relaxed_of(by: str, predictors: Mapping[str, Any]) -> str:
    """What has a set of cutpoints of its own, as `Relaxed.of` says."""
    if by == "gain":
        return "visit"
    return "site" if by == "muscle" or KINDS[predictors[by]["kind"]].binary else "patient"
