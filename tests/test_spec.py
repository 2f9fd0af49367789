"""Model files: what is read, what is refused and in which words, and the page about them."""

import copy
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from mmn_bayes.errors import SpecError
from mmn_bayes.model_file.distributions import DISTRIBUTIONS
from mmn_bayes.model_file.keys import Key
from mmn_bayes.model_file.model_spec import ModelSpec, model_to_toml
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.model_file.vocabulary import FILE_KEYS, keys, required_tables

MODELS = Path(__file__).parents[1] / "models"
FILES = sorted(MODELS.glob("*.toml"))
PAGE = (MODELS / "README.md").read_text(encoding="utf-8")
HALF_NORMAL = {"distribution": "half_normal", "sd": 0.3, "why": "a reason"}
NORMAL = {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}


def content(name: str = "strength") -> dict[str, Any]:
    return read_model(MODELS / f"{name}.toml").resolved


def changed(dotted: str, value: Any, name: str = "strength_dose_rate") -> dict[str, Any]:
    """The file's content with one key set; `...` takes the key away."""
    return with_key(content(name), dotted, value)


def with_key(whole: dict[str, Any], dotted: str, value: Any) -> dict[str, Any]:
    """The same content, with the key set or taken away."""
    table = whole
    *parents, last = dotted.split(".")
    for part in parents:
        table = table.setdefault(part, {})
    if value is ...:
        del table[last]
    else:
        table[last] = value
    return whole


