"""Everything besides the main job, part by part; what is done of the present inputs stays.

An interrupted part goes on where it can when this is called again. What each part prints stands in
.studies/<part>.log.
"""

import argparse
import running.guard  # noqa: F401
import sys
from running.plan import STUDIES
from running.processes import Runner
from running.stamps import Stamps


def main() -> int:
    names = [part.name for part in STUDIES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(names)}")
    parser.add_argument("--again", action="store_true", help="also what is done")
    parser.add_argument("--jobs", type=int, default=1, help="parts at a time; default: 1")
    parser.add_argument("--list", action="store_true", help="what is done, and how long each takes")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    chosen, stamps = [p for p in STUDIES if not asked.parts or p.name in asked.parts], Stamps()
    if asked.list:
        for part in chosen:
            done = "done" if stamps.is_done(part) else "to do"
            print(f"{part.name:20} {stamps.seconds(part) / 60.0:5.1f} min  {done}")
        return 0
    return Runner(stamps, asked.jobs).run(chosen, again=asked.again)


if __name__ == "__main__":
    sys.exit(main())
