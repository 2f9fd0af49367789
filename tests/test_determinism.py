"""The same seed gives the same draws, whether compiled code is new or comes from the disk.

On one machine: another processor rounds differently, and gives other draws.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The bits of the likelihood and its gradients, and of effects drawn by it.
LIKELIHOOD = """
import hashlib
import numpy as np
from mmn_bayes.engine import ordinal, kernel_logit as quadrature

rng = np.random.default_rng(1)
edges = np.arange(0, 301, 6)
for sigma in (0.5, 4.0, 18.0, 60.0):
    cutpoints = sigma * np.array([-1.9, -1.5, -1.1, -0.8, -0.25])
    eta = np.repeat(0.3 * sigma * rng.normal(size=50), 6) + rng.normal(size=300)
    code = np.searchsorted(cutpoints, eta + np.repeat(sigma * rng.normal(size=50), 6))
    effects = quadrature.draw_site_effects(
        eta[None], cutpoints[None], np.array([sigma]), code, edges, rng.random((1, 50, 2))
    )
    for numbers in (*ordinal.log_density(eta, cutpoints, sigma, code, edges), effects):
        print(hashlib.sha256(np.asarray(numbers).tobytes()).hexdigest())
"""

# The bits of a fit, and how many structures were compiled for it.
DRAWS = """
import pathlib
import sys
import warnings

from mmn_bayes.simulation.cohort import simulate_cohort
from mmn_bayes.engine import compiled_logp as compiling
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import read_model

warnings.simplefilter("ignore")
compiled_here, compile_model = [], compiling._compile
compiling._compile = lambda *how: compiled_here.append(how[1]) or compile_model(*how)
settings = {"chains": 2, "draws": 100, "tune": 150, "seed": 5, "progress": "off"}
spec = read_model(pathlib.Path(sys.argv[1]) / "response.toml")
posterior = fit(simulate_cohort(12, seed=3), spec, **settings)["posterior"]
for name in sorted(posterior.data_vars):
    print(name, hashlib.sha256(posterior[name].to_numpy().tobytes()).hexdigest())
print(len(compiled_here), "compiled")
"""


@pytest.mark.slow
def test_new_code_and_code_from_the_disk_agree_bit_by_bit(tmp_path: Path, models: Path) -> None:
    runs = []
    for hash_seed in "12":  # a key of code does not hang on the order of sets in a process
        environment = os.environ | {
            "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
            "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}",
            "PYTHONHASHSEED": hash_seed,
        }
        done = subprocess.run(
            [sys.executable, "-c", LIKELIHOOD + DRAWS, str(models)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        runs.append(done.stdout.splitlines())
    (*new, n_new), (*from_disk, n_from_disk) = runs
    assert new
    assert new == from_disk
    assert (n_new, n_from_disk) == ("1 compiled", "0 compiled")
