"""Chains of one rule that begin on different days share the bars from the trade on where they meet.

Each test asks for bars of days of which another chain is stored, and compares every column, the
open bar too, with one pass over the trades.
"""

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.checkpoint_bytes import State
from support.entry_points import assert_same
from support.stored_chains import RULES, WARNINGS, check_days

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.schema import STORED_SCHEMA
from rangebar_polars.store import BarKey, BarStore, ClickHouseStore, Link, ParquetStore

FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
pytestmark = WARNINGS


def rules(*texts: str) -> dict[str, Any]:
    """Return the options of bars of rules, with all columns."""
    return {**FULL, "rule": [rb.parse_rule(text) for text in texts]}


RANGE_30 = rules("range-30")


def links_of(store: BarStore, origin: dt.date) -> list[Link]:
    """Return the links of the one stored chain that begins on a day."""
    (key,) = [key for key in store.keys() if key.origin == origin]  # noqa: SIM118 - not a dict
    return [link for month in store.find(key).values() for link in month.links]


def change_last(store: BarStore, origin: dt.date, state: bytes) -> None:
    """Change the state of the last stored day of a chain, and make the digests fit."""
    (key,) = [key for key in store.keys() if key.origin == origin]  # noqa: SIM118 - not a dict
    month = max(store.find(key).values(), key=lambda each: each.month)
    bars = store.read(key, month, list(STORED_SCHEMA))
    assert bars is not None
    *links, last = month.links
    sealed = replace(last, state=state).sealed(key, links[-1])
    store.write(key, replace(month, links=(*links, sealed)), bars)


# Another first day


@pytest.mark.parametrize("first", [0, 4, 9])
def test_a_chain_from_another_day_on_computes_days_until_it_meets_one_that_is_stored(
    store: BarStore, tmp_path: Path, cache: Path, read: list[dt.date], first: int
) -> None:
    check_days(store, cache, DAYS[2], DAYS[-1], **RANGE_30)
    read.clear()

    check_days(store, cache, DAYS[first], DAYS[-1], **RANGE_30)

    # The first day of the other chain has the bars of a beginning.
    assert read == DAYS[first : max(first, 2) + 1]
    read.clear()
    check_days(store, cache, DAYS[first], DAYS[-1], **RANGE_30)
    assert read == []
    # The store has what it would have without the other chain, and keeps it without the other.
    alone = ParquetStore(tmp_path / "alone")
    check_days(alone, cache, DAYS[first], DAYS[-1], **RANGE_30)
    assert links_of(store, DAYS[first]) == links_of(alone, DAYS[first])
    (other,) = [key for key in store.keys() if key.origin == DAYS[2]]  # noqa: SIM118
    store.remove(other)
    read.clear()
    check_days(store, cache, DAYS[first], DAYS[-1], **RANGE_30)
    assert read == []


@pytest.mark.parametrize("max_gap", [None, "1h"])
def test_chains_of_every_rule_meet_or_are_computed(
    tmp_path: Path, read: list[dt.date], max_gap: str | None
) -> None:
    hours = trades_of(DAYS).filter(pl.col("timestamp").dt.hour() % 7 < 5)
    give(tmp_path, hours.with_columns(agg_trade_id=pl.int_range(pl.len(), dtype=pl.Int64)))
    store = ParquetStore(tmp_path / "store")
    check_days(store, tmp_path, DAYS[0], DAYS[-1], **rules(*RULES), max_gap=max_gap)
    made = Counter[str]()

    for text in RULES:
        read.clear()
        check_days(store, tmp_path, DAYS[1], DAYS[-1], **rules(text), max_gap=max_gap)
        made[text] = len(read)
    check_days(store, tmp_path, DAYS[1], DAYS[-1], **rules(*RULES), max_gap=max_gap)

    assert made["range-10"] == made["range-30"] == 1
    # Bars of every 150 trades begin elsewhere for ever, unless a gap cuts one off.
    assert made["tick-150"] == (13 if max_gap is None else 1)
    # Its expectations remember every trade since the first.
    assert made["ewmaimbalance-tick-maker-40-3-70-4-80-40"] == 13


