"""The table of names of rangebar-py is whole, and what it names exists."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.assertions import says

import rangebar_polars as rb
from rangebar_polars import _rangebar_py_names as gone

HERE = Path(__file__).parent
NAMES = json.loads((HERE / "recorded-9.1.0.json").read_text(encoding="utf-8"))["names"]
PROCESSOR = "RangeBarProcessor."
ROWS = {
    cells[0].strip("` "): cells[1].strip()
    for line in (HERE.parents[1] / "docs" / "migration.md").read_text("utf-8").splitlines()
    if line.startswith("| `") and len(cells := line.strip("|").split(" | ")) == 3
}
NOTHING = "nothing"
NO_NAMES = {"RANGEBAR_CACHE_DIR", "tolerance_decimal_bps", "['BTCUSDT', 'ETHUSDT']"}
"""Code in the table that is no name of the package."""


def exists(code: str) -> bool:
    """Return whether the names in a piece of code exist."""
    name, _, methods = code.partition("(")
    found: object = rb
    for part in name.split("."):
        found = getattr(found, part, None) or getattr(rb.RangeBarProcessor, part, None)
        if found is None:
            return False
    return all(
        hasattr(rb.FrameNamespace, method) or hasattr(rb.Report, method)
        for method in re.findall(r"\.(\w+)\(", methods)
    )


def test_every_name_has_a_row_and_every_row_a_name() -> None:
    assert sorted(ROWS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_table_names_exists(name: str) -> None:
    codes = [code for code in re.findall("`([^`]+)`", ROWS[name]) if code not in NO_NAMES]

    assert codes or ROWS[name] == NOTHING or name in gone.OF_THE_MODULE
    assert [code for code in codes if not code.endswith("=") and not exists(code)] == []


@pytest.mark.parametrize("name", [name for name in NAMES if "." not in name])
def test_a_name_is_here_or_its_error_says_what_the_table_says(name: str) -> None:
    if name in rb.__all__:
        assert ROWS[name] == f"`{name}`"
        assert name not in gone.OF_THE_MODULE
        return

    use = ROWS[name].replace("`", "")
    with says(
        AttributeError, f"module 'rangebar_polars' has no {name!r} of rangebar-py (use {use})"
    ):
        getattr(rb, name)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(PROCESSOR)])
def test_a_method_is_here_or_its_error_says_what_the_table_says(name: str) -> None:
    processor, method = rb.RangeBarProcessor(250), name.removeprefix(PROCESSOR)
    if hasattr(rb.RangeBarProcessor, method):
        assert ROWS[name] == f"`{name}`"
        return

    use = ROWS[name].replace("`", "")
    text = f"'RangeBarProcessor' object has no {method!r} of rangebar-py (use {use})"
    with says(AttributeError, text):
        getattr(processor, method)


@pytest.mark.parametrize("module", sorted({name.split(".")[0] for name in NAMES if "." in name}))
def test_a_module_that_is_gone_says_what_to_use(module: str) -> None:
    if module in rb.__all__:
        return

    with pytest.raises(AttributeError, match=f"has no '{module}' of rangebar-py"):
        getattr(rb, module)


def test_no_replacement_is_listed_for_a_name_that_is_here() -> None:
    assert not [name for name in gone.OF_THE_MODULE if name in dir(rb)]
    assert not [name for name in gone.OF_THE_PROCESSOR if hasattr(rb.RangeBarProcessor, name)]


def test_an_import_of_a_name_that_is_gone_says_what_to_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from rangebar_polars import bars, populate_cache_resumable"],
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.stderr.rstrip().endswith(
        "ImportError: module 'rangebar_polars' has no 'populate_cache_resumable' of rangebar-py "
        "(use populate, which continues after the last stored day)"
    )


def test_an_import_of_a_name_that_never_was_is_an_ordinary_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'candles'"):
        from rangebar_polars import candles  # type: ignore[attr-defined]  # noqa: F401, PLC0415


def test_hasattr_of_a_name_that_is_gone_is_false() -> None:
    assert not hasattr(rb, "TIER1_SYMBOLS")
    assert not hasattr(rb.RangeBarProcessor(250), "to_dataframe")
    assert not hasattr(rb.RangeBarProcessor(250), "candles")
