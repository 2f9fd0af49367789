"""Cohorts mutated, and what becomes of them."""

import shutil
from pathlib import Path
from random import Random

import pandas as pd

import mmn_bayes as mb

from .cells import strange
from .tables import CHANGES, Tables, valid


def mutated(random: Random) -> Tables:
    """Tables of a valid cohort, with one to three changes."""
    tables = valid(random)
    for _ in range(random.randint(1, 3)):
        name = random.choice(list(tables))
        if isinstance(tables[name], pd.DataFrame) and tables[name].size:
            tables[name] = random.choice(CHANGES)(tables[name], random)
    if random.random() < 0.1:
        tables[random.choice(("title", "source", "scale", "labels"))] = strange(random)
    return tables


def outcome(tables: Tables, specs: list[mb.ModelSpec], folder: Path) -> str:
    """What becomes of a mutated cohort: "refused", or how many models take it; else it raises.

    What is accepted is written to the folder and must be read as the same cohort.
    """
    try:
        cohort = mb.make_cohort(**tables, synthetic=True)
    except mb.DataError as error:
        return "refused" if error.defects else "refused without a defect"
    if mb.read_cohort(mb.write_cohort(cohort, folder)) != cohort:
        raise ValueError("another cohort is read back than was written")
    taken = 0
    for spec in specs:
        try:
            taken += bool(mb.engine.make_design(cohort, spec).sizes)
        except mb.DataError as error:
            if not error.defects:
                raise
    return f"accepted, {taken} of {len(specs)} models take it"


def outcome_of_files(random: Random, folder: Path) -> str:
    """What becomes of a written cohort of which bytes of a file are changed; else it raises."""
    mb.write_cohort(mb.make_cohort(**valid(random), synthetic=True), folder)
    for _ in range(random.randint(1, 3)):
        file = random.choice(sorted(folder.iterdir()))
        data, cell = bytearray(file.read_bytes()), strange(random)
        at = random.randrange(len(data) + 1)
        new = (
            cell.encode("utf-8", "surrogatepass") if isinstance(cell, str) else random.randbytes(2)
        )
        data[at : at + random.randint(0, 3)] = new
        file.write_bytes(data[: random.choice((at, len(data), len(data)))])
    try:
        cohort = mb.read_cohort(folder)
    except mb.DataError as error:
        return "refused" if error.defects else "refused without a defect"
    if mb.read_cohort(mb.write_cohort(cohort, folder)) != cohort:
        raise ValueError("another cohort is read back than was written")
    return "accepted"


def tried(random: Random, specs: list[mb.ModelSpec], folder: Path) -> str:
    """What becomes of a cohort: of four the tables of three are mutated, the files of one."""
    try:
        if random.random() < 0.25:
            return f"of files {outcome_of_files(random, folder)}"
        return outcome(mutated(random), specs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
