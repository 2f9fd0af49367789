"""What predictors of a model file say rightly key by key, but not together."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmn_bayes.model_file.declaration import declared, has_table, with_tables
from mmn_bayes.model_file.predictor_kinds import KINDS, linear_kinds
from mmn_bayes.model_file.vocabulary import keys

_MARGIN = ("scale", "value", "why")


def predictor_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself in the predictors of a file, and in what gives them a prior."""
    predictors = content.get("predictor", {})
    for name, table in predictors.items():
        yield from _of_one(f"predictor.{name}", table, content)
    yield from _priors(content)
    yield from _historical(content)
    yield from _shrinkage(content)


def _of_one(path: str, table: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[str]:
    outcome = content["outcome"]
    own = declared(outcome)
    joined = [one for table_of, one in with_tables().items() if table_of in content and one != own]
    legal = (*own.acts_on, *(acts_on for one in joined for acts_on in one.acts_on))
    if path == "predictor.naive" and table["column"] != "naive":
        yield f"{path}: this name is that of the column 'naive'; choose another."
    kind = KINDS[table["kind"]]
    for key in dict.fromkeys(key for k in KINDS.values() for key in (*k.needs, *k.takes)):
        if key in table and key not in (*kind.needs, *kind.takes):
            kinds = [k.name for k in KINDS.values() if key in (*k.needs, *k.takes)]
            yield (
                f"{path}.{key}: belongs to a predictor of kind '{' or '.join(kinds)}', and to no "
                "other."
            )
        elif key not in table and key in kind.needs:
            yield (
                f"{path}.{key}: belongs to a predictor of kind '{kind.name}', and to no other; "
                "state it."
            )
    what = table["acts_on"] if has_table(table["acts_on"]) else outcome
    if declared(what).plain_predictors and not kind.linear:
        yield (
            f"{path}.kind: '{kind.name}' has no meaning for outcome '{what}'; take "
            f"{linear_kinds()}."
        )
    if table["acts_on"] not in legal:
        yield (
            f"{path}.acts_on: '{table['acts_on']}' has no meaning for outcome '{outcome}'; take "
            f"{' or '.join(legal)}."
        )
    elif what != outcome and "margin" in table:
        yield f"{path}.margin: an effect on {table['acts_on']} has none; leave it out."
    yield from _steps(path, table)
    yield from _margin(path, table, outcome)


def _steps(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    if "steps" not in table or "levels" not in table:
        return
    stated, n = table["steps"]["concentration"], len(table["levels"]) - 1
    if not isinstance(stated, list) or len(stated) != n:
        yield f"{path}.steps: concentration needs {n} numbers, one for each step between levels."
    if n < 2:
        yield f"{path}.levels: two levels are yes and no; take kind yes_no, or a category."


def _margin(path: str, table: Mapping[str, Any], outcome: str) -> Iterator[str]:
    margin = table.get("margin")
    if margin is None:
        return
    absent = [key for key in _MARGIN if key not in margin]
    for key in absent:
        yield f"{path}.margin.{key}: not stated; a margin has {', '.join(_MARGIN)}."
    if absent:
        return
    scale, value = margin["scale"], margin["value"]
    if scale not in declared(outcome).margins:
        yield f"{path}.margin.scale: '{scale}' has no meaning for outcome '{outcome}'."
    if scale == "odds_ratio" and value <= 1:
        yield f"{path}.margin.value: an odds ratio of {value} is none; give one above 1."
    if scale == "response" and value >= 1:
        yield f"{path}.margin.value: a change of {value} in a probability is none; give a share."
    if scale == "grades" and table["acts_on"] == "wearing_off":
        yield f"{path}.margin.scale: an effect on a half-life is not of grades; take 'response'."


def _priors(content: Mapping[str, Any]) -> Iterator[str]:
    """Each effect has a prior of its own, or one that it shares, or it follows from history."""
    historical, shrinkage = content.get("historical"), content.get("shrinkage")
    of = historical["of"] if historical is not None else None
    shared = shrinkage["of"] if shrinkage is not None else ()
    for name, table in content.get("predictor", {}).items():
        elsewhere = "[historical]" if name == of else "[shrinkage]" if name in shared else ""
        if not elsewhere and "prior" not in table:
            yield (
                f"predictor.{name}.prior: not stated; nothing has a default. It says: "
                f"{keys()['predictor.*.prior'].text}."
            )
        elif elsewhere and "prior" in table:
            yield (
                f"predictor.{name}.prior: its effect follows from {elsewhere}; leave the prior "
                f"out, or {elsewhere}."
            )


def _historical(content: Mapping[str, Any]) -> Iterator[str]:
    historical = content.get("historical")
    if historical is None:
        return
    predictors, of = content.get("predictor", {}), historical["of"]
    yes_no = [name for name, table in predictors.items() if KINDS[table["kind"]].binary]
    if of not in yes_no:
        known = ", ".join(yes_no) or "none"
        yield f"historical.of: '{of}' is no predictor of kind yes_no; this file has: {known}."
    if content["link"] != "logit":
        yield "link: [historical] is a prior of a probability by its log odds; take logit."


def _shrinkage(content: Mapping[str, Any]) -> Iterator[str]:
    shrinkage, predictors = content.get("shrinkage"), content.get("predictor", {})
    if shrinkage is None:
        return
    unknown = [name for name in shrinkage["of"] if name not in predictors]
    for name in unknown:
        known = ", ".join(predictors) or "none"
        yield f"shrinkage.of: '{name}' is no predictor of the model; it has: {known}."
    historical = content.get("historical")
    if historical is not None and historical["of"] in shrinkage["of"]:
        yield f"shrinkage.of: the effect of '{historical['of']}' follows from [historical]."
    if unknown:
        return
    own = [predictors[name] for name in shrinkage["of"]]
    if any(has_table(table["acts_on"]) for table in own):
        yield "shrinkage.of: effects on classes, blocks and states have priors of their own."
    acts_on = sorted({table["acts_on"] for table in own})
    if len(acts_on) > 1:
        yield (
            f"shrinkage.of: these act on {' and '.join(acts_on)}, whose effects have different "
            "units; let those of one share a prior."
        )
    prior = shrinkage["prior"]
    n = sum(len(KINDS[t["kind"]].labels("", tuple(t.get("levels", ())))) for t in own)
    if prior["distribution"] == "horseshoe" and prior["relevant"] >= n:
        yield (
            f"shrinkage.prior: {prior['relevant']:g} of {n} effects are expected to be relevant; "
            "give fewer than there are, or priors of their own."
        )
    if prior["distribution"] == "r2d2" and n < 2:
        yield "shrinkage.of: R2 cannot be shared by one effect; give it a prior of its own."
