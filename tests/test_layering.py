"""Which folder may import which: a stage knows the ground floor and itself, one composes them.

The ground floor is the modules of the package that stand in no folder, and the folders of MAY that
may import nothing else. Inside of the core, modules stand on floors too.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rangebar_polars"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)

MAY: dict[str, set[str]] = {
    "_internal": set(),
    "errors": set(),
    "_argument_names": set(),
    "_forks": {"errors"},
    "_extension": set(),
    "_rangebar_py_names": set(),
    "schema": {"_internal"},
    "_series": {"_disk"},
    "_trade_columns": {"_argument_names", "schema"},
    "_days": set(),
    "_log": set(),
    "_progress": {"_extras"},
    "_pruning": {"_core"},
    "_objects": {"_extras", "_forks"},
    "_disk": {"_internal", "_objects"},
    "_extras": set(),
    "_sessions": {"_argument_names", "_core", "_extras", "_trade_columns"},
    "_convert": {"_argument_names", "_extras", "_forks", "schema"},
    "_core": {"_argument_names", "_convert", "_forks", "_rangebar_py_names", "_internal"}
    | {"errors", "schema", "_trade_columns"},
    "_plot": {"_argument_names", "_core", "_extras", "_forks", "schema", "_trade_columns"},
    "_validation": {"_argument_names", "_core", "_extras", "_forks", "errors", "features"}
    | {"schema", "_trade_columns"},
    "features": {"_argument_names", "_core", "_trade_columns"},
    "labels": {"_argument_names", "_core", "schema", "_trade_columns"},
    "archive": {"_argument_names", "_days", "_disk", "errors", "_series"},
    "_ticks": {"_core", "_days", "_disk", "_internal", "_objects", "errors", "schema"}
    | {"_series", "_trade_columns"},
    "store": {
        "_argument_names",
        "_extras",
        "_core",
        "_days",
        "_disk",
        "_internal",
        "_objects",
        "_pruning",
        "errors",
        "schema",
        "_series",
    },
    "_live": {"_argument_names", "_core", "_disk", "_internal", "errors", "schema"},
    "_catalog": {
        "_argument_names",
        "_core",
        "_forks",
        "_ticks",
        "archive",
        "store",
        "_days",
        "_disk",
        "_internal",
        "_objects",
        "_progress",
    }
    | {"_log", "_validation", "errors", "schema", "_series", "_trade_columns"},
    "_sql": {"_catalog", "_core", "_disk", "_ticks", "archive", "store", "_pruning", "errors"}
    | {"schema", "_series"},
    "duckdb": {"_argument_names", "_disk", "_extras", "_sql", "store"},
    "testing": {"_catalog", "_core", "archive", "store", "schema", "_series"},
    "_cli": {"_catalog", "_core", "_ticks", "archive", "_disk", "_internal", "_objects"}
    | {"_progress", "errors", "schema", "_series", "_trade_columns"},
    "__main__": {"_cli"},
    "__init__": {
        "_catalog",
        "_convert",
        "_core",
        "_forks",
        "_live",
        "_plot",
        "_sessions",
        "_validation",
        "archive",
        "store",
        "duckdb",
        "errors",
        "features",
        "labels",
    }
    | {"schema", "testing", "_trade_columns"},
}
"""What each folder, or module of none, may import besides itself."""

FLOORS_OF_THE_CORE = (
    ("unstable",),
    ("caller", "plan_order", "conditions"),
    ("lazy_source", "batches"),
    ("turn", "open_bars", "threshold", "spans"),
    ("arguments", "fixed"),
    ("tick_rule", "sides", "whole_times", "trading_day", "labels", "footprint", "lookback", "vpin"),
    ("off_market", "feature_names"),
    ("rules.rule",),
    ("rules.prices", "rules.totals", "rules.sides", "rules.expressions"),
    ("rules.expectations",),
    ("rules.text", "borders"),
    ("options",),
    ("processed", "restored", "checkpoint_text"),
    ("fold",),
    ("batch", "bar_schema"),
    ("plugin",),
    ("bars",),
    ("processor", "namespace"),
    ("rangebar_py",),
)


def tree_of(module: str) -> ast.Module:
    """Return the code of a module."""
    path = PACKAGE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports, wherever in it."""
    found = set[str]()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            package, _, name = (node.module or "").partition(".")
            if package == "rangebar_polars":
                names = {alias.name for alias in node.names}
                inside = {f"{name}.{other}" for other in names} & {*MODULES}
                found |= (inside or {name}) if name else names
        elif isinstance(node, ast.Import):
            parts = [alias.name.partition(".") for alias in node.names]
            found |= {name for package, _, name in parts if package == "rangebar_polars" and name}
    return found


def folder(module: str) -> str:
    """Return the folder of a module, or the module where it is in none."""
    return module.partition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_folder_imports_only_what_it_may(module: str) -> None:
    others = {folder(other) for other in imports(module)} - {folder(module)}

    assert others <= MAY[folder(module)]


def test_nothing_is_allowed_that_is_not_there() -> None:
    used = {name: set[str]() for name in MAY}
    for module in MODULES:
        used[folder(module)] |= {folder(other) for other in imports(module)} - {folder(module)}

    assert used == MAY


@pytest.mark.parametrize("module", [name for floor in FLOORS_OF_THE_CORE for name in floor])
def test_a_module_of_the_core_imports_only_what_stands_below_it(module: str) -> None:
    height = {name: at for at, floor in enumerate(FLOORS_OF_THE_CORE) for name in floor}
    own = {other for other in imports(f"_core.{module}") if folder(other) == "_core"}
    names = {other.removeprefix("_core.") for other in own}

    assert {name for name in names if height[name] >= height[module]} == set()


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: imports(module) for module in MODULES}

    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    ("call", "module_of_it"),
    [
        ("register_plugin_function", "_core.plugin"),
        ("register_io_source", "_core.lazy_source"),
    ],
)
def test_polars_is_extended_in_one_module(call: str, module_of_it: str) -> None:
    callers = [
        module
        for module in MODULES
        if any(
            isinstance(node, ast.Call) and getattr(node.func, "id", None) == call
            for node in ast.walk(tree_of(module))
        )
    ]

    assert callers == [module_of_it]


@pytest.mark.parametrize("module", MODULES)
def test_no_module_of_the_package_is_imported_inside_a_function(module: str) -> None:
    tree = tree_of(module)

    late = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rangebar_polars")
    ]
    assert late == []


def test_a_file_of_tests_has_at_most_400_lines() -> None:
    files = Path(__file__).parent.rglob("*.py")
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}

    assert {file: count for file, count in lines.items() if count > 400} == {}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for(module: str) -> None:
    tree = tree_of(module)

    assert (ast.get_docstring(tree) or "").partition("\n")[0].endswith(".")
