"""SQL sees what Polars sees: the views are the frames they stand for, the functions are `bars`."""
# ruff: noqa: S608 - our own statements

import datetime as dt
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from support.assertions import says
from support.entry_points import assert_same
from support.subprocesses import run
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars._core.rules import RangeRule
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.report import QUALITY_SCHEMA
from rangebar_polars.duckdb import connect
from rangebar_polars.schema import BAR_SCHEMA, TRADE_SCHEMA, Series
from rangebar_polars.store import BarKey, Link, ParquetStore, StoredMonth
from rangebar_polars.store.chain import STORED_SCHEMA

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

duckdb = pytest.importorskip("duckdb")

START = dt.datetime(2024, 8, 8, tzinfo=dt.UTC)
DAYS = [START.date() + dt.timedelta(days=n) for n in range(4)]
SYMBOLS = {"BTC-USD": "spot", "ETH-USD": "um"}
NAMES = {"source": pl.String(), "market": pl.String(), "symbol": pl.String()}
TICKS = pl.Schema({**NAMES, "day": pl.Date(), **TRADE_SCHEMA})
MONTH = DAYS[0].replace(day=1)


def trades(symbol: str = "BTC-USD", per_day: int = 300) -> pl.DataFrame:
    """Return trades of the four days, other ones for each symbol."""
    rows = per_day * len(DAYS)
    frame = walk(rows + list(SYMBOLS).index(symbol)).tail(rows)
    # Two trades at a time.
    moment = pl.int_range(pl.len()) // 2 * (2 * dt.timedelta(days=1) // per_day)
    first = 3 * pl.col("agg_trade_id")
    # An import drops records whose trades are part of others.
    apart = {"first_trade_id": first, "last_trade_id": first + pl.col("agg_trade_id") % 3}
    return frame.with_columns(timestamp=pl.lit(START) + moment, **apart).cast(TRADE_SCHEMA)


def key(symbol: str = "BTC-USD", threshold: int = 30) -> BarKey:
    """Return the chain of bars of a symbol."""
    return BarKey(
        series=Series("mine", SYMBOLS[symbol], symbol),
        rule=RangeRule(threshold),
        origin=DAYS[0],
    )


