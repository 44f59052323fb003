"""`populate` on Ray, by the class of the documentation."""

import re
from pathlib import Path

import pytest
from support.cached_trades import DAYS, PER_DAY, SOURCE, SYMBOL, one_pass
from support.entry_points import assert_same
from support.populating import stored
from support.subprocesses import run

PAGE = Path(__file__).parents[2] / "docs" / "beyond-one-machine.md"
FILL = """
import concurrent.futures
import sys
import warnings
import ray
import rangebar_polars as rb

RECIPE

warnings.simplefilter("ignore", rb.errors.RangeBarWarning)
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
report = rb.populate(
    ["SYMBOL", "NONE"], "START", "END", 30,
    source="SOURCE", cache_dir="CACHE", store="STORE", executor=RayExecutor(num_cpus=1),
)
print(report.select("status", "trades").rows())
"""


def test_the_class_of_the_documentation_fills_symbols(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    recipe = re.search(r"class RayExecutor.*?\n\n\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert recipe is not None
    names = {"RECIPE": recipe[0], "SYMBOL": SYMBOL, "SOURCE": SOURCE, "CACHE": cache}
    names |= {"START": DAYS[0], "END": DAYS[-1], "STORE": tmp_path / "store"}
    code = re.sub("|".join(names), lambda name: str(names[name[0]]), FILL)

    printed = run(code)

    assert printed == f"[('ok', {14 * PER_DAY}), ('failed', None)]\n"
    expected = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    assert_same(expected, stored(tmp_path / "elsewhere", store=tmp_path / "store"))
