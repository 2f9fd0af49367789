"""Run the tests of draws under other seeds, and with another rounding; say which of them fail.

Another rounding: the C library's mathematical functions without AVX2 and FMA, as on an older
processor (glibc on x86-64; elsewhere that run is like the others).
"""

import argparse
import os
import running.guard  # noqa: F401
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OTHER_ROUNDING = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA"}
PYTEST = ("-m", "pytest", "-q", "-m", "draws", "-n", "2", "--dist", "loadfile")


def failed(shift: int, other_rounding: bool, flags: list[str]) -> tuple[int, list[str]]:
    """How many tests ran under a shift of all seeds, and the names of those that failed."""
    environment = os.environ | {"SEED_SHIFT": str(shift)}
    environment |= OTHER_ROUNDING if other_rounding else {}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, *PYTEST, "--no-loadscope-reorder", f"--junitxml={report}"]
        done = subprocess.run([*command, *flags], cwd=ROOT, env=environment, capture_output=True)
        if done.returncode not in (0, 1) or not report.is_file():
            sys.exit(done.stdout.decode() + done.stderr.decode())
        cases = list(ET.parse(report).iter("testcase"))
    wrong = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    return len(cases), [f"{c.get('classname')}::{c.get('name')}" for c in wrong]


def main(shifts: range, flags: list[str]) -> int:
    counted: Counter[str] = Counter()
    runs = [(shift, False) for shift in shifts] + [(shifts.start, True)]
    for shift, other in runs:
        n, names = failed(shift, other, flags)
        where = ", other rounding" if other else ""
        said = f"seeds + {shift}{where}: {n} tests, {len(names)} failed"
        print(said, *names, sep="\n  ", flush=True)
        counted.update(names)
    for name, times in counted.most_common():
        print(f"{times} of {len(runs)} runs: {name}")
    print(f"{len(runs)} runs, {len(counted)} tests failed in any of them.")
    return 1 if counted else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1, help="first shift of the seeds")
    parser.add_argument("--runs", type=int, default=20, help="how many shifts")
    asked, flags = parser.parse_known_args()
    sys.exit(main(range(asked.first, asked.first + asked.runs), flags))
