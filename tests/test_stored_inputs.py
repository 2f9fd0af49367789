"""What is stored is of the models, data and code beside it, and of nothing that a draw decides."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from stored import MADE_BY, ROOT, Beside

from mmn_bayes.engine import design as design_module
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.errors import DataError
from mmn_bayes.studies.monte_carlo import errors_of, is_mixture

HISTORY = "leger2008/manifest_history.json"
OF_HISTORY = {"response_map", "response_robust"}
CANDIDATES = ("predictors/manifest.json", "candidates_response_map")


@pytest.fixture(scope="module")
def beside():
    return Beside()


@pytest.fixture
def copy(tmp_path):
    """A copy of models, data and results, to be changed."""
    for name in ("models", "data", "results"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.nc", "tasks")
        )
    return tmp_path


def replaced(path, old, new):
    """Change one text of a file that has it once at least."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("manifest", MADE_BY)
def test_stored_fits_are_of_these_models_these_data_and_this_code(manifest, beside):
    assert beside.fits(manifest)
    assert beside.stale(manifest) == [], f"run `make {MADE_BY[manifest]}` and commit what it writes"


def test_every_manifest_of_stated_data_is_looked_at():
    """One of fits by name, that is; studies of simulated cohorts have none."""
    found = set()
    for path in (ROOT / "results").rglob("manifest*.json"):
        if "fits" in json.loads(path.read_text(encoding="utf-8")):
            found.add(path.relative_to(ROOT / "results").as_posix())
    assert found == set(MADE_BY)


# --- another machine ------------------------------------------------------------------------------


def test_other_draws_of_the_same_inputs_leave_nothing_stale(copy):
    """Every number that a draw decides is another one: as after `make results` elsewhere."""
    rng = np.random.default_rng(3)
    moved = 0
    for path in (copy / "results").rglob("*.csv"):
        table = pd.read_csv(path)
        error = errors_of(table).error
        for column in table.columns[error.notna().any()]:
            by = 0.7 * error[column].fillna(0.0) * rng.normal(size=len(table))
            table[column] = table[column].astype(float) + by
            moved += int((by != 0.0).sum())
        if is_mixture(table):
            for column, factor in (("weight", 0.99), ("alpha", 1.02), ("beta", 1.01)):
                table[column] *= factor
            # As many parts as another machine's draws may ask for.
            table = table.iloc[1:]
        table.to_csv(path, index=False)
    assert moved > 10_000
    assert Beside(copy).all_stale() == set()


def test_a_changed_model_file_makes_its_fits_stale_and_no_others(copy):
    replaced(copy / "models" / "response_map.toml", 'kind = "map"', 'kind = "robust"')
    replaced(copy / "models" / "strength_time.toml", "[time]", "[time]\n# a remark is no change")
    assert Beside(copy).all_stale() == {(HISTORY, "response_map")}


def test_a_changed_row_of_evidence_makes_stale_what_history_informs(copy):
    path = copy / "data" / "evidence" / "response_counts.csv"
    evidence = pd.read_csv(path, dtype=str, keep_default_na=False)
    selected = pd.read_csv(ROOT / "results" / "leger2008" / "evidence_selected.csv")
    row = evidence.index[selected["enters"]][0]
    evidence.loc[row, "responders"] = str(int(evidence.loc[row, "responders"]) - 1)
    evidence.to_csv(path, index=False)
    stale = Beside(copy).all_stale()
    of_history = {(HISTORY, name) for name in (*OF_HISTORY, "historical_response")}
    assert {*of_history, CANDIDATES} <= stale
    assert not [name for _, name in stale if name in ("strength", "response")]


def test_a_changed_cell_of_the_data_makes_stale_what_is_of_the_cohort(copy):
    path = copy / "data" / "leger2008_cohort" / "grades.csv"
    grades = pd.read_csv(path, dtype=str, keep_default_na=False)
    last = grades.index[grades["grade"].isin(["2", "3"])][-1]
    grades.loc[last, "grade"] = "4"
    grades.to_csv(path, index=False)
    stale = Beside(copy).all_stale()
    assert {
        ("leger2008/manifest.json", "strength"),
        ("long_run/manifest.json", "strength_slope"),
    } <= stale
    assert (HISTORY, "historical_response") not in stale


def test_a_raised_version_of_the_code_makes_everything_stale(beside, monkeypatch):
    monkeypatch.setattr(design_module, "CODE_VERSION", design_module.CODE_VERSION + 1)
    for manifest in ("leger2008/manifest.json", HISTORY):
        assert set(beside.stale(manifest)) == set(beside.fits(manifest))


# --- a mixture in a fingerprint -------------------------------------------------------------------


@pytest.fixture
def of_mixture(beside):
    """Fingerprint of the response model with a mixture, by its table."""
    spec = beside.spec("response_map")

    def made(mixture):
        return fingerprint(spec, make_design(beside.cohort(), spec, mixture), 1)

    return made, beside.historical(spec)


def test_a_mixture_stands_for_the_fit_that_it_is_made_of(of_mixture):
    made, mixture = of_mixture
    assert made(mixture.assign(alpha=mixture["alpha"] + 1e-9)) == made(mixture)
    assert made(mixture.assign(fit_fingerprint="another fit")) != made(mixture)


def test_a_mixture_stated_by_hand_is_data_to_the_last_digit(of_mixture):
    made, mixture = of_mixture
    by_hand = mixture.drop(columns="fit_fingerprint")
    assert made(by_hand) != made(mixture)
    assert made(by_hand.assign(alpha=by_hand["alpha"] + 1e-9)) != made(by_hand)


def test_a_mixture_of_two_fits_is_refused(of_mixture):
    made, mixture = of_mixture
    for wrong in (["one", *["other"] * (len(mixture) - 1)], [None] * len(mixture)):
        with pytest.raises(DataError, match="fit_fingerprint is not the same in all rows"):
            made(mixture.assign(fit_fingerprint=wrong))
