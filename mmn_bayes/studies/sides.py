"""Sets of results to compare: as they are committed, as they lie in a working tree, or anywhere."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class Side(Protocol):
    """One set of results: names of files, and their contents."""

    def names(self, folders: Iterable[str]) -> set[str]:
        """Names of all files of some folders, from the root."""

    def read(self, name: str) -> bytes:
        """Contents of one of them."""


@dataclass(frozen=True)
class Committed:
    """Read files as they are in a commit of a repository.

    Attributes
    ----------
    root : Path
        Folder of the repository.
    ref : str
        Commit, branch or tag; by default "HEAD".

    Examples
    --------
    >>> from pathlib import Path
    >>> before = mb.studies.Committed(Path("."), ref="HEAD~1")
    >>> before.ref
    'HEAD~1'
    >>> before.names(["results"])  # doctest: +SKIP
    """

    root: Path
    ref: str = "HEAD"

    def names(self, folders: Iterable[str]) -> set[str]:
        """Return the names of all files of some folders, from the root."""
        listed = _git(self.root, "ls-tree", "-r", "-z", "--name-only", self.ref, "--", *folders)
        return {name for name in listed.decode("utf-8").split("\0") if name}

    def read(self, name: str) -> bytes:
        """Return the contents of one file."""
        return _git(self.root, "show", f"{self.ref}:{name}")


@dataclass(frozen=True)
class WorkingTree:
    """Read files as they lie in a repository, those that it ignores aside.

    Attributes
    ----------
    root : Path
        Folder of the repository.

    Examples
    --------
    >>> from pathlib import Path
    >>> now = mb.studies.WorkingTree(Path("."))
    >>> now.read("data/leger2008_cohort/grades.csv")[:29]
    b'patient,day,muscle,side,grade'
    """

    root: Path

    def names(self, folders: Iterable[str]) -> set[str]:
        """Return the names of all files of some folders, from the root."""
        asked = ("--cached", "--others", "--exclude-standard")
        listed = _git(self.root, "ls-files", "-z", *asked, "--", *folders).decode("utf-8")
        return {name for name in listed.split("\0") if name and (self.root / name).is_file()}

    def read(self, name: str) -> bytes:
        """Return the contents of one file."""
        return (self.root / name).read_bytes()


@dataclass(frozen=True)
class Folder:
    """Files of a folder that is in no repository."""

    root: Path

    def names(self, folders: Iterable[str]) -> set[str]:
        """As of `Side`."""
        paths = (path for one in folders for path in (self.root / one).rglob("*"))
        return {path.relative_to(self.root).as_posix() for path in paths if path.is_file()}

    def read(self, name: str) -> bytes:
        """As of `Side`."""
        return (self.root / name).read_bytes()


def _git(root: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"git {arguments[0]}: {done.stderr.decode('utf-8').strip()}")
    return done.stdout
