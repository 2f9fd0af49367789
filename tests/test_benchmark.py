"""The benchmark: what is stored is whole and of this model; the engines have one model."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytest

from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.model_file.reading import parse_model, read_model
from scripts.benchmarking import cohorts, gradient, peers, plan, running, short, tables, writing

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "benchmark"
INTERPRETED = "FAST_COMPILE"


# --- what is stored ------------------------------------------------------------------------------


def is_whole(stored: pd.DataFrame) -> None:
    expected = plan.measurements(plan.SIZES, 1.0, quick=False)
    keys = ["engine", "regime", "patients", "run"]
    assert list(stored.columns) == list(tables.COLUMNS)
    assert stored[keys].to_dict("records") == [{k: getattr(m, k) for k in keys} for m in expected]
    assert (stored["rows"] == tables.ROWS_A_PATIENT * stored["patients"]).all()
    own = stored[stored["engine"] == plan.PACKAGE]
    assert (own["status"] == "finished").all()
    done = stored[(stored["status"] == "finished") & (stored["run"] != plan.GRADIENT)]
    measured = ["seconds_to_first_draw", "seconds_sampling", "us_per_gradient", "ess_bulk"]
    measured += ["ess_tail", "leapfrogs_per_draw", "memory_mib", "ess_per_total_second"]
    assert (done[measured] > 0).all(axis=None)
    failed = stored.loc[stored["status"] != "finished", "status"]
    # Too slow, or too large for the machine; anything else is a fault of the benchmark.
    assert failed.str.match("not finished within [0-9]+ s$|failed: .*MemoryError").all()


def has_one_posterior(stored: pd.DataFrame) -> None:
    done = stored[(stored["status"] == "finished") & stored["mean_site_sd"].notna()]
    for _, same in done.groupby(["regime", "patients"]):
        for name in ("patient_sd", "site_sd"):
            mean = same[f"mean_{name}"]
            assert mean.max() / mean.min() < 1.1, name


def is_of_this_model(stored: pd.DataFrame) -> None:
    manifest = json.loads((RESULTS / "manifest.json").read_text(encoding="utf-8"))
    now = read_model(plan.MODEL).fingerprint
    assert manifest["model_fingerprint"] == now, "run `make benchmark` and commit what it writes"
    assert {"python", *writing.PACKAGES} == set(manifest["versions"])
    assert manifest["patients"] == sorted(set(stored["patients"])) == list(plan.SIZES)


def is_what_ratios_and_readme_say(stored: pd.DataFrame) -> None:
    kept = pd.read_csv(RESULTS / "ratios.csv")
    pd.testing.assert_frame_equal(kept, tables.ratios(stored, plan.SIZES), check_dtype=False)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == short.with_table(readme, stored)


CHECKS = (is_whole, has_one_posterior, is_of_this_model, is_what_ratios_and_readme_say)


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_stored(check: Callable[[pd.DataFrame], None]) -> None:
    if RESULTS.exists():
        check(pd.read_csv(RESULTS / "benchmark.csv"))
        return
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition(short.BEGIN)[2].partition(short.END)[0]
    assert not shown.strip(), "README shows a benchmark of which no results are stored"


# --- the tables, by hand -------------------------------------------------------------------------


def record(engine: str, n: int, run: str = "first", **values: float) -> dict:
    record = {"engine": engine, "regime": "reliable", "patients": n, "run": run}
    return record | {"status": "finished"} | values


def some_records() -> list[dict]:
    seconds = {"seconds_to_first_draw": 4.0, "seconds_sampling": 10.0, "seconds_total": 20.0}
    fine = {"divergences": 0, "r_hat": 1.004, "r_hat_patients": 1.002, "leapfrogs_per_draw": 7.0}
    own = {**seconds, **fine, "ess_bulk": 1000.0, "us_per_gradient": 100.0}
    slow = {**seconds, "seconds_sampling": 100.0, "seconds_total": 200.0, "ess_bulk": 500.0}
    again = {**slow, "seconds_total": 150.0}
    records = [
        record(plan.PACKAGE, 4, saved_mb=12.0, seconds_before_second_sampling=3.5, **own),
        record(plan.PACKAGE, 4, "second", **own),
        record(plan.ORDERED, 4, **slow),
        record(plan.BAMBI, 4, **slow),
        record(plan.BAMBI, 4, "second", **again),
        record(plan.PACKAGE, 40, **{**own, "us_per_gradient": 1200.0, "divergences": 3}),
        record(plan.PACKAGE, 400, memory_mib=2048.0, **own),
        record(plan.PYMC, 40) | {"status": "not finished within 9 s"},
    ]
    noisy = [r | {"regime": "noisy"} for r in records[:2]]
    return [*records, noisy[0], noisy[1] | {"divergences": 2}]


def test_the_ratios_are_those_of_one_run() -> None:
    found = tables.ratios(tables.measured(some_records()), (4, 40, 400)).set_index("quantity")
    assert found["value"].tolist() == [20.0, 20.0, 20.0, 15.0, 3.0, 1.004, 12.0, 2.0, 12.0, 3.5]
    reached = [True, True, True, True, False, True, False, True, True, False]
    assert found["reached"].tolist() == reached


def test_what_was_not_measured_is_not_reached() -> None:
    records = [r for r in some_records() if r["engine"] != plan.BAMBI]
    found = tables.ratios(tables.measured(records), (4, 40, 400))
    of_bambi = found[found["quantity"].str.contains("Bambi")]
    assert len(of_bambi) == 3
    assert of_bambi["value"].isna().all()
    assert not of_bambi["reached"].any()


def test_the_short_table_has_a_row_an_engine_and_says_what_did_not_finish() -> None:
    table = short.short(tables.measured(some_records()))
    assert len(table) == 7
    assert table.iloc[0]["s to first draw"] == "4.0 / 4.0"
    assert table.iloc[0]["ESS/s sampling"] == "100.0"
    unfinished = table[table["engine"] == plan.PYMC].iloc[0]
    assert unfinished["s to first draw"] == "not finished within 9 s"


def test_fits_that_are_not_to_be_relied_on_are_named() -> None:
    (note,) = short.doubts(tables.measured(some_records()))
    assert f"{plan.PACKAGE}, reliable, 2,400 rows, first run (R-hat 1.004, 3 divergent" in note
    assert f"{plan.PACKAGE}, noisy, 240 rows, second run (R-hat 1.004, 2 divergent" in note
    assert note.count("divergent draws)") == 2
    fine = [r | {"divergences": 0} for r in some_records()]
    assert short.doubts(tables.measured(fine)) == []


def test_the_readme_keeps_everything_but_its_table() -> None:
    text = f"before\n{short.BEGIN}\nwhat it was before\n{short.END}\nafter\n"
    new = short.with_table(text, tables.measured(some_records()))
    assert new.startswith(f"before\n{short.BEGIN}\n\n**SYNTHETIC DATA.")
    assert new.endswith(f"{short.END}\nafter\n")
    assert "what it was before" not in new
    with pytest.raises(ValueError, match="no marks"):
        short.with_table("before\nafter\n", tables.measured(some_records()))


def test_a_run_writes_all_its_files(tmp_path: Path) -> None:
    writing.write_results(some_records(), (4, 40, 400), tmp_path, readme=False)
    names = {"benchmark.csv", "ratios.csv", "cost.png", "manifest.json"}
    assert {path.name for path in tmp_path.iterdir()} == names


# --- the processes -------------------------------------------------------------------------------


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
    status = running.limited(sleeps, tmp_path / "log", running.environment_of(tmp_path), 0.5)
    assert status == "not finished within 0.5 s"


def test_a_process_that_fails_says_how(tmp_path: Path) -> None:
    task = {"engine": "nobody", "regime": "noisy", "patients": 1, "run": "first", "lengths": ()}
    task |= {"cohorts": str(tmp_path), "limit_seconds": 60.0}
    assert running.run_one(task, tmp_path, 1) == {"status": "failed: KeyError: 'nobody'"}


def test_the_caches_of_compiled_code_are_where_a_process_is_told(tmp_path: Path) -> None:
    environment = running.environment_of(running.caches_of(tmp_path, "of one, and 2"))
    code = "import numba, pytensor; print(numba.config.CACHE_DIR, pytensor.config.base_compiledir)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    expected = running.caches_of(tmp_path, "of one, and 2")
    assert done.stdout.split() == [str(expected / "numba"), str(expected / "pytensor")]


# --- one model -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohorts")
    cohorts.write(folder, "noisy", 20)
    return folder


def test_every_patient_has_60_grades_and_every_engine_the_same(few: Path) -> None:
    from mmn_bayes.data.reading import read_cohort

    cohort = read_cohort(few / "first")
    table = pd.read_csv(few / "first.csv")
    assert (cohort.grades.groupby("patient").size() == tables.ROWS_A_PATIENT).all()
    design = make_design(cohort, read_model(plan.MODEL))
    site, visit = design["site_of_row"].to_numpy(), design["visit_of_row"].to_numpy()
    patient = design["patient_of_site"].to_numpy()[site]
    exposure = design["exposure_dose_rate"].to_numpy()[visit]
    ours = {
        "grade": design["code"].to_numpy(),
        "dose_rate": exposure.round(9),
        "naive": design["x_naive_level"].to_numpy()[patient],
        "patient": design["patient"].to_numpy()[patient],
    }
    by = list(ours)
    theirs = table.assign(dose_rate=table["dose_rate"].round(9))[by].sort_values(by)
    frame = pd.DataFrame(ours).sort_values(by)
    pd.testing.assert_frame_equal(
        frame.reset_index(drop=True), theirs.reset_index(drop=True), check_dtype=False
    )


def test_the_log_density_of_the_graph_by_hand_is_that_of_the_package(few: Path) -> None:
    """The package's is that of the other with every site effect integrated out, here by a grid."""
    from mmn_bayes.data.reading import read_cohort

    content = read_model(plan.MODEL).resolved
    # The law of the levels is the same however they are sampled; the other samples them so.
    content["group"]["patient_level"]["parametrisation"] = "non_centred"
    spec = parse_model(content, "benchmark")
    cohort, table = read_cohort(few / "first"), pd.read_csv(few / "first.csv")
    ours, theirs = build(spec, make_design(cohort, spec)), peers.graph(table)
    rng = np.random.default_rng(1)
    # Unconstrained, so that the Jacobians are compared too.
    point = {
        "cutpoints_ordered__": np.array([-3.0, 0.3, 0.1, 0.4, 0.5]),
        "patient_level_sd_log__": np.array(-0.2),
        "site_sd_log__": np.array(0.6),
        "naive_level": np.array(0.4),
        "dose_rate": np.array(-0.3),
        "patient_level_z": rng.normal(size=20),
    }
    names = {"cutpoints_ordered__": "thresholds_ordered__", "patient_level_z": "patient_z"}
    names |= {"patient_level_sd_log__": "patient_sd_log__", "naive_level": "naive"}
    z = np.linspace(-7.0, 7.0, 141)
    shared = {names.get(name, name): value for name, value in point.items()}
    n_sites = table["site"].nunique()
    log_grades = theirs.compile_logp([theirs["grade"]], sum=False, mode=INTERPRETED)
    site = pd.factorize(table["site"])[0]
    by_site = np.array(
        [
            np.bincount(site, log_grades({**shared, "site_z": np.full(n_sites, node)})[0])
            for node in z
        ]
    )
    weighted = by_site - 0.5 * z[:, None] ** 2 - 0.5 * np.log(2.0 * np.pi) + np.log(z[1] - z[0])
    top = weighted.max(axis=0)
    integrated = float((top + np.log(np.exp(weighted - top).sum(axis=0))).sum())
    others = [rv for rv in theirs.free_RVs if rv.name != "site_z"]
    rest = shared | {"site_z": np.zeros(n_sites)}
    log_priors = float(theirs.compile_logp(others, mode=INTERPRETED)(rest))
    got = float(ours.compile_logp(mode=INTERPRETED)(point))
    # K - 1 numbers put in order have (K - 1)! times their density: a constant.
    assert got == pytest.approx(integrated + log_priors + np.log(120.0), rel=1e-7)


