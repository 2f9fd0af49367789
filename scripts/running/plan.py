"""The parts of `make studies`: which script, of which inputs, what it writes, how long it takes."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Part:
    """One script.

    Parameters
    ----------
    name, script
        As in `make studies-<name>`; the script, without its ending.
    models
        The model files that it reads, as patterns of their names.
    writes
        A file that is there when it is done, under results.
    seconds
        What it took on two quiet cores, for the estimate of the time left until it is known here.
    fits
        Fits that it reads, under results/leger2008.
    after
        Parts whose files it reads.
    """

    name: str
    script: str
    models: tuple[str, ...]
    writes: str
    seconds: float
    fits: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


BOTH = ("strength", "response")
OF_HISTORY = ("response_map", "response_robust")
# The main job, which comes first where its fits are not there or older than what they are made of.
FITS = Part("fits", "reproduce_leger2008", BOTH, "leger2008/strength.nc", 50)


def _of_paper(
    name: str, models: tuple[str, ...], writes: str, seconds: float, *more: tuple
) -> Part:
    """A part of the founding study, which writes into its folder."""
    script = f"{name.replace('-', '_')}_leger2008"
    return Part(name, script, models, f"leger2008/{writes}", seconds, *more)


STUDIES = (
    _of_paper("checks", BOTH, "prior_strength.csv", 10, BOTH),
    # Its last fit, which is not committed, and which the next part reads.
    _of_paper(
        *("history", ("historical_response", *OF_HISTORY, "response"), "response_robust.nc", 16),
        ("response",),
    ),
    _of_paper(
        *("placebo", ("historical_placebo", "trial_*", *OF_HISTORY, *BOTH)),
        *("manifest_placebo.json", 18, BOTH, ("history",)),
    ),
    _of_paper("review", BOTH, "missing.csv", 60, BOTH),
    _of_paper("scenarios", ("strength",), "scenario_response.csv", 100, ("strength",)),
    _of_paper("long-term", ("long_term*",), "manifest_long_term.json", 16),
    _of_paper("blocks", ("blocks*",), "manifest_blocks.json", 20),
    Part(
        *("simulated-histories", "histories_simulated", ("histories",)),
        *("simulated_histories/manifest.json", 44),
    ),
    Part("long-run", "study_long_run", ("strength_slope",), "long_run/manifest.json", 73),
    _of_paper("exposure", ("strength*",), "manifest_exposure.json", 290, ("strength",)),
    Part(
        *("predictors", "predictors_leger2008", ("candidates_*",), "predictors/manifest.json"),
        *(360, (), ("history",)),
    ),
    Part("joint", "study_joint", ("joint",), "joint/manifest.json", 360),
    Part("recovery", "study_recovery", ("strength",), "recovery/manifest.json", 180),
    Part("left-out", "study_leave_out", ("strength",), "leaving_out/manifest.json", 720),
    Part("histories", "study_histories", ("histories",), "histories/manifest.json", 600),
    Part("calls", "study_calls", ("candidates_response*",), "calls/manifest.json", 900),
    Part("visits", "study_visits", ("strength",), "visits/visits.csv", 900),
    Part("worth", "study_worth", ("candidates_*",), "worth/imputed.csv", 1200),
)
