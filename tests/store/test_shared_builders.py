"""Chains that stand at the same trade share a builder, with the bars and states of each alone."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.oracle_chains import few

import rangebar_polars as rb
from rangebar_polars._catalog import chain_builders
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.schema import TRADE_SCHEMA
from rangebar_polars.store import BarKey, BarStore, StoredMonth

FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
LONDON = rb.TradingDay("01:30", "Europe/London")
THRESHOLDS = [1, 7, 10, 30, 700, 100_000]


def ask(
    store: BarStore,
    root: Path,
    end: dt.date,
    thresholds: int | list[int],
    **options: Any,  # noqa: ANN401
) -> pl.DataFrame:
    """Return the bars of the days up to one."""
    asked: dict[str, Any] = {"start_date": DAYS[0], "source": SOURCE} | options
    return rb.get_range_bars(
        SYMBOL, end_date=end, threshold_decimal_bps=thresholds, store=store, cache_dir=root, **asked
    )


def everything(store: BarStore) -> dict[BarKey, list[StoredMonth]]:
    """Return the months of every chain, without the store's token for a version."""
    found = {key: store.find(key).values() for key in set(store.keys())}
    return {
        key: [replace(month, version="", size=None) for month in months]
        for key, months in found.items()
    }


def threshold_of(key: BarKey) -> int:
    """Return the threshold of a chain."""
    assert isinstance(key.rule, rb.RangeRule)
    return key.rule.threshold_decimal_bps


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Record which thresholds a builder is made for."""
    made = list[list[int]]()
    original = chain_builders._SharedBuilder.__init__  # noqa: SLF001

    def spied(builder: Any, states: Mapping[BarKey, bytes]) -> None:  # noqa: ANN401
        made.append([threshold_of(key) for key in states])
        original(builder, states)

    monkeypatch.setattr(chain_builders._SharedBuilder, "__init__", spied)  # noqa: SLF001
    return made


# How a store is reached makes no difference to the builders.
@pytest.mark.parametrize("open_one", ["parquet"], indirect=True)
@given(data=st.data())
@settings(few, max_examples=16)
def test_any_stored_days_of_any_thresholds_give_what_one_pass_and_each_alone_give(
    store: BarStore, cache: Path, data: st.DataObject
) -> None:
    some = st.lists(st.sampled_from(THRESHOLDS), min_size=1, max_size=4, unique=True)
    thresholds = sorted(data.draw(some))
    options = {**FULL, "reset": data.draw(st.sampled_from([None, "day", "week", "month", LONDON]))}
    # Bars of a reset are computed from the border of the period on.
    first = (
        0 if options["reset"] in {None, "day", LONDON} else 6 if options["reset"] == "month" else 3
    )
    options["start_date"] = DAYS[first]
    for key in list(everything(store)):
        store.remove(key)
    for _ in range(data.draw(st.integers(0, 3))):
        of = data.draw(st.lists(st.sampled_from(thresholds), min_size=1, unique=True))
        ask(store, cache, DAYS[data.draw(st.integers(first, 13))], of, **options)
    last = DAYS[data.draw(st.integers(first, 13))]

    got = ask(store, cache, last, thresholds, **options)

    question = {name: options[name] for name in ("reset", *FULL)}
    want = one_pass(cache, DAYS[first], last, threshold_decimal_bps=thresholds, **question)
    assert_same(want, got)
    together = everything(store)
    for key in together:
        store.remove(key)
        end = together[key][-1].links[-1].day
        ask(store, cache, end, threshold_of(key), **options)
    assert everything(store) == together


def test_chains_share_a_builder_from_the_first_day_on_which_they_stand_at_the_same_trade(
    store: BarStore, cache: Path, shared: list[list[int]]
) -> None:
    ask(store, cache, DAYS[4], 10)
    ask(store, cache, DAYS[8], 30)
    shared.clear()

    got = ask(store, cache, DAYS[-1], [10, 30, 50], **FULL)

    assert shared == [[50], [10, 50], [10, 30, 50]]
    want = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=[10, 30, 50], **FULL)
    assert_same(want, got)


def test_a_builder_is_kept_from_day_to_day(
    store: BarStore, cache: Path, shared: list[list[int]]
) -> None:
    ask(store, cache, DAYS[-1], [10, 30])

    assert shared == [[10, 30]]


def test_every_period_of_a_reset_has_its_own_builder(
    store: BarStore, cache: Path, shared: list[list[int]]
) -> None:
    ask(store, cache, DAYS[2], [10, 30], reset="day")

    assert shared == [[10, 30]] * 3


def test_chains_of_other_trades_do_not_share_a_builder(
    store: BarStore, cache: Path, shared: list[list[int]]
) -> None:
    ticks = DiskTickCache(cache, Series(SOURCE, "spot", SYMBOL))
    ask(store, cache, DAYS[1], 10)
    before = trades_of(DAYS[:2])
    # A bar does not become stale when its trades leave the cache, but others come instead of them.
    ticks.path(DAYS[0]).unlink()
    give(cache, trades_of(DAYS[:1], seed=1).head(150))
    after = pl.concat([trades_of(DAYS[:1], seed=1).head(150), trades_of(DAYS[1:2])])
    ask(store, cache, DAYS[1], 30)
    ticks.path(DAYS[0]).unlink()
    shared.clear()

    got = ask(store, cache, DAYS[3], [10, 30], **FULL)

    assert shared == [[10], [30]]
    for threshold, history in ((10, before), (30, after)):
        trades = pl.concat([history, trades_of(DAYS[2:4])])
        want = rb.bars(trades, threshold, **FULL)
        of = got.filter(threshold_decimal_bps=threshold).drop("threshold_decimal_bps")
        assert_same(want, of)


def test_a_sum_that_overflows_in_one_chain_is_an_error_and_the_others_can_be_stored(
    store: BarStore, tmp_path: Path
) -> None:
    start = dt.datetime.combine(DAYS[0], dt.time(), dt.UTC)
    trades = pl.DataFrame(
        {
            "timestamp": [start + dt.timedelta(seconds=second) for second in range(6)],
            "price": [9e10, 9.1e10] * 3,
            "quantity": [9.2e10] * 6,
            "is_buyer_maker": [True] * 6,
            **dict.fromkeys(("agg_trade_id", "first_trade_id", "last_trade_id"), range(6)),
        },
        schema=TRADE_SCHEMA,
    )
    give(tmp_path, trades)
    text = (
        f"mine spot BTC-USD {DAYS[0]}: turnover of the bar overflows at row 2: the limit is "
        "17014118346046923173168.73 (128 bits at 16 decimals) (rescale the columns)"
    )

    for thresholds in ([250, 100_000], [100_000]):
        with says(rb.QualityError, text):
            ask(store, tmp_path, DAYS[0], thresholds)
    assert store.keys() == []
    want = one_pass(tmp_path, DAYS[0], DAYS[0], threshold_decimal_bps=250)
    assert_same(want, ask(store, tmp_path, DAYS[0], 250))