def defects(stated: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        parse_model(stated, "wrong")
    return caught.value.defects


def only_defect(stated: Mapping[str, Any]) -> str:
    (defect,) = defects(stated)
    return defect


# --- what is read ---------------------------------------------------------------------------------


def test_there_are_model_files() -> None:
    assert {path.stem for path in FILES} >= {"strength", "response"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestEveryFile:
    def test_it_reads_and_every_prior_has_a_reason(self, path: Path) -> None:
        spec = read_model(path)
        assert spec.name == path.stem
        assert len(spec.priors) >= 1
        assert all(len(prior.why.split()) >= 5 for prior in spec.priors.values())

    def test_its_text_reads_back_with_the_same_fingerprint(self, path: Path) -> None:
        spec = read_model(path)
        again = parse_model(tomllib.loads(model_to_toml(spec)), spec.name)
        assert again == spec
        assert again.fingerprint == spec.fingerprint
        assert re.fullmatch("[0-9a-f]{64}", spec.fingerprint)

    def test_the_order_of_its_keys_says_nothing(self, path: Path) -> None:
        spec = read_model(path)

        def turned(table: Any) -> Any:
            if not isinstance(table, dict):
                return table
            return {key: turned(table[key]) for key in reversed(table)}

        again = parse_model(turned(spec.resolved), spec.name)
        assert again.fingerprint == spec.fingerprint
        assert again == spec  # down to the order of the parameters, on which a seed's draws depend


def test_what_the_file_says_is_what_the_specification_holds() -> None:
    spec = read_model(MODELS / "strength.toml")
    assert (spec.outcome, spec.link) == ("grade", "logit")
    assert spec.scale == ("0", "1", "2", "3", "4", "5")
    assert (spec.response.gain, spec.response.muscles, spec.response.affected_below) == (1, 2, "5")
    assert spec.response.follow_up_window_days == (121.0, 243.0)
    assert [(group.name, group.by, group.acts_on) for group in spec.groups] == [
        ("muscle", "muscle", "level"),
        ("patient_gain", "patient", "gain"),
        ("patient_level", "patient", "level"),
        ("site", "patient:muscle", "level"),
    ]
    assert spec.groups[-1].sd is None
    assert spec.noise is not None
    assert (spec.noise["median"], spec.noise["log_sd"]) == (0.05, 0.4)
    assert spec.threshold is not None
    assert spec.threshold["concentration"] == (1.0, 1.0, 1.5, 2.5, 4.0, 15.0)
    exposure = spec.exposures[0]
    assert (exposure.measure, exposure.window_days) == ("effect_compartment", None)
    assert exposure.onset is not None
    assert (exposure.onset["median"], exposure.onset["log_sd"]) == (6.0, 0.6)
    assert list(spec.priors) == [
        *("grade_probability", "noise", "gain", "half_time_days", "muscle_sd"),
        *("patient_gain_sd", "patient_level_sd", "infusions", "infusions_onset_half_life_days"),
        *("infusions_wearing_off_half_life_days", "naive_gain", "naive_level"),
    ]


def test_a_number_predictor_keeps_its_centre_and_unit() -> None:
    stated = content("response")
    stated["predictor"]["age"] = {
        "column": "age_onset_years",
        "kind": "number",
        "acts_on": "response",
        "centre": 45,
        "per": 10,
        "prior": NORMAL,
    }
    age, naive = parse_model(stated, "more").predictors
    assert (age.column, age.centre, age.per) == ("age_onset_years", 45.0, 10.0)
    assert (naive.centre, naive.per) == (0.0, 1.0)


def test_a_changed_prior_is_another_model() -> None:
    base = parse_model(content(), "same")
    for dotted, value in {
        "noise.prior.median": 0.06,
        "noise.prior.why": "another reason",
        "group.muscle.sd.sd": 0.4,
    }.items():
        assert parse_model(changed(dotted, value), "same").fingerprint != base.fingerprint


def test_text_in_a_file_stays_text(tmp_path: Path) -> None:
    wanted = tmp_path / "made_by_code"
    code = f"__import__('pathlib').Path({str(wanted)!r}).touch()"
    stated = changed("title", code, "response")
    sly = stated["predictor"].pop("naive") | {"column": f"!!python/object/apply:eval [{code}]"}
    stated["predictor"]["sly"] = sly
    path = tmp_path / "sly.toml"
    path.write_text(tomli_w.dumps(stated), encoding="utf-8")
    spec = read_model(path)
    assert spec.title == code
    assert json.loads(spec.canonical)["title"] == code
    assert not wanted.exists()


# --- wrong keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dotted", "nearest"),
    [
        ("titel", "title"),
        ("response.baseline_window", "response.baseline_window_days"),
        ("gain.halftime_days", "gain.half_time_days"),
        ("exposure.dose_rate.window", "exposure.*.window_days"),
        ("predictor.naive_gain.colum", "predictor.*.column"),
        ("base_on", "based_on"),
        ("gain_size", "gain.size"),
    ],
)
def test_an_unknown_key_names_the_nearest(dotted: str, nearest: str) -> None:
    said = only_defect(changed(dotted, "x"))
    assert said == f"{dotted}: unknown key; the nearest valid key is '{nearest}'."


@pytest.mark.parametrize(
    ("name", "dotted"),
    [
        *(("strength", d) for d in ("title", "link", "scale.grades", "response.why", "gain.since")),
        *(("strength", d) for d in ("threshold.prior", "gain.half_time_days")),
        *(("strength", d) for d in ("group.site.by", "exposure.infusions.prior")),
        *(("response", d) for d in ("intercept.prior", "predictor.naive.kind", "response.gain")),
    ],
)
def test_a_key_not_stated_has_no_default(name: str, dotted: str) -> None:
    said = only_defect(changed(dotted, ..., name))
    assert said.startswith(f"{dotted}: not stated; nothing has a default. It says: ")


@pytest.mark.parametrize("table", ["scale", "response", "threshold"])
def test_a_table_that_the_outcome_needs_is_asked_for_key_by_key(table: str) -> None:
    asked = {said.split(":")[0] for said in defects(changed(table, ...))}
    needed = {key for key, stated in keys().items() if stated.required}
    assert asked == {key for key in needed if key.startswith(f"{table}.")}


def test_a_key_of_another_outcome_has_no_meaning() -> None:
    stated = content("response")
    stated["noise"] = content()["noise"]
    expected = "noise.prior: has no meaning for outcome 'response'; leave it out."
    assert only_defect(stated) == expected


@pytest.mark.parametrize("outcome", ["grades", 3, ["grade"], ...])
def test_the_outcome_is_one_of_six(outcome: Any) -> None:
    said = only_defect(changed("outcome", outcome))
    six = "grade, response, events, class, blocks, state"
    assert said.endswith(f"is not one of {six}; state one of them.")


@pytest.mark.parametrize("head", ["group", "exposure", "predictor"])
def test_an_empty_table_of_tables_is_said_to_be_empty(head: str) -> None:
    assert only_defect(changed(head, {})) == f"{head}: is an empty table; leave it out."


def test_an_empty_table_lacks_its_keys_and_nothing_else() -> None:
    assert all("not stated" in said for said in defects(changed("gain", {})))
    assert len(defects(changed("gain", {}))) == 4


@pytest.mark.parametrize("head", ["gain", "group", "scale", "predictor"])
def test_a_value_where_a_table_belongs_is_an_unknown_key(head: str) -> None:
    assert defects(changed(head, 3))[0].startswith(f"{head}: unknown key")


# --- wrong values ---------------------------------------------------------------------------------

WRONG = [
    ("link", "loglog", "'loglog' is not one of logit, probit, cloglog."),
    ("gain.shape", ["saturating"], "['saturating'] is not one of saturating."),
    ("title", "  ", "'  ' is not a text; state it in quotes."),
    ("response.affected_below", 5, "5 is not a text; state it in quotes."),
    ("scale.grades", ["0"], "['0'] is not a list of two or more different texts in quotes."),
    ("scale.grades", ["0", "0"], "['0', '0'] is not a list of two or more different texts"),
    ("scale.grades", [0, 1], "[0, 1] is not a list of two or more different texts in quotes."),
    ("scale.grades", "012", "'012' is not a list of two or more different texts in quotes."),
    ("scale.grades", ["0", "1 "], "'1 ' has blanks around it, which no recorded grade has; take"),
    ("scale.collapse", {}, "is an empty table; leave it out."),
    ("scale.collapse", "0-2", "'0-2' is not a table of labels; write a line for each label, both"),
    ("scale.collapse", [["x", "0"]], "[['x', '0']] is not a table of labels; write a line for"),
    ("scale.collapse", {"x": 0}, "'x' counts as 0, which is not a text; write a line for each"),
    ("scale.collapse", {"3": {"5": "3"}}, "'3' counts as {'5': '3'}, which is not a text; write"),
    ("scale.collapse", {" ": "0"}, "' ' is a label without text; write a line for each label"),
    ("scale.collapse", {"3 ": "3"}, "'3 ' has blanks around it, which no recorded grade has; take"),
    ("response.gain", 1.5, "1.5 is not a whole number of 1 or more."),
    ("response.gain", 0, "0 is not a whole number of 1 or more."),
    ("response.muscles", True, "True is not a whole number of 1 or more."),
    ("response.muscles", "2", "'2' is not a whole number of 1 or more."),
    ("response.baseline_day", "0", "'0' is not a number."),
    ("response.baseline_day", False, "False is not a number."),
    ("response.baseline_day", float("nan"), "nan is not a finite number."),
    ("response.baseline_day", float("inf"), "inf is not a finite number."),
    ("exposure.dose_rate.window_days", 0, "0 is not a number above 0."),
    ("exposure.dose_rate.window_days", "84", "'84' is not a number above 0."),
    ("time.knots_days", [30], "[30] is not a list of two or more days that increase."),
    ("time.knots_days", [30, 30], "[30, 30] is not a list of two or more days that increase."),
    ("time.knots_days", 30, "30 is not a list of two or more days that increase."),
    ("response.baseline_window_days", [0, -30], "[0, -30] is not a window; give [first, last]"),
    ("response.baseline_window_days", [0], "[0] is not a window; give [first, last] in days"),
    ("response.baseline_window_days", -30, "-30 is not a window; give [first, last] in days"),
    ("response.baseline_window_days", [-30, float("inf")], "[-30, inf] is not a window"),
]


# Of a file of outcome events.
WRONG_OF_EVENTS = [
    ("evidence.treatment", "ivig", "'ivig' is not a list of different texts in quotes, one at"),
    ("evidence.treatment", [], "[] is not a list of different texts in quotes, one at least."),
    ("evidence.endpoint", ["a", "a"], "['a', 'a'] is not a list of different texts in quotes"),
    ("evidence.left_out", {}, "{} is not a table of rows with their reasons; write a line for"),
    ("evidence.left_out", {"A": " "}, "'A' is left out for ' ', which is no reason; write a line"),
    ("evidence.left_out", {"A": 1}, "'A' is left out for 1, which is no reason; write a line"),
    ("robust.weight", 0, "0 is not a number between 0 and 1."),
    ("robust.weight", 1.0, "1.0 is not a number between 0 and 1."),
    ("robust.weight", True, "True is not a number between 0 and 1."),
    ("unit.by", "centre", "'centre' is not one of study, patient."),
]


def changed_events(dotted: str, value: Any) -> dict[str, Any]:
    """historical_response.toml, resolved, with one key changed."""
    return with_key(read_model(MODELS / "historical_response.toml").resolved, dotted, value)


@pytest.mark.parametrize(("dotted", "value", "words"), WRONG_OF_EVENTS)
def test_a_wrong_value_of_a_model_of_counts_is_named_too(
    dotted: str, value: Any, words: str
) -> None:
    assert only_defect(changed_events(dotted, value)).startswith(f"{dotted}: {words}")


@pytest.mark.parametrize(
    ("dotted", "value", "words"),
    [
        ("link", "probit", "link: counts of events are modelled by their log odds; take logit."),
        ("unit", ..., "unit.by: not stated"),
        ("noise", {"prior": NORMAL}, "noise.prior: has no meaning for outcome 'events'"),
    ],
)
def test_what_a_model_of_counts_cannot_say(dotted: str, value: Any, words: str) -> None:
    assert any(said.startswith(words) for said in defects(changed_events(dotted, value)))


def test_evidence_is_of_studies_alone() -> None:
    said = defects(changed_events("unit.by", "patient"))
    assert said == (
        'evidence: belongs to unit.by = "study", and to nothing else; leave it out.',
        'robust: belongs to unit.by = "study", and to nothing else; leave it out.',
    )


def test_history_or_a_prior_of_its_own_but_not_both_nor_neither() -> None:
    content = read_model(MODELS / "response_map.toml").resolved
    assert read_model(MODELS / "response_map.toml").predictors[0].prior is None
    both = {**content, "predictor": {"naive": {**content["predictor"]["naive"], "prior": NORMAL}}}
    assert only_defect(both) == (
        "predictor.naive.prior: its effect follows from [historical]; leave the prior out, or "
        "[historical]."
    )
    neither = {key: value for key, value in content.items() if key != "historical"}
    assert only_defect(neither).startswith("predictor.naive.prior: not stated; nothing has a def")
    nobody = {**content, "historical": {**content["historical"], "of": "male"}}
    assert "historical.of: 'male' is no predictor of kind yes_no; this file has: naive." in defects(
        nobody
    )
    other = {**content, "link": "probit"}
    assert only_defect(other).startswith("link: [historical] is a prior of a probability")


@pytest.mark.parametrize(("dotted", "value", "words"), WRONG)
def test_a_wrong_value_is_named_with_what_would_be_right(
    dotted: str, value: Any, words: str
) -> None:
    base = "strength_time" if dotted.startswith("time.") else "strength_dose_rate"
    assert only_defect(changed(dotted, value, base)).startswith(f"{dotted}: {words}")


def test_every_kind_of_value_has_a_wrong_one_above() -> None:
    kinds = {keys()[_starred(dotted)].kind for dotted, _, _ in [*WRONG, *WRONG_OF_EVENTS]}
    assert kinds == {key.kind for key in keys().values() if not key.kind.startswith("prior")}


def _starred(dotted: str) -> str:
    return re.sub(r"^(group|exposure|predictor)\.\w+", r"\1.*", dotted)


@pytest.mark.parametrize(
    ("dotted", "prior", "words"),
    [
        ("noise.prior", NORMAL, "'normal' is not a distribution for this parameter; take half_"),
        ("gain.size", {**NORMAL, "distribution": "gamma"}, "'gamma' is not a distribution for"),
        (
            *("threshold.prior", {**NORMAL, "distribution": "gamma"}),
            "'gamma' is not a distribution for this parameter; take normal, student_t, dirichlet.",
        ),
        ("gain.size", {**NORMAL, "distribution": "cauchy"}, "'cauchy' is not a distribution"),
        ("gain.size", {}, "None is not a distribution for this parameter; take normal, student_t."),
        ("gain.size", "normal(0, 1)", "'normal(0, 1)' is not a distribution for this parameter"),
        ("gain.size", {**NORMAL, "mean": "0"}, "parameter 'mean' is not stated as a number."),
        ("gain.size", {**NORMAL, "mean": [0]}, "parameter 'mean' is not stated as a number."),
        ("gain.size", {**NORMAL, "sd": float("inf")}, "parameter 'sd' is not stated as a number."),
        ("gain.size", {**NORMAL, "sd": True}, "parameter 'sd' is not stated as a number."),
        ("gain.size", {**NORMAL, "sd": 0}, "parameter 'sd' must be above 0."),
        ("gain.size", {**NORMAL, "sd": -0.2}, "parameter 'sd' must be above 0."),
        ("gain.size", {**NORMAL, "why": " "}, "no reason given; state `why` in clinical words."),
        ("gain.size", {**NORMAL, "scale": 1}, "unknown parameter 'scale'; the nearest valid one"),
    ],
)
def test_a_wrong_prior_is_named(dotted: str, prior: Any, words: str) -> None:
    assert only_defect(changed(dotted, prior)).startswith(f"{dotted}: {words}")


OF_ONE = [name for name, known in DISTRIBUTIONS.items() if known.support != "effects"]


@pytest.mark.parametrize("name", OF_ONE)
def test_every_distribution_needs_each_parameter_its_sign_and_a_reason(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    path = {"real": "gain.size", "positive": "noise.prior", "simplex": "threshold.prior"}
    path |= {"correlation": "correlation.patient", "share": "memory.probability"}
    path |= {"fixed": "exposure.infusions.onset_half_life_days"}
    where = path[distribution.support]

    def stated(prior: dict[str, Any]) -> dict[str, Any]:
        content = changed(where, prior, "strength" if name == "fixed" else "strength_dose_rate")
        if "memory" in content:
            content["memory"]["within_days"] = 200
        return content

    right: dict[str, Any] = dict.fromkeys(distribution.parameters, 1.5)
    if "concentration" in right:
        right["concentration"] = [1.5] * 6
    right |= {"distribution": name, "why": "a reason"}
    spec = parse_model(stated(right), "right")
    # What is fixed is nothing to estimate.
    known = {prior.distribution for prior in spec.priors.values()}
    assert (name in known) == (name != "fixed")
    for parameter in (*distribution.parameters, "why"):
        left_out = {key: value for key, value in right.items() if key != parameter}
        assert only_defect(stated(left_out)).startswith(f"{where}: ")
    for parameter in distribution.positive:
        value = [1, 1, 1, 1, 1, 0] if parameter == "concentration" else 0
        said = only_defect(stated({**right, parameter: value}))
        assert said == f"{where}: parameter '{parameter}' must be above 0."


LKJ = {"distribution": "lkj", "shape": 2, "why": "a reason"}


def candidates(prior: str, **changes: Any) -> dict[str, Any]:
    """The file with that shared prior, its parameters changed (or left out: ...)."""
    stated = content(f"candidates_response_{prior}")
    for name, value in changes.items():
        if value is ...:
            del stated["shrinkage"]["prior"][name]
        else:
            stated["shrinkage"]["prior"][name] = value
    return stated


@pytest.mark.parametrize("name", ["horseshoe", "r2d2"])
def test_a_shared_prior_needs_each_parameter_its_sign_and_a_reason(name: str) -> None:
    for parameter in (*DISTRIBUTIONS[name].parameters, "why"):
        said = only_defect(candidates(name, **{parameter: ...}))
        assert said.startswith("shrinkage.prior: ")
    for parameter in DISTRIBUTIONS[name].positive:
        said = only_defect(candidates(name, **{parameter: 0}))
        assert said == f"shrinkage.prior: parameter '{parameter}' must be above 0."
    for parameter in DISTRIBUTIONS[name].shares:
        said = only_defect(candidates(name, **{parameter: 1}))
        assert said == f"shrinkage.prior: parameter '{parameter}' must be below 1."


def test_what_a_shared_prior_contradicts_is_named() -> None:
    assert only_defect(candidates("horseshoe", relevant=5)).startswith(
        "shrinkage.prior: 5 of 5 effects are expected to be relevant"
    )
    unknown = candidates("horseshoe")
    unknown["shrinkage"]["of"][0] = "age"
    assert [d for d in defects(unknown) if d.startswith("shrinkage.of: 'age' is no predictor")]
    assert [d for d in defects(unknown) if d.startswith("predictor.age_onset.prior: not stated")]
    twice = candidates("r2d2")
    twice["predictor"]["male"]["prior"] = NORMAL
    assert only_defect(twice).startswith("predictor.male.prior: its effect follows from [shrink")
    alone = candidates("r2d2")
    for name in alone["shrinkage"]["of"][1:]:
        alone["predictor"][name]["prior"] = NORMAL
    alone["shrinkage"]["of"] = alone["shrinkage"]["of"][:1]
    assert only_defect(alone).startswith("shrinkage.of: R2 cannot be shared by one effect")
    apart = content("candidates_gain_horseshoe")
    apart["predictor"]["male"]["acts_on"] = "level"
    assert only_defect(apart).startswith("shrinkage.of: these act on gain and level")
    given = content("candidates_response_map")
    given["shrinkage"] = candidates("r2d2")["shrinkage"] | {"of": ["naive", "male"]}
    del given["predictor"]["male"]["prior"]
    assert only_defect(given).startswith("shrinkage.of: the effect of 'naive' follows from [hist")


MARGIN = {"scale": "grades", "value": 0.1, "why": "a reason"}
LEVELS = {"column": "region", "kind": "category", "acts_on": "level", "prior": NORMAL}
LEVELS |= {"levels": ["north", "south"], "margin": MARGIN}
STEPS = {"distribution": "dirichlet", "concentration": [1, 1], "why": "a reason"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"levels": ...}, "levels: belongs to a predictor of kind 'category', and to no other; s"),
        ({"levels": ["north"]}, "levels: ['north'] is not a list of two or more different texts"),
        ({"centre": 3}, "centre: belongs to a predictor of kind 'number', and to no other."),
        ({"unit": "years"}, "unit: belongs to a predictor of kind 'number', and to no other."),
        ({"steps": STEPS}, "steps: belongs to a predictor of kind 'ordered', and to no other."),
        (
            {"kind": "ordered", "steps": STEPS},
            "steps: concentration needs 1 numbers, one for each step between levels.",
        ),
        (
            {"kind": "ordered", "levels": ["a", "b", "c"]},
            "steps: belongs to a predictor of kind 'ordered', and to no other; state it.",
        ),
        ({"margin": {"scale": "grades"}}, "margin.value: not stated; a margin has scale, value"),
        ({"margin": MARGIN | {"scale": "odds_ratio"}}, "margin.scale: 'odds_ratio' has no meanin"),
        ({"margin": MARGIN | {"scale": "response", "value": 1.5}}, "margin.value: a change of 1.5"),
        ({"margin": MARGIN | {"value": 0}}, "margin.value: 0 is not a number above 0."),
        ({"acts_on": "wearing_off"}, "margin.scale: an effect on a half-life is not of grades"),
    ],
)
def test_what_a_predictor_with_levels_contradicts_is_named(
    changes: dict[str, Any], words: str
) -> None:
    stated = content()
    table = {**LEVELS, **changes}
    stated["predictor"]["region"] = {k: v for k, v in table.items() if v is not ...}
    assert any(d.startswith(f"predictor.region.{words}") for d in defects(stated)), defects(stated)


