# make setup      the environment in .venv, exactly as requirements.lock says
# make results    the main job, into results/leger2008: fits of strength and response, their table, its figures; 25 s
# make studies    everything else, part by part: 1:40 hours; goes on after an interruption, leaves what is done as it is
#                 AGAIN=1 does that anew, JOBS=2 runs two parts at once; `scripts/studies.py --list` says what is done
# make studies-checks, -history, -placebo, -review, -scenarios, -long-term, -blocks, -exposure    into results/leger2008
# make studies-simulated-histories, -long-run, -predictors, -joint, -recovery, -left-out, -histories, -calls, -visits,
#      -worth     into a folder of results each; the times of all are in the README
# make compare-results   whether results agree with the committed ones (AGAINST=HEAD, FOLDERS=results); 25 s
# make benchmark  this package beside others, into results/benchmark and the README: takes hours
# make test       the tests, in under 5 minutes; make test-all the slow ones too, as the continuous integration does
# make test-seeds the tests of draws under 20 other seeds and another rounding (SEEDS_FLAGS="--runs 3")
# make drill      fits, saves, runs of tasks and the main job interrupted at random moments: half an hour (DRILL_FLAGS="--moments 5")
# make lint       what must be clean before a change goes in; make format mends what it can
# make lock       both locks anew from pyproject.toml (needs uv); LOCK_FLAGS=--upgrade takes newer ones

# The parts of the studies, as scripts/running/plan.py has them; a test compares the two.
PARTS := checks history placebo review scenarios long-term blocks simulated-histories long-run exposure \
    predictors joint recovery left-out histories calls visits worth
# Those that have a folder of their own go by their names alone, too.
ALONE := long-run predictors joint recovery left-out histories calls visits worth

.PHONY: setup results studies $(PARTS:%=studies-%) $(ALONE) compare-results benchmark test test-slow test-all test-seeds drill lint format lock
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
LOCK_FLAGS :=
BENCHMARK_FLAGS :=
RESULTS_FLAGS :=
SEEDS_FLAGS :=
DRILL_FLAGS :=
AGAIN :=
JOBS := 1
AGAINST := HEAD
FOLDERS := results

# Two processes, and a file stays in one of them: PyTensor's compiler is not thread-safe, and the tests
# of a file share what they compile. The order is that of tests/conftest.py. TEST_FLAGS="-n 0" runs
# all in one process, "-k name" picks some.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
TEST_FLAGS :=

setup: .venv/.ready

results: .venv/.ready
	$(PYTHON) scripts/reproduce_leger2008.py $(RESULTS_FLAGS)

STUDIES = $(PYTHON) scripts/studies.py $(if $(AGAIN),--again) --jobs $(JOBS)

studies: .venv/.ready
	$(STUDIES)

$(PARTS:%=studies-%): studies-%: .venv/.ready
	$(STUDIES) $*

$(ALONE): %: studies-%

compare-results: .venv/.ready
	$(PYTHON) scripts/compare_results.py --against $(AGAINST) $(FOLDERS)

benchmark: .venv/.benchmark
	$(PYTHON) scripts/benchmark.py $(BENCHMARK_FLAGS)

test: .venv/.ready
	$(PYTHON) -m pytest $(WORKERS) -m "not slow" $(TEST_FLAGS)

test-slow: .venv/.ready
	$(PYTHON) -m pytest $(WORKERS) -m slow $(TEST_FLAGS)

test-all:
	$(MAKE) test
	$(MAKE) test-slow

test-seeds: .venv/.ready
	$(PYTHON) scripts/try_seeds.py $(SEEDS_FLAGS)

drill: .venv/.ready
	$(PYTHON) scripts/interrupt_drill.py $(DRILL_FLAGS)

lint: .venv/.ready
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m numpydoc lint $$(find mmn_bayes -name '*.py')

format: .venv/.ready
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

COMPILE := uv pip compile pyproject.toml --extra dev --universal --python-version 3.12 \
    --no-python-downloads --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

# The second lock is the first one and what the benchmark adds.
lock:
	$(COMPILE) $(LOCK_FLAGS) -o requirements.lock
	cp requirements.lock requirements-benchmark.lock
	$(COMPILE) --extra benchmark -o requirements-benchmark.lock

# What the benchmark measures against goes into .venv when the benchmark is first asked for; without
# it the script goes on, and says so.
.venv/.benchmark: .venv/.ready requirements-benchmark.lock
	@if command -v uv >/dev/null 2>&1 \
	    && uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements-benchmark.lock \
	    || $(PYTHON) -m pip install --quiet --require-hashes -r requirements-benchmark.lock; \
	then : >$@; \
	else echo "make benchmark: Bambi could not be installed; going on without it." >&2; fi

# The stamp is written last, and whatever ends the recipe before that removes .venv, or if it cannot
# (kill -9) leaves no stamp: an environment is whole or not ready. With uv on the PATH uv makes it; otherwise, or when uv cannot (it does not read
# pip.conf, for one), pip does. An interpreter is tried by running it, since a shim may stand for a
# version that is not installed. The project itself goes in without build isolation, because its build
# backend is in the lock like everything else.
define SETUP
set -u
rm -rf .venv
ready=no
trap 'test $$ready = yes || rm -rf .venv' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
say() { echo "make setup: $$*" >&2; }

new_enough='import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))'
find_python() {
    lame=
    for python in python3.13 python3.14 python3.12 python3 \
        "$${PYENV_ROOT:-$${HOME:-}/.pyenv}"/versions/3.1[234].*/bin/python3; do
        "$$python" -c "$$new_enough" >/dev/null 2>&1 || continue
        "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
        lame=$${lame:-$$python}
    done
    return 1
}
explain() {
    if test -n "$$lame"; then
        say "$$lame cannot make an environment because its venv or ensurepip module is missing;" \
            "install it (on Debian and Ubuntu: apt install $${lame##*/}-venv) and try again."
    else
        say "no Python 3.12, 3.13 or 3.14 was found; install one (with the system's package manager," \
            "uv or pyenv), put it on the PATH and try again."
    fi
}

# On all processors, and without the tests of the libraries: pip takes one processor and all files,
# uv leaves it to each first import. A file that no Python can compile is no reason to fail.
byte_compile() {
    PYTHONDONTWRITEBYTECODE= .venv/bin/python -m compileall -q -j 0 -x '/tests?/' \
        .venv/lib/python3*/site-packages >/dev/null 2>&1 || :
}
with_uv() {
    { uv venv --no-python-downloads .venv \
        || uv venv --no-python-downloads --python '>=3.12,<3.15' .venv \
        || { find_python && uv venv --python "$$python" .venv; } \
        || uv venv .venv; } >/dev/null 2>&1 \
    && uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock \
    && uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e . \
    && byte_compile
}
with_pip() {
    find_python || { explain; return 1; }
    pip_install=".venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile"
    "$$python" -m venv .venv \
    && $$pip_install --require-hashes -r requirements.lock \
    && $$pip_install --no-deps --no-build-isolation -e . \
    && byte_compile
}

if ! command -v uv >/dev/null 2>&1; then
    with_pip || exit 1
elif ! with_uv; then
    say "uv could not make the environment; trying without it."
    rm -rf .venv
    with_pip || exit 1
fi
: >.venv/.ready
ready=yes
endef

.venv/.ready: export SETUP := $(SETUP)
.venv/.ready: requirements.lock pyproject.toml
	@echo "Making .venv from requirements.lock; the first time takes some minutes."
	@eval "$$SETUP"
