"""Importing the package costs little, and its names are there all the same."""

import ast
import inspect
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars import _internal
from rangebar_polars._core.options import Options

PACKAGE = Path(__file__).parents[1] / "rangebar_polars"
MODULES = {"archive", "duckdb", "errors", "features", "labels", "schema", "store", "testing"}
TRADES = """
import polars as pl
import rangebar_polars as rb
trades = pl.DataFrame(
    {
        "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
        "price": [100.0, 101.0],
        "quantity": [1.0, 1.0],
    }
)
"""
HEAVY = (
    "duckdb",
    "multiprocessing",
    "platformdirs",
    "portalocker",
    "rangebar_polars._catalog",
    "rangebar_polars._disk.cache_root",
    "rangebar_polars._disk.locked_file",
    "rangebar_polars._ticks",
    "rangebar_polars.archive",
    "rangebar_polars.duckdb",
    "rangebar_polars.store",
    "ssl",
    "urllib.request",
    "urllib3",
    "xml",
)


def modules_after(code: str) -> list[str]:
    """Return the modules that are loaded after a program, those of Polars alone left out."""
    own = run(
        "import json, sys, polars\nbefore = set(sys.modules)\n"
        f"{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    found: list[str] = json.loads(own)
    return found


def test_the_package_alone_loads_what_must_be_there_before_a_fork() -> None:
    loaded = modules_after("import rangebar_polars")

    assert loaded == [
        "rangebar_polars",
        "rangebar_polars._forks",
        "rangebar_polars.errors",
    ]


@pytest.mark.parametrize(
    "use",
    [
        "rb.bars(trades)",
        "trades.rangebar.bars()",
        "trades.lazy().rangebar.bars().collect()",
        'trades.select(pl.col("price").rangebar.bars())',
        "rb.RangeBarProcessor(250)",
        "rb.features, rb.errors, rb.schema",
    ],
)
def test_bars_of_frames_load_neither_cache_nor_store_nor_network(use: str) -> None:
    loaded = modules_after(f"{TRADES}\n{use}")

    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_the_namespace_is_there_with_the_package_alone() -> None:
    printed = run(
        "import polars as pl\n"
        "import rangebar_polars\n"
        "frame = pl.DataFrame()\n"
        "for owner in (frame, frame.lazy(), pl.col('price')):\n"
        "    print(type(owner.rangebar).__name__, 'bars' in dir(owner.rangebar))\n"
    )

    assert printed.splitlines() == [
        "FrameNamespace True",
        "LazyFrameNamespace True",
        "ExprNamespace True",
    ]


@pytest.mark.parametrize(
    ("owner", "name", "function"),
    [
        (pl.DataFrame(), "bars", rb.bars),
        (pl.LazyFrame(), "bars", rb.bars),
        (pl.col("price"), "bars", rb.bars_expr),
        (pl.col("price"), "bar_id", rb.bar_id),
    ],
)
def test_help_on_a_namespace_shows_the_whole_docstring(
    owner: Any,  # noqa: ANN401
    name: str,
    function: Any,  # noqa: ANN401
) -> None:
    shown = inspect.getdoc(getattr(owner.rangebar, name)) or ""
    whole = inspect.getdoc(function) or ""

    assert shown.startswith(whole.replace("\ntrades\n", "\ntrades (the frame itself)\n"))


def test_the_package_lists_its_interface_alone() -> None:
    assert set(dir(rb)) == {*rb.__all__, *MODULES, "__version__"}


def test_every_module_without_an_underscore_is_a_public_name() -> None:
    public = {
        path.stem
        for path in PACKAGE.iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or path.is_dir())
    }

    assert public == MODULES


# One name of each module: a circle of imports would depend on which is the first.
FIRST = [
    *sorted(MODULES),
    "__version__",
    *{home: name for name, home in rb._HOMES.items()}.values(),  # noqa: SLF001
]


