"""Which module may import which: the house has floors, and nobody looks up or sideways.

A module of the core may import those of the floors below it. A stage (archive, cache, store, plot)
knows of the core only the schema and the errors; what composes stages may know all.
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

FLOORS = (
    ("_internal",),
    ("unstable", "errors"),
    ("forks", "caller", "plan_order"),
    ("schema", "source", "batches", "fingerprint"),
    ("turn", "batch"),
    ("options",),
    ("fold",),
    ("_plugin",),
    ("bars", "features"),
    ("processor", "namespace"),
    ("process_trades",),
    ("__init__",),
)
CORE = {module for floor in FLOORS for module in floor}
COMPOSERS = {
    "intake",
    "import_order",
    "import_times",
    "import_values",
    "trade_import",
    "tick_range",
    "walk",
    "bar_range",
    "dataset",
    "range_bars",
    "populate",
    "cache",
    "duckdb",
}
"""The modules that may know several stages."""
STAGES = [module for module in MODULES if module not in CORE | COMPOSERS]
OF_A_STAGE = {"schema", "errors", "source", "batches", "fingerprint", "unstable"}


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
                found |= {name} if name else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.partition(".") for alias in node.names]
            found |= {name for package, _, name in names if package == "rangebar_polars" and name}
    return found


def floor(module: str) -> int:
    """Return how high a module stands."""
    return next(height for height, modules in enumerate(FLOORS) if module in modules)


@pytest.mark.parametrize("module", [module for module in MODULES if module in CORE])
def test_a_module_of_the_core_imports_only_what_stands_below_it(module: str) -> None:
    above = {other for other in imports(module) & CORE if floor(other) >= floor(module)}

    assert above == set()


def test_a_stage_knows_of_the_core_only_the_schema_and_the_errors() -> None:
    known = {module: imports(module) & CORE - OF_A_STAGE for module in STAGES}

    assert {module: core for module, core in known.items() if core} == {}


def test_a_store_knows_nothing_of_the_archive_and_the_trades() -> None:
    of_the_store = {module for module in MODULES if module.partition(".")[0] == "store"}
    known = {other for module in of_the_store for other in imports(module)} - of_the_store

    assert known == {*OF_A_STAGE - {"batches"}, "cache_root", "days", "exclusive", "pruning"}


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: imports(module) for module in MODULES}

    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    ("call", "module_of_it"),
    [("register_plugin_function", "_plugin"), ("register_io_source", "source")],
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


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for(module: str) -> None:
    tree = tree_of(module)

    assert (ast.get_docstring(tree) or "").partition("\n")[0].endswith(".")
