"""Models of the same candidates side by side with the frequentist rows, in a table and a figure.

Tests of draws hold for any draws: failure probability 0.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from trees import with_draws

from mmn_bayes.data.restricting import of_patients
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.plots import predictors_figure
from mmn_bayes.predictors.comparison_table import (
    compare_predictors,
    predictor_notes,
    printed_predictors,
)
from mmn_bayes.predictors.observed import observed_effects
from mmn_bayes.predictors.table import predictor_table
from mmn_bayes.report.formatting import to_markdown, to_text
from mmn_bayes.simulation.responses import simulate_responses
from mmn_bayes.studies.known_truth import simulated

SHORT = {"chains": 2, "draws": 200, "tune": 250, "progress": "off", "seed": 1}
LONG = "a_predictor_whose_name_is_long_enough_to_be_cut"


def two_models(models):
    content = read_model(models / "response.toml").resolved
    table = {"kind": "number", "acts_on": "response", "centre": 0, "per": 1, "unit": "sd"}
    table |= {"margin": {"scale": "odds_ratio", "value": 1.5, "why": "half as much again"}}
    normal = {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}
    names = ("x", LONG, "same")
    bare = {name: {**table, "column": name} for name in names}
    region = {"column": "region", "kind": "category", "levels": ["north", "south"]}
    bare["region"] = {k: table[k] for k in ("acts_on", "margin")} | region
    own = {name: {**one, "prior": normal} for name, one in bare.items()}
    r2d2 = {"distribution": "r2d2", "r2_mean": 0.2, "r2_precision": 5, "shape": 0.5}
    r2d2 |= {"residual_sd": 2, "why": "a reason"}
    shared = {"of": [n for n in bare if n != "same"], "prior": r2d2}
    together = {**bare, "same": own["same"]}
    return [
        parse_model({**content, "predictor": own}, "own"),
        parse_model({**content, "predictor": together, "shrinkage": shared}, "shared"),
    ]


@pytest.fixture(scope="module")
def cohort():
    cohort = simulate_responses({"x": 1.0, LONG: 0.0}, n_patients=30, seed=3)
    n = len(cohort.patients)
    region = np.array(["north", "south", "south"])[np.arange(n) % 3]
    return replace(cohort, patients=cohort.patients.assign(same=1.0, region=region))


@pytest.fixture(scope="module")
def fits(models, cohort):
    with pytest.warns(CohortWarning, match="predictor same: the same for all 30 patients"):
        return [fit(cohort, spec, **SHORT) for spec in two_models(models)]


@pytest.fixture(scope="module")
def table(fits, cohort):
    return compare_predictors(fits, cohort)


@pytest.mark.slow
@pytest.mark.draws
def test_every_model_and_the_usual_test_have_a_row(table, fits, cohort, models):
    assert table.groupby("model", sort=False).size().to_dict() == {
        "own": 4,
        "shared": 4,
        "Firth logistic": 4,  # once, though two models ask for it
    }
    own = table[table["model"] == "own"].reset_index(drop=True)
    alone = predictor_table(fits[0])
    shared = [name for name in alone if name in own]
    pd.testing.assert_frame_equal(own[shared], alone[shared], check_dtype=False)
    observed = table[table["source"] == "observed"].set_index("predictor")
    direct = observed_effects(cohort, two_models(models)[0]).set_index("predictor")
    for name in ("estimate", "lower", "upper", "p_value", "p_holm"):
        assert observed[name].to_numpy() == pytest.approx(direct[name].to_numpy(), nan_ok=True)
    assert observed.loc["same", "note"].startswith("constant: 1 in every patient")
    assert np.isnan(observed.loc["same", "estimate"])
    assert (observed["n_patients"] == 30).all()


@pytest.mark.draws
def test_notes_say_margins_verdicts_and_what_could_not_be_tested(table, fits):
    notes = "\n".join(predictor_notes(table, fits))
    assert "Margin, odds ratio 1.5: half as much again" in notes
    counts = table.loc[table["source"] == "posterior", "verdict"].value_counts()
    assert f"Of 8 effects: {counts.get('relevant', 0)} relevant" in notes
    assert "30 patients could not tell" in notes
    assert "Firth logistic" in notes
    assert "same (Firth logistic): constant: 1 in every patient used" in notes


@pytest.mark.draws
def test_a_table_for_people_has_everything_of_an_effect_together(table, fits):
    shown = printed_predictors(table)
    assert shown["candidate"].iloc[0].startswith(LONG)
    text = to_text(shown, "A caption", predictor_notes(table, fits))
    assert text.startswith("SYNTHETIC DATA. A caption")
    assert "95 % credible interval, equal-tailed" in text
    markdown = to_markdown(shown)
    assert "a\\_predictor\\_whose" in markdown
    row = shown[(shown["candidate"].str.startswith("x,")) & (shown["by"] == "own")].iloc[0]
    of = table[(table["predictor"] == "x") & (table["model"] == "own")].iloc[0]
    assert row["prior interval"] == f"{of['prior_lower']:.2f} to {of['prior_upper']:.2f}"
    assert row["change in response"].startswith(f"{of['change']:.2f} (")


@pytest.mark.draws
def test_the_figure_has_a_panel_a_scale_and_ends_in_arrows(table, fits, models):
    figure = predictors_figure(table, title="Candidates")
    assert len(figure.axes) == 1
    assert "Synthetic data" in figure.get_suptitle()
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert any("…" in label for label in labels)
    far = with_draws(fits[0], x=8.0)
    beyond = compare_predictors([far, fits[1]])
    assert set(beyond["source"]) == {"posterior"}
    panel = predictors_figure(beyond).axes[0]
    assert any(line.get_marker() == ">" for line in panel.get_lines())


@pytest.mark.draws
def test_what_cannot_be_compared_is_refused(fits, cohort, models):
    with pytest.raises(ValueError, match="Give a list of fits"):
        compare_predictors(fits[0])
    with pytest.raises(ValueError, match="need different names, and one at least"):
        compare_predictors([fits[0], fits[0]])
    with pytest.raises(ValueError, match="need different names, and one at least"):
        compare_predictors([])
    other = replace(cohort, patients=cohort.patients.assign(x=0.5 * cohort.patients["x"]))
    with pytest.raises(ValueError, match="'own' is not of this cohort"):
        compare_predictors(fits, other)
    few = of_patients(cohort, cohort.patients["patient"].head(20))
    with pytest.warns(CohortWarning, match="predictor same: the same for all 20 patients"):
        smaller = fit(few, two_models(models)[0], **SHORT)
    with pytest.raises(ValueError, match="are of different patients or responses"):
        compare_predictors([smaller, fits[1]])


@pytest.mark.draws
def test_the_table_of_one_fit_is_taken_too(fits):
    table = predictor_table(fits[0])
    assert len(predictors_figure(table).axes) == 1
    assert any("Of 4 effects" in note for note in predictor_notes(table, fits[:1]))


@pytest.mark.draws
def test_each_row_keeps_its_own_mark_and_margin(table):
    mixed = table.assign(synthetic=table["model"] == "own")
    shown = printed_predictors(mixed)
    assert shown.loc[shown["synthetic"], "by"].eq("own").all()
    wide = table.assign(margin=np.where(table["predictor"] == "x", 20.0, 1.1))
    bands = list(predictors_figure(wide).axes[0].collections)
    widths = {round(float(np.ptp(np.log(band.get_paths()[0].vertices[:, 0]))), 3) for band in bands}
    assert len(widths) == 2


@pytest.mark.slow
@pytest.mark.draws
def test_effects_on_gain_and_level_are_in_grades_beside_those_of_the_equations(models):
    cohort = simulated(8, seed=2)
    content = read_model(models / "candidates_gain.toml").resolved
    predictors = content["predictor"]
    kept = {name: predictors[name] for name in ("naive_gain", "naive_level", "male")}
    atrophy = {**predictors["atrophy"], "acts_on": "level"}
    # Doses as a rate: half-lives to estimate have nothing to do with candidates.
    content["exposure"] = read_model(models / "strength_dose_rate.toml").resolved["exposure"]
    spec = parse_model({**content, "predictor": {**kept, "atrophy": atrophy}}, "both")
    tree = fit(cohort, spec, chains=2, draws=30, tune=120, progress="off", seed=4)
    table = compare_predictors([tree], cohort).set_index(["source", "predictor"])
    assert table["scale"].eq("grades").all()
    assert table.loc["observed", "acts_on"].to_dict() == {"atrophy": "level", "male": "gain"}
    direct = observed_effects(cohort, spec).set_index("predictor").loc["atrophy"]
    level = table.loc[("observed", "atrophy")]
    assert level["odds_ratio"] == direct["estimate"]
    assert level["estimate"] == pytest.approx(np.log(direct["estimate"]) / direct["one_grade"])
    assert level["lower"] < level["estimate"] < level["upper"]
    assert len(predictors_figure(table.reset_index()).axes) == 2
