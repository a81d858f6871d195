"""Rules of the source code: which folder imports which, what the base leaves out, names, lengths."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import emoscope

PACKAGE = Path(emoscope.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(PACKAGE.rglob("*.py"))
STAGES = ("audit", "training", "export", "scoring", "serving")
INTEGRATIONS: dict[str, set[str]] = {
    "sklearn": set(),
    "pandas": {"scoring"},
    "polars": {"scoring"},
    "duckdb": {"scoring"},
    "mcp": {"scoring", "serving", "shares"},
}
"""Modules that are named after another library, and need its extra; each with the stages whose extra is part of it.

Other stages are imported inside functions.
"""
SHARED = {"rows", "columnar", "conversations", "evaluation", "calibration", "page", "compact", "torch_runtime"}
"""Folders that stages share."""
ARROWS = {
    "root": {"rows", "columnar"},
    "rows": {"root"},
    "columnar": {"root"},
    "evaluation": {"root", "rows"},
    "calibration": {"root", "rows", "evaluation"},
    "shares": {"root", "rows", "evaluation"},
    "conversations": {"root", "rows"},
    "page": {"root"},
    "compact": {"root"},
    "torch_runtime": {"root", "compact"},
    **{stage: {"root", *SHARED} for stage in STAGES},
    **{integration: {"root", "rows", *stages} for integration, stages in INTEGRATIONS.items()},
}
"""The folders that the modules of a folder may import, besides their own; "root" is the modules in no folder."""
FOLDERS = {*ARROWS, "cli"} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
BASE = {"root", "rows", "conversations", "evaluation", "calibration", "shares", "page", "cli", "__main__"}
HEAVY = {
    "torch",
    "transformers",
    "datasets",
    "pandas",
    "matplotlib",
    "pyarrow",
    "ray",
    "fastapi",
}
NOT_AT_IMPORT = HEAVY | {"numpy", "onnxruntime", "tokenizers", "huggingface_hub"}
MAX_FUNCTION_LINES, MAX_FILE_LINES = 60, 420
IMPORT_NAMES = {"scikit_learn": "sklearn", "opentelemetry_sdk": "opentelemetry"}
"""Import names of distributions that have another name."""

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())


class Import(NamedTuple):
    """One imported name; `when` is "module", "function" or "typing" (under TYPE_CHECKING)."""

    name: str
    when: str
    line: int

    @property
    def top(self) -> str:
        return self.name.split(".")[0]


def module_name(file: Path) -> str:
    parts = ["emoscope", *file.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_name(file: Path) -> str:
    return ".".join(["emoscope", *file.relative_to(PACKAGE).parent.parts])


def folder_of(name: str) -> str:
    """The folder that a module or a name in it belongs to; "root" for the modules in no folder."""
    part = [*name.split("."), ""][1]
    return part if part in FOLDERS or part == "__main__" else "root"


def imports(source: str, package: str) -> list[Import]:
    """Every import of a module of `package`, relative ones made absolute."""
    return list(_imports(ast.parse(source), package, "module"))


def _imports(node: ast.AST, package: str, when: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, when, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        origin = ".".join([*above, *([node.module] if node.module else [])])
        yield from (Import(f"{origin}.{alias.name}", when, node.lineno) for alias in node.names)
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for statement in node.body:
            yield from _imports(statement, package, "typing" if when == "module" else when)
        for statement in node.orelse:
            yield from _imports(statement, package, when)
    else:
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package, "function" if inside else when)


def is_door(module: str, imported: Import) -> bool:
    """Whether this is the import with which `EmotionClassifier.from_pretrained` reaches the torch runtime."""
    return (module, folder_of(imported.name)) == ("emoscope.loading", "torch_runtime") and imported.when != "module"


def arrow_is_allowed(module: str, imported: Import) -> bool:
    importing, target = folder_of(module), folder_of(imported.name)
    if importing == "cli":
        light = re.fullmatch(r"emoscope|emoscope\.(__version__|(errors|terminal|cli)(\..+)?)", imported.name)
        return imported.when != "module" or light is not None
    if target == "cli":
        return importing == "__main__"
    if importing in INTEGRATIONS and target in STAGES and imported.when != "module":
        return True
    return target == importing or target in ARROWS.get(importing, ()) or is_door(module, imported)


def forbidden_imports(module: str, source: str, package: str) -> list[str]:
    ours = [imported for imported in imports(source, package) if imported.top == "emoscope"]
    return [f"line {i.line}: {module} -> {i.name} ({i.when})" for i in ours if not arrow_is_allowed(module, i)]


def heavy_imports(module: str, source: str, package: str) -> list[str]:
    if folder_of(module) not in BASE:
        return []
    eager = [imported for imported in imports(source, package) if imported.when == "module"]
    return [f"line {i.line}: {module} -> {i.name}" for i in eager if i.top in HEAVY]


@every_file
def test_imports_follow_the_arrows(file: Path) -> None:
    assert forbidden_imports(module_name(file), file.read_text("utf-8"), package_name(file)) == []


@every_file
def test_the_base_imports_nothing_heavy(file: Path) -> None:
    assert heavy_imports(module_name(file), file.read_text("utf-8"), package_name(file)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("emoscope.data", "from emoscope.evaluation import report"),
        ("emoscope.data", "def f():\n    import emoscope.training.trainer"),
        ("emoscope.data", "from emoscope import cli"),
        ("emoscope.data", "if TYPE_CHECKING:\n    from emoscope.serving import app"),
        ("emoscope.loading", "from emoscope.torch_runtime import TorchModel"),
        ("emoscope.runtime", "def f():\n    from emoscope.torch_runtime import TorchModel"),
        ("emoscope.evaluation.report", "from emoscope.training import trainer"),
        ("emoscope.evaluation.report", "from ..training import trainer"),
        ("emoscope.evaluation.report", "from emoscope.calibration import calibrate"),
        ("emoscope.training.trainer", "from emoscope.export import graph"),
        ("emoscope.training.trainer", "from .. import export"),
        ("emoscope.serving.app", "async def f():\n    from emoscope.cli import main"),
        ("emoscope.sklearn", "from emoscope.training import train"),
        ("emoscope.classifier", "def f():\n    from emoscope.sklearn import EmotionEstimator"),
        ("emoscope.training.trainer", "def f():\n    from emoscope.sklearn import EmotionEstimator"),
        ("emoscope.cli.predict", "from emoscope.classifier import EmotionClassifier"),
        ("emoscope.cli.predict", "from emoscope import EmotionClassifier"),
        ("emoscope.cli.predict", "try:\n    import emoscope.data\nexcept ImportError:\n    pass"),
        ("emoscope.cli.predict", "if TYPE_CHECKING:\n    pass\nelse:\n    import emoscope.data"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert forbidden_imports(module, source, module.rpartition(".")[0]) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("emoscope.data", "from emoscope.labels import Labels\nimport numpy"),
        ("emoscope.loading", "def f():\n    from emoscope.torch_runtime import TorchModel"),
        ("emoscope.__main__", "from emoscope.cli import main"),
        ("emoscope.sklearn", "def f():\n    from emoscope.training import train"),
        ("emoscope.training.trainer", "from emoscope.evaluation import evaluate\nfrom .config import Recipe"),
        ("emoscope.calibration.report", "from emoscope.evaluation.metrics import log_loss"),
        (
            "emoscope.cli.predict",
            "import emoscope\nfrom emoscope.errors import DataError\nfrom . import table",
        ),
        ("emoscope.cli.predict", "def f():\n    from emoscope.serving.app import create_app"),
        ("emoscope.cli.predict", "if TYPE_CHECKING:\n    from emoscope.data import Examples"),
    ],
)
def test_an_allowed_import_is_accepted(module: str, source: str) -> None:
    assert forbidden_imports(module, source, module.rpartition(".")[0]) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch.nn", True),
        ("class A:\n    from pyarrow import parquet", True),
        ("try:\n    import pandas\nexcept ImportError:\n    pandas = None", True),
        ("def f():\n    import torch", False),
        ("if TYPE_CHECKING:\n    import torch", False),
    ],
)
def test_a_heavy_import_is_found(source: str, found: bool) -> None:
    assert bool(heavy_imports("emoscope.data", source, "emoscope")) is found
    assert heavy_imports("emoscope.training.trainer", source, "emoscope.training") == []


# -- circles


def edges(sources: Mapping[str, tuple[str, str]]) -> dict[str, set[str]]:
    """The modules of the package that each one names in an import, wherever it is written; the door is left out.

    Args:
        sources: package and source by module name. `from a import b` names the module a.b if there is one, else a.
    """

    def targets(module: str, package: str, source: str) -> set[str]:
        ours = [i for i in imports(source, package) if i.top == "emoscope" and not is_door(module, i)]
        return {i.name if i.name in sources else i.name.rpartition(".")[0] for i in ours} & sources.keys()

    return {module: targets(module, package, source) for module, (package, source) in sources.items()}


def circles(edges: Mapping[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module, or of one that imports itself."""
    reached = {module: _reachable(edges, module) for module in edges}
    components = {frozenset({m} | {n for n in reached[m] if m in reached[n]}) for m in edges if m in reached[m]}
    return sorted(map(set, components), key=sorted)


