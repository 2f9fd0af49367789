"""Machine code kept on disk: made once a machine for each structure of a graph."""

import hashlib
import os
import pickle
import platform
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from ctypes import CFUNCTYPE
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pytensor import config
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import io_toposort

from mmn_bayes.engine.numba_calls import external, source_number
from mmn_bayes.undocumented import CFunc, CompileResult, cpu_target, dumps, member_of, to_ctypes

# Megabytes a file at the most; beyond so many the ones longest unused go. A model with another
# number of rows is another structure, so that studies of simulated cohorts would fill a disk.
_MOST_FILES = 200
_PACKAGES = ("pytensor", "pymc", "numba", "llvmlite", "numpy", "nutpie")


def structure_key(inputs: Sequence[Variable], output: Variable) -> str:
    """Return what two graphs share that differ in nothing but names and the values of inputs.

    Parameters
    ----------
    inputs, output : sequence of Variable, Variable
        Variables of a graph: its inputs in their order, and what is computed of them.

    Returns
    -------
    str
        64 hexadecimal digits: of every operation with all that it states, of what it is applied to,
        of constants with their bytes, and of types with their sizes. The same in every process.
    """
    places: dict[Variable, tuple[int, int]] = {v: (-1, i) for i, v in enumerate(inputs)}
    parts: list[Any] = [repr(v.type) for v in inputs]
    for number, node in enumerate(io_toposort(list(inputs), [output])):
        arguments: list[Any] = []
        for variable in node.inputs:
            if variable in places:
                arguments.append(places[variable])
            elif isinstance(variable, Constant):
                arguments.append((repr(variable.type), _digest(_bytes_of(variable.data))))
            else:
                raise ValueError(f"The graph has an input that was not named: {variable}.")
        places |= {v: (number, i) for i, v in enumerate(node.outputs)}
        types = [repr(v.type) for v in node.outputs]
        parts.append((type(node.op).__qualname__, _digest(pickle.dumps(node.op)), arguments, types))
    return _digest(repr((parts, places[output])).encode())


def _bytes_of(data: Any) -> bytes:
    if isinstance(data, np.ndarray):
        return repr((data.dtype.str, data.shape)).encode() + np.ascontiguousarray(data).tobytes()
    return pickle.dumps(data)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def _origin() -> str:
    """What else decides what code is made of a graph: software, and how graphs become code here."""
    ours = source_number(*(str(path) for path in sorted(Path(__file__).parent.glob("*.py"))))
    return repr((platform.python_version(), *((p, version(p)) for p in _PACKAGES), ours))


@dataclass(frozen=True)
class LoadedCode:
    """Machine code that was read from the disk, with what is used of numba's compiled callbacks."""

    signature: Any
    library: Any  # keeps the code in memory
    address: int

    @cached_property
    def ctypes(self) -> Any:
        """The function as Python calls it."""
        arguments = (to_ctypes(kind) for kind in self.signature.args)
        return CFUNCTYPE(to_ctypes(self.signature.return_type), *arguments)(self.address)


def load_code(key: str, signature: Any, loops: Iterable[Any]) -> LoadedCode | None:
    """Return the code that was kept on this machine for a structure, or None.

    Parameters
    ----------
    key : str
        That of the structure it was made of (`structure_key`).
    signature : object
        The function, and the types of its arguments and of what it returns.
    loops : iterable of object
        Modules of the compiled loops that the code calls by their names (`numba_calls.external`).
    """
    target = cpu_target.target_context
    target.refresh()
    file = _file_of(key, target.codegen())
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, payload = content[:64], content[64:]
    if digest != _digest(payload).encode():
        with suppress(OSError):
            file.unlink()
        return None
    with suppress(OSError):
        os.utime(file)  # the last one used is the last to go
    for loop in loops:
        external(loop)
    code = CompileResult._rebuild(target, *pickle.loads(payload))
    pointer_to = member_of(code, "library.get_pointer_to_function", "numba")
    address = pointer_to(member_of(code, "fndesc.llvm_cfunc_wrapper_name", "numba"))
    return LoadedCode(signature, code.library, address)


def compile_and_keep(function: Any, signature: Any, key: str) -> CFunc:
    """Compile a function of addresses, and keep its code on the disk where that is possible.

    A file is whole or is not used: it begins with the digest of the rest, and gets its name when it
    has been written. Where nothing can be written, and where code holds addresses of this process,
    nothing is kept.

    Parameters
    ----------
    function, signature : object
        The function, and the types of its arguments and of what it returns.
    key : str
        That of the structure it was made of (`structure_key`).

    Returns
    -------
    CFunc
        A compiled callback of numba.
    """
    code: Any = CFunc(function, (signature.args, signature.return_type), {}, {})
    member_of(code, "_cache", "numba")
    code._cache = _Keeper(key)
    code.compile()
    return code


class _Keeper:
    """What numba asks for code before it compiles, and hands code to when it has."""

    def __init__(self, key: str) -> None:
        self._key = key

    def load_overload(self, signature: Any, target: Any) -> None:
        """Nothing: who compiles has looked already."""

    def save_overload(self, signature: Any, code: CompileResult) -> None:
        if member_of(code, "library.has_dynamic_globals", "numba") or any(
            not one.can_cache for one in member_of(code, "lifted", "numba")
        ):
            return
        file, payload = _file_of(self._key, code.library.codegen), dumps(code._reduce())
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=file.parent, suffix=".partial")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(_digest(payload).encode() + payload)
                os.replace(partial, file)
            finally:
                Path(partial).unlink(missing_ok=True)
            _leave_room(file.parent)


def _file_of(key: str, codegen: Any) -> Path:
    machine = member_of(codegen, "magic_tuple", "numba")()
    whole = _digest(repr((key, _origin(), machine)).encode())
    return Path(config.base_compiledir) / "mmn_bayes" / f"{whole}.code"


def _leave_room(folder: Path) -> None:
    files = [(file.stat().st_mtime, file) for file in folder.iterdir()]
    for _, file in sorted(files)[:-_MOST_FILES]:
        file.unlink(missing_ok=True)