def test_the_timed_points_are_those_of_the_draws(few: Path) -> None:
    model = peers.graph(pd.read_csv(few / "first.csv"))
    drawn = pm.draw(list(model.free_RVs), 8, random_seed=1, mode=INTERPRETED)
    import xarray as xr

    posterior = xr.Dataset(
        {
            rv.name: (("chain", "draw", *(f"{rv.name}_{i}" for i in range(x.ndim - 1))), x[None])
            for rv, x in zip(model.free_RVs, drawn, strict=True)
        }
    )
    posterior["thresholds"] = posterior["thresholds"].copy(data=np.sort(posterior["thresholds"]))
    order = [value.name for value in model.value_vars][::-1]
    flat = next(gradient.points(model, posterior, order))
    assert flat.size == sum(value.size for value in model.initial_point().values())
    place = sum(model.initial_point()[name].size for name in order[: order.index("site_sd_log__")])
    assert np.exp(flat[place]) == pytest.approx(float(posterior["site_sd"][0, 0]))


def test_bambi_s_effects_give_back_what_it_sampled() -> None:
    import xarray as xr

    effects = np.array([0.5, -1.0, 2.0])
    draw = xr.Dataset({"1|site": ("site", effects), "1|site_sigma": 4.0})
    assert gradient.drawn(draw, "1|site_offset") == pytest.approx(effects / 4.0)
    assert gradient.drawn(draw, "1|site") == pytest.approx(effects)
    with pytest.raises(KeyError, match=r"1\|patient"):
        gradient.drawn(draw, "1|patient_offset")
