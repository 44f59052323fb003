"""What only POSIX has is not needed: modules, calls, renames of open files, names, folders."""

import ast
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from support.archive_server import ArchiveServer, day_csv
from support.cached_trades import DAYS, trades_of
from support.subprocesses import run
from support.windows import AS_ON_WINDOWS, POSIX_CALLS, POSIX_MODULES, WITHOUT_POSIX

import rangebar_polars as rb
from rangebar_polars.archive.binance import BinanceFile

PACKAGE = Path(__file__).parents[1] / "rangebar_polars"
# populate starts processes of its own.
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "populate.py")
SYMBOLS = ["BTCUSDT", "btcusdt", "CON", "a:b/c?*. "]

WORK = """
import polars as pl
import rangebar_polars as rb

trades = pl.read_ipc(given)
first, last = trades["timestamp"].dt.date().min(), trades["timestamp"].dt.date().max()

def show(name, frame):
    frame.write_ipc(f"{results}/{name}")

show("bars", rb.bars(trades, 30))
show("expression", trades.rangebar.bars(30))

processor = rb.RangeBarProcessor(30)
show("processor", pl.concat(processor.process_trades(part) for part in trades.iter_slices(70)))

for number, symbol in enumerate(symbols):
    own = {"source": "mine", "cache_dir": folder}
    for replace in (False, True):
        rb.import_trades(trades, symbol=symbol, replace=replace, **own)
    show(f"ticks {number}", rb.scan_ticks(symbol, first, last, **own).collect())
    for what in ("computed", "stored"):
        show(f"{what} {number}", rb.get_range_bars(symbol, first, last, 30, **own))
    show(f"scanned {number}", rb.scan_range_bars(symbol, first, last, 30, **own).collect())
status = rb.cache_status(cache_dir=folder)
assert sorted(status["symbol"]) == sorted(symbols * 2), status

archive = rb.BinanceArchive(url, None)
show("fetched", rb.scan_ticks("BTCUSDT", first, last, cache_dir=folder, archive=archive).collect())

for kind in ("bars", "ticks"):
    rb.cache_clear(kind, cache_dir=folder)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
@pytest.mark.parametrize("rules", ["", AS_ON_WINDOWS], ids=["without POSIX", "as on Windows"])
def test_everything_but_populate_works_without_what_only_posix_has(
    rules: str, server: ArchiveServer, tmp_path: Path
) -> None:
    given, results, folder = tmp_path / "given", tmp_path / "results", tmp_path / "cache"
    trades, days = trades_of(DAYS[:3]), DAYS[:3]
    trades.write_ipc(given)
    results.mkdir()
    folder.mkdir()
    for number, day in enumerate(days):
        csv = day_csv(day, 100, first_id=1000 + 100 * number)
        server.publish(BinanceFile("spot", "BTCUSDT", day), csv)
    places = {"given": given, "results": results, "folder": folder, "url": server.url}
    names = "".join(f"{name} = {str(place)!r}\n" for name, place in places.items())

    printed = run(
        f"{WITHOUT_POSIX}\n{names}\nsymbols = {SYMBOLS!r}\n{rules}\n{WORK}\n"
        f"print([name for name in {POSIX_MODULES!r} if sys.modules[name] is not None])\n"
        "print(globals().get('broken', []))",
        no_proxy="*",
    )

    assert printed.splitlines() == ["[]", "[]"]
    bars = rb.bars(trades, 30)
    for name in ("bars", "expression", "processor"):
        assert_frame_equal(pl.read_ipc(results / name), bars)
    for number in range(len(SYMBOLS)):
        assert_frame_equal(pl.read_ipc(results / f"ticks {number}"), trades)
        for what in ("computed", "stored", "scanned"):
            assert_frame_equal(pl.read_ipc(results / f"{what} {number}"), bars)
    assert pl.read_ipc(results / "fetched").height == 300
    assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_names_nothing_that_only_posix_has(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    # What depends on `hasattr(os, "...")` is done only where the platform has it.
    asked_for = {
        node.args[1].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "hasattr"
        and isinstance(node.args[1], ast.Constant)
    }
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    used = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    absent = {f"{module}.{name}" for module, names in POSIX_CALLS.items() for name in names}
    passed = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}

    assert imported & {*POSIX_MODULES} == set()
    assert {name for name in used & absent if name.partition(".")[2] not in asked_for} == set()
    assert passed & {"pass_fds", "preexec_fn", "start_new_session"} == set()
