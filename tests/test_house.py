"""The rules of the house that nobody should have to remember: storeys, rooms, lock, words."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "mmn_bayes"
FACE = PACKAGE  # the package itself: what a user imports, so nothing inside may import it

NAMESPACES = ("observed", "joint", "loo", "tables", "plots", "io", "registry")
# What each room may import from, itself aside.
_GROUND = {"errors", "arguments", "undocumented", "data", "public_names"}
_TABLES = {*_GROUND, "model_file", "engine", "posterior", "report", "outcomes"}
BELOW = {
    "errors": set(),
    "undocumented": set(),
    "argument_kinds": set(),
    "arguments": {"argument_kinds"},
    "data": {"errors", "arguments"},
    "model_file": _GROUND,
    "simulation": _GROUND,
    "engine": {*_GROUND, "model_file"},
    "posterior": {*_GROUND, "model_file", "engine"},
    "report": {*_GROUND, "model_file", "engine", "posterior"},
    "outcomes": _TABLES - {"outcomes"},
    "exposure": _TABLES,
    "predictors": _TABLES,
    "studies": {*_TABLES, "exposure", "predictors", "simulation"},
    "public_names": {"arguments"},
    # Namespaces: a stub says what each offers, so that none imports what it names.
    **{n: {"public_names"} for n in NAMESPACES},
}
# In a room of topics a module imports from those whose last word stands further left, or is the
# same; `observed` (what is counted: no PyMC, no ArviZ) stands beside `likelihood`. A name that ends
# in none of these words is of the estimands.
STEMS = {
    "declared": 0,
    "design": 1,
    "likelihood": 2,
    "observed": 2,
    "estimands": 3,
    "table": 4,
    "figure": 5,
}
OF_TOPICS = ("outcomes", "exposure", "predictors")
# An outcome imports from those further down; of the same rank none from another.
TOPICS = {
    "observed_rates": 0,
    "grade": 1,
    "response": 2,
    **dict.fromkeys(("evidence", "classes", "blocks", "states"), 3),
    **dict.fromkeys(("joint", "joint_table"), 4),
}
BAYESIAN = {
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
    "nutpie",
    "pymc",
    "pytensor",
}
BANNED = dict.fromkeys(
    ("errors", "argument_kinds", "arguments", "data", "model_file", "simulation"), BAYESIAN
)
# Rooms that know no draws: all that what is counted may import, beside other counts.
WITHOUT_DRAWS = {"errors", "arguments", "undocumented", "public_names", "data", "model_file"}
OUTSIDE = {"scripts", "tests", "conftest"}  # roots of the repository that no module may import

TOP_LEVEL = {
    ".ci",
    ".gitignore",
    ".pre-commit-config.yaml",
    ".python-version",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "Makefile",
    "README.md",
    "data",
    "mmn_bayes",
    "models",
    "pyproject.toml",
    "requirements-benchmark.lock",
    "requirements.lock",
    "results",
    "scripts",
    "tests",
}
LONGEST_SCRIPT = 60
LONGEST_PART = 130  # of a study that has a folder of its own beside its script


# --- the import walk -----------------------------------------------------------------------------


def package_sources() -> dict[str, tuple[str, bool]]:
    """Dotted name of every module of the package, with its text and whether it is a package."""
    sources = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        sources[name] = (path.read_text(encoding="utf-8"), is_package)
    return sources


def _dynamic(node: ast.Call) -> str | None:
    """Name of the module that `import_module("...")` or `__import__("...")` asks for."""
    called = getattr(node.func, "attr", getattr(node.func, "id", None))
    if called not in {"import_module", "__import__"}:
        return None
    argument = node.args[0] if node.args else None
    return argument.value if isinstance(argument, ast.Constant) else "?"


def imports(module: str, text: str, is_package: bool, modules: Collection[str]) -> Iterator[str]:
    """Every module that `module` imports, at any depth of its code, by absolute dotted name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                keep = len(parts) - node.level + is_package
                base = ".".join([*parts[:keep], *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in modules else base
        elif isinstance(node, ast.Call) and (name := _dynamic(node)):
            yield name


def storey(module: str) -> str:
    """Second part of a dotted name inside the package; the package itself is its own storey."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FACE


def topic(module: str) -> str:
    """Third part of a dotted name in the room of outcomes; empty for the room itself."""
    parts = module.split(".")
    return parts[2] if len(parts) > 2 else ""


def stem(module: str) -> str:
    """Last word of a module in a room of topics: what kind of module of its topic it is."""
    name = module.rpartition(".")[2]
    if name.startswith("observed"):
        return "observed"
    last = name.rpartition("_")[2]
    return last if last in STEMS else "estimands"


def _is_package(module: str, sources: Collection[str]) -> bool:
    return any(other.startswith(f"{module}.") for other in sources)


def _upward_in_topics(module: str, target: str) -> bool:
    """Whether an import inside a room of topics goes up: by the topic, or by the stem."""
    here, there = stem(module), stem(target)
    if storey(module) == "outcomes":
        own, other = topic(module), topic(target)
        if own != other and TOPICS[other] >= TOPICS[own]:
            return True
    return here != there and STEMS[there] >= STEMS[here]


def _fault(module: str, target: str, sources: Collection[str]) -> str | None:
    """Why `module` may not import `target`, or None when it may."""
    here = storey(module)
    if here in (FACE, "public_names"):  # which imports whatever a stub names
        return None
    if here not in BELOW:
        return f"{module} stands in no room"
    root, there = target.split(".")[0], storey(target)
    counted = here in OF_TOPICS and stem(module) == "observed" and not _is_package(module, sources)
    if root != PACKAGE:
        banned = BAYESIAN if counted else BANNED.get(here, ())
        wrong = root in OUTSIDE or root in banned or target == "?"
    elif counted:
        wrong = there not in WITHOUT_DRAWS and stem(target) != "observed"
    else:
        wrong = there != here and there not in BELOW[here]
    if root == PACKAGE and there == here and here in OF_TOPICS and not wrong:
        rooms = _is_package(module, sources) or _is_package(target, sources)
        wrong = not rooms and _upward_in_topics(module, target)
    return f"{module} may not import {target}" if wrong else None


def _cycle(graph: Mapping[str, Collection[str]]) -> list[str] | None:
    """Some closed path of the graph, or None."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        for other in sorted(graph.get(node, ())):
            if found := visit(other, [*path, node]):
                return found
        done.add(node)
        return None

    return next((found for node in sorted(graph) if (found := visit(node, []))), None)


def import_graph(sources: Mapping[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """What every module imports, itself aside."""
    return {
        name: set(imports(name, text, is_package, sources)) - {name}
        for name, (text, is_package) in sources.items()
    }


def import_faults(sources: Mapping[str, tuple[str, bool]]) -> list[str]:
    """Every import that breaks the rule of the rooms, and a cycle if there is one."""
    graph = import_graph(sources)
    faults = [
        fault
        for name, targets in graph.items()
        for target in sorted(targets)
        if (fault := _fault(name, target, sources))
    ]
    inside = {name: targets & graph.keys() for name, targets in graph.items() if name != FACE}
    if cycle := _cycle(inside):
        faults.append("cycle: " + " > ".join(cycle))
    return faults


def test_every_module_imports_only_from_below():
    sources = package_sources()
    assert {storey(name) for name in sources} == {FACE, *BELOW}
    assert {topic(name) for name in sources if storey(name) == "outcomes"} == {"", *TOPICS}
    assert import_faults(sources) == []


def _first_import(text: str) -> str:
    """What the first import statement of a module imports."""
    node = next(n for n in ast.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom))
    return node.names[0].name if isinstance(node, ast.Import) else str(node.module)


def test_what_imports_pymc_first_finds_the_folder_of_compiled_code_prepared():
    sources, engine = package_sources(), f"{PACKAGE}.engine"
    graph = import_graph(sources)
    unprepared = [
        name
        for name, targets in graph.items()
        if name != FACE and {target.split(".")[0] for target in targets} & BAYESIAN
        if storey(name) != "engine" and engine not in graph[f"{PACKAGE}.{storey(name)}"]
        if _first_import(sources[name][0]) != engine
    ]
    assert unprepared == []


SOUND = {
    "mmn_bayes": "from mmn_bayes.report import store",
    "mmn_bayes.errors": "",
    "mmn_bayes.data": "",
    "mmn_bayes.data.schema": "import pandas as pd\nfrom mmn_bayes.errors import DataError",
    "mmn_bayes.data.reading": "from . import schema\nfrom ..errors import DataError",
    "mmn_bayes.simulation": "",
    "mmn_bayes.simulation.cohort": "import numpy as np\nfrom mmn_bayes.data import schema",
    "mmn_bayes.model_file": "",
    "mmn_bayes.model_file.reading": "from mmn_bayes.data.schema import Cohort",
    "mmn_bayes.engine": "",
    "mmn_bayes.engine.sampling": "import pymc as pm\nfrom mmn_bayes.model_file import reading",
    "mmn_bayes.posterior": "import mmn_bayes.engine",
    "mmn_bayes.posterior.summary": "import arviz as az\nfrom mmn_bayes.engine import sampling",
    "mmn_bayes.report": "",
    "mmn_bayes.report.store": "from mmn_bayes.posterior import summary",
    "mmn_bayes.outcomes": "import mmn_bayes.engine",
    "mmn_bayes.outcomes.observed_rates": "import scipy.stats\nfrom mmn_bayes.data import schema",
    "mmn_bayes.outcomes.response": "",
    "mmn_bayes.outcomes.response.estimands": "from mmn_bayes.posterior import summary",
    "mmn_bayes.outcomes.blocks": "",
    "mmn_bayes.outcomes.blocks.design": "from mmn_bayes.data import schema",
    "mmn_bayes.outcomes.blocks.likelihood": "import pymc as pm\nfrom . import design",
    "mmn_bayes.outcomes.blocks.observed": "from mmn_bayes.outcomes import observed_rates",
    "mmn_bayes.outcomes.blocks.estimands": "from ..response import estimands",
    "mmn_bayes.outcomes.blocks.table": "from . import estimands, observed",
    "mmn_bayes.outcomes.states": "",
    "mmn_bayes.outcomes.states.estimands": "",
    "mmn_bayes.outcomes.states.figure": "",
    "mmn_bayes.public_names": "",
    "mmn_bayes.plots": "from mmn_bayes.public_names import attach",
}


def _faults_with(module: str, text: str) -> list[str]:
    texts = {**SOUND, module: text}
    return import_faults({name: (text, _is_package(name, texts)) for name, text in texts.items()})


def test_the_walk_finds_no_fault_in_a_sound_house():
    assert _faults_with("mmn_bayes.errors", "") == []


@pytest.mark.parametrize(
    ("module", "text", "target"),
    [
        # upward
        (
            "mmn_bayes.model_file.reading",
            "import mmn_bayes.engine.sampling",
            "mmn_bayes.engine.sampling",
        ),
        (
            "mmn_bayes.data.schema",
            "from mmn_bayes.model_file import reading",
            "mmn_bayes.model_file.reading",
        ),
        ("mmn_bayes.data.schema", "from mmn_bayes import model_file", "mmn_bayes.model_file"),
        ("mmn_bayes.errors", "from mmn_bayes import data", "mmn_bayes.data"),
        ("mmn_bayes.engine.sampling", "from mmn_bayes import Cohort", "mmn_bayes"),
        (
            "mmn_bayes.engine.sampling",
            "from mmn_bayes.outcomes.blocks import likelihood",
            "mmn_bayes.outcomes.blocks.likelihood",
        ),
        ("mmn_bayes.data.schema", "from tests import conftest", "tests"),
        ("mmn_bayes.lobby", "import mmn_bayes.errors", None),
        # upward in a topic, by the stem
        (
            "mmn_bayes.outcomes.blocks.design",
            "from mmn_bayes.outcomes.blocks.likelihood import blocked",
            "mmn_bayes.outcomes.blocks.likelihood",
        ),
        (
            "mmn_bayes.outcomes.blocks.estimands",
            "from . import table",
            "mmn_bayes.outcomes.blocks.table",
        ),
        (
            "mmn_bayes.outcomes.blocks.likelihood",
            "from . import observed",
            "mmn_bayes.outcomes.blocks.observed",
        ),
        # from one topic to another
        (
            "mmn_bayes.outcomes.blocks.estimands",
            "from ..states import estimands",
            "mmn_bayes.outcomes.states.estimands",
        ),
        (
            "mmn_bayes.outcomes.response.estimands",
            "from ..blocks import design",
            "mmn_bayes.outcomes.blocks.design",
        ),
        # what is counted knows no draws
        (
            "mmn_bayes.outcomes.blocks.observed",
            "from mmn_bayes.posterior import summary",
            "mmn_bayes.posterior.summary",
        ),
        ("mmn_bayes.outcomes.observed_rates", "import mmn_bayes.engine", "mmn_bayes.engine"),
        (
            "mmn_bayes.outcomes.blocks.observed",
            "from . import design",
            "mmn_bayes.outcomes.blocks.design",
        ),
        ("mmn_bayes.outcomes.blocks.observed", "import pymc as pm", "pymc"),
        ("mmn_bayes.outcomes.observed_rates", "from arviz_stats import eti", "arviz_stats"),
        (
            "mmn_bayes.model_file.reading",
            "from pymc.distributions import Normal",
            "pymc.distributions",
        ),
        ("mmn_bayes.data.reading", "import pytensor.tensor as pt", "pytensor.tensor"),
        # nor do simulated cohorts know the model that they are a second author of
        (
            "mmn_bayes.simulation.cohort",
            "from mmn_bayes.engine import sampling",
            "mmn_bayes.engine.sampling",
        ),
        # relative
        (
            "mmn_bayes.simulation.cohort",
            "from ..engine import sampling",
            "mmn_bayes.engine.sampling",
        ),
        ("mmn_bayes.simulation.cohort", "from .. import engine", "mmn_bayes.engine"),
        (
            "mmn_bayes.data",
            "from ..model_file.reading import read_model",
            "mmn_bayes.model_file.reading",
        ),
        ("mmn_bayes.model_file.reading", "from .. import read_model", "mmn_bayes"),
        # hidden in a function, under TYPE_CHECKING, in a string
        (
            "mmn_bayes.simulation.cohort",
            "def draw():\n    import mmn_bayes.engine.sampling",
            "mmn_bayes.engine.sampling",
        ),
        (
            "mmn_bayes.outcomes.observed_rates",
            "class Rate:\n    def draw(self):\n        from ..posterior import summary",
            "mmn_bayes.posterior.summary",
        ),
        (
            "mmn_bayes.data.schema",
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from ..model_file import reading",
            "mmn_bayes.model_file.reading",
        ),
        (
            "mmn_bayes.model_file.reading",
            "import importlib\nbuild = importlib.import_module('mmn_bayes.engine.sampling')",
            "mmn_bayes.engine.sampling",
        ),
        ("mmn_bayes.model_file.reading", "name = 'x'\nbuild = __import__(name)", "?"),
    ],
)
def test_the_walk_catches(module, text, target):
    fault = f"{module} may not import {target}" if target else f"{module} stands in no room"
    assert fault in _faults_with(module, text)


def test_the_walk_catches_a_cycle_within_a_room():
    text = "def late():\n    from . import reading"
    assert _faults_with("mmn_bayes.data.schema", text) == [
        "cycle: mmn_bayes.data.reading > mmn_bayes.data.schema > mmn_bayes.data.reading"
    ]


# --- the public face -----------------------------------------------------------------------------


def _run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_quick():
    heavy = {"arviz", "matplotlib", "numba", "nutpie", "pandas", "pymc", "pytensor", "xarray"}
    loaded = _run_python(f"import sys, {PACKAGE}; print(*sys.modules)").split()
    assert PACKAGE in loaded
    assert heavy.isdisjoint(loaded)


def test_every_public_name_resolves():
    code = (
        f"import sys; sys.path.insert(0, 'tests'); import {PACKAGE}; "
        "from public_verbs import public_names; print(*public_names())"
    )
    assert len(_run_python(code).split()) > 150


def namespaces() -> list[Path]:
    """The stubs: of the package and of each namespace."""
    return sorted((ROOT / PACKAGE).rglob("*.pyi"))


def stub_faults(stub: Path) -> list[str]:
    """What a stub imports that is not there, or imports under another name."""
    faults, seen = [], set()
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            if alias.asname != alias.name:
                faults.append(f"{alias.name} is not re-exported under its name")
            if alias.name in seen:
                faults.append(f"{alias.name} stands there twice")
            seen.add(alias.name)
            if not hasattr(import_module(node.module or ""), alias.name):
                faults.append(f"{node.module} has no {alias.name}")
    return faults


def test_stubs_and_code_agree():
    assert len(namespaces()) > 10
    assert {str(stub): found for stub in namespaces() if (found := stub_faults(stub))} == {}


def test_a_public_name_has_one_home():
    stubs = [stub.read_text(encoding="utf-8") for stub in namespaces()]
    names = [name for text in stubs for name in re.findall(r" as (\w+)$", text, re.MULTILINE)]
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_scripts_import_nothing_below_the_face():
    below = [
        f"{path.name}: {node.module}"
        for path in (ROOT / "scripts").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE
    ]
    assert below == []


def _functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public functions of a module, and public methods of its public classes."""
    todo: list[ast.stmt] = list(ast.parse(text).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            todo.extend(node.body)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            yield node


def function_faults(sources: Mapping[str, tuple[str, bool]]) -> list[str]:
    """Every public function without a docstring, or one that takes whatever it is given."""
    faults = []
    for module, (text, _) in sources.items():
        for function in _functions(text):
            if ast.get_docstring(function) is None:
                faults.append(f"{module}.{function.name} has no docstring")
            if function.args.kwarg is not None:
                faults.append(f"{module}.{function.name} takes **{function.args.kwarg.arg}")
    return faults


def test_public_functions_state_what_they_take_and_do():
    assert function_faults(package_sources()) == []


def test_the_look_at_functions_sees_both_faults():
    text = (
        "def bare(): pass\n"
        "def loose(**options):\n    'Do.'\n"
        "def _own(**options): pass\n"
        "class Table:\n    def rows(self): pass\n    def _row(self): pass\n"
    )
    assert sorted(function_faults({"m": (text, False)})) == [
        "m.bare has no docstring",
        "m.loose takes **options",
        "m.rows has no docstring",
    ]


# --- the repository ------------------------------------------------------------------------------


def _git(*arguments: str) -> str | None:
    """Output of git in the repository, or None without git or outside a repository of our own."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def top_level() -> set[str]:
    """First part of the path of every file that is tracked, or new and not ignored."""
    own = (_git("rev-parse", "--show-toplevel") or "").strip()
    if own and Path(own).resolve() == ROOT:
        listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
        paths = [path for path in listed.split("\0") if path and (ROOT / path).exists()]
        return {path.split("/")[0] for path in paths}
    ignored = {
        line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line
    }
    return {path.name for path in ROOT.iterdir()} - ignored - {".git"}


def test_the_top_level_holds_what_it_should_and_nothing_else():
    assert top_level() == TOP_LEVEL


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked_versions(text: str) -> dict[str, str]:
    """Name and version of every requirement of a lock; ValueError for one that is not pinned whole.

    A requirement is one logical line: name, exact version, perhaps a marker, at least one hash.
    """
    logical = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n?", "", text))
    versions = {}
    for line in filter(None, map(str.strip, logical.splitlines())):
        pinned = re.fullmatch(
            r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ;[^#]*?)?((?:\s+--hash=sha256:[0-9a-f]{64})+)", line
        )
        if pinned is None or "://" in line:
            raise ValueError(line[:80])
        versions[canonicalize_name(pinned[1])] = pinned[2]
    return versions


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-benchmark.lock"])
def test_the_locks_pin_every_requirement_with_its_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert re.search(r"(?m)(^|\s)(-[a-z]\b|--(?!hash=))", text) is None
    assert re.search(r"(^|[\s(])/\w", text) is None
    assert len(locked_versions(text)) > 50


@pytest.mark.parametrize(
    "line",
    [
        "numpy==2.5.5",
        "numpy>=2 --hash=sha256:" + "0" * 64,
        "numpy @ https://example.org/numpy.whl --hash=sha256:" + "0" * 64,
        "--index-url https://example.org/simple",
        "-e .",
    ],
)
def test_a_lock_with_an_open_end_is_refused(line):
    with pytest.raises(ValueError, match=re.escape(line[:20])):
        locked_versions(f"tqdm==4.70.1 \\\n    --hash=sha256:{'1' * 64}\n{line}\n")


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["dev"]), ("requirements-benchmark.lock", ["dev", "benchmark"])],
)
def test_the_locks_answer_what_the_project_asks_for(lock, extras):
    project = _project()
    asked = list(project["dependencies"])
    asked += [name for extra in extras for name in project["optional-dependencies"][extra]]
    locked = locked_versions((ROOT / lock).read_text(encoding="utf-8"))
    wrong = [
        str(requirement)
        for requirement in map(Requirement, asked)
        if locked.get(canonicalize_name(requirement.name), "") not in requirement.specifier
    ]
    assert wrong == []


def test_the_lock_of_the_benchmark_only_adds_to_the_other():
    names = ("requirements.lock", "requirements-benchmark.lock")
    small, large = (locked_versions((ROOT / name).read_text(encoding="utf-8")) for name in names)
    assert small.items() <= large.items()


def test_scripts_stay_short():
    lengths = {
        path.relative_to(ROOT / "scripts"): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "scripts").rglob("*.py")
    }
    assert lengths
    longest = {path: LONGEST_PART if path.parent.name else LONGEST_SCRIPT for path in lengths}
    assert {path: n for path, n in lengths.items() if n > longest[path]} == {}


def test_the_citation_names_this_version_and_licence():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    stated = dict(re.findall(r"(?m)^(version|license): (\S+)$", citation))
    project = _project()
    assert stated == {"version": project["version"], "license": project["license"]}