def test_several_rules_of_which_each_meets_on_its_own_day_are_those_of_one_pass(
    cache: Path, tmp_path: Path, read: list[dt.date]
) -> None:
    store = ParquetStore(tmp_path / "store")
    texts = ("range-30", "range-200", "tick-150")
    check_days(store, cache, DAYS[0], DAYS[9], **rules(*texts))
    read.clear()

    check_days(store, cache, DAYS[1], DAYS[9], **rules(*texts))
    check_days(store, cache, DAYS[1], DAYS[-1], **rules(*texts))

    # Each day is read once, by those that need it.
    assert read == DAYS[1:]


def test_a_chain_that_has_met_another_follows_it_to_days_of_its_own(
    cache: Path, tmp_path: Path, read: list[dt.date]
) -> None:
    store = ParquetStore(tmp_path / "store")
    check_days(store, cache, DAYS[0], DAYS[4], **RANGE_30)
    check_days(store, cache, DAYS[1], DAYS[4], **RANGE_30)
    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    read.clear()

    check_days(store, cache, DAYS[1], DAYS[-1], **RANGE_30)

    assert read == []


def test_months_computed_apart_are_joined(store: BarStore, tmp_path: Path) -> None:
    days = day_range("2024-01-20", "2024-03-12")
    give(tmp_path, trades_of(days, per_day=60))
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path, "store": store}
    for _, month in groupby(days, lambda day: day.month):
        first, *_, last = month
        rb.get_range_bars(SYMBOL, first, last, 20, **own)

    with ThreadPoolExecutor(1) as executor:
        filled = rb.populate(SYMBOL, days[0], days[-1], 20, **own, executor=executor)

    (row,) = filled.rows(named=True)

    assert (row["status"], row["days"]) == ("ok", len(days))
    assert row["made"] <= 4
    assert row["stored"] == len(days) - row["made"]
    check_days(store, tmp_path, days[0], days[-1], threshold_decimal_bps=20, **FULL)


def test_the_store_is_asked_once_for_the_chains_and_once_for_each_month(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ParquetStore(tmp_path / "store")
    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    asked, looked = list[dt.date | None](), list[tuple[dt.date | None, dt.date]]()
    siblings, find = ParquetStore.siblings, ParquetStore.find

    def spied(self: ParquetStore, key: BarKey) -> list[BarKey]:
        asked.append(key.origin)
        return siblings(self, key)

    def seen(self: ParquetStore, key: BarKey, months: Any = None) -> Any:  # noqa: ANN401
        wanted = list(months or [])
        looked.extend((key.origin, month) for month in wanted)
        return find(self, key, wanted)

    monkeypatch.setattr(ParquetStore, "siblings", spied)
    monkeypatch.setattr(ParquetStore, "find", seen)
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}
    rb.get_range_bars(SYMBOL, DAYS[1], DAYS[-1], 30, **own)

    assert asked == [DAYS[1]]
    of_other = [month for origin, month in looked if origin == DAYS[0]]
    assert of_other == [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]
    asked.clear()
    rb.get_range_bars(SYMBOL, DAYS[1], DAYS[-1], 30, **own)
    rb.get_range_bars(SYMBOL, DAYS[1], DAYS[-1], 30, **own, reset="day")
    assert asked == []


# Replaced and missing days


