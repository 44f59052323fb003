"""Queries on the view of ClickHouse read little of a table of many symbols and days."""

import datetime as dt

import polars as pl
import pytest
from support.clickhouse_months import JANUARY, KEY, bars_of, month_of
from support.clickhouse_server import ask, rows_read

from rangebar_polars.store import ClickHouseStore

OF_MONTH = 62_000
CHAINS = 17
"""Of as many symbols, with a month each: more than a million bars."""
ONE_DAY = OF_MONTH // 31
GRANULE = 8_192
"""Rows that a server reads at once."""
BARS = "SELECT count(), sum(volume) FROM current_bars"
TWO_DAYS = "close_time >= '2024-01-10' AND close_time < '2024-01-12'"


@pytest.fixture
def filled(clickhouse_store: ClickHouseStore, clickhouse_url: str) -> str:
    """Return the URL of a store of a million bars, which end at regular times."""
    step = dt.timedelta(days=1) / ONE_DAY
    start = pl.lit(dt.datetime.combine(JANUARY, dt.time(), dt.UTC))
    moment = (start + pl.int_range(OF_MONTH) * step).cast(pl.Datetime("us", "UTC"))
    bars = bars_of(OF_MONTH).with_columns(moment.alias("open_time"), moment.alias("close_time"))
    clickhouse_store.write(KEY, month_of(OF_MONTH), bars)
    columns = "month, source, market, rule, prevent_same_timestamp_close, rule_version, "
    columns += "first_day, last_day, rows, links, checksums"
    of_others = "'S' || n AS symbol, key || n AS key, batch + n AS batch"
    each = f"ARRAY JOIN range(1, {CHAINS}) AS n"
    selected = f"SELECT {of_others}, {columns} FROM coverage {each}"  # noqa: S608
    for statement in (
        f"INSERT INTO bars SELECT * REPLACE ({of_others}) FROM bars {each}",  # noqa: S608
        f"INSERT INTO coverage (symbol, key, batch, {columns}) {selected}",
    ):
        ask(clickhouse_url, statement)
    return clickhouse_url


def test_a_symbol_and_two_days_are_read_alone(filled: str) -> None:
    assert ask(filled, BARS)[0][0] == CHAINS * OF_MONTH > 1_000_000

    for condition, chains in (
        (f"symbol = 'S7' AND {TWO_DAYS}", 1),
        (f"symbol = 'S7' AND rule = 'range-250' AND {TWO_DAYS}", 1),
        (TWO_DAYS, CHAINS),
    ):
        query = f"{BARS} WHERE {condition}"
        assert ask(filled, query)[0][0] == chains * 2 * ONE_DAY
        # Two granules have the days, and two also rows of another chain; coverage is read too.
        assert rows_read(filled, query) <= chains * 4 * GRANULE + 2 * CHAINS
    assert rows_read(filled, f"{BARS} WHERE symbol = 'S7'") <= OF_MONTH + 2 * GRANULE + 2 * CHAINS
    none = f"{BARS} WHERE rule = 'tick-3' AND symbol = 'S7'"
    assert rows_read(filled, none) <= GRANULE + 2 * CHAINS
