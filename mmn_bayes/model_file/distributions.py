"""The distributions that a prior may name, as data."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Distribution:
    """One distribution that a prior may name.

    Attributes
    ----------
    support
        "real", "positive", "share", "simplex", "correlation", "effects" or "fixed".
    parameters
        Names of its parameters, all to be stated, in the order of `models/README.md`.
    positive
        Those of them that must be above 0.
    text
        What it is, in a line.
    shares
        Those of them that must be below 1 too.
    """

    support: str
    parameters: tuple[str, ...]
    positive: tuple[str, ...]
    text: str
    shares: tuple[str, ...] = ()


DISTRIBUTIONS: Mapping[str, Distribution] = {
    "normal": Distribution("real", ("mean", "sd"), ("sd",), "normal"),
    "student_t": Distribution("real", ("df", "mean", "sd"), ("df", "sd"), "Student t; sd: scale"),
    "half_normal": Distribution("positive", ("sd",), ("sd",), "normal around 0, folded"),
    "half_student_t": Distribution(
        "positive", ("df", "sd"), ("df", "sd"), "Student t around 0, folded; sd: scale"
    ),
    "exponential": Distribution("positive", ("mean",), ("mean",), "exponential"),
    "lognormal": Distribution(
        "positive", ("median", "log_sd"), ("median", "log_sd"), "normal on the log scale"
    ),
    "gamma": Distribution("positive", ("mean", "sd"), ("mean", "sd"), "gamma"),
    "beta": Distribution(
        "share", ("alpha", "beta"), ("alpha", "beta"), "beta; mean alpha / (alpha + beta)"
    ),
    "dirichlet": Distribution(
        "simplex", ("concentration",), ("concentration",), "Dirichlet; one number a grade"
    ),
    "lkj": Distribution(
        "correlation", ("shape",), ("shape",), "LKJ; 1 is uniform over correlation matrices"
    ),
    "horseshoe": Distribution(
        "effects",
        ("relevant", "residual_sd", "slab_df", "slab_sd"),
        ("relevant", "residual_sd", "slab_df", "slab_sd"),
        "regularised horseshoe; its global scale by the expected number of relevant effects",
    ),
    "r2d2": Distribution(
        "effects",
        ("r2_mean", "r2_precision", "shape", "residual_sd"),
        ("r2_mean", "r2_precision", "shape", "residual_sd"),
        "R2D2; a beta on R2 by its mean and precision, shared out by a Dirichlet of that shape",
        shares=("r2_mean",),
    ),
    "fixed": Distribution("fixed", ("value",), ("value",), "known: one value, nothing to estimate"),
}