def _reachable(edges: Mapping[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        new = edges[ahead.pop()] - reached
        reached |= new
        ahead += new
    return reached


def test_no_modules_import_each_other_in_a_circle() -> None:
    sources = {module_name(file): (package_name(file), file.read_text("utf-8")) for file in FILES}
    assert circles(edges(sources)) == []


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("import emoscope.b", "from emoscope.a import x", True),
        ("import emoscope.b", "def f():\n    from emoscope import a", True),
        ("if TYPE_CHECKING:\n    from emoscope.b import B", "from . import a", True),
        ("from emoscope import __version__", "from emoscope import a", True),
        ("from emoscope import a", "", True),
        ("import emoscope.b", "import emoscope.c\nfrom emoscope.labels import Labels", False),
    ],
)
def test_a_circle_is_found(a: str, b: str, expected: bool) -> None:
    sources = {"emoscope": "from emoscope.b import B", "emoscope.a": a, "emoscope.b": b, "emoscope.c": ""}
    assert bool(circles(edges({name: ("emoscope", source) for name, source in sources.items()}))) is expected


# -- attributes looked up by name, which hide what a module needs of an object

ATTRIBUTE_BY_NAME = {"getattr", "hasattr", "attrgetter", "getattr_static", "methodcaller"}
LOOKUPS: dict[tuple[str, str], str] = {
    ("emoscope.cli.data_options", "args"): "a flag that some commands lack",
    ("emoscope.cli.recipe_options", "other"): "a field of a recipe, by its name",
    ("emoscope.parallel", "os"): "a function that some systems lack",
    ("emoscope.export.encoder_graph", "model.config"): "a field that only some architectures have",
    ("emoscope.hub", "cause"): "an exception of an HTTP client that may not be installed",
    ("emoscope.hub", "getattr(cause, 'response', None)"): "an exception of an HTTP client that may not be installed",
    ("emoscope.hub", "read_etag"): "a function of huggingface_hub, replaced once",
    ("emoscope.labelled_data", "feature"): "a feature of a data set of the Hub",
    ("emoscope.labelled_data", "getattr(feature, 'feature', feature)"): "a feature of a data set of the Hub",
    ("emoscope.manifest", "manifest"): "a field of a dataclass, by its name",
    ("emoscope.scoring", "on_ray"): "a name of a module that is imported late",
    ("emoscope.serving", "import_module(f'emoscope.serving.{_MODULES[name]}')"): "a name of a module imported late",
    ("emoscope.serving.logs", "record"): "a log record, to which callers add attributes",
    ("emoscope.torch_runtime.architectures", "model.config"): "a field that only some architectures have",
    ("emoscope.torch_runtime.modules", "model.get_input_embeddings()"): "torch modules of any architecture",
    ("emoscope.training", "import_module(f'emoscope.training.{_MODULES[name]}')"): "a name of a module imported late",
    ("emoscope.training.config", "self"): "a field of a recipe, by its name",
    ("emoscope.training.encoder_student", "stack"): "the list of layers, which each architecture names otherwise",
    ("emoscope.word_units", "model"): "a component of the library tokenizers",
}
"""Allowed lookups, by module and object, each with its reason. Optional capabilities of models: see protocols.py."""