def test_a_candidate_keeps_its_levels_unit_and_margin() -> None:
    stated = content()
    ordered = LEVELS | {"kind": "ordered", "levels": ["a", "b", "c"], "steps": STEPS}
    stated["predictor"] |= {"region": LEVELS, "stage": ordered}
    spec = parse_model(stated, "more")
    assert [p.name for p in spec.candidates] == ["region", "stage"]
    region, stage = spec.candidates
    assert (region.levels, region.n_columns, stage.n_columns) == (("north", "south"), 1, 1)
    assert region.margin is not None
    assert (region.margin.scale, region.margin.value) == ("grades", 0.1)
    assert set(spec.priors) >= {"region", "stage", "stage_steps"}
    shared = read_model(MODELS / "candidates_response_horseshoe.toml")
    assert {p.name for p in shared.shrunk} == {p.name for p in shared.candidates}
    assert set(shared.priors) == {"intercept", "naive"}


def test_events_have_no_levels_and_what_is_relaxed_none_either() -> None:
    stated = content("trial_leger2001")
    name = next(iter(stated["predictor"]))
    stated["predictor"][name] |= {"kind": "category"}
    assert any("has no meaning for outcome 'events'" in defect for defect in defects(stated))
    stated = content()
    stated["predictor"]["region"] = LEVELS
    stated["relaxed"] = {"by": "region", "sd": stated["group"]["muscle"]["sd"]}
    assert only_defect(stated).startswith("relaxed.by: 'region' has levels")


