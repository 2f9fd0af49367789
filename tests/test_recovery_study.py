"""The stored recovery study is of this model and this truth; its tests are those of its counts."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import binomtest

from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.simulation.recipe import truth_of
from mmn_bayes.studies import recovery, runner
from mmn_bayes.studies.known_truth import simulated, truth_intervals
from mmn_bayes.studies.observed_coverage import POOLED, coverage

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "recovery"
SEEDS = list(range(1, 21))
STALE = "run `make recovery` and commit what it writes"


@pytest.fixture(scope="module")
def spec():
    return read_model(ROOT / "models" / "strength.toml")


@pytest.fixture(scope="module")
def manifest():
    return json.loads((RESULTS / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def study():
    return recovery.read_study(RESULTS)


@pytest.fixture(scope="module")
def table():
    stored = pd.read_csv(RESULTS / "coverage.csv")
    return stored.fillna({"member": ""})


# --- what is stored ------------------------------------------------------------------------------


def test_the_study_is_of_this_model_and_this_truth(spec, manifest):
    assert manifest["spec_fingerprint"] == spec.fingerprint, STALE
    assert manifest["recipe_fingerprint"] == recovery.RECIPE.fingerprint, STALE
    assert manifest["settings"] == recovery.SETTINGS
    assert manifest["seeds"] == SEEDS
    assert manifest["synthetic"] is True
    assert len(manifest["versions"]) == 1
    assert {"pymc", "nutpie", "numpy", "python"} <= set(manifest["versions"][0])


@pytest.mark.parametrize("seed", [1, 20])
def test_its_fits_are_of_the_cohorts_that_are_simulated_now(spec, study, seed):
    fits = study[0].set_index("seed")
    now = recovery.fingerprint_of(spec, seed, recovery.SETTINGS["n_patients"])
    assert fits.loc[seed, "fingerprint"] == now, STALE


def test_every_cohort_has_a_fit_and_every_truth_an_interval(spec, study):
    fits, intervals = study
    assert fits["seed"].tolist() == SEEDS
    assert fits["synthetic"].all()
    assert intervals["synthetic"].all()
    assert (intervals["level"] == 0.9).all()
    assert (intervals["interval"] == "eti").all()
    truth = truth_of(recovery.RECIPE)
    named = {
        *((name, "") for name in truth if name in spec.priors),
        *(("muscle_effect", muscle) for muscle in truth["muscle_effect"]),
        *(("cutpoints", f"{grade}|{grade + 1}") for grade in range(5)),
    }
    assert len(named) == 10 + 10 + 5
    for _, rows in intervals.groupby("seed"):
        assert set(zip(rows["parameter"], rows["member"], strict=True)) == named
    for name, value in truth.items():
        stored = intervals.loc[intervals["parameter"] == name, "truth"]
        if isinstance(value, float):
            assert (stored == value).all()
    cutpoints = intervals[(intervals["parameter"] == "cutpoints") & (intervals["seed"] == 1)]
    assert tuple(cutpoints["truth"]) == truth["cutpoints"]


def test_the_draws_support_the_intervals(study):
    fits, _ = study
    assert fits["worst_r_hat"].max() < 1.05
    assert fits["least_ess_tail"].min() > 100.0  # a 5 % quantile to 2 points of probability
    assert fits["least_ess_bulk"].min() > 100.0


def test_the_coverage_is_that_of_the_intervals(study, table):
    now = coverage(study[1])
    stored = table.assign(rejected=table["rejected"].astype("boolean"))
    pd.testing.assert_frame_equal(now, stored, check_dtype=False)


def test_the_tests_are_those_of_the_counts(study, table):
    intervals = study[1].assign(
        inside=lambda t: (t["lower"] <= t["truth"]) & (t["truth"] <= t["upper"])
    )
    counted = intervals.groupby(["parameter", "member"])["inside"].sum()
    tested = table[table["parameter"] != POOLED]
    assert (tested["n"] == len(SEEDS)).all()
    for row in tested.itertuples():
        assert row.covered == counted[row.parameter, row.member]
        assert row.p_value == pytest.approx(binomtest(row.covered, row.n, 0.9).pvalue)
    # Holm's correction by its definition.
    p_values = tested["p_value"].sort_values()
    steps = np.arange(len(p_values), 0, -1) * p_values.to_numpy()
    expected = pd.Series(np.minimum(np.maximum.accumulate(steps), 1.0), index=p_values.index)
    assert tested["p_holm"].to_numpy() == pytest.approx(expected[tested.index].to_numpy())


def test_no_coverage_is_rejected(table):
    tested = table[table["parameter"] != POOLED]
    assert len(tested) == 25
    assert (tested["p_holm"] > 0.05).all()
    assert not tested["rejected"].astype(bool).any()
    assert table["synthetic"].all()


# --- how it is made ------------------------------------------------------------------------------


def fake_fit(**draws):
    posterior = xr.Dataset(draws, coords={"muscle": ["a", "b"], "threshold": ["0|1", "1|2"]})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs = {"synthetic": 1}
    return tree


def test_the_intervals_are_the_quantiles_of_the_draws_beside_their_truth():
    rng = np.random.default_rng(1)
    gain = rng.normal(size=(2, 500))
    effects = rng.normal([0.0, 10.0], 1.0, size=(2, 500, 2))
    tree = fake_fit(
        gain=(("chain", "draw"), gain),
        muscle_effect=(("chain", "draw", "muscle"), effects),
        cutpoints=(("chain", "draw", "threshold"), effects),
    )
    # By label in any order, and in the order of the fit; a truth without a parameter is left out.
    truth = {
        "gain": 0.3,
        "muscle_effect": {"b": 10.0, "a": 5.0},
        "cutpoints": (0.0, 0.0),
        "absent": 1.0,
    }
    table = truth_intervals(tree, truth, level=0.8)
    assert table["parameter"].tolist() == ["gain", *["muscle_effect"] * 2, *["cutpoints"] * 2]
    assert table["member"].tolist() == ["", "a", "b", "0|1", "1|2"]
    assert table["truth"].tolist() == [0.3, 5.0, 10.0, 0.0, 0.0]
    assert table["covers"].tolist() == [True, False, True, True, False]
    assert table.loc[0, "lower"] == pytest.approx(np.quantile(gain, 0.1))
    assert table.loc[0, "upper"] == pytest.approx(np.quantile(gain, 0.9))
    assert table["synthetic"].all()
    with pytest.raises(ValueError, match="'cutpoints' has 3 numbers, the fit has 2 members"):
        truth_intervals(tree, {"cutpoints": (0.0, 1.0, 2.0)})


def make_intervals(covers):
    """Intervals from {parameter: whether each cohort's covers}."""
    rows = [
        {
            **{"seed": seed, "parameter": name, "member": "", "truth": 1.0, "estimate": 1.5},
            **{"lower": 0.0, "upper": 2.0 if covered else 0.5, "level": 0.9, "interval": "eti"},
            **{"covers": covered, "synthetic": True},
        }
        for name, each in covers.items()
        for seed, covered in enumerate(each)
    ]
    return pd.DataFrame(rows)


def test_coverage_by_hand():
    n = 20
    table = coverage(make_intervals({"a": [True] * n, "b": [True] * 12 + [False] * 8}))
    a, b, pooled = (row for _, row in table.iterrows())
    assert (a["covered"], b["covered"], pooled["covered"]) == (20, 12, 32)
    assert (a["n"], b["n"], pooled["n"]) == (20, 20, 40)
    # Two-sided: all outcomes no likelier. 20 of 20 has 0.1216, 16 has 0.0898; 12 of 20 has 0.0004.
    assert a["p_value"] == pytest.approx(0.2546, abs=5e-4)
    assert b["p_value"] == pytest.approx(0.0004, abs=5e-5)
    assert (bool(a["rejected"]), bool(b["rejected"])) == (False, True)
    assert b["p_holm"] == pytest.approx(2 * b["p_value"])
    assert (a["mean_error"], a["mean_width"]) == (0.5, 2.0)
    assert b["mean_width"] == pytest.approx((12 * 2.0 + 8 * 0.5) / 20)
    assert pooled["estimate"] == pytest.approx(0.8)
    assert pooled["lower"] < 0.8 < pooled["upper"]
    assert pd.isna(pooled["p_holm"])
    assert pd.isna(pooled["rejected"])
    assert (table["credible_level"] == 0.9).all()
    assert table["synthetic"].all()


def test_coverage_refuses_what_it_cannot_count():
    intervals = make_intervals({"a": [True] * 3, "b": [True] * 3})
    with pytest.raises(ValueError, match="Not every cohort has an interval"):
        coverage(intervals.iloc[:-1])
    with pytest.raises(ValueError, match="of 2 levels"):
        coverage(intervals.assign(level=[0.9, 0.8] * 3))


class FakeFits:
    """Stands for `fit`: quick, the same for the same seed, and keeps what it was asked for."""

    def __init__(self):
        self.asked, self.raises = [], {}

    def __call__(self, data, spec, *, seed, chains, draws, tune, **_):
        self.asked.append(seed)
        if seed in self.raises:
            raise self.raises[seed]
        rng = np.random.default_rng(seed)
        dims, size = ("chain", "draw"), (chains, 40)
        named = {n: (dims, rng.normal(data.truth[n], 0.1, size)) for n in ("noise", "gain")}
        tree = fake_fit(**named)
        tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (dims, np.zeros(size, bool))}))
        rows = np.zeros(len(data.grades))
        patients = data.grades["patient"].unique()
        tree["design"] = xr.DataTree(xr.Dataset({"code": ("row", rows)}, {"patient": patients}))
        tree.attrs |= {"seed": seed, "chains": chains, "draws": draws, "tune": tune}
        tree.attrs |= {"seconds_compiling": 1.0, "seconds_sampling": 2.0, "sampler": "none"}
        tree.attrs |= {"fingerprint": f"of {spec.fingerprint} {seed}", "versions": "{}"}
        return tree


