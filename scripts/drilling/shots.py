"""One interruption at one moment: how the process ended, and what it left."""

import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from running.plan import FITS, ROOT

from .looks import MARK, examined, left

JOB = "main job"
_SCRIPTS = ROOT / "scripts"
# What a shell says of a process that ended by a signal; a guarded one says it itself.
_OF_SIGNALS = {-number: 128 + number for number in (2, 9, 15)}


@dataclass(frozen=True)
class Shot:
    """What came of one interruption.

    Parameters
    ----------
    seconds
        From the signal to KeyboardInterrupt, or to the end of a process that has a guard.
    otherwise
        How the end differs from what it should be.
    half, broken
        Files that are half written, fits that are not of all their draws.
    left
        Processes that were there after 5 s.
    late
        Whether all was done when the signal came.
    """

    action: str
    signal: str
    moment: float
    seconds: float
    otherwise: str
    half: list[str]
    broken: list[str]
    left: int
    late: bool


def whole(action: str, folder: Path) -> float:
    """Do an action to its end, and return the seconds that it takes."""
    folder.mkdir(parents=True, exist_ok=True)
    process = _started(action, folder, "", folder.parent / "errors.txt")
    begun = time.time()
    if process.communicate() and process.returncode:
        raise RuntimeError((folder.parent / "errors.txt").read_text(encoding="utf-8"))
    return time.time() - begun


def shot(action: str, folder: Path, number: int, moment: float) -> Shot:
    """Do an action, and send its process a signal so many seconds after it has begun.

    Parameters
    ----------
    action, folder
        Of `actions`, or the main job; where it writes to.
    number, moment
        The signal, and its moment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    errors, mark = folder.parent / "errors.txt", uuid.uuid4().hex
    process = _started(action, folder, mark, errors)
    try:
        said, _ = process.communicate(timeout=moment)
        sent = time.time()
    except subprocess.TimeoutExpired:
        sent = time.time()
        # Ctrl-C goes to all processes of a terminal, other signals to one.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        said = _said(process)
    words = said.split()
    ended = float(words[-1]) if b"interrupted" in words else time.time()
    code = _OF_SIGNALS.get(process.returncode, process.returncode)
    faults, told = [], errors.read_text(encoding="utf-8")
    if late := b"Written:" in words:
        sent = ended  # all was done: what was interrupted is Python's own end
    else:
        faults += [] if code == 128 + number else [f"exit code {code}"]
        faults += [f"a traceback: {told.strip()}"] * ("Traceback" in told)
    n_left, (half, broken) = left(mark), examined(folder)
    name = signal.Signals(number).name
    return Shot(action, name, moment, ended - sent, ", ".join(faults), half, broken, n_left, late)


def _started(action: str, folder: Path, mark: str, errors: Path) -> subprocess.Popen[bytes]:
    """The process of an action, when it has begun."""
    command = [sys.executable, "-m", "drilling.child", action, str(folder)]
    if action == JOB:
        command = [sys.executable, str(_SCRIPTS / f"{FITS.script}.py"), str(folder)]
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As of a job in the background: what it starts would be deaf to Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=_SCRIPTS,
            env=os.environ | {MARK: mark},
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
        )
    if action == JOB:
        time.sleep(0.5)  # until Python itself has started
    elif process.stdout is not None:
        process.stdout.readline()
    return process


def _said(process: subprocess.Popen[bytes]) -> bytes:
    try:
        return process.communicate(timeout=60.0)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]
