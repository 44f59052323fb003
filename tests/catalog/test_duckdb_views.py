"""The views of SQL are the frames they stand for, and show what is stored when they are read."""
# ruff: noqa: S608 - our own statements

import datetime as dt
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from support.duckdb_cache import DAYS, NAMES, SYMBOLS, error_of, fill, key, stored, trades
from support.entry_points import assert_same
from support.subprocesses import run

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars._ticks.report import QUALITY_SCHEMA
from rangebar_polars.duckdb import connect
from rangebar_polars.schema import TRADE_SCHEMA
from rangebar_polars.store import ParquetStore
from rangebar_polars.store.bar_key import CHAIN_BAR_SCHEMA

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

pytest.importorskip("duckdb")

TICKS = pl.Schema({**NAMES, "day": pl.Date(), **TRADE_SCHEMA})


def test_the_view_of_bars_is_the_scan_of_the_store(
    connection: "DuckDBPyConnection", sql_cache: Path
) -> None:
    got = connection.sql("FROM bars").pl()

    assert_same(ParquetStore(sql_cache).scan_bars().collect(), got)
    assert got.group_by("symbol", "threshold_decimal_bps").len().height == 3


def test_the_view_of_ticks_is_all_trades_of_the_cache(connection: "DuckDBPyConnection") -> None:
    got = connection.sql("FROM ticks").pl()

    expected = pl.concat(
        trades(symbol).select(
            pl.lit("mine").alias("source"),
            pl.lit(market).alias("market"),
            pl.lit(symbol).alias("symbol"),
            pl.col("timestamp").dt.date().alias("day"),
            *TRADE_SCHEMA,
        )
        for symbol, market in SYMBOLS.items()
    )
    assert got.schema == TICKS
    assert_same(expected, got)


def test_the_view_of_quality_is_the_archive_quality_of_each_series(
    connection: "DuckDBPyConnection", sql_cache: Path
) -> None:
    got = connection.sql("FROM quality").pl()

    assert got.schema == {**NAMES, **QUALITY_SCHEMA}
    for symbol, market in SYMBOLS.items():
        expected = rb.archive_quality(
            symbol, DAYS[0], DAYS[-1], market=market, source="mine", cache_dir=sql_cache
        )
        assert_same(expected, got.filter(symbol=symbol, market=market).drop(NAMES))


def test_an_empty_cache_has_empty_views_with_all_columns(tmp_path: Path) -> None:
    with connect(cache_dir=tmp_path) as connection:
        schemas = {
            view: connection.sql(f"FROM {view}").pl().schema
            for view in ("bars", "ticks", "quality")
        }

    assert schemas == {
        "bars": CHAIN_BAR_SCHEMA,
        "ticks": TICKS,
        "quality": {**NAMES, **QUALITY_SCHEMA},
    }
    assert list(tmp_path.iterdir()) == []


def test_a_view_shows_what_is_stored_when_it_is_asked(tmp_path: Path) -> None:
    with connect(cache_dir=tmp_path) as connection:
        counts = [connection.sql("SELECT count(*) FROM ticks").pl().item()]
        fill(tmp_path)
        counts += [connection.sql("SELECT count(*) FROM ticks").pl().item()]

    assert counts == [0, 2 * trades().height]


@pytest.mark.parametrize("view", ["bars", "ticks", "quality"])
def test_rows_are_counted_where_no_column_is_asked_for(
    connection: "DuckDBPyConnection", view: str
) -> None:
    rows = connection.sql(f"FROM {view}").pl().height

    assert connection.sql(f"SELECT count(*) FROM {view}").pl().item() == rows > 0
    assert connection.sql(f"SELECT symbol FROM {view}").pl().height == rows