def test_the_noise_or_the_spread_between_muscles_is_the_unit() -> None:
    stated = content()
    del stated["noise"]
    stated["group"]["site"]["sd"] = stated["group"]["muscle"]["sd"]
    spec = parse_model(stated, "in_noise")
    assert spec.noise is None
    assert {"site_sd"} <= set(spec.priors)
    assert "noise" not in spec.priors


def test_the_cutpoints_may_have_a_prior_of_their_own() -> None:
    spec = parse_model(changed("threshold.prior", NORMAL), "right")
    assert spec.priors["cutpoints"]["sd"] == NORMAL["sd"]
    assert "grade_probability" not in spec.priors


def test_all_defects_come_at_once() -> None:
    stated = changed("titel", "x")
    del stated["link"]
    stated["response"]["gain"] = 0
    stated["noise"]["prior"] = {"distribution": "lognormal", "median": -1}
    stated["predictor"]["Naive"] = stated["predictor"].pop("naive_level")
    with pytest.raises(SpecError) as caught:
        parse_model(stated, "wrong")
    text = str(caught.value)
    assert len(caught.value.defects) == 7
    assert text.startswith("The model file 'wrong' cannot be used.\n  1. ")
    for words in ("titel", "link: not", "gain: 0", "'median' must", "'log_sd' is", "why", "Naive"):
        assert words in text


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Naive", "1st", "na-ive", "naïve", "a.b", "_a", "a b"])
def test_an_odd_name_is_refused(name: str) -> None:
    stated = content()
    stated["predictor"][name] = stated["predictor"].pop("naive_level")
    assert any("small letters, digits and _" in said for said in defects(stated))