def lookups(module: str, source: str) -> list[tuple[str, str]]:
    """Module and object of each lookup of an attribute by its name, and of each catch of AttributeError."""
    found = []
    tree = ast.parse(source)
    objects = {id(n.func): ast.unparse(n.args[0]) for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args}
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
        if name in ATTRIBUTE_BY_NAME:
            found.append((module, objects.get(id(node), "not called")))
        if isinstance(node, ast.ImportFrom):
            found += [(module, "not called") for alias in node.names if alias.name in ATTRIBUTE_BY_NAME]
        if isinstance(node, ast.ExceptHandler) and node.type and "AttributeError" in ast.unparse(node.type):
            found.append((module, "except AttributeError"))
    return found


def test_attributes_are_looked_up_by_name_only_where_allowed() -> None:
    found = {lookup for file in FILES for lookup in lookups(module_name(file), file.read_text("utf-8"))}
    found = {lookup for lookup in found if lookup[0] != "emoscope.protocols"}
    assert found - LOOKUPS.keys() == set()
    assert LOOKUPS.keys() - found == set(), "allowed, but not there any more"


@pytest.mark.parametrize(
    "source",
    [
        "hasattr(classifier, 'logits')",
        "probe = getattr",
        "import builtins\nbuiltins.hasattr(classifier, 'logits')",
        "from operator import attrgetter",
        "import inspect\ninspect.getattr_static(classifier, 'logits', None)",
        "try:\n    classifier.logits\nexcept (TypeError, AttributeError):\n    pass",
    ],
)
def test_a_lookup_by_name_is_found(source: str) -> None:
    assert lookups("emoscope.a", source) != []


