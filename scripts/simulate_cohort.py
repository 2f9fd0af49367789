"""Write the synthetic cohort with the published margins of Leger 2008, the same bytes each time.

Usage: python scripts/simulate_cohort.py [folder]      (default: data/leger2008_cohort)
"""

from pathlib import Path
from running.command_line import folder_of

from mmn_bayes.data.published import read_published
from mmn_bayes.data.writing import write_cohort
from mmn_bayes.model_file.reading import read_spec
from mmn_bayes.report.store import write_text
from mmn_bayes.simulation.recipe import truth_to_toml
from mmn_bayes.simulation.reproduction import reproduce_cohort

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "data" / "leger2008"
MODEL = ROOT / "models" / "strength.toml"
FOLDER = ROOT / "data" / "leger2008_cohort"
SEED = 2008
TITLE = "Synthetic cohort with the published margins of Léger et al. 2008"


def main(folder: Path = FOLDER) -> Path:
    published = read_published(PUBLISHED)
    cohort = reproduce_cohort(
        published["counts"],
        published["measurements"],
        rule_holder=read_spec(MODEL),
        seed=SEED,
        title=TITLE,
    )
    write_cohort(cohort, folder)
    write_text(truth_to_toml(cohort.truth), folder / "truth.toml")
    return folder


if __name__ == "__main__":
    print(f"Written: {main(folder_of(__doc__, FOLDER))}")
