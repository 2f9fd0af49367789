"""Write a file whole under another name, then put it in place: nobody ever reads half a file.

The writer locks the other file while it writes. What a killed process has left is not locked any
more, and goes when something is written into its folder again.
"""

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

# On other systems nothing is locked, and nothing taken away.
_LOCKS: Any = import_module("fcntl") if os.name == "posix" else None
# `.name.token.partial`; the token was the number of the process in earlier versions.
_PARTIAL = re.compile(r"\..+\.[0-9a-f]+\.partial")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give another name to write to, and put that file in place only when nothing failed.

    Parameters
    ----------
    file : path-like
        Its folder is created when absent.

    Yields
    ------
    Path
        An empty file beside it, to be written; what others have left half-written there is gone.

    Raises
    ------
    OSError
        In one sentence, when the disk is full, the folder cannot be written or another file is
        in the way; what was there before is as it was.
    """
    partial, lock = None, -1
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(file.parent)
        partial, lock = _locked(file)
        yield partial
        _to_disk(partial)
        os.replace(partial, file)
    except OSError as error:
        raise _in_words(error, file) from error
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink()
        if lock >= 0:
            os.close(lock)


def _locked(file: Path) -> tuple[Path, int]:
    """A new file beside another one; its lock is held until it is closed or its process ends."""
    while True:
        # A name of its own: two that write one file do not write into each other.
        partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}.partial")
        lock = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        if _LOCKS is None:
            return partial, lock
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                _LOCKS.flock(lock, _LOCKS.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return partial, lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # taken for a stale one before it was locked


def _remove_stale(folder: Path) -> None:
    """Remove half-written files that no living process writes."""
    if _LOCKS is None:
        return
    for partial in folder.glob(".*.partial"):
        if not _PARTIAL.fullmatch(partial.name):
            continue
        with contextlib.suppress(OSError):  # gone, locked, or not ours to remove
            lock = os.open(partial, os.O_RDWR | os.O_NOFOLLOW)
            try:
                _LOCKS.flock(lock, _LOCKS.LOCK_EX | _LOCKS.LOCK_NB)
                partial.unlink()
            finally:
                os.close(lock)


def _to_disk(partial: Path) -> None:
    """Have a disk that is full say so before the old file is replaced."""
    handle = os.open(partial, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _in_words(error: OSError, file: Path) -> OSError:
    """The same error in one sentence."""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        why, cure = "no space is left for it", "free some, or write to another folder"
    elif error.errno in _FORBIDDEN:
        why, cure = "its folder is not writable", "make it writable, or give another folder"
    else:
        cure = "give another file or folder"
    said = f"'{file}' cannot be written: {why}; {cure}. What was there before is as it was."
    in_words = (type(error) if type(error).__module__ == "builtins" else OSError)(said)
    in_words.errno = error.errno
    return in_words
