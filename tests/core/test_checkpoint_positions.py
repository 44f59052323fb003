"""Checkpoints of several chains: one builder continues those that are of the same trades."""

from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import assert_same
from support.oracle_chains import RESETS, across_periods, few, some
from support.trades import trades

import rangebar_polars as rb
from rangebar_polars._core.options import Options
from rangebar_polars._internal import BarBuilder, checkpoint_after, checkpoint_position

THRESHOLDS = [7, 250, 1_000]


def options(thresholds: list[int] = THRESHOLDS, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the options of a builder."""
    flags = {"prevent_same_timestamp_close": True, "include_microstructure": False}
    several = thresholds if len(thresholds) > 1 else thresholds[0]
    of = Options.check(
        several, columns=None, **flags | {"include_incomplete": True, "reset": None} | asked
    )
    return of.kwargs(every_sum=True)


def bars_of(builder: BarBuilder, table: pl.DataFrame) -> pl.DataFrame:
    """Return the bars that end in a table, and those still open."""
    ended = builder.push(table)
    return pl.concat([builder.empty() if ended is None else ended, builder.finish()])


@given(frame=across_periods(), at=st.integers(0, 40), reset=st.none() | st.sampled_from(RESETS))
@some
def test_several_chains_continue_from_the_checkpoints_that_each_alone_would_write(
    frame: pl.DataFrame, at: int, reset: str | None
) -> None:
    kwargs = options(reset=reset)
    whole, first = BarBuilder(kwargs), BarBuilder(kwargs)
    ended = first.push(frame.head(at))

    checkpoints = first.checkpoints()
    rest = bars_of(BarBuilder.of_chains(kwargs, checkpoints), frame.slice(at))

    started = first.empty() if ended is None else ended
    assert_same(bars_of(whole, frame), pl.concat([started, rest]))
    for threshold, checkpoint in zip(THRESHOLDS, checkpoints, strict=True):
        alone = BarBuilder(options([threshold], reset=reset))
        alone.push(frame.head(at))
        assert alone.checkpoint(None) == checkpoint
    assert len({checkpoint_position(each) for each in checkpoints}) == 1


def checkpoint_of(table: pl.DataFrame, threshold: int = 250) -> bytes:
    """Return the checkpoint after a table."""
    builder = BarBuilder(options([threshold]))
    builder.push(table)
    return builder.checkpoint(None)


FRAME = trades([100.0, 100.1, 100.2], ids=[5, 6, 7])
COLUMNS = "[timestamp, price, quantity, agg_trade_id] with times in ms and no zone"
APART = {
    "fewer trades": (FRAME.head(2), f"2 trades of {COLUMNS}, last time 1000, its id 6, last id 6"),
    "another last time": (
        FRAME.with_columns(pl.col("timestamp") + pl.duration(seconds=1)),
        f"3 trades of {COLUMNS}, last time 3000, its id 7, last id 7",
    ),
    "no id at the last time": (
        FRAME.with_columns(agg_trade_id=pl.Series([5, 7, None], dtype=pl.Int64)),
        f"3 trades of {COLUMNS}, last time 2000, its id none, last id 7",
    ),
    "another zone": (
        FRAME.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC")),
        f"3 trades of {COLUMNS.replace('no zone', 'UTC')}, last time 2000, its id 7, last id 7",
    ),
    "no trade": (
        FRAME.clear(),
        f"0 trades of {COLUMNS}, last time none, its id none, last id none",
    ),
}


def test_the_position_is_the_trades_the_last_time_and_the_last_ids() -> None:
    table = FRAME.with_columns(agg_trade_id=pl.Series([5, 6, None], dtype=pl.Int64))

    rows, time, id_of_time, last_id = checkpoint_position(checkpoint_of(table))

    assert (rows, id_of_time, last_id) == (3, None, 6)
    assert time == FRAME["timestamp"].to_physical()[-1]


@given(
    frame=across_periods(),
    at=st.integers(1, 40),
    # One trade makes no bar, so no open bar follows one trade.
    before=st.just(0) | st.integers(2, 2**40),
)
@few
def test_the_state_after_another_number_of_trades_gives_the_same_bars(
    frame: pl.DataFrame, at: int, before: int
) -> None:
    # Before its first trade a chain has one state only.
    assume(not frame.is_empty())
    checkpoint = checkpoint_of(frame.head(at))
    rows, *position = checkpoint_position(checkpoint)

    moved = checkpoint_after(checkpoint, rows + before)

    assert checkpoint_position(moved) == (rows + before, *position)
    assert checkpoint_after(moved, rows) == checkpoint
    one, other = (BarBuilder(options([250]), each) for each in (checkpoint, moved))
    assert_same(bars_of(one, frame.slice(at)), bars_of(other, frame.slice(at)))


def test_a_state_of_fewer_trades_than_its_open_bar_is_not_continued() -> None:
    moved = checkpoint_after(checkpoint_of(FRAME, 1_000), 2)

    with pytest.raises(rb.CheckpointError, match="such a state cannot be"):
        BarBuilder(options([1_000]), moved)
    with pytest.raises(rb.CheckpointError, match="does not begin like one"):
        checkpoint_after(b"PAR1", 2)


@pytest.mark.parametrize("name", APART)
def test_checkpoints_after_other_trades_are_refused(name: str) -> None:
    table, position = APART[name]
    checkpoints = [checkpoint_of(FRAME, 7), checkpoint_of(table, 250)]

    text = (
        f"the checkpoint is of a chain after {position}: expected "
        f"3 trades of {COLUMNS}, last time 2000, its id 7, last id 7"
    )
    with says(rb.CheckpointError, text):
        BarBuilder.of_chains(options([7, 250]), checkpoints)


def test_a_builder_of_keys_neither_has_nor_takes_checkpoints() -> None:
    keyed = options([250], by=["symbol"])
    table = FRAME.with_columns(symbol=pl.lit("A"))
    builder = BarBuilder(keyed)
    builder.push(table)
    text = "a checkpoint is of trades without keys (continue the trades of each key apart)"

    with says(pl.exceptions.ComputeError, text):
        builder.checkpoints()
    with says(pl.exceptions.ComputeError, text):
        BarBuilder.of_chains(keyed, [checkpoint_of(FRAME)])


def test_the_number_of_checkpoints_is_that_of_the_thresholds() -> None:
    with says(
        pl.exceptions.ComputeError,
        "1 checkpoints of 2 rules: expected one of each",
    ):
        BarBuilder.of_chains(options([7, 250]), [checkpoint_of(FRAME, 7)])


def test_a_checkpoint_of_another_threshold_is_refused() -> None:
    checkpoints = [checkpoint_of(FRAME, 250), checkpoint_of(FRAME, 7)]

    with says(rb.CheckpointError, "the checkpoint is of rule range-250: expected range-7"):
        BarBuilder.of_chains(options([7, 250]), checkpoints)
