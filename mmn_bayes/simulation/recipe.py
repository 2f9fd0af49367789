"""The recipe of a simulated cohort: its known truth, with a source for every number."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy.stats import norm

from mmn_bayes.arguments import check_fields


@dataclass(frozen=True)
class Recipe:
    """Hold the parameters that a cohort is simulated with.

    Strength is in sds between the muscles of a patient.

    Every default is cited beside it; `data/evidence/README.md` holds the sources. Where no number
    was published, the comment says so.

    Examples
    --------
    >>> recipe = mb.simulation.Recipe(naive_share=0.5, gain=0.08)
    >>> recipe.scale
    ('0', '1', '2', '3', '4', '5')
    >>> len(recipe.muscles), recipe.visit_days
    (10, (0, 30, 91, 182, 365))
    """

    # Leger 2008: 22 of 40 naive; 2 of 22 naive without a 6-month visit; classes 4, 25, 8 of 37.
    naive_share: float = 22 / 40
    missing_follow_up_share: float = 2 / 22
    class_shares: tuple[float, float, float] = (4 / 37, 25 / 37, 8 / 37)
    unclassified_share: float = 3 / 40
    # Leger 2008: follow-up mean 2.2, SD 2.0 years; right-skewed, hence lognormal. At least the 6
    # months of the response visit.
    follow_up_mean_years: float = 2.2
    follow_up_sd_years: float = 2.0
    follow_up_min_years: float = 0.55
    # LIME 2019: 10 muscle groups on both sides. Hand, then lower leg and foot weakest, proximal
    # muscles spared (Herraets 2020; distal onset in 92 %, Loscher 2018). Sizes are our choice.
    muscles: tuple[tuple[str, float], ...] = (
        ("ankle dorsiflexion", -0.30),
        ("elbow flexion", 0.15),
        ("finger abduction", -0.60),
        ("finger extension", -0.35),
        ("hip flexion", 0.50),
        ("knee extension", 0.55),
        ("shoulder abduction", 0.40),
        ("thumb abduction", -0.50),
        ("toe extension", -0.15),
        ("wrist extension", 0.30),
    )
    # Mean sum 165 of 200 before treatment (Terenghi): mean grade about 4.1.
    grade_probability: tuple[float, ...] = (0.03, 0.04, 0.06, 0.10, 0.17, 0.60)
    # Chosen so that about 20 % respond without any gain (placebo: 2/9, Leger 2001; 1/27, Cochrane)
    # and the linearly weighted kappa between two stable visits is about 0.93 (a test holds both).
    noise: float = 0.042
    patient_level_sd: float = 0.30
    naive_level: float = 0.10
    # Chosen so that about 70 % of naive patients respond at 6 months (Leger 2008).
    gain: float = 0.04
    naive_gain: float = 0.04
    patient_gain_sd: float = 0.06
    half_time_days: float = 30.0  # improvement at 8-10, 21 and 28-30 days (Terenghi and others)
    # Effect of 1 g/kg/week over the trailing 12 weeks: one course lasted at most 12 weeks in 6 of
    # 7 patients (Van den Berg 1998).
    dose_rate: float = 0.10
    dose_rate_window_days: float = 84.0
    # Effect of 1 g/kg in the effect compartment, and its half-lives: none here, since the cohort
    # has that of the dose rate; `with_compartment` has it instead.
    infusions: float = 0.0
    onset_half_life_days: float = 6.0
    wearing_off_half_life_days: float = 28.0
    # A course of 2 g/kg as 0.4 g/kg/day over 5 days (Federico 2000, Azulay 1997), every 4 weeks
    # up to month 6 (Leger 2001); then 1-2 g/kg every 4-8 weeks (LIME 2019).
    first_course_g_per_kg: float = 2.0
    dose_per_day_g_per_kg: float = 0.4
    first_interval_days: int = 28
    maintenance_g_per_kg: tuple[float, float] = (1.0, 2.0)
    maintenance_interval_weeks: tuple[int, int] = (4, 8)
    earlier_treatment_days: tuple[int, int] = (180, 1095)  # no published figure
    # Onset at 44.1 (SD 13.1) years, delay 5.5 (SD 8.4) years and lognormal (Loscher 2018); men to
    # women 2.6 (Lancet Neurology review); anti-GM1 43 % (Loscher 2018); a third of the weak
    # muscles wasted (Slee 2007).
    age_onset_mean_years: float = 44.1
    age_onset_sd_years: float = 13.1
    age_onset_range_years: tuple[float, float] = (18.0, 75.0)
    delay_mean_years: float = 5.5
    delay_sd_years: float = 8.4
    delay_max_years: float = 35.0
    male_share: float = 2.6 / 3.6
    anti_gm1_share: float = 0.43
    atrophy_share: float = 0.33
    # 34 nerves with block in 21 patients (Terenghi): mean 1.6. Nerves tested and how many blocks
    # resolve or appear in 6 months: no published figure.
    blocks_mean: float = 1.6
    nerves_tested: tuple[int, int] = (8, 14)
    block_stays_probability: float = 0.75
    new_blocks_mean: float = 0.25
    visit_days: tuple[int, ...] = (0, 30, 91, 182, 365)  # then yearly
    extra_visit_days: tuple[int, ...] = ()  # within the first year, besides those
    visit_jitter_days: float = 10.0
    missed_within_days: float = 70.0  # who misses the 6-month visit has none this near to it

    def __post_init__(self) -> None:
        """Refuse what is of the wrong kind."""
        check_fields(self)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of every number of the recipe, in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def scale(self) -> tuple[str, ...]:
        """Labels of the grades, lowest first: whole numbers from 0."""
        return tuple(str(grade) for grade in range(len(self.grade_probability)))

    @property
    def cutpoints(self) -> np.ndarray:
        """Cutpoints that give `grade_probability` when effects and noise vary, shape (K - 1,)."""
        spread = np.sqrt(1.0 + (np.pi * self.noise) ** 2 / 3.0)
        return norm.ppf(np.cumsum(self.grade_probability)[:-1]) * spread


def with_compartment(
    extra_visit_days: tuple[int, ...] = (), visit_jitter_days: float = 10.0
) -> Recipe:
    """Return the recipe whose doses act through the effect compartment of `strength.toml`.

    Parameters
    ----------
    extra_visit_days : tuple of int, default ()
        Visits within the first year besides those of the recipe.
    visit_jitter_days : float, default 10.0
        Sd of the days between a visit and its schedule, days.

    Returns
    -------
    Recipe
        Half-lives differ from the medians of their priors, so that recovering them is informative.
        2 g/kg every 4 weeks then keep some 1.4 g/kg in effect; 0.09 for each is about what leaves
        the share of responders as it is.

    Examples
    --------
    >>> recipe = mb.simulation.with_compartment()
    >>> recipe.onset_half_life_days, recipe.wearing_off_half_life_days
    (9.0, 20.0)
    >>> recipe.dose_rate
    0.0
    """
    return replace(
        Recipe(),
        dose_rate=0.0,
        infusions=0.09,
        onset_half_life_days=9.0,
        wearing_off_half_life_days=20.0,
        extra_visit_days=extra_visit_days,
        visit_jitter_days=visit_jitter_days,
    )


def truth_of(recipe: Recipe) -> dict[str, object]:
    """Return the parameters of a recipe by their names in a fit of `strength.toml`."""
    effects = np.array([effect for _, effect in recipe.muscles])
    names = (
        "noise",
        "gain",
        "half_time_days",
        "patient_level_sd",
        "patient_gain_sd",
        "dose_rate",
        "naive_level",
        "naive_gain",
    )
    stated = asdict(recipe)
    return {
        **{name: stated[name] for name in names},
        **(_of_compartment(recipe) if recipe.infusions else {}),
        "cutpoints": tuple(float(value) for value in recipe.cutpoints),
        "muscle_effect": {
            name: round(float(effect), 12)  # centred, without the dust of the subtraction
            for (name, _), effect in zip(recipe.muscles, effects - effects.mean(), strict=True)
        },
    }


def _of_compartment(recipe: Recipe) -> dict[str, float]:
    return {
        "infusions": recipe.infusions,
        "infusions_onset_half_life_days": recipe.onset_half_life_days,
        "infusions_wearing_off_half_life_days": recipe.wearing_off_half_life_days,
    }


def truth_to_toml(truth: Mapping[str, object]) -> str:
    """Return the parameters of a simulated cohort as TOML text.

    Parameters
    ----------
    truth : mapping of str to object
        As a cohort has it in `truth`: numbers, tuples of numbers, and tables of numbers by name.

    Returns
    -------
    str
        A comment that says what it is, the numbers and lists, then the tables; the same bytes for
        the same parameters.

    Examples
    --------
    >>> print(mb.simulation.truth_to_toml({"gain": 0.04, "muscle": {"hip flexion": 0.5}}))
    # The parameters this synthetic cohort was simulated with, named as in strength.toml.
    # Strength is in sds between the muscles of a patient, time in days, dose in g/kg/week.
    gain = 0.04
    <BLANKLINE>
    [muscle]
    "hip flexion" = 0.5
    """
    lines = [
        "# The parameters this synthetic cohort was simulated with, named as in strength.toml.",
        "# Strength is in sds between the muscles of a patient, time in days, dose in g/kg/week.",
    ]
    tables = {name: value for name, value in truth.items() if isinstance(value, Mapping)}
    for name, value in truth.items():
        if isinstance(value, tuple):
            lines.append(f"{name} = [{', '.join(repr(float(number)) for number in value)}]")
        elif name not in tables:
            lines.append(f"{name} = {value!r}")
    for name, table in tables.items():
        lines += ["", f"[{name}]"]
        lines += [f"{json.dumps(key)} = {float(value)!r}" for key, value in table.items()]
    return "\n".join(lines) + "\n"