@pytest.mark.parametrize(
    "name",
    [
        *("gain", "noise", "cutpoints", "grade_probability", "half_time_days", "intercept"),
        *("muscle_sd", "site_z", "muscle_effect", "patient", "row", "draw", "grades", "data_x"),
    ],
)
def test_a_name_the_fit_uses_itself_is_refused(name: str) -> None:
    stated = content()
    stated["predictor"][name] = stated["predictor"].pop("naive_level")
    expected = f"predictor.{name}: the fit uses this name itself; choose another."
    assert only_defect(stated) == expected


def test_two_tables_cannot_share_a_name() -> None:
    stated = content()
    stated["predictor"]["infusions"] = stated["predictor"].pop("naive_level")
    expected = "predictor.infusions: exposure.infusions has the same name; choose another."
    assert only_defect(stated) == expected


@pytest.mark.parametrize("name", ["Strength", "my model", "../x", ""])
def test_a_model_needs_a_plain_name(name: str) -> None:
    with pytest.raises(SpecError, match="cannot be named"):
        parse_model(content(), name)


# --- contradictions -------------------------------------------------------------------------------


def _with(edit: Callable[[dict[str, Any]], object], name: str = "strength") -> dict[str, Any]:
    stated = copy.deepcopy(content(name))
    edit(stated)
    return stated


