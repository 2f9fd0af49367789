"""What a model file says of sharing between outcomes rightly key by key, but not together."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmn_bayes.model_file.declaration import declared, has_table


def sharing_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself in what the outcomes of a joint model share."""
    groups = content.get("group", {})
    if content["outcome"] == "grade":
        for name, group in groups.items():
            if has_table(group["acts_on"]):
                yield (
                    f"group.{name}.acts_on: of grades, none acts on {group['acts_on']}; let "
                    "another group of the model do so by [sharing]."
                )
    by_patient = [
        name
        for name, group in groups.items()
        if group["by"] == "patient" and not has_table(group["acts_on"])
    ]
    seen: dict[tuple[str, str], str] = {}
    for name, table in content.get("sharing", {}).items():
        what = table["group"], table["acts_on"]
        if what in seen:
            yield (
                f"sharing.{name}: sharing.{seen[what]} lets the same group act on the same; only "
                "their sum would be known: leave one out."
            )
        seen[what] = name
        if table["group"] not in by_patient:
            known = ", ".join(by_patient) or "none"
            yield (
                f"sharing.{name}.group: '{table['group']}' is no group by patient of the model of "
                f"grades; it has: {known}."
            )
        if (needed := declared(table["acts_on"]).table) not in content:
            yield (
                f"sharing.{name}.acts_on: there is no [{needed}] to act on; add it, or leave the "
                "sharing out."
            )
