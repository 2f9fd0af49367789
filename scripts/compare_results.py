"""Say of every committed table of results whether the regenerated one agrees with it.

Numbers that hang on draws agree within Monte Carlo error, everything else exactly; what does not
agree is listed, and the exit code is then 1.
"""

import argparse
import running.guard  # noqa: F401
import sys
from pathlib import Path

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", default=["results"], help="default: results")
    parser.add_argument("--against", metavar="REF", default="HEAD", help="commit; default: HEAD")
    asked = parser.parse_args()
    found = mb.studies.compare_results(
        mb.studies.Committed(ROOT, asked.against), mb.studies.WorkingTree(ROOT), asked.folders
    )
    for row in found.differences.to_dict("records"):
        allowed = (
            "" if row["allowance"] != row["allowance"] else f" (allowed {row['allowance']:.3g})"
        )
        place = ", ".join(filter(None, (row["file"], row["row"], row["column"])))
        print(f"{place}: {row['committed']} / {row['regenerated']}{allowed}: {row['why']}")
    for line in found.information:
        print(f"For information: {line}")
    print(found.summary)
    return int(len(found.differences) > 0)


if __name__ == "__main__":
    sys.exit(main())
