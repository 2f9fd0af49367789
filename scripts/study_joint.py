"""One joint model of strength, blocks and long-term class beside its parts, into results/joint.

Usage: python scripts/study_joint.py [folder]      (default: results/joint)

Five fits, three of them of all grades, and one of a larger cohort whose classes and blocks are
known to go along with the gains: some 6 minutes on two processors.
"""

from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
OUTCOMES = ("grade", "blocks", "class")


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    spec = mb.read_model(ROOT / "models" / "joint.toml")
    specs = [mb.joint.submodel(spec, outcome, f"joint_{outcome}") for outcome in OUTCOMES]
    specs += [mb.joint.without_shared_effects(spec, "joint_apart"), spec]
    fits = []
    mb.io.remove_manifest(folder / "manifest.json")
    for number, one in enumerate(specs):
        fits.append(mb.fit(cohort, one, seed=SEED + number))
        checks = mb.diagnose(fits[-1])
        mb.require_converged(checks)
        mb.io.write_table(checks, folder / f"diagnostics_{one.name}.csv")
    *parts, apart, joint = fits
    tables = {
        "margins": mb.tables.margins_table(parts, apart, joint),
        "sharing": mb.tables.shared_effects_table({"nothing shared": apart, "sharing": joint}),
        "relation": mb.tables.relation_table(joint),
    }
    # Does sharing find what is there? Of simulated patients it is known.
    larger = mb.simulation.simulate_joint(120, seed=SEED)
    known = mb.fit(larger, spec, seed=SEED)
    mb.require_converged(checks := mb.diagnose(known))
    mb.io.write_table(checks, folder / "diagnostics_simulated.csv")
    tables["simulated_relation"] = mb.tables.relation_table(known)
    tables["simulated_truth"] = mb.studies.truth_intervals(known, larger.truth, level=0.95)
    for name, table in tables.items():
        mb.io.write_table(table, folder / f"{name}.csv")
        mb.io.print_table(table, f"The joint model, {name}")
    mb.io.write_manifest(fits, folder / "manifest.json")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "joint"))