IN_CHILDREN = """
import os, sys
import rangebar_polars as rb

for name in {}:
    print(name, end=" ", flush=True)
    if os.fork() == 0:
        try:
            print(getattr(rb, name) is getattr(rb, name), flush=True)
        except BaseException as error:
            print(repr(error), flush=True)
        finally:
            os._exit(0)
    os.wait()
    print(flush=True)
"""


@pytest.fixture(scope="module")
def used_first() -> dict[str, str]:
    """Return what each name gave as the first of the package to be used."""
    if sys.platform == "win32":
        return {
            name: run(f"import rangebar_polars as rb; print(rb.{name} is rb.{name})").strip()
            for name in FIRST
        }
    # A child is the process that has imported the package and used no name.
    lines = run(IN_CHILDREN.format(FIRST)).splitlines()
    return {name: got for name, _, got in (line.partition(" ") for line in lines if line)}


@pytest.mark.parametrize("name", FIRST)
def test_a_public_name_loads_when_it_is_the_first_to_be_used(
    name: str, used_first: dict[str, str]
) -> None:
    assert used_first[name] == "True"


@pytest.mark.parametrize("name", dir(rb))
def test_a_listed_name_is_there(name: str) -> None:
    assert hasattr(rb, name)


def test_type_checkers_see_each_name_where_it_loads_from() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (seen,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in seen.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}

    loaded = {name: f"rangebar_polars.{home}" for name, home in rb._HOMES.items()}  # noqa: SLF001

    assert homes == loaded | dict.fromkeys(MODULES, "rangebar_polars")


def test_no_public_name_is_that_of_a_module() -> None:
    assert MODULES & set(rb.__all__) == set()


def test_a_star_import_binds_no_module() -> None:
    bound: dict[str, object] = {}
    exec("from rangebar_polars import *", bound)  # noqa: S102 - a star-import needs a module
    del bound["__builtins__"]

    assert set(bound) == set(rb.__all__)
    assert [name for name, value in bound.items() if isinstance(value, ModuleType)] == []


def test_a_star_import_leaves_another_librarys_module_in_its_place() -> None:
    pytest.importorskip("duckdb")
    bound: dict[str, Any] = {}
    exec("import duckdb\nfrom rangebar_polars import *", bound)  # noqa: S102 - as above

    assert bound["duckdb"] is sys.modules["duckdb"]


def test_a_name_that_is_not_there_is_refused_with_the_one_that_is_like_it() -> None:
    with says(AttributeError, "module 'rangebar_polars' has no attribute 'bar'"):
        rb.bar  # type: ignore[attr-defined]  # noqa: B018

    done = subprocess.run(
        [sys.executable, "-c", "import rangebar_polars as rb; rb.get_range_bar"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr.rstrip().endswith("Did you mean: 'get_range_bars'?")


def test_the_version_is_that_of_the_distribution() -> None:
    assert rb.__version__ == version("rangebar-polars")


@pytest.mark.parametrize("beyond", [rb.THRESHOLD_DECIMAL_MIN - 1, rb.THRESHOLD_DECIMAL_MAX + 1])
def test_the_limits_of_a_threshold_are_the_last_that_are_accepted(beyond: int) -> None:
    text = f"threshold_decimal_bps is {beyond}: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"
    rule = f"range-{beyond}"
    no_rule = (
        f'"{rule}" is the text of no rule: expected one such as "range-250" or "dollar-1000000"'
    )

    for limit in (rb.THRESHOLD_DECIMAL_MIN, rb.THRESHOLD_DECIMAL_MAX):
        assert _internal.BarBuilder(Options.check(limit, columns=None).kwargs()).finish().is_empty()
    with says(ValueError, text):
        rb.bars_expr(beyond)
    with says(pl.exceptions.ComputeError, no_rule):
        _internal.BarBuilder(Options.check(250, columns=None).kwargs() | {"rules": [rule]})
