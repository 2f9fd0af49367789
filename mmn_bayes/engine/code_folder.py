"""Where compiled code is kept: a folder that can be written, and files that are whole or not used.

Imported before anything that compiles. PyTensor and numba ask for a folder when they are imported,
end in an error of the system where none can be written, and run into whatever stands in a damaged
file.
"""

import atexit
import hashlib
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from configparser import Error, RawConfigParser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmn_bayes.undocumented import caching

_FLAGS, _KEY = "PYTENSOR_FLAGS", "base_compiledir"


def prepare() -> None:
    """Have compiled code kept where it can be, and checked before it is used; at most once.

    Raises
    ------
    OSError
        Where neither the folder of compiled code nor one for temporary files can be written.
    """
    if caching.IndexDataCacheFile is _WholeFiles:
        return
    if "pytensor" not in sys.modules and not _can_be_written(folder := asked_folder()):
        os.environ[_FLAGS] = f"{os.environ.get(_FLAGS, '')},{_KEY}={_temporary(folder)}".lstrip(",")
    caching.IndexDataCacheFile = _WholeFiles
    caching.CacheImpl._locator_classes.append(_BesidePyTensors)


def asked_folder() -> Path:
    """Return the folder that PyTensor is asked to keep compiled code in.

    Returns
    -------
    Path
        By PYTENSOR_FLAGS, else by a file of settings (PYTENSORRC), else `.pytensor` at home.
    """
    by_flags = re.findall(rf"(?:^|[,\s]){_KEY}\s*=\s*([^,\s]+)", os.environ.get(_FLAGS, ""))
    settings = RawConfigParser()
    with suppress(Error, OSError, UnicodeDecodeError):
        files = os.environ.get("PYTENSORRC", "~/.pytensorrc").split(os.pathsep)
        settings.read([Path(file).expanduser() for file in files])
    home = os.environ.get("HOME", "~")
    asked = [*by_flags[-1:], settings.get("global", _KEY, fallback=""), f"{home}/.pytensor"]
    return Path(next(filter(None, asked))).expanduser()


def _can_be_written(folder: Path) -> bool:
    try:
        # The folder that PyTensor makes of it as soon as it is imported.
        (folder / "numba").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder / "numba").close()
    except OSError:
        return False
    return True


def _temporary(instead_of: Path) -> Path:
    """A folder of this process and of those that it starts; it goes when the process ends."""
    cure = f"set {_FLAGS} to {_KEY}=FOLDER, with a folder that can be written."
    try:
        folder = Path(tempfile.mkdtemp(prefix="mmn_bayes_code_"))
    except OSError as error:
        raise OSError(
            f"Compiled code can be put neither into '{instead_of}' nor into a temporary folder; "
            f"{cure}"
        ) from error
    maker = os.getpid()
    atexit.register(lambda: os.getpid() == maker and shutil.rmtree(folder, ignore_errors=True))
    warnings.warn(
        f"Compiled code is not kept, and every process compiles anew, since '{instead_of}' cannot "
        f"be written; {cure}",
        RuntimeWarning,
        stacklevel=2,
    )
    return folder


class _WholeFiles(caching.IndexDataCacheFile):
    """Numba's files of compiled code, each with the digest of what stands before it.

    A file without the right digest counts as absent: what it held is compiled and written again.
    Numba itself does not read what stands after the end of what it wrote.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep code where that is possible (a full disk is no reason to end)."""
        with suppress(OSError):
            super().save(key, data)

    def _load_index(self) -> Any:
        return super()._load_index() if _is_whole(Path(self._index_path)) else {}

    def _load_data(self, name: str) -> Any:
        path = Path(self._data_path(name))
        if not _is_whole(path):
            raise FileNotFoundError(path)
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[Any]:
        with super()._open_for_write(filepath) as file:
            yield file
            file.flush()
            file.write(hashlib.sha256(Path(file.name).read_bytes()).digest())


def _is_whole(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return len(content) > 32 and hashlib.sha256(content[:-32]).digest() == content[-32:]


class _BesidePyTensors(caching._SourceFileBackedLocatorMixin, caching._CacheLocator):
    """The last place for compiled code: numba itself knows the source's folder and the home only.

    Where neither can be written, the code goes where PyTensor's goes, so that one variable is
    enough to have all of it kept.
    """

    def __init__(self, function: Any, file: str) -> None:
        self._py_file, self._lineno = file, function.__code__.co_firstlineno
        self._cache_path = str(asked_folder() / "loops" / self.get_suitable_cache_subpath(file))

    def get_cache_path(self) -> str:
        """Return the folder of a function's code."""
        return self._cache_path
