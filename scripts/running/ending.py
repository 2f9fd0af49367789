"""Processes that end with the one that started them, whatever ends it."""

import os
import signal
import subprocess
import time
from collections.abc import Collection
from types import FrameType, TracebackType

PATIENCE = 10.0  # seconds that an interrupted process is given to end by itself


class Interruption:
    """Keeps which signal asked this process to end, and lets it end at a place of its choice.

    An exception raised by a handler could come between the start of a process and the line that
    keeps it, which nobody would then end.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, object] = {}
        self._woken = -1

    def __enter__(self) -> "Interruption":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._asked)
        # Who is woken by signals is not to end this process while it ends others (`guard`).
        self._woken = signal.set_wakeup_fd(-1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.number = number


def end_all(processes: Collection[subprocess.Popen]) -> None:
    """End processes, each of a session of its own, with all that they started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        for process in processes:
            # Also of one that is gone: what it started may be there still.
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                continue
        until = time.perf_counter() + PATIENCE
        while time.perf_counter() < until and any(p.poll() is None for p in processes):
            time.sleep(0.1)
