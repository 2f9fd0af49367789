"""Which stored fits are of other inputs than those that lie beside them: every manifest, at once.

Of a root folder with `models`, `data` and `results`, so that a test can try a copy that it changed.
"""

import json
import warnings
from functools import cache
from pathlib import Path

import pandas as pd

from mmn_bayes.data.deriving import with_early_response
from mmn_bayes.data.published import read_evidence, read_trial
from mmn_bayes.data.reading import read_cohort
from mmn_bayes.data.restricting import first_months
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.outcomes.joint import submodel, without_shared_effects
from mmn_bayes.predictors.observed_imputation import complete_cases
from mmn_bayes.simulation.status_paths import with_state_paths

ROOT = Path(__file__).resolve().parents[1]
JOINT_PARTS = {f"joint_{outcome}": outcome for outcome in ("grade", "blocks", "class")}

# Each manifest of fits of stated data, with the target that writes it. Studies of simulated cohorts
# have tests of their own, which simulate again.
MADE_BY = {
    "leger2008/manifest.json": "results",
    "leger2008/manifest_history.json": "studies-history",
    "leger2008/manifest_placebo.json": "studies-placebo",
    "leger2008/manifest_exposure.json": "studies-exposure",
    "leger2008/manifest_first_months.json": "studies-exposure",
    "leger2008/manifest_long_term.json": "studies-long-term",
    "leger2008/manifest_blocks.json": "studies-blocks",
    "simulated_histories/manifest.json": "studies-simulated-histories",
    "predictors/manifest.json": "studies-predictors",
    "leaving_out/manifest.json": "studies-left-out",
    "long_run/manifest.json": "studies-long-run",
    "joint/manifest.json": "studies-joint",
}


class Beside:
    """Models, data and results of one root folder, each read once."""

    def __init__(self, root: Path = ROOT):
        self.root = root
        self.cohort = cache(self._cohort)
        self.evidence = cache(self._evidence)

    def _cohort(self):
        return read_cohort(self.root / "data" / "leger2008_cohort")

    def _evidence(self):
        return read_evidence(self.root / "data" / "evidence" / "response_counts.csv")

    def spec(self, name):
        folder = self.root / "models"
        if name in JOINT_PARTS:
            return submodel(read_model(folder / "joint.toml"), JOINT_PARTS[name], name)
        if name == "joint_apart":
            return without_shared_effects(read_model(folder / "joint.toml"), name)
        return read_model(folder / f"{name}.toml")

    def data(self, spec, manifest):
        """What the fit of a manifest is of: a cohort, or counts."""
        if spec.name.startswith("trial_"):
            return read_trial(self.root / "data" / "evidence" / "leger2001_patient_visits.csv")
        if spec.outcome == "events":
            return self.evidence()
        if spec.name == "histories":
            return with_state_paths(self.cohort(), seed=20081)
        if manifest.endswith("first_months.json"):
            return first_months(self.cohort(), until_day=195, every_days=28)
        if spec.name in ("long_term", "long_term_candidates", "blocks", "blocks_counts"):
            return complete_cases(with_early_response(self.cohort(), spec), spec)[0]
        return self.cohort()

    def historical(self, spec):
        """The prior from history as it is stored, of a model that has one."""
        if spec.historical is None:
            return None
        kind = spec.historical.kind
        return pd.read_csv(self.root / "results" / "leger2008" / f"mixture_{kind}.csv")

    def history_now(self, mixture):
        """Fingerprint that the fit a mixture was made of has by today's model file and evidence."""
        (name,) = set(mixture["model"])
        made_by = self.fits("leger2008/manifest_history.json")[name]
        spec = self.spec(name)
        return fingerprint(spec, make_design(self.evidence(), spec), made_by["seed"])

    def fits(self, manifest):
        path = self.root / "results" / manifest
        return json.loads(path.read_text(encoding="utf-8"))["fits"]

    def stale(self, manifest):
        """Names of the fits of a manifest that are not of what lies beside it now."""
        found = []
        for name, recorded in self.fits(manifest).items():
            spec, mixture = self.spec(name), None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CohortWarning)
                data = self.data(spec, manifest)
                if (mixture := self.historical(spec)) is not None:
                    mixture = mixture.assign(fit_fingerprint=self.history_now(mixture))
                design = make_design(data, spec, mixture)
            if fingerprint(spec, design, recorded["seed"]) != recorded["fingerprint"]:
                found.append(name)
        return found

    def all_stale(self):
        """Names of all stale fits, each with its manifest."""
        return {(manifest, name) for manifest in MADE_BY for name in self.stale(manifest)}