# -- dependencies


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """Import names that pyproject.toml declares: under "base", and under "any" with those of the extras."""
    tomllib = pytest.importorskip("tomllib")
    file = ROOT / "pyproject.toml"
    project: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        found = {re.split(r"[^\w.-]", line.strip())[0].lower().replace("-", "_") for line in requirements}
        return {IMPORT_NAMES.get(name, name) for name in found}

    base = names(project["dependencies"])
    return {"base": base, "any": base.union(*map(names, project["optional-dependencies"].values()))}


@every_file
def test_imported_packages_are_declared(file: Path, declared: dict[str, set[str]]) -> None:
    in_base = folder_of(module_name(file)) in BASE
    undeclared = [
        f"line {imported.line}: {imported.name}"
        for imported in imports(file.read_text("utf-8"), package_name(file))
        if imported.top not in sys.stdlib_module_names | {"emoscope", "triton"}  # torch's CUDA builds bring Triton
        and imported.top not in declared["base" if in_base and imported.when == "module" else "any"]
    ]
    assert undeclared == []


def test_import_emoscope_stays_light() -> None:
    program = "import json, sys; import emoscope; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = {name.split(".")[0] for name in json.loads(loaded.stdout)}
    assert "emoscope" in modules
    assert modules & NOT_AT_IMPORT == set()


@pytest.mark.parametrize("name", ["emoscope", "emoscope.evaluation", "emoscope.calibration", "emoscope.shares"])
def test_all_names_resolve(name: str) -> None:
    if not (PACKAGE.parent / name.replace(".", "/")).is_dir():
        pytest.skip(f"{name} does not exist yet")
    module = import_module(name)
    assert len(set(module.__all__)) == len(module.__all__) > 0
    assert [missing for missing in module.__all__ if not hasattr(module, missing)] == []


# -- names and lengths


def identifiers(source: str) -> set[str]:
    """Every name that the source gives or uses."""
    named = {"name", "asname", "id", "attr", "arg"}
    values = {getattr(node, field, None) for node in ast.walk(ast.parse(source)) for field in named}
    return {value for value in values if isinstance(value, str)}


def test_limits_are_called_max_and_min() -> None:
    files = [*FILES, *(file for folder in ("tests", "benchmarks", "recipes") for file in (ROOT / folder).rglob("*.py"))]
    other = re.compile(r"_*(MOST|LEAST|most|least)_")
    names = {name for file in files for name in identifiers(file.read_text("utf-8")) if other.match(name)}
    assert names - {"most_common"} == set()


@every_file
def test_functions_and_files_are_short(file: Path) -> None:
    source = file.read_text("utf-8")
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {f"{node.name}, line {node.lineno}": (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}
    assert len(source.splitlines()) <= MAX_FILE_LINES
