"""The open bar as Python's own values, and the prices that close it."""

import math
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.batches import processor
from support.live_chains import Live, feed, live
from support.oracle_chains import across_periods, few
from support.processors import options
from support.trades import Unit, trades

import rangebar_polars as rb

BASE = ["open_time", "close_time", "open", "high", "low", "close", "volume"]


@few
@given(across_periods(), options())
def test_it_is_the_row_that_a_frame_has(frame: pl.DataFrame, asked: dict[str, Any]) -> None:
    one = rb.RangeBarProcessor(**asked)

    for row in range(frame.height):
        feed(one, "a frame", frame[row])
        bar = one.get_incomplete_bar()
        expected = None if bar is None else bar.select(BASE).row(0, named=True)
        assert one.open_bar() == expected
        assert (one.limits is None) == (expected is None)


@few
@given(live())
def test_those_of_several_chains_are_the_rows_that_a_frame_has(drawn: Live) -> None:
    one = drawn.begin()
    feed(one, "a frame", drawn.frame)
    if not (drawn.question.by or drawn.question.threshold_column):
        return
    leading = [*drawn.question.by, "threshold_decimal_bps"][
        : len(drawn.question.by) + drawn.question.threshold_column
    ]

    bars = one.get_incomplete_bar()
    rows = [] if bars is None else bars.select(*leading, *BASE).rows(named=True)
    expected = {
        tuple(row[name] for name in leading): {name: row[name] for name in BASE} for row in rows
    }

    assert one.open_bar() == expected
    limits = one.limits
    assert isinstance(limits, dict)
    assert list(limits) == list(expected)


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("time", [0, -1, 1_704_067_200_123_456_789, -(2**60)])
def test_its_times_are_those_of_polars(unit: Unit, zone: str | None, time: int) -> None:
    per_ns = {"ms": 10**6, "us": 10**3, "ns": 1}[unit]
    frame = trades([100.0], [time // per_ns], unit=unit, zone=zone)
    one = processor()
    one.process_trades(frame)

    bar = one.open_bar()

    (expected,) = frame["timestamp"].to_list()
    assert bar is not None
    assert (bar["open_time"], repr(bar["open_time"])) == (expected, repr(expected))
    assert isinstance(bar["close_time"], datetime)


def test_a_time_beyond_the_calendar_is_an_error_and_limits_are_not() -> None:
    one = processor()
    one.process_trades(trades([100.0], [2**50]))

    with pytest.raises(OverflowError):
        one.open_bar()
    assert one.limits == (99.75000000499999, 100.249999995)


@few
@given(
    st.floats(1e-6, 9e9),
    st.sampled_from([1, 7, 250, 1_000, 100_000]),
    st.sampled_from(["lower", "upper"]),
)
def test_a_trade_at_a_limit_closes_the_bar_and_one_just_within_does_not(
    price: float, threshold: int, side: str
) -> None:
    def closes(other: float) -> bool:
        one = rb.RangeBarProcessor(threshold)
        feed(one, "a frame", trades([price]))
        return feed(one, "a frame", trades([other], [1_000])).height == 1

    one = rb.RangeBarProcessor(threshold)
    feed(one, "a frame", trades([price]))
    limits = one.limits
    assert isinstance(limits, tuple)
    limit = limits[side == "upper"]
    # Below half a unit no price is admitted.
    if limit * 1e8 >= 0.5:
        assert closes(limit)
    within = math.nextafter(limit, price)
    if within != price and within * 1e8 >= 0.5:
        assert not closes(within)


def test_an_upper_limit_beyond_every_price_is_infinite() -> None:
    one = processor(threshold_decimal_bps=100_000)
    one.process_trades(trades([9e10]))

    assert one.limits == (4.999999999999999e-09, math.inf)


def test_they_can_be_asked_while_a_call_is_running() -> None:
    one = processor()
    one.process_trades(trades([100.0]))
    seen = []

    def batch() -> Any:  # noqa: ANN401
        seen.append((one.open_bar(), one.limits))
        yield from trades([], zone="UTC").to_dicts()

    one.process_trades(batch())

    assert seen == [(one.open_bar(), one.limits)]


def test_keys_that_no_dict_can_have_are_refused_with_what_can() -> None:
    one = rb.RangeBarProcessor([50, 250], by=["venue", "pair"])
    one.process_trades(trades([100, 100]).with_columns(venue=1, pair=pl.concat_list("timestamp")))
    refused = pytest.raises(
        TypeError, match=r"column 'pair' has lists or structs: .*get_incomplete"
    )

    with refused:
        one.open_bar()
    with refused:
        _ = one.limits

    bars = one.get_incomplete_bar()
    assert bars is not None
    assert bars["pair"].dtype == pl.List(pl.Datetime("ms"))
