"""Worker processes that end with the run that started them, whatever ends it.

Imported by a worker before anything else, so that it knows early when it is alone: nothing that
takes long is imported here.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any

from mmn_bayes.undocumented import LokyProcess, loky_tracker

_SECONDS_BETWEEN_LOOKS = 0.5
_PATIENCE = 5.0  # seconds in which a killed process is gone
_ASKED_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def watch(parent: int) -> None:
    """Let a worker end when the run is gone, and be deaf to Ctrl-C, which is the run's.

    Parameters
    ----------
    parent : int
        The process of the run. A run that was killed tells nobody: its workers have to look.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED_TO_END)

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)  # what it computes has nowhere to go

    threading.Thread(target=look, daemon=True).start()


def start_trackers() -> None:
    """Start what workers come with, which hears signals again when it has started.

    Workers are to be started while signals are held back.
    """
    resource_tracker.ensure_running()
    loky_tracker.ensure_running()


@contextmanager
def interruptions_held() -> Iterator[None]:
    """Let interruptions wait for the end of the block, in which processes are started.

    An exception that a handler raises there could come between the start of a process and the line
    that keeps it. The processes do not hear Ctrl-C until they have begun to `watch`.
    """
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    handlers: dict[int, Any] = {}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED_TO_END)
    try:
        # A thread of other libraries may take the signal that is blocked in this one.
        if threading.current_thread() is threading.main_thread():
            asked = [n for n in _ASKED_TO_END if callable(signal.getsignal(n))]
            handlers = {number: signal.signal(number, hold) for number in asked}
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number in held[:1]:
            signal.raise_signal(number)


@contextmanager
def ended_with_the_block() -> Iterator[None]:
    """End all workers of loky when the block does not come to its end.

    Its trackers stay, which clear semaphores and shared memory away when this process is gone, and
    go then themselves.
    """
    try:
        yield
    except BaseException:
        with interruptions_held():
            _end_workers()
        raise


def _end_workers() -> None:
    # Killed before anything is asked of loky, whose locks may be held where it was interrupted.
    workers = [p for p in multiprocessing.active_children() if isinstance(p, LokyProcess)]
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    for worker in workers:
        worker.join(_PATIENCE)
