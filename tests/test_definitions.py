"""Other definitions of response: observed as the cohort says, and one set of replicates for all.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from trees import first_draws

from mmn_bayes.data.definitions import STATED, Definition, definition_grid
from mmn_bayes.data.response import judge_responses
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.definitions import response_by_definition, unchanged
from mmn_bayes.outcomes.response.definitions_figure import definitions_figure
from mmn_bayes.outcomes.response.definitions_table import definition_table
from mmn_bayes.outcomes.response.estimands import response_probability


@pytest.fixture(scope="module")
def spec(models):
    return read_model(models / "strength.toml")


@pytest.fixture(scope="module")
def cohort(few):
    return few


@pytest.fixture(scope="module")
def tree(strength_of_few):
    return first_draws(strength_of_few, 40)


@pytest.fixture(scope="module")
def table(tree):
    return definition_table(tree, by="naive")


def test_the_grid_is_the_stated_rule_and_its_neighbours(spec):
    grid = {definition.label: definition for definition in definition_grid(spec)}
    assert list(grid) == [
        STATED,
        "1 grade in 1 muscle",
        "1 grade in 3 muscles",
        "2 grades in 1 muscle",
        "2 grades in 2 muscles",
        "2 grades in 3 muscles",
        "day 91 (± 30)",
        "day 365 (± 61)",
        "window ± 30 days",
        "window ± 91 days",
        "grades 0-2 as one",
    ]
    assert grid[STATED].rule == spec.response
    assert grid["grades 0-2 as one"].scale == ("0-2", "3", "4", "5")
    for label, definition in grid.items():
        if label.startswith(("1", "2")):
            assert replace(definition.rule, gain=1, muscles=2) == spec.response


def test_the_grid_has_what_scale_and_windows_have_room_for(spec):
    content = spec.resolved
    content["scale"]["grades"] = ["weak", "strong"]
    content["response"]["affected_below"] = "strong"
    content["response"]["baseline_window_days"] = [-30, 130]
    content["response"]["follow_up_window_days"] = [140, 243]
    content["threshold"]["prior"]["concentration"] = [10, 15]
    labels = [d.label for d in definition_grid(parse_model(content, "two"))]
    assert not [label for label in labels if label.startswith("2 grades")]
    assert "day 91 (± 30)" not in labels  # that window has begun before the baseline's has ended
    assert "window ± 61 days" not in labels
    assert not [label for label in labels if "as one" in label]


def test_grades_are_counted_on_the_scale_of_the_definition(spec):
    folded = definition_grid(spec)[-1]
    code = folded.code_of(spec.scale)
    assert code[np.array([0, 1, 2, 3, 4, 5, -1])].tolist() == [0, 0, 0, 1, 2, 3, -1]
    lost = replace(folded, collapse=(("0", "0-2"), ("1", "0-2")))
    with pytest.raises(ValueError, match="does not say what grade '2' counts as"):
        lost.code_of(spec.scale)
    turned = Definition("turned", spec.response, ("1", "0", "2", "3", "4", "5"))
    with pytest.raises(ValueError, match="turns grades round"):
        turned.code_of(spec.scale)


@pytest.mark.draws
@pytest.mark.slow
def test_what_was_observed_is_what_the_cohort_says(table, spec, cohort):
    """By the way of the data: the cohort judged by a specification with that rule."""
    observed = table[table["source"] == "observed"]
    for definition in definition_grid(spec):
        variant = replace(
            spec, response=definition.rule, scale=definition.scale, collapse=definition.collapse
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)
            judged = judge_responses(cohort, variant)
        naive = cohort.patients["naive"].to_numpy(dtype=bool)
        for name, member in (("naive", naive), ("previously treated", ~naive)):
            own = judged.loc[member, "response"]
            row = observed[
                (observed["definition"] == definition.label) & (observed["naive"] == name)
            ]
            counted = row[["n", "events", "missing"]].to_numpy(dtype=int).ravel().tolist()
            assert counted == [own.notna().sum(), own.sum(), own.isna().sum()], definition.label


@pytest.mark.draws
@pytest.mark.slow
def test_the_stated_definition_has_the_response_probability(tree):
    for patients in ("cohort", "population"):
        draws = response_by_definition(tree, patients=patients, by="naive")
        stated = response_probability(tree, patients=patients, by="naive")
        assert np.array_equal(draws.sel(definition=STATED).to_numpy(), stated.to_numpy())
    one = response_by_definition(tree, patients="population")
    assert one.dims == ("chain", "draw", "definition")


@pytest.mark.draws
@pytest.mark.slow
def test_asking_more_gives_fewer_responders_in_every_draw(tree, spec):
    grid = [d for d in definition_grid(spec) if d.rule.muscles != 3 and "in" in d.label][:3]
    grid = [definition_grid(spec)[0], *grid]
    draws = response_by_definition(tree, grid, patients="population")
    easy, stated = (draws.sel(definition=d) for d in ("1 grade in 1 muscle", STATED))
    # Of one muscle more are evaluable too: compare responders by the mean over draws.
    # 0.20 to 0.21 of four fits, with an MCSE of 0.006: more than 30 MCSE.
    assert float(easy.mean()) > float(stated.mean())
    hard = draws.sel(definition="2 grades in 2 muscles")
    assert (hard <= stated).all()


@pytest.mark.draws
@pytest.mark.slow
def test_chance_is_what_noise_alone_makes(tree, spec):
    still = unchanged(spec, tree["posterior"].to_dataset())
    for name in ("gain", "naive_gain", "infusions", "patient_gain_sd"):
        assert (still[name] == 0.0).all()
    assert (still["noise"] == tree["posterior"]["noise"]).all()
    chance = response_by_definition(tree, patients="chance")
    assert (chance.sel(definition="day 91 (± 30)") == chance.sel(definition=STATED)).all()
    # Without noise nobody responds; with more of it more do.
    rates = []
    for times in (1e-3, 1.0, 3.0):
        loud = tree.copy()
        posterior = tree["posterior"].to_dataset()
        loud["posterior"] = posterior.assign(noise=posterior["noise"] * times)
        loud.attrs = tree.attrs
        rates.append(
            float(response_by_definition(loud, patients="chance").sel(definition=STATED).mean())
        )
    # 0, 0.21 and 0.66 in each of four fits, with an MCSE of 0.01 at most: more than 20 MCSE.
    assert rates[0] < 0.01 < rates[1] < rates[2]


@pytest.mark.draws
@pytest.mark.slow
def test_the_table_has_every_definition_group_and_source(table, tree, spec):
    grid = definition_grid(spec)
    assert len(table) == len(grid) * 2 * 4
    assert table["definition"].drop_duplicates().tolist() == [d.label for d in grid]
    counted = table[table["source"] == "observed"]
    totals = (counted["n"] + counted["missing"]).groupby(counted["naive"]).nunique()
    assert (totals == 1).all()
    assert table["synthetic"].all()
    assert (table["lower"] <= table["upper"])[table["lower"].notna()].all()
    for by in ("naive", None):
        own = table if by else definition_table(tree, grid[:2], by=None)
        figure = definitions_figure(own, title="A long title " * 12)
        assert len(figure.axes) == (2 if by else 1)
        labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
        assert labels[0] == STATED
        assert figure.axes[0].get_yticklabels()[0].get_fontweight() == "bold"
        assert "Synthetic data" in figure._suptitle.get_text()


@pytest.mark.draws
@pytest.mark.slow
def test_what_cannot_be_asked(tree, spec, cohort, models):
    grid = definition_grid(spec)
    with pytest.raises(ValueError, match="'as stated' is there twice"):
        response_by_definition(tree, [grid[0], grid[0]], patients="cohort")
    with pytest.raises(ValueError, match="there is none"):
        response_by_definition(tree, [], patients="cohort")
    with pytest.raises(ValueError, match="it is 'cohort', 'population' or 'chance'"):
        response_by_definition(tree, patients="new")
    plain = read_model(models / "response.toml")
    other = fit(cohort, plain, seed=1, chains=1, draws=20, tune=50, progress="off")
    with pytest.raises(ValueError, match="a model of outcome 'grade'"):
        response_by_definition(other, patients="cohort")
