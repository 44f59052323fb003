"""Bars and their ids inside Polars expressions."""

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.entry_points import assert_same
from support.strategies import frames
from support.trades import trades, walk

import rangebar_polars as rb

some = settings(max_examples=60, deadline=None)
KEYS = st.lists(st.sampled_from(["A", "B", None]), min_size=40, max_size=40)


def keyed(frame: pl.DataFrame, keys: list[str | None]) -> pl.DataFrame:
    """Return the trades with a key each, and without ids, which could collide within a key."""
    return frame.with_columns(pl.Series("key", keys[: frame.height], pl.String))


@some
@given(frames(), KEYS)
def test_bars_of_groups_are_those_of_each_group_alone(
    frame: pl.DataFrame, keys: list[str | None]
) -> None:
    frame = keyed(frame, keys)

    groups = (
        frame.group_by("key", maintain_order=True)
        .agg(rb.bars_expr(include_incomplete=True, include_microstructure=True))
        .explode("bars")
        .drop_nulls("bars")
        .unnest("bars")
    )

    alone = [
        rb.bars(part, include_incomplete=True, include_microstructure=True).select(
            pl.lit(part["key"].first(), pl.String).alias("key"), pl.all()
        )
        for part in frame.partition_by("key", maintain_order=True)
    ]
    assert_same(pl.concat([groups.clear(), *alone]), groups)


@some
@given(frames(), KEYS)
def test_ids_of_bars_over_a_key_are_those_of_each_key_alone(
    frame: pl.DataFrame, keys: list[str | None]
) -> None:
    frame = keyed(frame, keys).with_row_index()

    over = frame.select("index", rb.bar_id().over("key"))

    alone = [part.select("index", rb.bar_id()) for part in frame.partition_by("key")]
    assert_same(pl.concat([over.clear(), *alone]).sort("index"), over)


@some
@given(frames(), st.sampled_from([1, 250, 100_000]))
def test_ids_of_bars_count_the_bars_that_have_ended(frame: pl.DataFrame, threshold: int) -> None:
    ids = frame.select(rb.bar_id(threshold)).to_series()

    bars = rb.bars(frame, threshold, include_microstructure=True, include_incomplete=True)
    counts = bars["agg_record_count"].to_list()
    assert ids.to_list() == [bar for bar, count in enumerate(counts) for _ in range(count)]


def test_the_price_may_be_any_expression() -> None:
    quotes = trades([100, 102]).rename({"price": "bid"}).with_columns(ask=pl.col("bid") + 2)
    mid = (pl.col("bid") + pl.col("ask")) / 2

    bars = quotes.select(mid.rangebar.bars(250)).unnest("bars")  # type: ignore[attr-defined]

    assert bars.select("open", "close").row(0) == (101.0, 103.0)


def test_ids_by_the_price_expression_are_those_of_the_column() -> None:
    frame = trades([100, 101, 102, 103])

    by_price = frame.select(pl.col("price").rangebar.bar_id(250))  # type: ignore[attr-defined]

    assert_same(frame.select(rb.bar_id(250)), by_price)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_the_number_of_bars_is_the_length_of_the_expression(engine: object) -> None:
    frame = trades([100, 101, 102, 103, 103])
    plan = frame.lazy().select(rb.bars_expr()).select(pl.len())

    assert plan.collect(engine=engine).item() == 2  # type: ignore[call-overload]


def test_a_group_in_which_no_bar_closed_has_an_empty_list() -> None:
    frame = trades([100, 100, 101]).with_columns(key=pl.Series(list("ABA")))

    lists = frame.group_by("key", maintain_order=True).agg(rb.bars_expr())

    assert lists["bars"].list.len().to_list() == [1, 0]


def test_time_windows_are_chains_of_their_own() -> None:
    frame = trades([100, 101, 102, 103, 104, 105])

    windows = frame.group_by_dynamic("timestamp", every="3s").agg(rb.bars_expr(250))

    bars = windows.explode("bars").unnest("bars")
    assert bars.select("open", "close").rows() == [(100.0, 101.0), (103.0, 104.0)]


OPERATIONS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "head": lambda plan: plan.head(150),
    "tail": lambda plan: plan.tail(150),
    "slice": lambda plan: plan.slice(70, 80),
    "filter": lambda plan: plan.filter(pl.col("quantity") > 1),
    "filter by id": lambda plan: plan.filter(pl.col("bar_id") == 3),
    "select": lambda plan: plan.select("bar_id"),
    "length": lambda plan: plan.select(pl.len()),
    "unique": lambda plan: plan.select(pl.col("bar_id").unique().sort()),
    "sort and head": lambda plan: plan.sort("price", "agg_trade_id").head(20),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_after_bar_ids_give_the_rows_of_the_collected_frame(name: str) -> None:
    operation, frame = OPERATIONS[name], walk(300)

    plan = operation(frame.lazy().with_columns(rb.bar_id(100)))

    expected = operation(frame.with_columns(rb.bar_id(100)).lazy()).collect()
    assert_same(expected, plan.collect())
    assert_same(expected, plan.collect(engine="streaming"))


@pytest.mark.parametrize("name", ["head", "tail", "slice", "length"])
def test_operations_after_bars_give_the_bars_of_the_collected_frame(name: str) -> None:
    operation, frame = OPERATIONS[name], walk(3_000)

    plan = operation(frame.lazy().select(rb.bars_expr(50)))

    assert_same(operation(frame.select(rb.bars_expr(50)).lazy()).collect(), plan.collect())


def test_a_filter_after_bar_ids_keeps_whole_bars() -> None:
    frame = trades([100, 101, 102, 103, 104])

    second = frame.lazy().with_columns(rb.bar_id()).filter(pl.col("bar_id") == 1).collect()

    assert second["price"].to_list() == [102.0, 103.0]


def test_a_filter_in_front_of_ids_is_seen_by_them() -> None:
    frame = trades([100, 101, 102, 103, 104])

    plan = frame.lazy().filter(pl.col("price") != 101).with_columns(rb.bar_id())

    assert plan.collect()["bar_id"].to_list() == [0, 0, 1, 1]


def test_a_sort_before_bars_is_kept() -> None:
    frame = trades([100, 101, 102, 103])
    plan = frame.reverse().lazy().sort("timestamp").select(rb.bars_expr())

    assert_same(rb.bars(frame), plan.collect().unnest("bars"))


def test_ids_and_bars_of_one_select_agree() -> None:
    frame = trades([100, 101, 102, 103])

    row = frame.select(rb.bar_id().max() + 1, bars=rb.bars_expr().len()).row(0)

    assert row == (2, 2)
