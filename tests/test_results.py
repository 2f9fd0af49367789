"""The committed results belong to the data and the model files beside them: stale ones fail."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmn_bayes.data.published import read_evidence, read_published
from mmn_bayes.data.reading import read_cohort
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.model_spec import model_to_toml
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.outcomes.response.observed import observed_response
from mmn_bayes.studies.differences import most_errors

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "leger2008"
MODELS = ("strength", "response")


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(ROOT / "data" / "leger2008_cohort")


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(RESULTS / "response_table.csv")


@pytest.mark.parametrize("name", MODELS)
def test_the_model_as_it_was_fitted_lies_beside_the_results(name):
    spec = read_model(ROOT / "models" / f"{name}.toml")
    assert (RESULTS / f"spec_{name}.toml").read_text() == model_to_toml(spec)


@pytest.mark.parametrize("name", MODELS)
def test_every_check_of_the_stored_fit_is_passed(name):
    checks = pd.read_csv(RESULTS / f"diagnostics_{name}.csv")
    assert checks["passed"].all()
    assert checks["synthetic"].all()
    assert {"sampler", "response, cohort", "response, population"} <= set(checks["quantity"])
    assert pd.read_csv(RESULTS / f"predictive_{name}.csv")["covers"].all()


def test_observed_rows_are_recomputed_from_the_cohort(table, cohort):
    spec = read_model(ROOT / "models" / "strength.toml")
    with pytest.warns(CohortWarning, match="2 of 40 patients are not evaluable"):
        now = observed_response(cohort, spec, by="naive").set_index("naive")
    stored = table[table["source"] == "observed"].set_index("naive")
    for label, group in (("naive", True), ("previously treated", False)):
        for column in ("n", "events", "missing", "estimate", "lower", "upper", "level"):
            assert stored.loc[label, column] == pytest.approx(now.loc[group, column]), column


def test_naive_row_is_the_published_one(table):
    counts = read_published(ROOT / "data" / "leger2008")["counts"].set_index("quantity")
    published = counts.loc["response_6_months"]
    row = table[(table["source"] == "observed") & (table["naive"] == "naive")].iloc[0]
    assert (row["events"], row["n"]) == (published["events"], published["n"])
    assert f"{100 * row['estimate']:.0f}" == published["printed_percent"]
    assert f"{row['lower']:.2f}" == published["printed_lower"]
    assert f"{row['upper']:.2f}" == published["printed_upper"]


def test_posterior_rows_are_there_for_both_meanings_and_say_what_they_are(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for group in ("naive", "previously treated"):
            rows = table[table["naive"] == group].set_index("source")
            for model in MODELS:
                these = rows.loc[f"{model}: these patients"]
                new = rows.loc[f"{model}: new patients"]
                assert these["interval"] == new["interval"] == "eti"
                assert these["upper"] - these["lower"] < new["upper"] - new["lower"]
                assert these["meaning"] != new["meaning"]
    treated = table[(table["source"] == "observed") & (table["naive"] == "previously treated")]
    assert treated["published"].iloc[0] == "not published: the synthetic cohort's own"
    assert table["synthetic"].all()
    text = (RESULTS / "response_table.md").read_text(encoding="utf-8")
    assert text.startswith("**SYNTHETIC DATA.")


# --- history, the missing, the definition ---------------------------------------------------------

HISTORY = ("historical_response", "historical_placebo", "trial_leger2001")


def test_every_check_of_the_fits_of_history_is_passed():
    for name in (*HISTORY, "response_map", "response_robust"):
        assert pd.read_csv(RESULTS / f"diagnostics_{name}.csv")["passed"].all()
    assert pd.read_csv(RESULTS / "mixture_check.csv")["passed"].dropna().all()


def test_every_row_of_the_evidence_is_accounted_for():
    selected = pd.read_csv(RESULTS / "evidence_selected.csv")
    evidence = read_evidence(ROOT / "data" / "evidence" / "response_counts.csv")
    assert selected["row"].tolist() == evidence["row"].tolist()
    assert (selected["enters"] == selected["reason"].isna()).all()
    history = pd.read_csv(RESULTS / "history.csv")
    assert set(history["study"]) >= set(selected.loc[selected["enters"], "row"])


def test_the_stored_answers_are_about_the_same_patients(table):
    observed = table[table["source"] == "observed"].set_index("naive")
    for name in ("comparison", "missing", "definitions", "response_history", "placebo"):
        stored = pd.read_csv(RESULTS / f"{name}.csv")
        column = "group" if name == "comparison" else "naive"
        for group in ("naive", "previously treated"):
            rows = stored[(stored[column] == group) & stored["n"].notna()]
            first = rows[rows["n"] == observed.loc[group, "n"]].iloc[0]
            assert first["events"] == observed.loc[group, "events"], name
            assert first["estimate"] == pytest.approx(observed.loc[group, "estimate"])
        text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
        assert text.startswith("**SYNTHETIC DATA.")
        assert "Intercurrent events: treatment stopped" in text


def test_grading_noise_alone_makes_responders_and_the_table_says_so():
    stored = pd.read_csv(RESULTS / "definitions.csv")
    stated = stored[stored["definition"] == "as stated"].set_index(["naive", "source"])
    chance = stated.loc[("previously treated", "by chance alone")]
    new = stated.loc[("previously treated", "new patients")]
    # No more than noise: the intervals of the two overlap, as those of the naive do not.
    assert chance["lower"] < new["estimate"] < chance["upper"]
    assert (
        stated.loc[("naive", "by chance alone"), "upper"]
        < stated.loc[("naive", "new patients"), "lower"]
    )


# --- infusions and schedules ----------------------------------------------------------------------

VARIANTS = (
    *("strength", "strength_dose_rate", "strength_cumulative", "strength_no_exposure"),
    "strength_time",
)


def apart(variants, table):
    """Groups of which the variants say something else than the response table: another script.

    The two are written by two targets, and hang on the same draws only where both have run on one
    machine: they are compared by the Monte Carlo errors of both.
    """
    own = variants[variants["model"] == "strength"].set_index("quantity")
    rows = table[table["source"] == "strength: new patients"].set_index("naive")
    found = []
    for group in rows.index:
        one, other = own.loc[f"response of new patients, {group}"], rows.loc[group]
        allowance = most_errors(len(rows)) * np.hypot(one["mcse"], other["mcse"])
        if not abs(one["estimate"] - other["estimate"]) <= allowance:
            found.append(group)
    return found


def test_variants_and_response_table_may_be_of_other_draws_and_of_no_other_model(table):
    stored = pd.read_csv(RESULTS / "exposure_variants.csv")
    # From what the variants have, wherever the stored table lies within its Monte Carlo error.
    own = stored[stored["model"] == "strength"].set_index("quantity")["estimate"]
    of_row = "response of new patients, " + table["naive"]
    for errors, expected in ((1.0, []), (-1.0, []), (10.0, ["naive", "previously treated"])):
        other = table.assign(estimate=of_row.map(own) + errors * table["mcse"])
        assert apart(stored, other) == expected


def test_every_variant_stands_in_the_table_with_its_prediction_of_patients_left_out(table):
    stored = pd.read_csv(RESULTS / "exposure_variants.csv")
    assert set(stored["model"]) == set(VARIANTS)
    assert (stored.groupby("model")["elpd"].nunique() == 1).all()
    assert (stored["difference"] <= 0).all()
    assert apart(stored, table) == []
    assert stored["synthetic"].all()


def test_time_and_infusions_are_weighed_in_words():
    for name in ("exposure_time_and_infusions", "exposure_first_months"):
        stored = pd.read_csv(RESULTS / f"{name}.csv")
        assert {"time", "infusions", "both"} == set(stored["component"])
        assert stored["interpretation"].str.len().min() > 10
        assert (stored["level"] == 0.95).all()
    bound = pd.read_csv(RESULTS / "exposure_confounding.csv")
    assert bound.loc[0, ["grades", "correlation"]].tolist() == [0.0, 0.0]
    assert len(bound) == 1 + 3 * 4


def test_the_models_placebo_rate_stands_beside_the_published_one():
    stored = pd.read_csv(RESULTS / "scenario_response.csv")
    published = read_published(ROOT / "data" / "leger2008")["counts"].set_index("quantity")
    rate = float(published.loc["historical_placebo_rate", "printed_percent"]) / 100
    assert stored.iloc[-1]["estimate"] == rate
    none = stored[stored["scenario"] == "no infusion"].set_index("naive")
    # Who was treated before has had infusions.
    assert none.loc["naive", "extrapolated"]
    assert "nothing infused so far" in none.loc["naive", "note"]
    assert "nothing infused so far" not in str(none.loc["previously treated", "note"])
    assert not stored.loc[stored["scenario"] == "as infused", "extrapolated"].any()
