"""Write the synthetic cohort with the published margins of Leger 2008, the same bytes each time.

Usage: python scripts/simulate_cohort.py [folder]      (default: data/leger2008_cohort)
"""

from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "data" / "leger2008"
MODEL = ROOT / "models" / "strength.toml"
FOLDER = ROOT / "data" / "leger2008_cohort"
SEED = 2008
TITLE = "Synthetic cohort with the published margins of Léger et al. 2008"


def main(folder: Path = FOLDER) -> Path:
    published = mb.evidence.read_published(PUBLISHED)
    cohort = mb.simulation.reproduce_cohort(
        published["counts"],
        published["measurements"],
        rule_holder=mb.read_model(MODEL),
        seed=SEED,
        title=TITLE,
    )
    mb.write_cohort(cohort, folder)
    mb.io.write_text(mb.simulation.truth_to_toml(cohort.truth), folder / "truth.toml")
    return folder


if __name__ == "__main__":
    print(f"Written: {main(folder_of(__doc__, FOLDER))}")
