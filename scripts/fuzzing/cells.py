"""Strange cells of every kind, for a column of a table or a value of a model file."""

import datetime
import decimal
from random import Random

import numpy as np
import pandas as pd

TEXTS = (
    *("", " ", "NA", "nan", "inf", "-inf", "1e999", "-1e308", "1e-320", "3,5", "1.234,5", "12-"),
    *(
        "0x10",
        "9" * 5000,
        "=1+1",
        "@x",
        "+",
        "-",
        "\t3",
        "3\r",
        "3\n4",
        "P01\0",
        "\x1b[31m3",
        "\x7f",
    ),
    *("\ud800", "\u202e3", "3\u200b", "\ufeff3", "\uffff", "\u0663", "\u00bd", "\u2212", "e\u0301"),
    *("2024-02-30", "2024-01-05", "9999-12-31", "0000-00-00", "yes", "no", "left", "none", "'=1"),
    *("a" * 20_000, "\U0001f9e0", "1_000", "1e5", "+3", "3.0", "003", '"', ",", "\\", "#", "é"),
)
NUMBERS = (
    *(
        0,
        1,
        -1,
        3,
        5,
        1e6,
        1e300,
        -1e308,
        1e-320,
        0.1 + 0.2,
        2**63,
        -(2**70),
        10**5000,
        True,
        False,
    ),
    *(np.nan, np.inf, -np.inf, np.float32(0.1), np.int8(3), np.uint64(2**64 - 1), np.bool_(True)),
)
OBJECTS = (
    *(
        None,
        pd.NA,
        pd.NaT,
        np.datetime64("NaT", "s"),
        np.timedelta64("NaT", "s"),
        np.timedelta64(3, "D"),
    ),
    *(datetime.date(2024, 1, 5), datetime.datetime(2024, 1, 5, 12), datetime.time(3)),
    *(datetime.timedelta(3), pd.Timestamp("2024-01-05", tz="UTC"), np.datetime64("20240-01-01")),
    *(np.datetime64("-9999-01-01"), pd.Period("2024-01"), pd.Interval(0, 1), 3j, b"3", b"\xff"),
    *(decimal.Decimal("3"), decimal.Decimal("NaN"), decimal.Decimal("sNaN"), [1, 2], (), {"a": 1}),
    *(frozenset(), object, len, np.array([1, 2]), np.array(3), pd.Series([1]), ...),
)


def strange(random: Random) -> object:
    """A text, a number or any other object, as likely as each other."""
    return random.choice(random.choice((TEXTS, NUMBERS, OBJECTS)))
