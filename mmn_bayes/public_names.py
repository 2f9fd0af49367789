"""Public names of a module, as its stub lists them, imported when they are first used.

A stub (`.pyi`) beside a module says which names it offers and where each lives; type checkers and
editors read the same file. Every verb comes out wrapped in `arguments.checked`.
"""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

_ROOT = Path(__file__).parents[1]


def attach(
    module: str, file: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a module that has a stub beside it.

    Parameters
    ----------
    module : str
        The module's `__name__`.
    file : str
        The module's `__file__`; the stub has the same stem.

    Returns
    -------
    tuple of callable, callable, list of str
        What the module assigns to `__getattr__`, `__dir__` and `__all__`.

    Notes
    -----
    As `lazy_loader.attach_stub`, but a name may live in another folder of the package, and a verb
    is held against its annotations.

    Examples
    --------
    >>> import mmn_bayes as mb
    >>> "fit" in dir(mb)
    True
    """
    home_of = _homes(Path(file).with_suffix(".pyi"))
    names = sorted(home_of)

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(
                f"{module} has no public name '{name}'; it has {', '.join(names)}."
            )
        home, own = home_of[name]
        value = import_module(home) if own is None else getattr(import_module(home), own)
        if isinstance(value, FunctionType):
            from mmn_bayes.arguments import checked  # here, since it imports pandas and xarray

            value = checked(value)
        setattr(sys.modules[module], name, value)
        return value

    return load, names.copy, names


def _homes(stub: Path) -> dict[str, tuple[str, str | None]]:
    """Of each name of a stub the module it lives in, and its name there (None: it is a module)."""
    found: dict[str, tuple[str, str | None]] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            folder = _ROOT.joinpath(*node.module.split("."))
            for alias in node.names:
                path = folder / alias.name
                if path.is_dir() or path.with_suffix(".py").is_file():
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}", None
                else:
                    found[alias.asname or alias.name] = node.module, alias.name
    return found
