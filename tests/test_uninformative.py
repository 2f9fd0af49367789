"""Data that cannot tell: a warning at the fit, and in tables why a row is blank."""

import warnings

import numpy as np
import pandas as pd
import pytest
import trees
import xarray as xr

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.engine.uninformative import uninformative
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.comparison_table import comparison_table
from mmn_bayes.outcomes.response.definitions import response_by_definition
from mmn_bayes.outcomes.response.definitions_table import definition_table
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.missing_table import missing_table, tipping_table
from mmn_bayes.outcomes.response.table import format_table, response_table
from mmn_bayes.posterior.summary import contrast, summarise
from mmn_bayes.studies.known_truth import simulated

FEW = {"seed": 1, "chains": 2, "draws": 60, "tune": 100, "progress": "off"}
JUDGED = "the response rule could judge nobody"


def cohort_of(grade, n=8, naive=lambda i: bool(i % 2)):
    """Patients with three visits and three muscles, of grades by patient and day."""
    patients = pd.DataFrame(
        {"patient": [f"p{i}" for i in range(n)], "naive": [naive(i) for i in range(n)]}
    )
    rows = [
        (f"p{i}", day, muscle, side, grade(i, day))
        for i in range(n)
        for day in (0, 91, 182)
        for muscle in ("a", "b", "c")
        for side in ("left", "right")
    ]
    grades = pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"])
    infusions = pd.DataFrame({"patient": patients["patient"], "day": 1, "dose_g_per_kg": 2.0})
    with warnings.catch_warnings():  # grades that nobody had
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(patients, grades, infusions, synthetic=True)


@pytest.mark.slow
@pytest.mark.draws
def test_nobody_affected_is_said_at_the_fit_and_in_the_tables(models):
    spec = read_model(models / "strength_no_exposure.toml")
    with pytest.warns(CohortWarning) as said:
        tree = fit(cohort_of(lambda i, day: 5), spec, **FEW)
    words = [str(warning.message) for warning in said]
    assert any("All 144 grades are 5: how muscles and patients differ" in text for text in words)
    assert any(
        "Of the naive, none of 4 graded at baseline has 2 affected" in text for text in words
    )
    draws = response_probability(tree, patients="population", by="naive")
    n_blank = np.isnan(draws).sum(("chain", "draw")).to_numpy()
    table = response_table(tree, by="naive")
    rows = table[table["source"].str.endswith("these patients")]
    assert rows["estimate"].isna().all()
    assert rows["reason"].str.endswith(JUDGED).all()
    new = table[table["source"].str.endswith("new patients")].set_index("naive")["reason"]
    for label, blank in (("previously treated", n_blank[0]), ("naive", n_blank[1])):
        expected = f"{120 - blank} of 120 draws have a value; in the others {JUDGED}"
        assert new[label] == (expected if blank else "")
    observed = table.loc[table["source"] == "observed", "reason"]
    assert (observed == "nobody evaluable").all()
    assert format_table(table)["reason"].str.contains("of 120 draws have a value").any()
    with pytest.raises(ValueError, match="Nobody was judged"):
        tipping_table(tree, rate=0.2, by="naive")
    own = missing_table(tree, rate=0.2, by="naive")
    filled = own[own["assumption"] == "filled in by the model"]
    assert (filled["reason"] != "").equals(filled["estimate"].isna())


