"""Imported first by every script: Ctrl-C or SIGTERM ends it soon, whatever it is doing.

The exit code is 128 and the number of the signal, there is no traceback, and no process is left
that the script started. Files are whole in any case, since they get their names when they are.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

ASKED_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Set by a script for one that it starts: it ends when the one that started it is gone.
RUN_BY = "SCRIPT_IS_RUN_BY"
GRACE = 1.0  # seconds in which a script ends in order, which takes it a tenth
_asked: list[int] = []  # by which signals this process was asked to end
_SCRIPTS = Path(__file__).resolve().parents[1]


def guard() -> None:
    """Take over the signals that ask a process to end."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    # Written to at once; a handler has to wait where the main thread is not in Python.
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_end_the_late, args=(read,), daemon=True).start()
    for number in ASKED_TO_END:
        if signal.getsignal(number) != signal.SIG_IGN:  # as of one that runs in the background
            signal.signal(number, _end)
    # Registered first and called last, when all who started something could end it in order; what
    # Python itself would take down then takes a second.
    atexit.register(lambda: _asked and _leave(_asked[0]))
    parent = os.environ.pop(RUN_BY, "")
    if parent:
        threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Unwind the script, once; what that breaks on its way is nobody's business."""
    for each in ASKED_TO_END:
        signal.signal(each, signal.SIG_IGN)
    _asked.append(number)
    sys.excepthook = lambda *_: _leave(number)
    sys.unraisablehook = threading.excepthook = lambda _: None
    raise SystemExit(128 + number)


def _end_the_late(read: int) -> None:
    number = os.read(read, 1)[0]
    while number not in ASKED_TO_END:
        number = os.read(read, 1)[0]
    time.sleep(GRACE)
    _leave(number)


def _leave(number: int) -> NoReturn:
    _end_children()
    os._exit(128 + number)


def _end_children() -> None:
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that they did, where the system says so."""
    parents = dict(_parents())
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _parents() -> Iterator[tuple[int, int]]:
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program, in brackets, may have blanks: the rest stands after it.
            yield int(file.parent.name), int(file.read_text().rpartition(")")[2].split()[1])
        except (OSError, UnicodeDecodeError):
            continue


_main = getattr(sys.modules["__main__"], "__file__", None)
# Not where parts of scripts are imported by something else.
if _main is not None and Path(_main).resolve().parent == _SCRIPTS:
    guard()