def stored(chain: BarKey, version: str = "") -> tuple[StoredMonth, pl.DataFrame]:
    """Return the bars of a chain as a store takes them; versions differ in digests alone."""
    found = rb.bars(
        trades(chain.series.symbol),
        chain.rule.threshold_decimal_bps,
        include_microstructure=True,
        include_incomplete=True,
    ).filter("is_complete")
    links = list[Link]()
    for day in DAYS:
        ended = found.filter(pl.col("close_time").dt.date() == day).height
        link = Link(
            day=day,
            trades_digest=f"{version}{day}",
            trade_count=300,
            defects={},
            bar_count=ended,
            state=b"state",
        )
        links.append(link.sealed(chain, links[-1] if links else None))
    return StoredMonth(month=MONTH, links=tuple(links)), found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with the trades of two symbols and three chains of bars; for reading."""
    root = tmp_path_factory.mktemp("cache")
    fill(root)
    return root


def fill(root: Path) -> None:
    """Put trades and bars into a cache."""
    for symbol, market in SYMBOLS.items():
        rb.import_trades(
            trades(symbol), symbol=symbol, market=market, source="mine", cache_dir=root
        )
    for chain in (key(), key(threshold=60), key("ETH-USD")):
        ParquetStore(root).write(chain, *stored(chain))


@pytest.fixture
def connection(cache: Path) -> Iterator["DuckDBPyConnection"]:
    """Return a connection to the cache."""
    with connect(ParquetStore(cache), cache_dir=cache) as opened:
        yield opened


@pytest.fixture(scope="module")
def copied(cache: Path) -> Iterator["DuckDBPyConnection"]:
    """Return a connection that has copies of the views, in tables, as well."""
    with connect(ParquetStore(cache), cache_dir=cache) as opened:
        for view in ("bars", "ticks"):
            opened.execute(f"CREATE TABLE {view}_copy AS FROM {view}")
        yield opened


def said(connection: "DuckDBPyConnection", query: str) -> str:
    """Return the message of a query that must fail."""
    with pytest.raises(duckdb.Error) as raised:
        connection.sql(query).pl()
    return str(raised.value)


# The views


def test_the_view_of_bars_is_the_scan_of_the_store(
    connection: "DuckDBPyConnection", cache: Path
) -> None:
    got = connection.sql("FROM bars").pl()

    assert_same(ParquetStore(cache).scan_bars().collect(), got)
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
    connection: "DuckDBPyConnection", cache: Path
) -> None:
    got = connection.sql("FROM quality").pl()

    assert got.schema == {**NAMES, **QUALITY_SCHEMA}
    for symbol, market in SYMBOLS.items():
        expected = rb.archive_quality(
            symbol, DAYS[0], DAYS[-1], market=market, source="mine", cache_dir=cache
        )
        assert_same(expected, got.filter(symbol=symbol, market=market).drop(NAMES))


def test_an_empty_cache_has_empty_views_with_all_columns(tmp_path: Path) -> None:
    with connect(cache_dir=tmp_path) as connection:
        schemas = {
            view: connection.sql(f"FROM {view}").pl().schema
            for view in ("bars", "ticks", "quality")
        }

    assert schemas == {
        "bars": STORED_SCHEMA,
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
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(store: str | None) -> tuple[int, int]:
        with connect(store, cache_dir=tmp_path) as connection:
            query = "SELECT (SELECT count(*) FROM bars), (SELECT count(*) FROM ticks)"
            bars, ticks = connection.sql(query).pl().row(0)
            return bars, ticks

    bars = ParquetStore(cache).scan_bars().collect().height
    assert counted(None) == (0, 0)
    assert counted(str(cache)) == (bars, 0)
    monkeypatch.setenv("RANGEBAR_STORE", str(cache))
    assert counted(None) == (bars, 0)


# What a query wants arrives


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Tell which days of trades are opened, and of which the trades are read."""
    found = SimpleNamespace(opened=[], read=[], columns=set())
    really = TickCache.open

    def spy(cache: TickCache, day: dt.date) -> object:
        name = f"{cache.series.symbol} {day}"
        found.opened.append(name)

        def see(frame: pl.DataFrame) -> pl.DataFrame:
            found.read.append(name)
            found.columns |= set(frame.columns)
            return frame

        opened = really(cache, day)
        if opened is None:
            return None
        report, rows = opened
        return report, rows.map_batches(see, projection_pushdown=True)

    monkeypatch.setattr(TickCache, "open", spy)
    return found


BTC = [f"BTC-USD {day}" for day in DAYS]
ETH = [f"ETH-USD {day}" for day in DAYS]
OPENED: dict[str, list[str]] = {
    "true": BTC + ETH,
    "symbol = 'BTC-USD'": BTC,
    "symbol IN ('BTC-USD', 'XRP-USD')": BTC,
    "symbol <> 'BTC-USD' AND source = 'mine'": ETH,
    "market = 'um'": ETH,
    "source = 'yours'": [],
    "day = '2024-08-09'": [BTC[1], ETH[1]],
    "day BETWEEN '2024-08-09' AND '2024-08-10' AND symbol = 'ETH-USD'": ETH[1:3],
    "day IN ('2024-08-08', '2024-08-11') AND symbol IN ('ETH-USD')": [ETH[0], ETH[3]],
    "symbol = 'ETH-USD' AND (day < '2024-08-09' OR market = 'spot')": ETH[:1],
    "market IS NULL": [],
}


@pytest.mark.parametrize("condition", OPENED)
def test_days_that_a_condition_on_the_key_rules_out_are_not_opened(
    connection: "DuckDBPyConnection", touched: SimpleNamespace, condition: str
) -> None:
    connection.sql(f"SELECT price FROM ticks WHERE {condition}").pl()

    assert touched.opened == touched.read == OPENED[condition]


READ: dict[str, list[str]] = {
    "timestamp >= '2024-08-10'": BTC[2:],
    "timestamp < '2024-08-09 00:00:00.000001'": BTC[:2],
    "timestamp < '2024-08-09'": BTC[:1],
    "timestamp = '2024-08-09'": BTC[1:2],
    "timestamp BETWEEN '2024-08-09 12:00' AND '2024-08-10 12:00'": BTC[1:3],
    "TIMESTAMPTZ '2024-08-11 06:00:00+06' <= timestamp": BTC[3:],
    "date_trunc('day', timestamp) = '2024-08-09'": BTC[1:2],
    "timestamp > DATE '2024-08-08' + INTERVAL 60 HOUR": BTC[2:],
    "timestamp > '2030-01-01'": [],
    "timestamp > '2024-08-10' AND price > 0": BTC[2:],
    "timestamp > '2024-08-10' OR price > 0": BTC,
}