NUMBER = {"kind": "number", "centre": 45, "per": 10}
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "affected below nothing": (
        changed("response.affected_below", "6"),
        "response.affected_below: '6' is not a grade of the scale above its lowest.",
    ),
    "affected below the lowest": (
        changed("response.affected_below", "0"),
        "response.affected_below: '0' is not a grade of the scale above its lowest.",
    ),
    "collapsed what is of the scale": (
        changed("scale.collapse", {"3": "2"}),
        "scale.collapse: '3' is a grade of the scale and stays one; leave it out.",
    ),
    "collapsed what stays as it is": (
        changed("scale.collapse", {"3": "3"}),
        "scale.collapse: '3' is a grade of the scale and stays one; leave it out.",
    ),
    "collapsed onto nothing": (
        changed("scale.collapse", {"3+": "3.5"}),
        "scale.collapse: '3+' counts as '3.5', which is not a grade of the scale; take one of 0, 1",
    ),
    "collapsed in a chain": (
        changed("scale.collapse", {"3++": "3+", "3+": "3"}),
        "scale.collapse: '3++' counts as '3+', which is not a grade of the scale; take one of 0, 1",
    ),
    "gain beyond the scale": (
        changed("response.gain", 6),
        "response.gain: 6 steps do not fit a scale of 6 grades.",
    ),
    "concentration too short": (
        changed("threshold.prior.concentration", [1, 1, 1]),
        "threshold.prior: concentration needs 6 numbers, one for each grade.",
    ),
    "concentration one number": (
        changed("threshold.prior.concentration", 1),
        "threshold.prior: concentration needs 6 numbers, one for each grade.",
    ),
    "two units": (
        _with(lambda t: t["group"].update(other=dict(t["group"]["site"]))),
        "group: 2 groups by patient:muscle act on level; state exactly one",
    ),
    "no unit": (
        _with(lambda t: t["group"].pop("site")),
        "group: 0 groups by patient:muscle act on level; state exactly one",
    ),
    "a unit with a sd": (
        _with(lambda t: t["group"]["site"].update(sd=t["group"]["muscle"]["sd"])),
        "group.site.sd: has a prior, and so has the noise; one of the two is the unit",
    ),
    "a group without a sd": (
        _with(lambda t: t["group"]["muscle"].pop("sd")),
        "group.muscle.sd: not stated; only levels by patient:muscle may be the unit.",
    ),
    "neither the noise nor its muscles": (
        _with(lambda t: t.pop("noise")),
        "group.site.sd: not stated, nor is noise.prior; one of the two is the unit",
    ),
    "gains of visits": (
        _with(
            lambda t: t["group"].update(visit={**t["group"]["patient_gain"], "by": "patient:visit"})
        ),
        "group.visit.acts_on: the effects of a visit act on level.",
    ),
    "cutpoints relaxed for nothing known": (
        changed("relaxed", {"by": "age", "sd": HALF_NORMAL}),
        "relaxed.by: 'age' is neither muscle nor the gain nor a predictor of the model; take one ",
    ),
    "cutpoints of muscles without groups": (
        changed("relaxed", {"by": "muscle", "sd": HALF_NORMAL}),
        'relaxed.groups: belongs to by = "muscle", which needs it, and to nothing else.',
    ),
    "slopes without a slope": (
        changed("group.patient_gain.acts_on", "slope"),
        "group.patient_gain.acts_on: there is no [slope] to act on; add that table.",
    ),
    "a correlation of one": (
        _with(lambda t: (t["group"].pop("patient_gain"), t.update(correlation={"patient": LKJ}))),
        "correlation.patient: 1 of the groups are by patient; it needs two or more",
    ),
    "gain of a group without gain": (
        _with(lambda t: (t.pop("gain"), t["predictor"].pop("naive_gain"))),
        "group.patient_gain.acts_on: there is no [gain] to act on; add that table.",
    ),
    "gain of a predictor without gain": (
        _with(lambda t: (t.pop("gain"), t["group"].pop("patient_gain"))),
        "predictor.naive_gain.acts_on: there is no [gain] to act on; add that table.",
    ),
    "a window for a sum": (
        changed("exposure.dose_rate.measure", "cumulative_dose"),
        "exposure.dose_rate.window_days: belongs to dose_rate, and to no other measure.",
    ),
    "a rate without window": (
        changed("exposure.dose_rate.window_days", ...),
        "exposure.dose_rate.window_days: belongs to dose_rate, and to no other measure.",
    ),
    "a number without centre": (
        _with(lambda t: t["predictor"]["naive_level"].update(kind="number", per=10)),
        "predictor.naive_level.centre: belongs to a predictor of kind 'number'",
    ),
    "a number without unit": (
        _with(lambda t: t["predictor"]["naive_level"].update(kind="number", centre=45)),
        "predictor.naive_level.per: belongs to a predictor of kind 'number'",
    ),
    "yes or no per unit": (
        changed("predictor.naive_level.per", 2),
        "predictor.naive_level.per: belongs to a predictor of kind 'number'",
    ),
    "response in a model of grades": (
        changed("predictor.naive_level.acts_on", "response"),
        "predictor.naive_level.acts_on: 'response' has no meaning for outcome 'grade'; take "
        "level or gain or slope or wearing_off.",
    ),
    "level in a model of response": (
        changed("predictor.naive.acts_on", "level", "response"),
        "predictor.naive.acts_on: 'level' has no meaning for outcome 'response'; take response.",
    ),
    "target before its window": (
        changed("response.follow_up_day", 100),
        "response.follow_up_day: lies outside response.follow_up_window_days.",
    ),
    "target after its window": (
        changed("response.baseline_day", 1),
        "response.baseline_day: lies outside response.baseline_window_days.",
    ),
    "windows that overlap": (
        changed("response.baseline_window_days", [-30, 121]),
        "response.follow_up_window_days: begins before the baseline window has ended.",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_named(case: str) -> None:
    stated, words = CONTRADICTIONS[case]
    assert only_defect(stated).startswith(words)


def test_a_model_without_gain_exposure_or_predictor_is_legal() -> None:
    stated = content()
    for table in ("gain", "exposure", "predictor"):
        del stated[table]
    del stated["group"]["patient_gain"]
    spec = parse_model(stated, "still")
    assert (spec.gain, spec.exposures, spec.predictors) == (None, (), ())


# --- based_on and drop ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """A function that reads a variant from a folder that has the package's own models too."""
    for path in FILES:
        (tmp_path / path.name).write_bytes(path.read_bytes())

    def read(text: str, name: str = "variant") -> ModelSpec:
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return read_model(path)

    read.folder = tmp_path
    return read


def test_a_variant_changes_what_it_states_and_nothing_else(folder: Any) -> None:
    spec = folder('based_on = "strength"\n[response]\ngain = 2\n')
    assert spec.response.gain == 2
    assert spec.name == "variant"
    assert spec.fingerprint == parse_model(changed("response.gain", 2, "strength"), "x").fingerprint


def test_a_prior_is_replaced_whole(folder: Any) -> None:
    gamma = 'distribution = "gamma"\nmean = 0.06\nsd = 0.02\nwhy = "another shape"\n'
    spec = folder(f'based_on = "strength"\n[noise.prior]\n{gamma}')
    assert spec.priors["noise"].parameters == (("mean", 0.06), ("sd", 0.02))
    with pytest.raises(SpecError, match="parameter 'log_sd' is not stated"):
        folder(
            'based_on = "strength"\n[noise.prior]\ndistribution = "lognormal"\nmedian = 1\n'
            'why = "the old log_sd does not come with it"\n'
        )


def test_a_prior_is_not_changed_in_part(folder: Any) -> None:
    # Another median under the old reason would be a prior that nobody gave a reason for.
    with pytest.raises(SpecError, match=r"noise.prior: None is not a distribution"):
        folder('based_on = "strength"\n[noise.prior]\nmedian = 0.06\n')


def test_drop_leaves_tables_out(folder: Any) -> None:
    spec = folder('based_on = "strength"\ndrop = ["exposure.infusions", "predictor.naive_gain"]\n')
    assert spec.exposures == ()
    assert [predictor.name for predictor in spec.predictors] == ["naive_level"]


def test_dropping_the_last_of_a_kind_drops_the_kind(folder: Any) -> None:
    spec = folder('based_on = "response"\ndrop = ["predictor.naive"]\n')
    assert spec.predictors == ()
    assert "predictor" not in spec.resolved


def test_a_dropped_table_may_be_stated_anew(folder: Any) -> None:
    spec = folder(
        'based_on = "strength"\ndrop = ["exposure"]\n[exposure.total]\n'
        'measure = "cumulative_dose"\n'
        'prior = { distribution = "normal", mean = 0, sd = 0.1, why = "a reason" }\n'
    )
    assert [(e.name, e.window_days) for e in spec.exposures] == [("total", None)]


FOLDED = """
[scale]
grades = ["0-2", "3", "4", "5"]
[scale.collapse]
"2" = "0-2"
"1" = "0-2"
"0" = "0-2"
[threshold.prior]
distribution = "dirichlet"
concentration = [3, 3, 4, 15]
why = "a reason"
"""


def test_a_variant_folds_the_scale(folder: Any) -> None:
    spec = folder(f'based_on = "strength"\n{FOLDED}')
    assert spec.scale == ("0-2", "3", "4", "5")
    assert spec.collapse == (("0", "0-2"), ("1", "0-2"), ("2", "0-2"))
    again = parse_model(tomllib.loads(model_to_toml(spec)), "variant")
    assert again == spec
    assert again.fingerprint == spec.fingerprint
    assert read_model(MODELS / "strength.toml").collapse == ()


def test_the_map_of_a_base_is_laid_over_line_by_line_or_dropped(folder: Any) -> None:
    base = content() | tomllib.loads(FOLDED)
    (folder.folder / "folded.toml").write_text(tomli_w.dumps(base), encoding="utf-8")
    more = folder('based_on = "folded"\n[scale.collapse]\n"3+" = "3"\n"2" = "3"\n')
    assert dict(more.collapse) == {"0": "0-2", "1": "0-2", "2": "3", "3+": "3"}
    plain = folder('based_on = "folded"\ndrop = ["scale.collapse"]\n')
    assert (plain.scale, plain.collapse) == (("0-2", "3", "4", "5"), ())
    assert "collapse" not in plain.resolved["scale"]
    anew = folder('based_on = "folded"\ndrop = ["scale.collapse"]\n[scale.collapse]\nx = "3"\n')
    assert anew.collapse == (("x", "3"),)


def test_a_line_stated_twice_is_not_toml(folder: Any) -> None:
    with pytest.raises(SpecError, match=r"not valid TOML: .*overwrite"):
        folder('based_on = "strength"\n[scale.collapse]\n"3+" = "3"\n"3+" = "4"\n')


def test_every_defect_of_a_map_comes_at_once() -> None:
    said = defects(changed("scale.collapse", {"3": "2", "3+": "x", "4+": "y"}))
    assert [defect.split("'")[1] for defect in said] == ["3", "3+", "4+"]
    assert len(defects(changed("scale.collapse", {"3+": 3, " ": 4}))) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('based_on = "strong"', "There is no model file .*strong.toml; the folder has .*strength"),
        ('based_on = "../strength"', "'../strength' is not the name of a model file; write it"),
        ('based_on = "/strength"', "is not the name of a model file"),
        ('based_on = "strength.toml"', "'strength.toml' is not the name of a model file"),
        ('based_on = ""', "'' is not the name of a model file"),
        ("based_on = 3", "3 is not the name of a model file"),
        ('based_on = "variant"', "'variant' is itself based on another file"),
        ('drop = ["gain"]', "drop: there is no based_on to drop from"),
        ('based_on = "strength"\ndrop = "gain"', 'drop: give a list of names such as \\["gain"\\]'),
        ('based_on = "strength"\ndrop = [1]', "drop: give a list of names"),
        ('based_on = "strength"\ndrop = ["gains"]', "drop: 'strength' has no table 'gains'"),
        ('based_on = "strength"\ndrop = ["title"]', "drop: 'strength' has no table 'title'"),
        ('based_on = "strength"\ndrop = ["title.x"]', "drop: 'strength' has no table 'title.x'"),
        ('based_on = "strength"\ndrop = ["threshold"]', "threshold.prior: not stated; nothing has"),
        ('based_on = "strength"\ntitel = "x"', "titel: unknown key"),
    ],
)
def test_a_wrong_variant_is_refused(folder: Any, text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        folder(text)


def test_a_variant_of_a_variant_is_refused(folder: Any) -> None:
    folder('based_on = "strength"\n', "first")
    with pytest.raises(SpecError, match="'first' is itself based on another file; base this one"):
        folder('based_on = "first"\n', "second")


# --- files that cannot be read --------------------------------------------------------------------


def test_a_missing_file_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"no model file .*strenght.toml; the folder has .*response"
    ):
        read_model(MODELS / "strenght.toml")
    with pytest.raises(SpecError, match=r"no model file .*x.toml\.$"):
        read_model(tmp_path / "x.toml")


