"""Every public name: those at the top, and those of the namespaces."""

from types import ModuleType
from typing import Any

import mmn_bayes as mb

# Those of whoever extends the package or plots: their arguments are arrays, models and functions.
FOR_EXPERTS = ("engine", "registry", "plots", "io", "studies")


def public_names(leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """What stands at the top and in the namespaces, by its own name."""
    found: dict[str, Any] = {}
    for name in mb.__all__:
        value = getattr(mb, name)
        if not isinstance(value, ModuleType):
            found[name] = value
        elif name not in leave_out:
            found |= {inner: getattr(value, inner) for inner in value.__all__}
    return found
