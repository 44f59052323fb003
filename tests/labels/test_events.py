"""Labels of events of the caller: rows of the trades, each with barriers of its own."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from support.entry_points import one_chunk_a_row, parquet
from support.label_reference import OF_RETURNS, Event, frame_of
from support.strategies import frames
from support.trades import trades, walk

import rangebar_polars as rb

ENTRY_POINTS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "eager": lambda frame: frame,
    "one chunk a row": one_chunk_a_row,
    "a stream": lambda frame: frame.to_arrow().to_reader(max_chunksize=3),
    "lazy": lambda frame: frame.lazy(),
    "lazy, row groups of 3": lambda frame: parquet(frame, 3),
}
BARRIER = st.none() | st.sampled_from([1, 250, 999, 25_000])


def collected(labels: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    return labels.lazy().collect()


@settings(max_examples=50)
@given(st.data())
def test_events_have_the_labels_of_the_definition_through_every_entry_point(
    data: st.DataObject,
) -> None:
    frame = data.draw(frames().filter(lambda frame: frame.height > 0))
    places = st.tuples(st.integers(0, frame.height - 1), BARRIER, BARRIER)
    drawn = sorted(data.draw(st.lists(places, max_size=12)), key=lambda each: each[0])
    schema = dict.fromkeys(("row", "take_profit", "stop_loss"), pl.Int64)
    events = pl.DataFrame(drawn, schema, orient="row")
    horizons: dict[str, int | str | None] = {"_1s": "1s", "_30h": "30h"}
    expected = frame_of(frame, [Event(*each) for each in drawn], horizons)

    for entry_point in ENTRY_POINTS.values():
        labels = rb.labels.triple_barrier(entry_point(frame), events=events, horizon=["1s", "30h"])
        assert collected(labels)["row"].to_list() == events["row"].to_list()
        assert_frame_equal(collected(labels).drop("row"), expected, check_exact=True)


def test_an_event_without_barriers_of_its_own_has_those_of_the_call() -> None:
    frame = walk(500)
    events = pl.DataFrame({"row": range(0, 500, 7)})

    labels = rb.labels.triple_barrier(frame, events=events, take_profit=60, stop_loss=40)

    own = events.with_columns(take_profit=60, stop_loss=40)
    assert_frame_equal(labels, rb.labels.triple_barrier(frame, events=own), check_exact=True)
    every = [Event(row, 60, 40) for row in events["row"]]
    assert_frame_equal(labels.drop("row"), frame_of(frame, every, {"": None}), check_exact=True)


def test_events_at_the_ends_of_bars_have_the_labels_of_the_bars() -> None:
    frame = walk(800)
    bars = rb.bars(frame, 200, include_microstructure=True, include_incomplete=True)
    ends = bars.select("is_complete", row=pl.col("agg_record_count").cum_sum() - 1)
    events = ends.filter("is_complete").select("row")

    labels = rb.labels.triple_barrier(frame, events=events, take_profit=150, horizon="2m")

    of_bars = rb.labels.triple_barrier(frame, 200, take_profit=150, horizon="2m")
    assert_frame_equal(labels.drop("row"), of_bars, check_exact=True)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_rows_of_events_count_the_trades_of_all_keys(entry_point: str) -> None:
    frame = walk(600).with_columns(symbol=pl.Series(["A", "B", "B"] * 200))
    events = pl.DataFrame(
        {"row": [0, 1, 1, 2, 50, 51, 400], "take_profit": [20, 30, 40, 5, 9, 8, 7]}
    )
    options: dict[str, Any] = {"events": events, "stop_loss": 30, "horizon": "5m"}

    labels = collected(
        rb.labels.triple_barrier(ENTRY_POINTS[entry_point](frame), by="symbol", **options)
    )

    assert labels.columns[:2] == ["symbol", "row"]
    assert labels["row"].to_list() == events["row"].to_list()
    for symbol in ("A", "B"):
        of_key = frame.with_row_index("row").filter(pl.col("symbol") == symbol)
        places = events.join(of_key.with_row_index("place"), on="row", maintain_order="left")
        own = places.select(pl.col("place").alias("row"), "take_profit")
        apart = rb.labels.triple_barrier(of_key.drop("row"), **options | {"events": own})
        together = labels.filter(symbol=symbol).drop("symbol", "row")
        assert_frame_equal(together, apart.drop("row"), check_exact=True)


@pytest.mark.parametrize("symbol", ["A", "B"])
def test_a_filter_on_keys_after_events_does_not_move_their_rows(symbol: str) -> None:
    frame = walk(600).with_columns(symbol=pl.Series(["A", "B", "B"] * 200))
    events = pl.DataFrame({"row": [0, 1, 4, 8, 300]})
    options: dict[str, Any] = {"events": events, "by": "symbol", "horizon": ["1m", "5m"]}

    plan = rb.labels.forward_return(frame.lazy(), **options).filter(pl.col("symbol") == symbol)

    of_all = rb.labels.forward_return(frame, **options)
    assert_frame_equal(plan.collect(), of_all.filter(symbol=symbol), check_exact=True)


def test_returns_of_events_are_those_of_the_definition() -> None:
    frame, events = walk(300), pl.DataFrame({"row": [0, 3, 3, 299]})

    returns = rb.labels.forward_return(frame, events=events, horizon="20s")

    every = [Event(row, None, None) for row in events["row"]]
    expected = frame_of(frame, every, {"": "20s"}, names=OF_RETURNS)
    assert_frame_equal(returns.drop("row"), expected, check_exact=True)


def test_no_event_has_no_label() -> None:
    for of in (walk(10), walk(10).lazy()):
        labels = rb.labels.triple_barrier(of, events=pl.DataFrame({"row": []}), take_profit=1)
        assert collected(labels).height == 0


def test_a_column_of_the_trades_with_the_name_of_our_mark_changes_nothing() -> None:
    frame = trades([100, 101, 102]).with_columns(pl.lit("x").alias("rangebar event"))

    labels = rb.labels.triple_barrier(frame, events=pl.DataFrame({"row": [0]}), take_profit=100)

    assert labels["label"].to_list() == [1]
