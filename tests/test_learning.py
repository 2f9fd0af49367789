"""The study of visits: stored results of this model, and what the table says by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import lognorm

from mmn_bayes.model_file.reading import read_model
from mmn_bayes.studies import visit_study
from mmn_bayes.studies.known_truth import simulated
from mmn_bayes.studies.recovery import fingerprint_of, read_study

RESULTS = Path(__file__).resolve().parents[1] / "results" / "visits"
STALE = "run `make visits` and commit what it writes"


@pytest.fixture(scope="module")
def spec(models):
    return read_model(models / "strength.toml")


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(RESULTS / "visits.csv")


def test_the_stored_study_is_whole_and_of_this_model(spec, stored):
    designs = [(n, v) for v in visit_study.EXTRA for n in visit_study.SIZES]
    assert list(zip(stored["n_patients"], stored["visits_a_cycle"], strict=True)) == designs
    assert (stored["cohorts"] == len(visit_study.SEEDS)).all()
    assert stored["synthetic"].all()
    for n_patients, per_cycle in designs:
        folder = RESULTS / f"{n_patients}_patients_{per_cycle}_a_cycle"
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["spec_fingerprint"] == spec.fingerprint, STALE
        assert manifest["recipe_fingerprint"] == visit_study.recipe_of(per_cycle).fingerprint, STALE
        assert manifest["seeds"] == list(visit_study.SEEDS)


@pytest.mark.parametrize("per_cycle", visit_study.EXTRA)
def test_its_smallest_fits_are_of_the_cohorts_that_are_simulated_now(spec, per_cycle):
    fits, _ = read_study(RESULTS / f"{visit_study.SIZES[0]}_patients_{per_cycle}_a_cycle")
    now = fingerprint_of(spec, 1, visit_study.SIZES[0], visit_study.recipe_of(per_cycle))
    assert fits.set_index("seed").loc[1, "fingerprint"] == now, STALE


def test_the_table_is_that_of_the_intervals(spec, stored):
    for row in stored.itertuples():
        folder = RESULTS / f"{row.n_patients}_patients_{row.visits_a_cycle}_a_cycle"
        now = visit_study.learned(spec, *read_study(folder)).iloc[0]
        for name in ("covered", "variance_removed", "mean_width_days", "worst_r_hat"):
            assert now[name] == pytest.approx(getattr(row, name)), name
        assert row.worst_r_hat < 1.05
        assert row.least_ess_tail > 100
    assert (stored["divergences"] == 0).all()


def test_more_visits_and_more_patients_teach_more(stored):
    by = stored.set_index(["visits_a_cycle", "n_patients"])["mean_log_width_share"]
    assert by[0, 10] > by[0, 40]
    assert by[3, 10] > by[3, 40]
    for n_patients in visit_study.SIZES:
        assert by[0, n_patients] > by[3, n_patients]


def test_the_page_says_what_the_table_says(stored):
    text = (RESULTS / "visits.md").read_text(encoding="utf-8")
    assert text.startswith("**SYNTHETIC DATA.")
    for sentence in visit_study.visits_notes(stored):
        assert sentence.replace("_", r"\_") in text


def test_what_is_learned_of_intervals_by_hand(spec):
    prior = lognorm(s=0.6, scale=28)
    low, high = prior.ppf([0.05, 0.95])
    centre = np.sqrt(low * high)
    half = np.sqrt(np.sqrt(high / low))  # an interval half as wide, of logarithms
    intervals = pd.DataFrame(
        {
            "parameter": visit_study.PARAMETER,
            "lower": [low, centre / half],
            "upper": [high, centre * half],
            "truth": 20.0,
            "level": 0.9,
            "interval": "eti",
            "covers": [True, False],
            "r_hat": [1.0, 1.01],
            "ess_tail": [400.0, 300.0],
        }
    )
    fits = pd.DataFrame(
        {"n_patients": 5, "n_grades": [10, 20], "divergences": [0, 1], "synthetic": True}
    )
    row = visit_study.learned(spec, fits, intervals).iloc[0]
    assert row["mean_log_width_share"] == pytest.approx(0.75)
    assert row["variance_removed"] == pytest.approx(1 - (1 + 0.25) / 2)
    assert (row["covered"], row["divergences"], row["n_grades"]) == (1, 1, 15.0)
    assert row["interpretation"] == "the data say something"


def test_extra_visits_are_where_the_design_puts_them():
    cohort = simulated(6, 1, visit_study.recipe_of(3))
    plain = simulated(6, 1, visit_study.recipe_of(0))
    days = {
        c: n.grades[["patient", "day"]].drop_duplicates() for c, n in (("3", cohort), ("0", plain))
    }
    assert len(days["3"]) > len(days["0"]) + 6 * 10
    early = days["3"][days["3"]["day"] < 168]
    assert not early.duplicated().any()
    assert (early.groupby("patient").size() >= 12).all()