@pytest.mark.parametrize("condition", READ)
def test_days_that_a_comparison_of_the_time_rules_out_are_not_read(
    connection: "DuckDBPyConnection", touched: SimpleNamespace, condition: str
) -> None:
    connection.sql(f"SELECT price FROM ticks WHERE symbol = 'BTC-USD' AND ({condition})").pl()

    assert touched.read == READ[condition]


def test_only_the_columns_that_a_query_uses_are_read(
    connection: "DuckDBPyConnection", touched: SimpleNamespace
) -> None:
    connection.sql("SELECT day, max(price) FROM ticks WHERE quantity > 1 GROUP BY day").pl()

    assert touched.columns == {"price", "quantity"}


def test_months_of_bars_that_a_condition_rules_out_are_not_read(
    connection: "DuckDBPyConnection", monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[tuple[str, int]]()
    really = ParquetStore.read

    def spy(store: ParquetStore, chain: BarKey, *others: object) -> pl.DataFrame | None:
        read.append((chain.series.symbol, chain.rule.threshold_decimal_bps))
        return really(store, chain, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(ParquetStore, "read", spy)
    for condition in (
        "symbol = 'BTC-USD' AND threshold_decimal_bps IN (60, 90)",
        "symbol = 'ETH-USD' AND close_time >= '2024-08-09'",
        "close_time >= '2024-09-02'",
        "close_time < '2024-08-01'",
        "open_time > '2024-09-02'",
        "reset = 'day'",
    ):
        connection.sql(f"SELECT close FROM bars WHERE {condition}").pl()

    assert read == [("BTC-USD", 60), ("ETH-USD", 30)]


def test_a_bar_that_was_open_for_a_month_is_found_by_its_open_time(tmp_path: Path) -> None:
    _, found = stored(key())
    day = DAYS[0] + dt.timedelta(days=31)
    chain = replace(key(), origin=day)
    link = Link(
        day=day, trades_digest="", trade_count=1, defects={}, bar_count=found.height, state=b""
    )
    month = StoredMonth(month=day.replace(day=1), links=(link.sealed(chain, None),))
    close_time = pl.col("close_time") + dt.timedelta(days=31)
    ParquetStore(tmp_path).write(chain, month, found.with_columns(close_time))

    with connect(tmp_path, cache_dir=tmp_path) as connection:
        got = connection.sql("FROM bars WHERE open_time < '2024-08-12'").pl()

    assert got.height == found.height


ATOMS = {
    "ticks": [
        "symbol = 'BTC-USD'",
        "symbol IN ('ETH-USD', 'XRP-USD')",
        "symbol LIKE 'E%'",
        "market > 'spot'",
        "day = '2024-08-09'",
        "day IN ('2024-08-08', '2024-08-10')",
        "day >= '2024-08-10'",
        "timestamp >= '2024-08-09'",
        "timestamp = '2024-08-10'",
        "timestamp IN ('2024-08-08', '2024-08-11')",
        "timestamp BETWEEN '2024-08-08 23:00' AND '2024-08-09 01:00'",
        "timestamp::DATE = '2024-08-09'",
        "timestamp < day + INTERVAL 1 HOUR",
        "price > 500",
        "is_buyer_maker",
        "is_buyer_maker IS NULL",
        "agg_trade_id % 7 = 0",
        "NULL",
    ],
    "bars": [
        "symbol = 'BTC-USD'",
        "threshold_decimal_bps IN (60, 90)",
        "threshold_decimal_bps > 30",
        "prevent_same_timestamp_close",
        "reset IS NULL",
        "reset = 'day'",
        "origin < '2024-08-09'",
        "close_time >= '2024-08-09'",
        "close_time < '2024-08-08'",
        "close_time BETWEEN '2024-08-09' AND '2024-08-10'",
        "open_time > '2024-08-10'",
        "open_time <= '2024-08-08 06:00'",
        "duration_us = 0",
        "ofi > 0",
        "close_time - open_time > INTERVAL 1 HOUR",
    ],
}


@pytest.mark.parametrize("view", ATOMS)
def test_no_condition_loses_a_row(copied: "DuckDBPyConnection", view: str) -> None:
    atoms = st.sampled_from(ATOMS[view])

    def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.tuples(parts, st.sampled_from(["AND", "AND", "OR"]), parts)
        return pairs.map(lambda pair: f"({' '.join(pair)})") | parts.map(lambda each: f"NOT {each}")

    @settings(max_examples=60, deadline=None)
    @given(st.recursive(atoms, joined, max_leaves=5))
    def check(condition: str) -> None:
        asked = f"SELECT * FROM {{}} WHERE {condition}"
        expected = copied.sql(asked.format(f"{view}_copy")).pl()

        assert_same(expected, copied.sql(asked.format(view)).pl())

    check()


# Files that are not what they should be, or are just being replaced


def test_a_damaged_day_is_a_row_of_the_quality_and_an_error_of_the_trades(tmp_path: Path) -> None:
    fill(tmp_path)
    path = TickCache(tmp_path, Series("mine", "spot", "BTC-USD")).path(DAYS[1])
    path.write_bytes(b"no parquet")
    with connect(cache_dir=tmp_path) as connection:
        query = "SELECT day, status, message FROM quality WHERE symbol = 'BTC-USD' ORDER BY day"
        days = connection.sql(query).pl()
        others = connection.sql("SELECT count(*) FROM ticks WHERE day <> '2024-08-09'").pl().item()
        error = said(connection, "SELECT max(price) FROM ticks")

    assert days["status"].to_list() == ["ok", "damaged", "ok", "ok"]
    assert days["message"][1].startswith(f"{path} cannot be read: ")
    assert others == 2 * trades().height * 3 // 4
    assert f"CacheError: {path} cannot be read: " in error


def test_a_day_that_goes_while_the_others_are_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    listed = {name: [*DAYS, DAYS[-1] + dt.timedelta(days=1)] for name in SYMBOLS}
    monkeypatch.setattr(TickCache, "days", lambda cache: listed[cache.series.symbol])
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
        except Exception as error:  # noqa: BLE001 - told by the test
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
        except Exception as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=target) for target in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    bars = ParquetStore(tmp_path).scan_bars().collect()
    assert counts == {(bars.height, bars["vwap"].count(), 2 * frame.height, 2 * frame.height)}


# The functions


COLUMNS = ", ".join(f"{name}: {name}" for name in TRADE_SCHEMA)
A_LIST = f"list({{{COLUMNS}}} ORDER BY timestamp, agg_trade_id)"


def expected_bars(frame: pl.DataFrame, threshold: int = 30) -> pl.DataFrame:
    """Return the bars that SQL must give."""
    return rb.bars(frame, threshold, include_microstructure=True)


def test_range_bars_gives_the_bars_of_each_list(connection: "DuckDBPyConnection") -> None:
    query = f"""
        SELECT symbol, unnest(range_bars({A_LIST}, 30), recursive := true)
        FROM ticks GROUP BY symbol
    """
    got = connection.sql(query).pl()

    assert got.columns == ["symbol", *[name for name in BAR_SCHEMA if name != "is_complete"]]
    for symbol in SYMBOLS:
        assert_same(expected_bars(trades(symbol)), got.filter(symbol=symbol).drop("symbol"))


def test_range_bars_takes_a_threshold_for_each_list(connection: "DuckDBPyConnection") -> None:
    query = f"""
        WITH lists AS (SELECT {A_LIST} AS trades FROM ticks WHERE symbol = 'BTC-USD')
        SELECT threshold, unnest(range_bars(trades, threshold), recursive := true)
        FROM lists, (VALUES (10), (30), (300)) AS given(threshold)
    """
    got = connection.sql(query).pl()

    for threshold in (10, 30, 300):
        of_one = got.filter(threshold=threshold).drop("threshold")
        assert_same(expected_bars(trades(), threshold), of_one)


def test_range_bars_takes_more_lists_than_duckdb_hands_over_at_once(
    connection: "DuckDBPyConnection",
) -> None:
    two = "[{timestamp: make_timestamptz(n * 1000000), price: 100, quantity: n},"
    two += "{timestamp: make_timestamptz(n * 1000000 + 1), price: 101, quantity: n}]"
    query = f"""
        SELECT n, range_bars({two}::{STRUCTS}, 250) AS bars
        FROM range(2100) AS numbers(n) WHERE n % 3 <> 0
    """
    got = connection.sql(query).pl().sort("n")

    assert got["n"].to_list() == [n for n in range(2100) if n % 3]
    assert got["bars"].list.len().unique().to_list() == [1]
    volumes = got.explode("bars").unnest("bars").select("n", "volume", "open_time")
    assert volumes["volume"].to_list() == [2.0 * n for n in got["n"]]
    assert volumes["open_time"].dt.epoch("s").to_list() == got["n"].to_list()


STRUCTS = (
    "STRUCT(timestamp TIMESTAMPTZ, price DOUBLE, quantity DOUBLE, is_buyer_maker BOOLEAN, "
    "agg_trade_id BIGINT, first_trade_id BIGINT, last_trade_id BIGINT)[]"
)


def test_a_null_list_is_null_and_an_empty_one_has_no_bars(
    connection: "DuckDBPyConnection",
) -> None:
    lists = f"(VALUES (1, NULL::{STRUCTS}), (2, []), (3, NULL), (4, [])) AS lists(n, trades)"

    got = connection.sql(f"SELECT range_bars(trades, 30) AS bars FROM {lists} ORDER BY n").pl()

    assert got["bars"].to_list() == [None, [], None, []]


def test_a_null_threshold_is_null(connection: "DuckDBPyConnection") -> None:
    query = f"SELECT range_bars({A_LIST}, NULL) AS bars FROM ticks WHERE symbol = 'BTC-USD'"

    assert connection.sql(query).pl()["bars"].to_list() == [None]


def test_bars_of_gives_the_bars_of_a_table(connection: "DuckDBPyConnection") -> None:
    frame = trades()
    connection.register("registered", frame.lazy())
    connection.execute("CREATE TABLE kept AS FROM registered")
    connection.execute("CREATE VIEW seen AS SELECT *, 'more' AS more FROM kept")
    found = {
        table: connection.sql(f"FROM bars_of({table}, 30)").pl()
        for table in ("registered", "kept", "seen", "'main.kept'")
    }
    query = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD') FROM bars_of(one, 30)"
    found["a common table expression"] = connection.sql(query).pl()

    for got in found.values():
        assert_same(expected_bars(frame), got)


def test_bars_of_puts_trades_in_order(connection: "DuckDBPyConnection") -> None:
    # Ids may fall when the time moves on.
    frame = trades().with_columns(pl.col("agg_trade_id") % 2)
    connection.register("shuffled", frame.sample(fraction=1, shuffle=True, seed=1))

    assert_same(expected_bars(frame), connection.sql("FROM bars_of(shuffled, 30)").pl())


@pytest.mark.parametrize("lazy", [False, True])
def test_without_ids_trades_of_one_time_keep_the_order_of_the_table(
    connection: "DuckDBPyConnection", *, lazy: bool
) -> None:
    frame = trades(per_day=20_000).drop("agg_trade_id", "first_trade_id", "last_trade_id")
    connection.register("plain", frame.lazy() if lazy else frame)

    assert_same(expected_bars(frame), connection.sql("FROM bars_of(plain, 30)").pl())


def test_a_column_that_a_table_has_not_counts_as_nulls(connection: "DuckDBPyConnection") -> None:
    frame = trades().select("timestamp", "price", "quantity")
    connection.register("three", frame)

    got = connection.sql("FROM bars_of(three, 30)").pl()

    with_nulls = pl.concat([frame, pl.DataFrame(schema=TRADE_SCHEMA)], how="diagonal")
    assert_same(expected_bars(with_nulls), got)


@pytest.mark.parametrize(
    "time",
    [
        pl.col("timestamp").dt.replace_time_zone(None),
        pl.col("timestamp").dt.convert_time_zone("America/New_York"),
        pl.col("timestamp").dt.replace_time_zone(None).dt.cast_time_unit("ns"),
    ],
    ids=["naive", "of another zone", "nanoseconds"],
)
def test_times_of_other_types_become_moments_in_microseconds(
    connection: "DuckDBPyConnection", time: pl.Expr
) -> None:
    frame = trades().with_columns(time, pl.col("price").cast(pl.Decimal(18, 8)))
    connection.register("other", frame)

    assert_same(expected_bars(trades()), connection.sql("FROM bars_of(other, 30)").pl())


def test_the_zone_of_the_connection_moves_no_bar(connection: "DuckDBPyConnection") -> None:
    frame = trades()
    connection.execute("SET TimeZone = 'America/New_York'")
    connection.register("registered", frame)

    got = connection.sql("FROM bars_of(registered, 30)").pl()

    utc = pl.col("open_time", "close_time").dt.convert_time_zone("UTC")
    assert_same(expected_bars(frame), got.with_columns(utc))


def test_a_cursor_has_the_functions(connection: "DuckDBPyConnection") -> None:
    cursor = connection.cursor()
    cursor.register("registered", trades())

    assert_same(expected_bars(trades()), cursor.sql("FROM bars_of(registered, 30)").pl())


def test_a_lazy_frame_of_bars_is_joined_in_sql(connection: "DuckDBPyConnection") -> None:
    plan = trades().lazy().rangebar.bars(60, include_microstructure=True)  # type: ignore[attr-defined]
    connection.register("mine", plan)
    query = """
        SELECT mine.close_time, mine.close, bars.ofi
        FROM mine JOIN bars USING (open_time, close_time)
        WHERE bars.symbol = 'BTC-USD' AND threshold_decimal_bps = 60 AND mine.volume > 1
        ORDER BY mine.close_time
    """

    got = connection.sql(query).pl()

    expected = expected_bars(trades(), 60).filter(pl.col("volume") > 1)
    assert_same(expected.select("close_time", "close", "ofi"), got)


# Errors


def test_bad_trades_are_reported_in_our_words(connection: "DuckDBPyConnection") -> None:
    seventh = pl.int_range(pl.len()) == 7
    price = pl.when(seventh).then(-1.0).otherwise("price").alias("price")
    connection.register("bad", trades().with_columns(price))

    assert said(connection, "FROM bars_of(bad, 30)") == (
        "Invalid Input Error: Python exception occurred while executing the UDF: ComputeError: "
        "price is -1 at row 7: expected a finite number above 0 (drop or repair such rows first)"
    )


def test_a_bad_threshold_is_reported_in_our_words(connection: "DuckDBPyConnection") -> None:
    assert said(connection, "SELECT range_bars([], 0)").endswith(
        "ValueError: threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"
    )


def test_bars_of_refuses_the_trades_of_several_symbols(connection: "DuckDBPyConnection") -> None:
    assert said(connection, "FROM bars_of(ticks, 30)") == (
        "Invalid Input Error: bars_of was given trades of more than one symbol, market or source "
        "(give it those of one, or group by symbol and call range_bars)"
    )


def test_bars_of_misses_a_price(connection: "DuckDBPyConnection") -> None:
    connection.register("unpriced", trades().drop("price"))

    assert 'Referenced column "price" not found' in said(connection, "FROM bars_of(unpriced, 30)")


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow", "numpy"])
def test_what_is_not_installed_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with says(
        ModuleNotFoundError,
        f"rangebar_polars.duckdb needs {missing} (pip install --upgrade 'rangebar-polars[duckdb]')",
    ):
        connect(cache_dir=tmp_path)


def test_an_old_duckdb_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(duckdb, "__version__", "1.5.3")

    with says(
        ImportError,
        "duckdb is 1.5.3: expected 2.0 or later, as older ones give wrong rows where times are "
        "filtered (pip install --upgrade 'rangebar-polars[duckdb]')",
    ):
        connect(cache_dir=tmp_path)


@pytest.mark.parametrize("store", ["postgres://db", 5])
def test_a_store_is_refused_in_the_words_of_open_store(tmp_path: Path, store: str) -> None:
    def message(call: Callable[[], object]) -> str:
        with pytest.raises((TypeError, ValueError)) as raised:
            call()
        return str(raised.value)

    assert message(lambda: connect(store, cache_dir=tmp_path)) == message(
        lambda: rb.open_store(store)
    )
