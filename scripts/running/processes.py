"""Parts of the studies as processes, one or two at a time, with the time that is left."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .ending import Interruption, end_all
from .guard import RUN_BY
from .plan import FITS, ROOT, STUDIES, Part
from .stamps import Stamps, fits_are_current


def command_of(part: Part) -> list[str]:
    """The command line of a part."""
    return [sys.executable, str(ROOT / "scripts" / f"{part.script}.py")]


class Runner:
    """Run parts, those first whose files others read.

    Parameters
    ----------
    stamps
        Where it is kept what is done.
    jobs
        How many at a time. A part that fits has both processors of two as it is.
    command
        The command line of a part.
    """

    def __init__(
        self, stamps: Stamps, jobs: int = 1, command: Callable[[Part], list[str]] = command_of
    ):
        self.stamps, self.jobs, self.command = stamps, jobs, command
        self.running: dict[subprocess.Popen, tuple[Part, str, float]] = {}
        self.failed: list[Part] = []
        self.paces: list[tuple[float, float]] = []  # planned and real seconds of what is finished
        self.todo: list[Part] = []
        self.total = 0

    def run(self, parts: Sequence[Part], *, again: bool = False) -> int:
        """Do all parts that are not done; exit code: 0, 1 when one failed, 128 + signal."""
        self.todo = [part for part in parts if again or not self.stamps.is_done(part)]
        for part in (p for p in parts if p not in self.todo):
            print(f"studies: {part.name} is done of these inputs (--again does it anew)")
        read = {name for part in self.todo for name in part.after}
        for part in (p for p in STUDIES if p.name in read and p not in parts):
            if not self.stamps.is_done(part):
                self.todo.insert(0, part)
        if any(part.fits for part in self.todo) and not fits_are_current(self.stamps.root):
            self.todo.insert(0, FITS)
        self.total = len(self.todo)
        with Interruption() as interruption:
            try:
                while (self.todo or self.running) and not interruption.number:
                    self._start_what_can()
                    time.sleep(0.2)
                    self._look()
            finally:
                end_all(self.running)
        for part in self.failed:
            print(f"studies: {part.name} FAILED; what it printed is in {self._log(part)}")
        if interruption.number:
            print("studies: interrupted; called again it goes on", file=sys.stderr)
            return 128 + interruption.number
        return int(bool(self.failed))

    def left(self) -> float:
        """Seconds left: what is planned, at the pace that this run had so far."""
        planned = sum(plan for plan, _ in self.paces)
        pace = sum(real for _, real in self.paces) / planned if planned else 1.0
        now = time.perf_counter()
        begun = (
            max(self.stamps.seconds(part) * pace - (now - started), 0.0)
            for part, _, started in self.running.values()
        )
        return (sum(begun) + pace * sum(map(self.stamps.seconds, self.todo))) / self.jobs

    def _start_what_can(self) -> None:
        for part in [*self.todo]:
            names = {p.name for p in self.todo if p is not part}
            names |= {running.name for running, *_ in self.running.values()}
            reads = {*part.after, *([FITS.name] if part.fits else [])}
            if len(self.running) < self.jobs and names.isdisjoint(reads):
                self.todo.remove(part)
                self._start(part)

    def _start(self, part: Part) -> None:
        inputs, log = self.stamps.inputs(part), self._log(part)  # before it reads them
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            # In a session of its own: all that it starts can be ended with it.
            process = subprocess.Popen(
                self.command(part),
                env=os.environ | {RUN_BY: str(os.getpid())},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[process] = part, inputs, time.perf_counter()
        left = len(self.todo) + len(self.running)
        told = f"{self.total - left} of {self.total} done, {left} left, {in_words(self.left())}"
        print(f"studies: {part.name} ({told})", flush=True)

    def _look(self) -> None:
        """Keep what has ended."""
        for process in [p for p in self.running if p.poll() is not None]:
            part, inputs, started = self.running.pop(process)
            seconds = time.perf_counter() - started
            if process.returncode:
                text = self._log(part).read_text(encoding="utf-8", errors="replace")
                print("\n".join(text.splitlines()[-8:]), file=sys.stderr, flush=True)
                # What reads its files waits for another time.
                broken = [p for p in self.todo if part.name in (*p.after, *(p.fits and ["fits"]))]
                self.todo = [p for p in self.todo if p not in broken]
                self.failed += [part, *broken]
            else:
                self.paces.append((self.stamps.seconds(part), seconds))
                self.stamps.done(part, inputs, seconds)

    def _log(self, part: Part) -> Path:
        return self.stamps.folder / f"{part.name}.log"


def in_words(seconds: float) -> str:
    """A time that is left."""
    return f"about {seconds / 60.0:.0f} min" if seconds >= 90.0 else f"about {seconds:.0f} s"