COHORTS = cache(simulated)


@pytest.fixture
def fake(monkeypatch):
    fits = FakeFits()
    monkeypatch.setattr(runner, "fit", fits)
    monkeypatch.setattr(recovery, "simulated", COHORTS)
    return fits


FILES = ("fits.csv", "intervals.csv", "coverage.csv", "manifest.json")


def run(spec, seeds, folder, **settings):
    stated = {"settings": {"n_patients": 6, **settings}, "workers": 1, "progress": False}
    return recovery.run_study(spec, seeds, folder, **stated)


@pytest.mark.slow
def test_an_interrupted_run_goes_on(spec, study, table, tmp_path, fake):
    whole, broken, seeds = tmp_path / "whole", tmp_path / "broken", [2, 1]
    run(spec, seeds, whole)
    _check_written(spec, study, table, whole)
    fake.raises = {1: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        run(spec, seeds, broken)
    assert [path.name for path in broken.iterdir()] == ["tasks"]
    fake.raises = {}
    run(spec, seeds, broken)
    run(spec, seeds, broken)
    assert fake.asked == [2, 1, 2, 1, 1]
    for name in FILES:
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name
    # Of other settings or another model nothing is kept.
    run(spec, [2], broken, draws=7)
    run(spec, [2], broken, level=0.8)
    changed = spec.resolved
    changed["noise"]["prior"]["median"] = 0.06
    run(parse_model(changed, "strength"), [2], broken)
    assert fake.asked[5:] == [2, 2, 2]


def _check_written(spec, study, table, folder):
    """Files of seeds 2 and 1: by seed, and made like those that are stored."""
    fits, intervals = recovery.read_study(folder)
    assert list(fits) == list(study[0])
    assert list(intervals) == list(study[1])
    assert fits["seed"].tolist() == [1, 2]
    assert intervals["seed"].tolist() == [1, 1, 2, 2]
    assert intervals["parameter"].tolist() == ["noise", "gain"] * 2
    assert (intervals["member"] == "").all()
    assert (fits[["n_patients", "chains", "draws", "tune"]] == [6, 2, 1000, 400]).all(axis=None)
    assert fits["fingerprint"].tolist() == [f"of {spec.fingerprint} {seed}" for seed in (1, 2)]
    assert list(pd.read_csv(folder / "coverage.csv")) == list(table)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    stored = json.loads((RESULTS / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest) == list(stored)
    assert manifest["seeds"] == [2, 1]
    assert manifest["settings"] == stored["settings"] | {"n_patients": 6}


def test_a_failed_cohort_ends_the_study_after_the_others(spec, tmp_path, fake):
    fake.raises = {3: ValueError("no such luck"), 2: RuntimeError("nor here")}
    said = (
        r"2 of 3 cohorts failed: cohort 3 \(ValueError: no such luck\); "
        r"cohort 2 \(RuntimeError: nor here\)"
    )
    with pytest.raises(RuntimeError, match=said):
        run(spec, [3, 1, 2], tmp_path)
    assert fake.asked == [3, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["tasks"]
    fake.raises = {}
    run(spec, [3, 1, 2], tmp_path)
    assert fake.asked[3:] == [3, 2]
    assert recovery.read_study(tmp_path)[0]["seed"].tolist() == [1, 2, 3]


def test_a_setting_that_there_is_not_is_refused(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(recovery, "simulated", COHORTS)
    with pytest.raises(RuntimeError, match=r"cohort 1 .* unexpected keyword argument 'drawz'"):
        run(spec, [1], tmp_path, drawz=7)
