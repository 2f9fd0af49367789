"""What becomes of a stored fit that is damaged: every file is refused, or has the content it had.

A small fit is made and stored; 300 single bits are changed, 30 files are cut off, and every edit of
scripts/running/damage.py is made. Ends with 1 when one file is loaded with other content, or ends
in an error of a library below.
"""

import argparse
import running.guard  # noqa: F401
import sys
import tempfile
from pathlib import Path
from running.damage import CHANGED, RAW, REFUSED, SAME, tried

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, default=300, help="default: 300")
    parser.add_argument("--cuts", type=int, default=30, help="default: 30")
    parser.add_argument("--seed", type=int, default=1, help="of what is damaged; default: 1")
    asked = parser.parse_args()
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    spec = mb.read_model(ROOT / "models" / "response.toml")
    fit = mb.fit(cohort, spec, seed=1, chains=2, draws=50, tune=100, progress="off")
    with tempfile.TemporaryDirectory() as folder:
        file = mb.save(fit, Path(folder) / "fit.nc")
        counts = tried(file, asked.bits, asked.cuts, asked.seed)
    for way, count in counts.items():
        told = ", ".join(f"{count[what]} {what}" for what in (REFUSED, SAME, CHANGED, RAW))
        print(f"{way}: {count.total()} tried, {told}")
    return int(any(count[CHANGED] + count[RAW] for count in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