def test_what_is_not_toml_or_not_text_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('title = "no end\n', encoding="utf-8")
    with pytest.raises(SpecError, match=r"is not valid TOML: .*line 1"):
        read_model(path)
    path.write_text('title = "a"\ntitle = "b"\n', encoding="utf-8")
    with pytest.raises(SpecError, match="is not valid TOML"):
        read_model(path)
    path.write_bytes(b'title = "L\xe9ger"\n')
    with pytest.raises(SpecError, match=r"cannot be read: .*utf-8"):
        read_model(path)
    with pytest.raises(SpecError, match="cannot be read"):
        read_model(tmp_path)


# --- the page -------------------------------------------------------------------------------------


def _rows(header: str) -> list[list[list[str]]]:
    """Every table of the page under this header, as rows of cells."""
    lines = PAGE.splitlines()
    tables = []
    for start in (number for number, line in enumerate(lines) if line == header):
        table = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        tables.append(table)
    return tables


def _as_rows(known: Mapping[str, Key]) -> list[list[str]]:
    return [
        [
            f"`{name}`",
            key.kind,
            "yes" if key.required else "no",
            ", ".join(key.outcomes or keys()["outcome"].choices),
            ", ".join(key.choices) or "-",
            key.text,
        ]
        for name, key in known.items()
    ]


