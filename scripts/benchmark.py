"""Measure this package beside others on the same data, and write results/benchmark.

Usage: python scripts/benchmark.py [--quick] [--folder results/benchmark] [--limit-seconds 900]
"""

import running.guard  # noqa: F401
import tempfile
from pathlib import Path

from benchmarking.plan import RESULTS, SIZES, arguments, measurements
from benchmarking.running import run_all


def main() -> None:
    asked = arguments()
    sizes = (20, 30, 40) if asked.quick else SIZES
    plan = measurements(sizes, asked.limit_seconds, asked.quick)
    # Nothing heavy is imported before the last process has ended: a process starts with the peak
    # memory of the one that started it.
    with tempfile.TemporaryDirectory(prefix="benchmark") as folder:
        records = run_all(plan, Path(folder))
    from benchmarking.writing import write_results

    write_results(records, sizes, asked.folder, readme=asked.folder == RESULTS and not asked.quick)
    print(f"Written: {asked.folder}")


if __name__ == "__main__":
    main()
