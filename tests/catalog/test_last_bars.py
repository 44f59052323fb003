"""The last n bars: of the shortest chain of days that has them, or an error."""

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

import pytest
from support.archive_server import ArchiveServer, publish
from support.assertions import says
from support.cached_trades import DAYS, SOURCE, SYMBOL, default_cache, give, one_pass, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars.errors import (
    CacheError,
    RangeBarError,
    RangeBarWarning,
)
from rangebar_polars.store import BarStore


def test_the_last_n_bars_are_of_the_shortest_chain_that_has_them() -> None:
    give(default_cache(), trades_of(DAYS))
    end = DAYS[-1]
    chains = {
        days: one_pass(
            default_cache(), end - dt.timedelta(days=days - 1), end, threshold_decimal_bps=40
        )
        for days in (1, 2, 4, 8, 10)
    }
    of_one, of_two, of_ten = chains[1].height, chains[2].height, chains[10].height
    for count, days in [(1, 1), (of_one, 1), (of_one + 1, 2), (of_two + 1, 4), (of_ten, 10)]:
        got = rb.get_n_range_bars(
            SYMBOL, count, 40, end_date=end, max_lookback_days=10, source=SOURCE
        )
        assert_same(chains[days].tail(count), got)
    assert not (default_cache() / "bars").exists()


def test_the_last_bars_up_to_the_last_cached_day_are_the_default() -> None:
    give(default_cache(), trades_of(DAYS))

    got = rb.get_n_range_bars(SYMBOL, 5, 40, source=SOURCE)

    want = one_pass(default_cache(), DAYS[-1], DAYS[-1], threshold_decimal_bps=40)
    assert_same(want.tail(5), got)


def test_the_last_published_day_is_the_default_of_the_archive(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS)
    monkeypatch.setattr(cached_trades, "_today", lambda: DAYS[-1] + dt.timedelta(days=3))

    got = rb.get_n_range_bars("BTCUSDT", 5, 30, archive=server.url)

    ticks = rb.scan_ticks("BTCUSDT", DAYS[-1], DAYS[-1], archive=server.url)
    assert_same(rb.bars(ticks, 30).collect().tail(5), got)


def test_a_kept_chain_is_used_for_the_last_bars_and_extended(read: list[dt.date]) -> None:
    give(default_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[-1], DAYS[-1], 40, source=SOURCE)
    read.clear()

    rb.get_n_range_bars(SYMBOL, 5, 40, source=SOURCE)

    assert read == []


def test_the_last_bars_are_read_where_they_meet_a_chain_of_other_days(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": cache}
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, **own)
    stored = [*store.keys()]
    count = one_pass(cache, DAYS[-4], DAYS[-1], threshold_decimal_bps=30).height
    read.clear()

    got = rb.get_n_range_bars(SYMBOL, count, 30, **own)

    # Windows of one, two and four days were tried, and each met the chain after its first day.
    assert read == [DAYS[-1], DAYS[-2], DAYS[-4]]
    assert_same(one_pass(cache, DAYS[-4], DAYS[-1], threshold_decimal_bps=30), got)
    assert [*store.keys()] == stored


def test_with_a_reset_the_last_bars_are_those_of_the_periods() -> None:
    give(default_cache(), trades_of(DAYS))
    whole = one_pass(default_cache(), DAYS[3], DAYS[-1], threshold_decimal_bps=40, reset="week")

    got = rb.get_n_range_bars(SYMBOL, 200, 40, source=SOURCE, reset="week", max_lookback_days=8)

    assert_same(whole.tail(200), got)


def test_fewer_bars_than_asked_for_are_an_error_that_says_how_many() -> None:
    give(default_cache(), trades_of(DAYS))
    has = one_pass(default_cache(), DAYS[-3], DAYS[-1], threshold_decimal_bps=40).height
    shortfall = (
        f"mine spot BTC-USD has {has} completed bars of range-40 in the 3 days up to "
        "2024-02-08: expected 100000"
    )
    question: dict[str, Any] = {"max_lookback_days": 3, "source": SOURCE}

    with says(
        RangeBarError,
        f"{shortfall} (raise max_lookback_days, give a rule of shorter bars, or give "
        "warn_if_fewer=True)",
    ):
        rb.get_n_range_bars(SYMBOL, 100_000, 40, **question)
    with pytest.warns(RangeBarWarning) as warned:
        got = rb.get_n_range_bars(SYMBOL, 100_000, 40, warn_if_fewer=True, **question)

    assert [str(each.message) for each in warned] == [shortfall]
    assert warned[0].filename == __file__
    assert got.height == has
    with warnings.catch_warnings(action="error"):
        assert_same(got, rb.get_n_range_bars(SYMBOL, 100_000, 40, warn_if_fewer=False, **question))


@pytest.mark.parametrize(
    ("argument", "kind", "text"),
    [
        ({"n_bars": 0}, ValueError, "n_bars is 0: expected 1 or more"),
        ({"n_bars": 1.5}, TypeError, "n_bars is 1.5: expected an integer"),
        ({"n_bars": True}, TypeError, "n_bars is True: expected an integer"),
        (
            {"n_bars": 1, "max_lookback_days": 0},
            ValueError,
            "max_lookback_days is 0: expected 1 or more",
        ),
        (
            {"n_bars": 1, "max_lookback_days": 10**7, "end_date": "2024-01-01"},
            ValueError,
            "max_lookback_days is 10000000: expected at most 36600, and days that the calendar has",
        ),
        (
            {"n_bars": 1, "warn_if_fewer": 1},
            TypeError,
            "warn_if_fewer is 1: expected True or False",
        ),
        (
            {"n_bars": 1, "threshold_decimal_bps": [250]},
            TypeError,
            (
                "threshold_decimal_bps is [250]: expected an integer of decimal basis points "
                "(250 is 0.25 %)"
            ),
        ),
    ],
)
def test_a_bad_argument_for_the_last_bars_is_refused(
    argument: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with says(kind, text):
        rb.get_n_range_bars(SYMBOL, source=SOURCE, **argument)


def test_the_last_bars_of_nothing_are_an_error() -> None:
    with pytest.raises(CacheError, match="no trades of mine spot BTC-USD are cached"):
        rb.get_n_range_bars(SYMBOL, 1, source=SOURCE)
    with pytest.raises(CacheError, match="no trades of mine spot BTC-USD are cached for 2023-"):
        rb.get_n_range_bars(SYMBOL, 1, source=SOURCE, end_date="2024-01-01")