def test_the_page_has_every_key_as_the_vocabulary_has_it() -> None:
    tables = _rows("| key | kind | required | outcomes | choices | what it says |")
    assert tables == [_as_rows(keys()), _as_rows(FILE_KEYS)]


def test_the_page_has_every_distribution_as_the_vocabulary_has_it() -> None:
    (table,) = _rows("| distribution | support | parameters | above 0 | what it is |")
    assert table == [
        [f"`{name}`", d.support, ", ".join(d.parameters), ", ".join(d.positive), d.text]
        for name, d in DISTRIBUTIONS.items()
    ]


def test_the_page_lists_every_file() -> None:
    (table,) = _rows("| file | outcome | one row of the likelihood |")
    assert {row[0]: row[1] for row in table} == {
        f"`{path.name}`": f"`{read_model(path).outcome}`" for path in FILES
    }


def test_the_page_says_which_tables_an_outcome_needs() -> None:
    words = " ".join(PAGE.split())
    for outcome in keys()["outcome"].choices:
        said = re.search(rf"for `{outcome}` (?:a file|it) must have ([^;.]*)", words, re.I)
        assert said
        assert tuple(re.findall(r"\[(\w+)\]", said.group(1))) == required_tables(outcome)


def test_the_variant_on_the_page_is_a_model(folder: Any) -> None:
    (example,) = re.findall(r"```toml\n(based_on.*?)```", PAGE, re.S)
    spec = folder(example, "stable")
    assert spec.exposures == ()
    assert spec.response.follow_up_window_days == (304.0, 426.0)
    assert spec.response.baseline_day == 0.0
    assert spec.priors["noise"]["median"] == 0.1
    assert spec.gain is not None


def test_the_scale_on_the_page_is_one_edit(folder: Any) -> None:
    (example,) = re.findall(r"```toml\n(\[scale\].*?)```", PAGE, re.S)
    spec = folder(f'based_on = "strength"\n{example}')
    assert spec.scale == ("0-2", "3", "4", "5")
    assert spec.collapse == (("0", "0-2"), ("1", "0-2"), ("2", "0-2"))
    # What it says of the prior: added up, the Dirichlet of the file.
    fine = read_model(MODELS / "strength.toml").priors["grade_probability"]["concentration"]
    assert spec.priors["grade_probability"]["concentration"] == (sum(fine[:3]), *fine[3:])


def test_the_predictors_on_the_page_are_one_edit(folder: Any) -> None:
    examples = re.findall(r"```toml\n(\[predictor.*?)```", PAGE, re.S)
    assert len(examples) == 3
    for example in examples:
        spec = folder(f'based_on = "strength"\n{example}', "more")
        assert len(spec.predictors) == 2 + example.count("[predictor.")
