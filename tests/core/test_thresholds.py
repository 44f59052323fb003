"""Several thresholds in one pass: each one's bars are those of a separate call."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import assert_same, collect_streaming
from support.oracle_chains import ASKS, CHAIN_ENTRY_POINTS, Question, across_periods, few, questions
from support.trades import trades, walk

import rangebar_polars as rb

THRESHOLD = "threshold_decimal_bps"


def of(bars: pl.DataFrame, threshold: int) -> pl.DataFrame:
    """Return the bars of one threshold, without the column that says so."""
    return bars.filter(pl.col(THRESHOLD) == threshold).drop(THRESHOLD)


@few
@given(st.data(), questions())
def test_the_bars_of_each_threshold_are_those_of_a_call_of_its_own(
    data: st.DataObject, question: Question
) -> None:
    frame = data.draw(across_periods(question.thresholds[0]))
    options = question.options | {THRESHOLD: list(question.thresholds)}

    bars = rb.bars(frame, **options)

    for threshold in question.thresholds:
        assert_same(rb.bars(frame, **options | {THRESHOLD: threshold}), of(bars, threshold))


@pytest.mark.parametrize("entry_point", CHAIN_ENTRY_POINTS)
def test_ten_thresholds_over_many_blocks_are_ten_calls(entry_point: str) -> None:
    frame, several = walk(9_000), [20, 40, 60, 80, 100, 150, 200, 300, 400, 2_000]
    micro = {"include_microstructure": True, "include_incomplete": True}

    bars = CHAIN_ENTRY_POINTS[entry_point](frame, threshold_decimal_bps=several, **micro)

    for threshold in several:
        assert_same(rb.bars(frame, threshold, **micro), of(bars, threshold))  # type: ignore[call-overload]


def test_bars_come_in_the_order_of_their_closing_trades_then_by_threshold() -> None:
    frame = trades([100, 100.5, 101, 102, 102])

    bars = rb.bars(frame, [2_000, 500, 1_000], include_incomplete=True)

    assert bars.select(THRESHOLD, "close", "is_complete").rows() == [
        (500, 100.5, True),
        (1_000, 101.0, True),
        (500, 102.0, True),
        (2_000, 102.0, True),
        (500, 102.0, False),
        (1_000, 102.0, False),
        (2_000, 102.0, False),
    ]


def test_bars_that_close_on_one_trade_come_by_ascending_threshold() -> None:
    bars = rb.bars(trades([100, 110]), [1_000, 1, 250])

    assert bars[THRESHOLD].to_list() == [1, 250, 1_000]


def test_the_order_of_the_thresholds_asked_for_changes_nothing() -> None:
    frame = walk(500)

    assert_same(rb.bars(frame, [20, 100, 40]), rb.bars(frame, [100, 40, 20]))


@pytest.mark.parametrize(
    "several",
    [[250], (250,), range(250, 251), [np.int64(250)]],
    ids=repr,
)
def test_a_sequence_of_one_threshold_has_the_column_too(several: Any) -> None:  # noqa: ANN401
    frame = trades([100, 101])

    expected = rb.bars(frame, 250).insert_column(0, pl.Series(THRESHOLD, [250], pl.Int64))
    assert_same(expected, rb.bars(frame, several))


def test_the_column_of_thresholds_leads() -> None:
    assert rb.bars(walk(9), [1, 2], include_microstructure=True).columns[0] == THRESHOLD


ASKS_OF_THRESHOLDS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "the threshold alone": lambda bars: bars.select(THRESHOLD),
    "one threshold": lambda bars: bars.filter(pl.col(THRESHOLD) == 100),
    "a filter on the threshold, which is dropped": lambda bars: bars.filter(
        pl.col(THRESHOLD) > 20
    ).select("ofi"),
    "groups": lambda bars: bars.group_by(THRESHOLD, maintain_order=True).agg(pl.len()),
}


@pytest.mark.parametrize(
    "collect", [pl.LazyFrame.collect, collect_streaming], ids=["memory", "streaming"]
)
@pytest.mark.parametrize("asked", [*ASKS, *ASKS_OF_THRESHOLDS])
def test_what_a_plan_asks_of_the_bars_is_what_it_asks_of_their_frame(
    asked: str, collect: Callable[[pl.LazyFrame], pl.DataFrame]
) -> None:
    ask = (dict(ASKS) | ASKS_OF_THRESHOLDS)[asked]
    frame, several = walk(400), [20, 40, 100]
    micro = {"include_microstructure": True, "include_incomplete": True}
    bars = rb.bars(frame, several, **micro)  # type: ignore[call-overload]

    plan = rb.bars(frame.lazy(), several, **micro)  # type: ignore[call-overload]

    assert_same(collect(ask(bars.lazy())), collect(ask(plan)))


CALLS: dict[str, Callable[..., object]] = {
    "a frame": partial(rb.bars, trades([100, 101])),
    "a plan": partial(rb.bars, trades([100, 101]).lazy()),
    "the namespace": trades([100, 101]).rangebar.bars,  # type: ignore[attr-defined]
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@calls
@pytest.mark.parametrize("none", [[], (), range(0)], ids=repr)
def test_no_threshold_is_refused(call: Callable[..., object], none: object) -> None:
    expected = "threshold_decimal_bps is empty: expected one threshold or several"

    with says(ValueError, expected):
        call(none)


@calls
def test_a_threshold_twice_is_refused(call: Callable[..., object]) -> None:
    with says(ValueError, "threshold_decimal_bps holds 250 twice: expected each once"):
        call([100, 250, 1, 250])


@calls
@pytest.mark.parametrize("bad", [True, -2.5, None], ids=repr)
def test_a_threshold_among_several_that_is_no_integer_is_refused(
    call: Callable[..., object], bad: object
) -> None:
    expected = f"threshold_decimal_bps is {bad!r}: expected an integer of decimal basis points"

    with says(TypeError, f"{expected} (250 is 0.25 %)"):
        call([100, bad])


@calls
def test_a_threshold_among_several_that_is_out_of_range_is_refused(
    call: Callable[..., object],
) -> None:
    expected = "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"

    with says(ValueError, expected):
        call([100, 0])


@pytest.mark.parametrize("one", [rb.bars_expr, rb.bar_id], ids=lambda one: one.__name__)
def test_where_there_is_one_chain_several_thresholds_are_refused(
    one: Callable[..., object],
) -> None:
    expected = "threshold_decimal_bps is [250]: expected an integer of decimal basis points"

    with says(TypeError, f"{expected} (250 is 0.25 %)"):
        one([250])


def test_a_bad_row_ends_the_bars_of_every_threshold() -> None:
    frame = trades([100, 101, 102, -1.0])

    with says(
        pl.exceptions.ComputeError,
        "price is -1 at row 3: expected a finite number above 0 (drop or repair such rows first)",
    ):
        rb.bars(frame, [1, 250, 100_000])


def test_a_sum_that_overflows_only_in_the_longest_bar_is_reported_with_its_row() -> None:
    frame = trades([9e10, 9.1e10] * 3, quantity=9.2e10)
    limit = "17014118346046923173168.73 (128 bits at 16 decimals)"

    with says(
        pl.exceptions.ComputeError,
        f"turnover of the bar overflows at row 2: the limit is {limit} (rescale the columns)",
    ):
        rb.bars(frame, [250, 100_000], include_microstructure=True)
