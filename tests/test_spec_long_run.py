"""What files of blocks, histories and joint models may not say: each with its key and cure."""

from pathlib import Path

import pytest
from test_spec import changed, content, defects, only_defect

from mmn_bayes.model_file.reading import parse_model, read_model

MODELS = Path(__file__).parents[1] / "models"
NORMAL = {"distribution": "normal", "mean": 0, "sd": 1, "why": "Nothing is known of it."}
POSITIVE = {"distribution": "half_normal", "sd": 1, "why": "Nothing is known of it."}
SHARE = {"distribution": "beta", "alpha": 1, "beta": 9, "why": "Nothing is known of it."}
MARGIN = {"scale": "odds_ratio", "value": 1.5, "why": "Less would change nothing."}


def simplex(*concentration):
    return {"distribution": "dirichlet", "concentration": [*concentration], "why": "Unknown."}


CONTRADICTIONS = {
    "probit blocks": (changed("link", "probit", "blocks"), "link: blocks are modelled by their"),
    "probit states": (changed("link", "probit", "histories"), "link: states are modelled by"),
    "a number where a share is": (
        changed("blocks.appears", POSITIVE, "blocks"),
        "blocks.appears: with new = 'binomial' it is a probability",
    ),
    "a share where a number is": (
        changed("blocks.appears", SHARE, "blocks_counts"),
        "blocks.appears: with new = 'negative_binomial' it is an expected number",
    ),
    "overdispersion of a binomial": (
        changed("blocks.overdispersion", POSITIVE, "blocks"),
        "blocks.overdispersion: belongs to new = 'negative_binomial'",
    ),
    "counts without it": (
        changed("blocks.overdispersion", ..., "blocks_counts"),
        "blocks.overdispersion: belongs to new = 'negative_binomial', which needs it",
    ),
    "starts of other levels": (
        changed("states.start", simplex(1, 1), "histories"),
        "states.start: concentration needs 3 numbers, one for each level.",
    ),
    "towards all levels": (
        changed("states.towards", simplex(1, 1, 1), "histories"),
        "states.towards: concentration needs 2 numbers, one for each level but the one left.",
    ),
    "periods that begin late": (
        changed("states.periods_days", [10, 365], "histories"),
        "states.periods_days: the first period begins on day 10; begin it on 0.",
    ),
    "a period without a step": (
        changed("states.periods_days", [0, 40, 50], "histories"),
        "states.periods_days: no step of 91.3125 days begins from day 40 to 50",
    ),
    "sharing twice": (
        changed("sharing.again", content("joint")["sharing"]["gain_on_class"], "joint"),
        "sharing.again: sharing.gain_on_class lets the same group act on the same",
    ),
    "a group whose sd is named already": (
        changed("group.state_varying", content("histories")["group"]["patient_state"], "histories"),
        "group.state_varying: the fit uses this name itself; choose another.",
    ),
    "nothing that could vary": (
        {k: v for k, v in changed("states.change", ..., "histories").items() if k != "predictor"},
        "states.varying_sd: there is no effect of time or of a predictor",
    ),
    "a group of levels": (
        changed("group.patient_state.acts_on", "level", "histories"),
        "group.patient_state: of states only groups by patient that act on state are known.",
    ),
    "a group without sd": (
        changed("group.patient_state.sd", ..., "histories"),
        "group.patient_state.sd: not stated",
    ),
    "a centred group": (
        changed("group.patient_state.parametrisation", "centred", "histories"),
        "group.patient_state.parametrisation: effects on states are sampled non-centred.",
    ),
    "a category": (
        changed("predictor.naive.kind", "category", "blocks"),
        "predictor.naive.levels: belongs to a predictor of kind 'category'",
    ),
    "blocks acting on classes": (
        changed("predictor.naive.acts_on", "class", "blocks"),
        "predictor.naive.acts_on: 'class' has no meaning for outcome 'blocks'; take blocks.",
    ),
    "sharing a group that there is not": (
        changed("sharing.gain_on_class.group", "patient_slope", "joint"),
        "sharing.gain_on_class.group: 'patient_slope' is no group by patient of the model of "
        "grades; it has: patient_gain, patient_level.",
    ),
    "sharing with what there is not": (
        changed("sharing.gain_on_class.acts_on", "state", "joint"),
        "sharing.gain_on_class.acts_on: there is no [states] to act on",
    ),
    "a margin of an effect on classes": (
        changed("predictor.naive_class.margin", MARGIN, "joint"),
        "predictor.naive_class.margin",
    ),
    "shrinking effects on classes": (
        changed(
            "shrinkage",
            {
                "of": ["naive_class"],
                "prior": {
                    **{"distribution": "r2d2", "r2_mean": 0.3, "r2_precision": 5, "shape": 1},
                    **{"residual_sd": 2, "why": "Unknown."},
                },
            },
            "joint",
        ),
        "shrinkage.of: effects on classes, blocks and states have priors of their own.",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_named(name):
    stated, expected = CONTRADICTIONS[name]
    assert any(said.startswith(expected) for said in defects(stated)), defects(stated)


def test_a_joint_model_has_classes_or_states_not_both():
    whole = content("joint")
    whole["states"] = content("histories")["states"]
    del whole["states"]["varying_sd"]
    assert "the last status of [classes] is one of theirs" in " ".join(defects(whole))
    group = {"by": "patient", "acts_on": "state", "sd": POSITIVE}
    stated = changed("group.patient_state", group, "joint")
    assert only_defect(stated).startswith("group.patient_state.acts_on: of grades, none acts on")


def test_keys_of_one_outcome_have_no_meaning_for_another():
    stated = changed("states", content("histories")["states"], "blocks")
    assert all("has no meaning for outcome 'blocks'" in said for said in defects(stated))
    stated = changed("sharing.one", {"group": "x", "acts_on": "class", "prior": NORMAL}, "blocks")
    assert all("has no meaning for outcome 'blocks'" in said for said in defects(stated))


def test_of_two_levels_where_to_is_no_parameter():
    whole = content("histories")
    whole["states"] |= {
        "levels": ["dependent", "free"],
        "start": simplex(1, 1),
        "towards": simplex(1),
    }
    spec = parse_model(whole, "two")
    assert "towards" not in spec.priors
    assert "towards" in read_model(MODELS / "histories.toml").priors
    assert spec.outcomes == ("state",)