def test_a_day_that_is_replaced_in_all_chains_is_computed_in_each_until_it_meets(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    for first in (0, 1):
        check_days(store, cache, DAYS[first], DAYS[-1], **RANGE_30)
    give(cache, trades_of([DAYS[7]], seed=1).head(90))
    read.clear()

    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    assert read == DAYS[7:9]
    check_days(store, cache, DAYS[1], DAYS[-1], **RANGE_30)

    # The other chain had met this one, which has the day already.
    assert read == DAYS[7:9]


def test_a_shorter_range_over_a_replaced_day_keeps_the_days_that_follow(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    give(cache, trades_of([DAYS[7]], seed=1))
    check_days(store, cache, DAYS[0], DAYS[9], **RANGE_30)
    read.clear()

    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)

    assert read == []


@pytest.mark.parametrize(("rule", "meets"), [("range-30", True), ("tick-150", False)])
def test_an_old_month_follows_a_new_one_only_if_its_bars_are_the_same(
    store: BarStore, cache: Path, read: list[dt.date], rule: str, *, meets: bool
) -> None:
    check_days(store, cache, DAYS[0], DAYS[-1], **rules(rule))
    give(cache, trades_of([DAYS[0]], seed=1).head(130))
    # January is new now, February was stored after the old one.
    check_days(store, cache, DAYS[0], dt.date(2024, 1, 31), **rules(rule))

    shown = store.scan_bars().collect()
    read.clear()
    check_days(store, cache, DAYS[0], DAYS[-1], **rules(rule))

    assert read == ([] if meets else DAYS[6:])
    complete = one_pass(cache, DAYS[0], DAYS[-1], **rules(rule)).filter("is_complete")
    january = complete.filter(pl.col("close_time").dt.month() == 1)
    assert january.height < complete.height
    assert_same(complete if meets else january, shown.select(complete.columns))


def test_links_of_other_trades_are_not_taken(
    cache: Path, tmp_path: Path, read: list[dt.date]
) -> None:
    store = ParquetStore(tmp_path / "store")
    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    give(cache, trades_of([DAYS[8]], seed=1))
    read.clear()

    check_days(store, cache, DAYS[1], DAYS[-1], **RANGE_30)

    assert DAYS[8] in read
    assert set(read) <= {DAYS[1], DAYS[2], DAYS[8], DAYS[9]}


def test_trades_of_days_that_are_met_need_not_be_cached(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    want = one_pass(cache, DAYS[1], DAYS[-1], **RANGE_30)
    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    ticks = DiskTickCache(cache, Series(SOURCE, "spot", SYMBOL))
    for day in DAYS[2:]:
        ticks.path(day).unlink()
    read.clear()

    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}
    assert_same(want, rb.get_range_bars(SYMBOL, DAYS[1], DAYS[-1], **own, **RANGE_30))
    assert read == DAYS[1:2]


# Chains that cannot be used


def test_a_damaged_month_of_another_chain_is_no_error_of_this_one(
    cache: Path, tmp_path: Path, read: list[dt.date]
) -> None:
    store = ParquetStore(tmp_path / "store")
    check_days(store, cache, DAYS[0], DAYS[-1], **RANGE_30)
    (key,) = store.keys()
    january = store.path(key, dt.date(2024, 1, 1))
    january.write_bytes(b"PAR1" + january.read_bytes()[40:])
    bars = pl.read_parquet(february := store.path(key, dt.date(2024, 2, 1)))
    metadata = pl.read_parquet_metadata(february)
    own = {name: text for name, text in metadata.items() if name.startswith("rangebar.")}
    bars.with_columns(pl.col("close") + 1).write_parquet(february, metadata=own)
    read.clear()

    check_days(store, cache, DAYS[1], DAYS[-1], **RANGE_30)

    assert read == DAYS[1:]


def test_a_state_of_another_chain_that_cannot_be_continued_is_not_copied(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    check_days(store, cache, DAYS[0], DAYS[7], **RANGE_30)
    state = State.parse(links_of(store, DAYS[0])[-1].state)
    assert state.open is not None
    state.open.prices = [4.9e-9] * 4
    change_last(store, DAYS[0], state.to_bytes())
    read.clear()

    check_days(store, cache, DAYS[1], DAYS[-1], **RANGE_30)

    assert read == [DAYS[1], *DAYS[7:]]


def test_a_month_of_an_earlier_version_is_refused_and_the_remedy_works(
    store: BarStore, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("rangebar_polars.store.chain.MONTH_VERSION", 1)
        patch.setattr("rangebar_polars.store.month_file.LAYOUT_VERSION", "3")
        check_days(store, cache, DAYS[0], DAYS[3], **RANGE_30)
    (key,) = store.keys()
    is_file = not isinstance(store, ClickHouseStore)
    text = (
        r"layout version 3, expected 4 \(delete it, and its bars are computed again\)"
        if is_file
        else r"version 1, expected 2 \(remove the chain, and its bars are computed again\)"
    )

    with pytest.raises(rb.errors.StoreError, match=text):
        check_days(store, cache, DAYS[0], DAYS[3], **RANGE_30)
    # Of another chain it is no error.
    check_days(store, cache, DAYS[1], DAYS[3], **RANGE_30)
    store.remove(key)
    check_days(store, cache, DAYS[0], DAYS[3], **RANGE_30)
