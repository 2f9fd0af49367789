"""One action of the drill in this process: what a user's own program would do, without a guard."""

import sys
import time
from pathlib import Path

import mmn_bayes as mb

from .actions import ACTIONS

if __name__ == "__main__":
    action, folder = sys.argv[1:]
    _ = mb.fit, mb.save, mb.studies.run_tasks  # imported when they are first asked for
    try:
        print("begun", flush=True)
        ACTIONS[action](Path(folder))
        print("Written:", folder, flush=True)
    except KeyboardInterrupt:
        print("interrupted", time.time(), flush=True)
        sys.exit(130)
