"""The position of a processor, and its open bar."""

from datetime import datetime

import polars as pl
import pytest
from support.batches import processor
from support.entry_points import assert_same
from support.oracle_chains import RESETS, Reset
from support.trades import trades, walk

import rangebar_polars as rb

# Position.


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kathmandu"])
def test_the_position_is_the_last_time_and_id_in_the_dtype_of_the_input(zone: str | None) -> None:
    frame = trades([100] * 3, [-5, 1, 2**50], ids=[7, 8, None], unit="us", zone=zone)
    one = processor()

    one.process_trades(frame)

    expected = pl.DataFrame([frame["timestamp"].tail(1), pl.Series("agg_trade_id", [8], pl.Int64)])
    assert_same(expected, one.position)


def test_the_position_before_any_trade_has_no_row() -> None:
    assert processor().position.is_empty()


def test_a_caller_can_skip_what_was_seen_by_the_position() -> None:
    frame = walk(300)
    one = processor(threshold_decimal_bps=20)
    first = one.process_trades(frame.head(200))

    again = frame.tail(150).filter(pl.col("agg_trade_id") > one.position["agg_trade_id"].item())
    second = one.process_trades(again)

    assert_same(rb.bars(frame, 20), pl.concat([first, second]))


def test_before_a_trade_there_is_no_open_bar() -> None:
    assert processor().get_incomplete_bar() is None


def test_after_a_closing_trade_there_is_no_open_bar() -> None:
    one = processor()
    one.process_trades(trades([100, 101]))

    assert one.get_incomplete_bar() is None


def test_a_bar_cut_off_by_a_reset_is_returned_if_asked_for() -> None:
    one = processor(reset="day", include_incomplete=True)
    one.process_trades(trades([100], [0]))

    bars = one.process_trades(trades([100], [86_400_000]))

    assert bars.select("open_time", "is_complete").rows() == [(datetime(1970, 1, 1), False)]  # noqa: DTZ001 - naive


@pytest.mark.parametrize("reset", [None, *RESETS])
def test_a_processor_shows_its_settings(reset: Reset | None) -> None:
    one = rb.RangeBarProcessor(125, "BTCUSDT", reset=reset)

    assert (one.threshold_decimal_bps, one.symbol) == (125, "BTCUSDT")


def test_the_frame_of_a_batch_without_bars_is_the_callers_own() -> None:
    one = processor()
    first = one.process_trades(trades([100], [0]))
    first.insert_column(0, pl.Series("mine", [], pl.Int8))

    assert "mine" not in one.process_trades(trades([100], [1])).columns
