"""What scripts ask of their command line, and how long their parts take."""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import guard  # noqa: F401

if TYPE_CHECKING:
    from xarray import DataTree

OTHER_DRAWS = (
    "These are the numbers of this run; where committed ones differ, `make compare-results` says "
    "whether that is within Monte Carlo error, as it is right of other draws."
)

_BEGUN = time.perf_counter()


def parser_of(text: str, folder: Path) -> argparse.ArgumentParser:
    """A parser with the description of a script, and the folder that it writes to."""
    about = [part for part in text.strip().split("\n\n") if not part.startswith("Usage:")]
    parser = argparse.ArgumentParser(
        description="\n\n".join(about), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=folder, help=f"default: {folder}")
    return parser


def folder_of(text: str, folder: Path) -> Path:
    """The folder that a script is asked to write to."""
    return parser_of(text, folder).parse_args().folder


class Timing:
    """Seconds of the parts of a script, in their order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = 0.0

    def done(self, part: str, fits: Sequence["DataTree"] = ()) -> None:
        """A part is over; of fits, those parts apart of which they know the seconds themselves."""
        now = since_start()
        inner: dict[str, float] = {}
        for fit in fits:
            for name in (n for n in fit.attrs if str(n).startswith("seconds_")):
                own = str(name).removeprefix("seconds_").replace("_", " ")
                inner[own] = inner.get(own, 0.0) + float(fit.attrs[name])
        self.seconds |= {part: now - self._last - sum(inner.values()), **inner}
        self._last = now

    def lines(self, asked: bool) -> list[str]:
        """A line a part, and the total since the process began; none when not asked for."""
        whole = {**self.seconds, "since the process began": self._last}
        width = max(map(len, whole))
        return [f"{name:{width}}  {seconds:6.1f} s" for name, seconds in whole.items()] * asked


def since_start() -> float:
    """Seconds since the process began; since this module was read where the system does not say."""
    try:
        # The name of the program, in brackets, may have blanks: what counts stands after it.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.perf_counter() - _BEGUN
    return uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
