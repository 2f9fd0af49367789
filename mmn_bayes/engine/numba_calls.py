"""Compiled loops, called by their addresses: from other compiled code, and from Python.

A loop is a module with `SIGNATURE`, the types of its function, and `compiled()`, that function in
machine code.
"""

import functools
import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from llvmlite.binding import add_symbol


def source_number(*modules: ModuleType | str) -> int:
    """Return a number of what stands in some modules (or files).

    It is part of the key under which compiled code is cached on disk: an edited loop is never
    served from an old cache.
    """
    files = [m if isinstance(m, str) else str(m.__file__) for m in modules]
    digest = hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).digest()
    return int.from_bytes(digest[:6])


@functools.cache
def external(loop: Any) -> Any:
    """Return the compiled loop of a module as a name that other compiled code calls.

    Called by name it is compiled by itself, once a machine; as a part of each model's code it would
    be compiled again for every model.
    """
    name = f"mmn_bayes_{loop.__name__.rpartition('.')[2]}_{source_number(loop):x}"
    add_symbol(name, loop.compiled().address)
    return numba.types.ExternalFunction(name, loop.SIGNATURE)


def call(loop: Any, *arguments: Any) -> None:
    """Call the compiled loop of a module; arrays go by their addresses."""
    function = loop.compiled().ctypes
    function(
        *(
            value.ctypes.data_as(kind) if isinstance(value, np.ndarray) else value
            for value, kind in zip(arguments, function.argtypes, strict=True)
        )
    )
