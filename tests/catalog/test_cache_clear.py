"""`cache_clear` removes all of what it is asked to remove, and nothing else."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.assertions import says, tree
from support.cached_bars import GARBAGE, bars_of, fill, series, status_of
from support.cached_trades import DAYS, PER_DAY, SOURCE, SYMBOL, give, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._disk.locked_file import locked, spill_folder
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import RULE_VERSION, STORED_SCHEMA
from rangebar_polars.store import BarStore, ParquetStore


def test_bars_stay_valid_when_their_trades_are_cleared(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = bars_of(cache, store, include_microstructure=True)
    read.clear()

    shown = rb.cache_clear("ticks", store=store, cache_dir=cache)

    assert shown.select("kind", "days", "rows").rows() == [("ticks", 14, 14 * PER_DAY)]
    assert series(cache).days() == []
    assert status_of(cache, store)["kind"].to_list() == ["bars"]
    assert_same(want, bars_of(cache, store, include_microstructure=True))
    assert read == []


def test_a_chain_whose_trades_are_cleared_continues_with_the_days_that_come(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = bars_of(cache, store, include_incomplete=True)
    rb.cache_clear("bars", store=store, cache_dir=cache)
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[8], 30, **own)
    rb.cache_clear("ticks", cache_dir=cache)
    give(cache, trades_of(DAYS[9:]))
    read.clear()

    assert_same(want, bars_of(cache, store, include_incomplete=True))
    assert read == DAYS[9:]


def test_bars_that_are_cleared_are_computed_again_and_the_trades_stay(
    store: BarStore, cache: Path
) -> None:
    fill(cache, store)
    before, want = tree(cache), bars_of(cache, store)

    shown = rb.cache_clear("bars", symbol=SYMBOL, store=store, cache_dir=cache)

    assert shown["threshold_decimal_bps"].sort().to_list() == [30, 30, 50]
    (kept,) = store.keys()
    assert kept.series.symbol == "ETH-USD"
    assert store.scan_bars(symbol=SYMBOL).collect().is_empty()
    assert tree(cache) == before
    assert_same(want, bars_of(cache, store))


def test_a_symbol_whose_name_another_begins_with_is_cleared_alone(cache: Path) -> None:
    give(cache, trades_of(DAYS[:2]), symbol="BTC")
    want = tree(series(cache).folder)

    rb.cache_clear("ticks", symbol="BTC", cache_dir=cache)

    assert tree(series(cache).folder) == want
    assert rb.cache_status(cache_dir=cache)["symbol"].to_list() == [SYMBOL]


def test_bars_of_another_version_of_the_rule_are_shown_and_cleared(
    store: BarStore, cache: Path
) -> None:
    bars_of(cache, store)
    (key,) = store.keys()
    older = replace(key, version=RULE_VERSION + 1)
    for month in store.find(key).values():
        bars = store.read(key, month, list(STORED_SCHEMA))
        assert bars is not None
        store.write(older, month, bars)

    shown = rb.cache_clear("bars", store=store, cache_dir=cache)

    assert shown["rule_version"].sort().to_list() == [RULE_VERSION, RULE_VERSION + 1]
    assert shown["rows"].n_unique() == 1
    assert store.keys() == []


def test_what_killed_processes_left_is_cleared_too(cache: Path) -> None:
    store = ParquetStore(cache)
    bars_of(cache, store)
    (key,) = store.keys()
    month = store.path(key, dt.date(2024, 3, 1))
    ticks = series(cache).path(dt.date(2024, 3, 1))
    never = DiskTickCache(cache, Series("binance", "spot", "BTCUSDT")).unfinished("a.zip")
    left = [path.with_name(f".{path.name}.part") for path in (month, ticks)]
    left += [series(cache).unfinished("import"), never]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(GARBAGE)
    spill_folder(never).mkdir()
    (spill_folder(never) / "2024-03-01-000000.arrow").touch()

    rb.cache_clear("bars", cache_dir=cache)
    rb.cache_clear("ticks", symbol=SYMBOL, cache_dir=cache)

    assert [path for path in left if path.exists()] == [never]
    rb.cache_clear("ticks", cache_dir=cache)
    assert tree(cache) == {}


def test_what_another_process_is_fetching_is_left_to_it(tmp_path: Path) -> None:
    part = DiskTickCache(tmp_path, Series("binance", "spot", "BTCUSDT")).unfinished("a.zip")

    with locked(part):
        rb.cache_clear("ticks", cache_dir=tmp_path)
        assert part.exists()


def test_a_folder_that_cannot_be_cleared_is_named(cache: Path) -> None:
    folder = series(cache).folder
    (folder / "2024-03-01.parquet").mkdir()

    with says(
        CacheError,
        f"{folder / '2024-03-01.parquet'} cannot be removed: a folder is in its place (move it "
        "away)",
    ):
        rb.cache_clear("ticks", cache_dir=cache)


@pytest.mark.parametrize(
    ("kind", "options", "error", "text"),
    [
        ("bar", {}, ValueError, "kind is 'bar': expected 'ticks' or 'bars'"),
        (["bars"], {}, ValueError, "kind is ['bars']: expected 'ticks' or 'bars'"),
        (None, {}, ValueError, "kind is None: expected 'ticks' or 'bars'"),
        ("bars", {"source": 1}, TypeError, "source is 1 (give a name, or None for all)"),
        ("ticks", {"market": b"um"}, TypeError, "market is b'um' (give a name, or None for all)"),
        ("bars", {"symbol": ["A"]}, TypeError, "symbol is ['A'] (give a name, or None for all)"),
        (
            "bars",
            {"threshold_decimal_bps": 0},
            ValueError,
            "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
        ),
        (
            "ticks",
            {"threshold_decimal_bps": 250},
            ValueError,
            "threshold_decimal_bps is of bars: trades have none (leave it out)",
        ),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_cleared(
    kind: Any, options: dict[str, Any], error: type[Exception], text: str, cache: Path  # noqa: ANN401
) -> None:  # fmt: skip
    before = tree(cache)

    with says(error, text):
        rb.cache_clear(kind, cache_dir=cache, **options)

    assert tree(cache) == before
