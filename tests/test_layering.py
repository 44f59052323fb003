"""Which module may import which: the house has floors, and nobody looks up or sideways.

A module of the core may import those of the floors below it. A stage (archive, cache, store, plot)
knows of the core only the schema and the errors; what composes stages may know all.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rangebar_polars"
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))

FLOORS = (
    ("_internal",),
    ("schema", "errors"),
    ("options",),
    ("fold",),
    ("_plugin",),
    ("bars", "features"),
    ("processor", "namespace"),
    ("process_trades",),
    ("__init__",),
)
CORE = {module for floor in FLOORS for module in floor}
COMPOSERS = {"intake", "tick_range", "dataset", "cli"}
"""The modules that may know several stages."""
STAGES = [module for module in MODULES if module not in CORE | COMPOSERS]
OF_A_STAGE = {"schema", "errors"}


def imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports, wherever in it."""
    found = set[str]()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            parts = (node.module or "").split(".")
            if parts == ["rangebar_polars"]:
                found |= {alias.name for alias in node.names}
            elif parts[0] == "rangebar_polars":
                found.add(parts[1])
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {name[1] for name in names if name[0] == "rangebar_polars" and name[1:]}
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


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: imports(module) for module in MODULES}

    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("call", ["register_plugin_function", "register_io_source"])
def test_polars_is_extended_in_one_module(call: str) -> None:
    callers = [
        module
        for module in MODULES
        if any(
            isinstance(node, ast.Call) and getattr(node.func, "id", None) == call
            for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8")))
        )
    ]

    assert callers == ["_plugin"]


@pytest.mark.parametrize("module", MODULES)
def test_no_module_of_the_package_is_imported_inside_a_function(module: str) -> None:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))

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
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))

    assert (ast.get_docstring(tree) or "").partition("\n")[0].endswith(".")