@pytest.mark.parametrize(
    ("model", "cohort", "words"),
    [
        ("strength_no_exposure", cohort_of(lambda i, d: 3), "All 144 grades are 3"),
        (
            "strength_no_exposure",
            cohort_of(lambda i, d: 5 if i % 2 else 2 + (d > 0) * (i > 2)),
            "Of the naive, none of 4 graded",
        ),
        ("response", cohort_of(lambda i, d: 3 + (d > 0)), "All 8 evaluable patients responded"),
        ("response", cohort_of(lambda i, d: 3), "None of 8 evaluable patients responded"),
        (
            "response",
            cohort_of(lambda i, d: 3 + (d > 0) * (i > 4), naive=lambda i: True),
            "predictor naive: the same for all 8 patients, so that what it does cannot be told",
        ),
        (
            "strength_no_exposure",
            cohort_of(lambda i, d: 3 + (d > 0), n=1),
            "There is one patient: how patients differ cannot be learned",
        ),
    ],
)
def test_what_cannot_be_learned_is_one_sentence(models, model, cohort, words):
    spec = read_model(models / f"{model}.toml")
    found = uninformative(spec, make_design(cohort, spec))
    assert sum(sentence.startswith(words) for sentence in found) == 1
    assert all(sentence.endswith(".") and ". " not in sentence for sentence in found)


def test_studies_in_which_everybody_responds_cannot_tell(models):
    content = read_model(models / "historical_response.toml").resolved
    del content["evidence"]
    spec = parse_model(content, "any_studies")
    for responders, words in (([4, 6], "All 10 patients have"), ([0, 0], "No patient has")):
        counts = pd.DataFrame({"study": ["A", "B"], "n": [4, 6], "responders": responders})
        (found,) = uninformative(spec, make_design(counts, spec))
        assert found.startswith(words)
    counts = counts.assign(responders=[1, 3])
    assert uninformative(spec, make_design(counts, spec)) == []


def test_data_that_can_tell_are_fitted_without_a_word(models):
    for name in ("strength", "response"):
        spec = read_model(models / f"{name}.toml")
        assert uninformative(spec, make_design(simulated(20, seed=3), spec)) == []


@pytest.mark.slow
@pytest.mark.draws
@pytest.mark.parametrize("model", ["response", "strength_no_exposure"])
def test_draws_that_are_not_numbers_are_never_a_rate(models, model):
    """No number is above NaN: a patient who was drawn by comparing would be no responder."""
    tree = fit(simulated(20, seed=3), read_model(models / f"{model}.toml"), **FEW)
    posterior = tree["posterior"].to_dataset().copy(deep=True)
    for values in posterior.data_vars.values():
        values[1, 50:] = np.nan
    broken = trees.with_draws(tree, **{name: posterior[name] for name in posterior.data_vars})
    for patients in ("cohort", "population"):
        draws = response_probability(broken, patients=patients, by="naive")
        assert np.isnan(draws[1, 50:]).all()
        assert np.isfinite(draws[0]).all()
    tables = {
        "response": response_table(broken, by="naive"),
        "missing": missing_table(broken, rate=0.2, by="naive"),
        "groups": comparison_table(broken, rate=0.2, by="naive").rename(columns={"note": "reason"}),
    }
    if model != "response":
        tables["definitions"] = definition_table(broken, by="naive")
        assert np.isnan(response_by_definition(broken, patients="chance")[1, 50:]).all()
    for name, table in tables.items():
        of_draws = table["interval"] == "eti"
        assert of_draws.any(), name
        assert table.loc[of_draws, ["estimate", "lower", "upper"]].isna().all(axis=None), name
        assert table.loc[of_draws, "reason"].str.contains("of 120 draws have a value").all(), name
        if "p_above" in table:
            assert table.loc[of_draws, "p_above"].isna().all()


def test_a_row_that_is_there_has_no_reason_and_a_contrast_its_own(models):
    rng = np.random.default_rng(1)

    draws = xr.DataArray(
        rng.random((2, 50, 2)),
        dims=("chain", "draw", "arm"),
        coords={"arm": ["a", "b"]},
        attrs={"undefined": JUDGED},
    )
    assert "reason" not in summarise(draws)
    draws[1, 3, 0] = np.nan
    assert summarise(draws, above=0.5)["reason"].tolist() == [
        f"99 of 100 draws have a value; in the others {JUDGED}",
        "",
    ]
    ratio = contrast(draws, between=("b", "a"), kind="ratio")
    (words,) = summarise(ratio)["reason"]
    assert words.endswith("one of the two is missing, or what it is divided by is 0")
