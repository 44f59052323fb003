"""Days and months that a condition of a query rules out are not read, and no row is lost."""
# ruff: noqa: S608 - our own statements

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from support.duckdb_cache import DAYS, key, stored
from support.entry_points import assert_same

from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.duckdb import connect
from rangebar_polars.store import BarKey, Link, ParquetStore, StoredMonth

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def copied(sql_cache: Path) -> Iterator["DuckDBPyConnection"]:
    """Return a connection that has copies of the views, in tables, as well."""
    with connect(ParquetStore(sql_cache), cache_dir=sql_cache) as opened:
        for view in ("bars", "ticks"):
            opened.execute(f"CREATE TABLE {view}_copy AS FROM {view}")
        yield opened


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Record which days of trades are opened, and of which the trades are read."""
    found = SimpleNamespace(opened=[], read=[], columns=set())
    really = DiskTickCache.open

    def spy(cache: DiskTickCache, day: dt.date) -> object:
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

    monkeypatch.setattr(DiskTickCache, "open", spy)
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
    read = list[tuple[str, object]]()
    really = ParquetStore.read

    def spy(store: ParquetStore, chain: BarKey, *others: object) -> pl.DataFrame | None:
        read.append((chain.series.symbol, chain.values["threshold_decimal_bps"]))
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
