"""What every store keeps: months whole or not at all, and bars that are those of one pass."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._core.rules import RangeRule
from rangebar_polars.schema import BAR_SCHEMA, RULE_VERSION, Series
from rangebar_polars.store import BarKey, BarStore, Link, StoredMonth
from rangebar_polars.store.chain import STORED_SCHEMA

SERIES = Series(SOURCE, "spot", SYMBOL)
KEY = BarKey(series=SERIES, rule=RangeRule(30), origin=DAYS[0])
JANUARY, FEBRUARY = dt.date(2024, 1, 1), dt.date(2024, 2, 1)
ALL = list(BAR_SCHEMA)


def bars_of(rows: int, seed: int = 0) -> pl.DataFrame:
    """Return bars as they are stored."""
    trades = trades_of(DAYS[:5], seed, per_day=max(10, rows))
    bars = rb.bars(trades, 10, include_microstructure=True, include_incomplete=True).head(rows)
    assert bars.height == rows
    return bars


def month_of(bars: pl.DataFrame, *, days: int = 2, key: BarKey = KEY) -> StoredMonth:
    """Return a month of January whose days share the bars."""
    links = list[Link]()
    for number in range(days):
        share = bars.height // days + (bars.height % days if number == days - 1 else 0)
        link = Link(
            day=DAYS[number],
            ticks=f"{bars.height}-{number}",
            trades=7,
            defects={"missing_ids": 3} if number else {},
            bars=share,
            state=bytes(range(256)) * number,
        )
        links.append(link.sealed(key, links[-1] if links else None))
    return StoredMonth(month=JANUARY, links=tuple(links))


# Months


def test_an_empty_store_has_nothing(store: BarStore) -> None:
    assert store.keys() == []
    assert store.find(KEY) == {}
    assert store.find(KEY, [JANUARY]) == {}
    assert_same(pl.DataFrame(schema=STORED_SCHEMA), store.scan_bars().collect())
    store.remove(KEY)


@pytest.mark.parametrize("rows", [0, 1, 100])
def test_a_month_comes_back_as_it_was_written(store: BarStore, rows: int) -> None:
    bars = bars_of(rows)
    month = month_of(bars)

    store.write(KEY, month, bars)

    (found,) = store.find(KEY, [JANUARY, FEBRUARY]).values()
    assert (found.month, found.links) == (JANUARY, month.links)
    assert store.keys() == [KEY]
    got = store.read(KEY, found, ALL)
    assert got is not None
    assert_same(bars, got)


def test_every_value_comes_back_bit_for_bit(store: BarStore) -> None:
    bars = bars_of(3).with_columns(
        pl.Series("open", [5e-324, 1.7976931348623157e308, 0.1 + 0.2]),
        pl.Series("ofi", [None, -1.0, 1e-300]),
        pl.Series("first_agg_trade_id", [None, 2**63 - 1, 0], pl.Int64),
        pl.Series("open_time", [-1, 0, 1_706_745_600_000_001]).cast(pl.Datetime("us", "UTC")),
        pl.Series("is_complete", [True, False, True]),
    )
    store.write(KEY, month_of(bars), bars)

    (found,) = store.find(KEY).values()
    got = store.read(KEY, found, ALL)

    assert got is not None
    assert_same(bars, got)


def test_columns_come_in_the_order_asked_for(store: BarStore) -> None:
    bars = bars_of(10)
    store.write(KEY, month_of(bars), bars)

    (found,) = store.find(KEY).values()
    got = store.read(KEY, found, ["volume", "open_time", "is_complete"])

    assert got is not None
    assert_same(bars.select("volume", "open_time", "is_complete"), got)


def test_a_month_that_was_replaced_is_read_no_more(store: BarStore) -> None:
    old, new = bars_of(10), bars_of(12, seed=1)
    store.write(KEY, month_of(old), old)
    (before,) = store.find(KEY).values()

    store.write(KEY, month_of(new), new)

    assert store.read(KEY, before, ALL) is None
    (after,) = store.find(KEY).values()
    got = store.read(KEY, after, ALL)
    assert got is not None
    assert_same(new, got)


def test_a_month_that_has_less_does_not_replace_one_that_has_more(store: BarStore) -> None:
    bars = bars_of(10)
    month = month_of(bars)
    store.write(KEY, month, bars)
    first = replace(month, links=month.links[:1])

    store.write(KEY, first, month.of_days(bars, [DAYS[0]]))

    (found,) = store.find(KEY).values()
    assert found.links == month.links


def test_keys_do_not_mix(store: BarStore) -> None:
    others = [
        replace(KEY, series=replace(SERIES, market="um")),
        replace(KEY, series=replace(SERIES, source="other")),
        replace(KEY, series=replace(SERIES, symbol="BTC/USD ä'\\%{k:String}")),
        replace(KEY, rule=RangeRule(31)),
        replace(KEY, rule=RangeRule(30, prevent_same_timestamp_close=False)),
        replace(KEY, reset="day", origin=None),
        replace(KEY, origin=DAYS[1]),
        replace(KEY, version=RULE_VERSION + 1),
    ]
    for number, key in enumerate([KEY, *others]):
        bars = bars_of(10 + number, seed=number)
        store.write(key, month_of(bars, key=key), bars)

    for number, key in enumerate([KEY, *others]):
        (found,) = store.find(key).values()
        got = store.read(key, found, ALL)
        assert got is not None
        assert_same(bars_of(10 + number, seed=number), got)
    assert sorted(store.keys(), key=lambda key: key.path) == sorted(
        [KEY, *others], key=lambda key: key.path
    )


def test_a_chain_is_removed_and_no_other(store: BarStore) -> None:
    bars, other = bars_of(10), replace(KEY, series=replace(SERIES, market="um"))
    store.write(KEY, month_of(bars), bars)
    store.write(other, month_of(bars, key=other), bars)
    (found,) = store.find(KEY).values()

    store.remove(KEY)
    store.remove(KEY)

    assert store.keys() == [other]
    assert store.find(KEY) == {}
    assert store.read(KEY, found, ALL) is None
    store.write(KEY, month_of(bars), bars)
    assert len(store.keys()) == 2


def test_it_is_opened_again_by_its_address(store: BarStore) -> None:
    bars = bars_of(10)
    store.write(KEY, month_of(bars), bars)

    with rb.open_store(store.address) as again:
        assert again.keys() == [KEY]
        assert again.url == store.url
    assert "secret" not in f"{store.url} {store!r}"


def test_whoever_reads_while_others_write_sees_whole_months(
    open_one: Callable[[], BarStore],
) -> None:
    versions = [bars_of(20 + number, seed=number) for number in range(3)]
    ended, wrong = threading.Event(), list[object]()

    def write(number: int) -> None:
        with open_one() as mine:
            for _ in range(10):
                mine.write(KEY, month_of(versions[number]), versions[number])

    def look() -> None:
        with open_one() as mine:
            while not ended.is_set():
                for found in mine.find(KEY, [JANUARY]).values():
                    got = mine.read(KEY, found, ALL)
                    if got is not None and not any(got.equals(each) for each in versions):
                        wrong.append(got)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    for thread in readers:
        thread.join()

    assert wrong == []
    with open_one() as mine:
        (found,) = mine.find(KEY, [JANUARY]).values()
        got = mine.read(KEY, found, ALL)
    assert got is not None
    assert any(got.equals(each) for each in versions)