def test_the_time_zone_is_utc_whatever_that_of_the_machine() -> None:
    code = """if True:
        import tempfile
        import duckdb
        from rangebar_polars.duckdb import connect
        query = "SELECT current_setting('TimeZone')"
        print(duckdb.connect().sql(query).pl().item())
        with tempfile.TemporaryDirectory() as folder, connect(cache_dir=folder) as connection:
            print(connection.sql(query).pl().item())
            print(connection.cursor().sql(query).pl().item())
            print(connection.sql("SELECT TIMESTAMP '2024-08-08'::TIMESTAMPTZ").pl().item())
    """

    assert run(code, TZ="Asia/Tokyo").splitlines() == [
        "Asia/Tokyo",
        "UTC",
        "UTC",
        "2024-08-08 00:00:00+00:00",
    ]


def test_the_store_may_be_a_folder_or_the_one_of_the_environment(
    sql_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(store: str | None) -> tuple[int, int]:
        with connect(store, cache_dir=tmp_path) as connection:
            query = "SELECT (SELECT count(*) FROM bars), (SELECT count(*) FROM ticks)"
            bars, ticks = connection.sql(query).pl().row(0)
            return bars, ticks

    bars = ParquetStore(sql_cache).scan_bars().collect().height
    assert counted(None) == (0, 0)
    assert counted(str(sql_cache)) == (bars, 0)
    monkeypatch.setenv("RANGEBAR_STORE", str(sql_cache))
    assert counted(None) == (bars, 0)


# Files that are not what they should be, or are just being replaced


def test_a_damaged_day_is_a_row_of_the_quality_and_an_error_of_the_trades(tmp_path: Path) -> None:
    fill(tmp_path)
    path = DiskTickCache(tmp_path, Series("mine", "spot", "BTC-USD")).path(DAYS[1])
    path.write_bytes(b"no parquet")
    with connect(cache_dir=tmp_path) as connection:
        query = "SELECT day, status, message FROM quality WHERE symbol = 'BTC-USD' ORDER BY day"
        days = connection.sql(query).pl()
        others = connection.sql("SELECT count(*) FROM ticks WHERE day <> '2024-08-09'").pl().item()
        error = error_of(connection, "SELECT max(price) FROM ticks")

    assert days["status"].to_list() == ["ok", "damaged", "ok", "ok"]
    assert days["message"][1].startswith(f"{path} cannot be read: ")
    assert others == 2 * trades().height * 3 // 4
    assert f"CacheError: {path} cannot be read: " in error


def test_a_day_that_goes_while_the_others_are_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    listed = {name: [*DAYS, DAYS[-1] + dt.timedelta(days=1)] for name in SYMBOLS}
    monkeypatch.setattr(DiskTickCache, "days", lambda cache: listed[cache.series.symbol])
    with connect(cache_dir=tmp_path) as connection:
        counts = [
            connection.sql(f"SELECT count(*) FROM {view}").pl().item()
            for view in ("ticks", "quality")
        ]

    assert counts == [2 * trades().height, 8]


def test_files_may_be_replaced_while_views_are_read(tmp_path: Path) -> None:
    fill(tmp_path)
    chain, frame = key(), trades()
    first_day = frame.filter(pl.col("timestamp").dt.date() == DAYS[0])
    versions = [stored(chain, version) for version in ("a", "b")]
    done, errors, counts = threading.Event(), list[Exception](), set[tuple[int, ...]]()

    def write() -> None:
        try:
            for number in range(15):
                ParquetStore(tmp_path).write(chain, *versions[number % 2])
                rb.import_trades(
                    first_day.with_columns(quantity=pl.lit(float(number))),
                    symbol="BTC-USD",
                    source="mine",
                    cache_dir=tmp_path,
                    replace=True,
                )
        except Exception as error:  # noqa: BLE001 - reported by the test
            errors.append(error)
        finally:
            done.set()

    def read() -> None:
        try:
            with connect(cache_dir=tmp_path) as connection:
                while not done.is_set():
                    bars = "SELECT count(*), count(vwap) FROM bars"
                    ticks = "SELECT count(*), count(price) FROM ticks"
                    counts.add(tuple(connection.sql(f"FROM ({bars}), ({ticks})").pl().row(0)))
        except Exception as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    threads = [threading.Thread(target=target) for target in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    bars = ParquetStore(tmp_path).scan_bars().collect()
    assert counts == {(bars.height, bars["vwap"].count(), 2 * frame.height, 2 * frame.height)}
