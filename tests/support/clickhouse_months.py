"""Months of bars of which every value shows where it belongs, for the tests of ClickHouse."""

import datetime as dt

import polars as pl
import pytest

from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._series import Series
from rangebar_polars.errors import StoreError
from rangebar_polars.schema import STORED, STORED_SCHEMA
from rangebar_polars.store import (
    BarKey,
    ClickHouseStore,
    Link,
    StoredMonth,
)
from support.assertions import says
from support.entry_points import assert_same

JANUARY, FEBRUARY = dt.date(2024, 1, 1), dt.date(2024, 2, 1)
KEY = BarKey(series=Series("mine", "spot", "BTC-USD"), rule=RangeRule(250), origin=JANUARY)
LABEL = "mine spot BTC-USD range-250"
ALL = list(STORED_SCHEMA)
NULLABLE = [column.name for column in STORED if column.null_when]
FORM = "clickhouse://user:password@host:port/database"
ENCODE = "(percent-encode / ? # and % in user and password)"


def bars_of(rows: int, seed: int = 0) -> pl.DataFrame:
    """Return bars of which every value follows from its place and the seed, some of them null."""
    place = pl.int_range(rows, dtype=pl.Int64)
    value = place * 1_000_003 + seed
    columns = []
    for name, dtype in STORED_SCHEMA.items():
        column = value % 2 == 0 if dtype == pl.Boolean else value.cast(dtype)
        column = pl.when(place % 5 > 0).then(column) if name in NULLABLE else column
        columns.append(column.alias(name))
    return pl.select(columns)


def month_of(rows: int, seed: int = 0, *, month: dt.date = JANUARY, days: int = 1) -> StoredMonth:
    """Return a month whose links record how `bars_of` built its bars."""
    links = list[Link]()
    for number in range(days):
        link = Link(
            day=month + dt.timedelta(days=number),
            trades_digest=f"{rows} {seed}",
            trade_count=7,
            defects={},
            bar_count=rows // days + (rows % days if number == days - 1 else 0),
            state=bytes(range(256)),
        )
        links.append(link.sealed(KEY, links[-1] if links else None))
    return StoredMonth(month=month, links=tuple(links))


def put(
    store: ClickHouseStore, rows: int, seed: int = 0, *, month: dt.date = JANUARY
) -> StoredMonth:
    """Write a month, and return it as it was found."""
    store.write(KEY, month_of(rows, seed, month=month), bars_of(rows, seed))
    return store.find(KEY)[month]


def check_whole(store: ClickHouseStore, key: BarKey) -> dict[dt.date, StoredMonth]:
    """Check that every month is read as it was to be written; return what was found."""
    found = store.find(key)
    for month in found.values():
        bars = store.read(key, month, ALL)
        assert bars is not None
        rows, seed = map(int, str(month.links[0].trades_digest).split())
        assert_same(bars_of(rows, seed), bars)
    return found


def refuses(place: str | int, doing: str, reason: str) -> pytest.RaisesExc[Exception]:
    """Expect what a store says when it is opened."""
    place = f"127.0.0.1:{place}" if isinstance(place, int) else place
    return says(StoreError, f"ClickHouse at {place}: {doing} failed: {reason}")
