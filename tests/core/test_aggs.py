"""Your own aggregations of the trades of each bar: those of ``group_by(bar_id).agg(...)``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import assert_same, collect_streaming
from support.oracle_chains import ASKS, CHAIN_ENTRY_POINTS, Question, few, keyed, questions
from support.trades import trades, walk

import rangebar_polars as rb

THRESHOLD = "threshold_decimal_bps"
AGGS: dict[str, pl.Expr] = {
    "price_std": pl.col("price").std().alias("price_std"),
    "n": pl.len().alias("n"),
    "path": pl.col("price").diff().abs().sum().alias("path"),
    "prices": pl.col("price").alias("prices"),
    "last_quantity": pl.col("quantity").last().alias("last_quantity"),
    "weighted": (pl.col("price") * pl.col("quantity")).sum().alias("weighted"),
    "at_high": pl.col("timestamp").sort_by("price", maintain_order=True).last().alias("at_high"),
    "sizes": pl.col("quantity").filter(pl.col("quantity") > 1).n_unique().alias("sizes"),
    "median": pl.col("price").median().alias("median"),
    "struct": pl.struct(pl.col("price").max(), pl.col("quantity").min()).alias("struct"),
    "own": rb.features.price_impact().alias("own"),
}
MICRO: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}


def of_groups(frame: pl.DataFrame, question: Question, aggs: list[pl.Expr]) -> pl.DataFrame:
    """Return the bars, and beside them what grouping by the ids of bars gives."""
    bars = rb.bars(frame, **question.options | {"include_incomplete": True})
    parts = []
    for threshold in question.thresholds:
        bar_id = rb.bar_id(
            threshold,
            reset=question.reset,
            prevent_same_timestamp_close=question.prevent_same_timestamp_close,
        )
        bar_id = bar_id.over(question.by) if question.by else bar_id
        grouped = frame.group_by(*question.by, bar_id, maintain_order=True).agg(aggs)
        parts.append(grouped.with_columns(pl.lit(threshold, pl.Int64).alias("of threshold")))
    # The bars of a chain come in the order of their ids.
    chain = [*question.by, *([THRESHOLD] if question.threshold_column else [])]
    number = pl.int_range(pl.len())
    reported = bars.with_columns(
        (number.over(chain) if chain else number).alias("bar_id"),
        (pl.col(THRESHOLD) if question.threshold_column else pl.lit(question.thresholds[0]))
        .cast(pl.Int64)
        .alias("of threshold"),
    )
    on = [*question.by, "bar_id", "of threshold"]
    joined = reported.join(
        pl.concat(parts), on=on, how="left", nulls_equal=True, maintain_order="left"
    )
    joined = joined.drop("bar_id", "of threshold")
    if question.include_incomplete:
        return joined.select(pl.exclude("is_complete"), "is_complete")
    return joined.filter("is_complete").drop("is_complete")


@few
@given(
    st.data(),
    st.sampled_from([(), ("symbol",), ("venue", "symbol")]),
    st.lists(st.sampled_from(sorted(AGGS)), min_size=1, max_size=4, unique=True),
)
def test_aggregations_are_those_of_groups_of_ids_of_bars(
    data: st.DataObject, by: tuple[str, ...], names: list[str]
) -> None:
    question = data.draw(questions(by))
    frame, aggs = data.draw(keyed(question.thresholds[0])), [AGGS[name] for name in names]

    bars = rb.bars(frame, **question.options, aggs=aggs)

    assert_same(of_groups(frame, question, aggs), bars)


@few
@given(st.data(), st.sampled_from([(), ("venue", "symbol")]))
def test_aggregations_of_a_few_trades_are_the_same_through_every_entry_point(
    data: st.DataObject, by: tuple[str, ...]
) -> None:
    question = data.draw(questions(by))
    frame = data.draw(keyed(question.thresholds[0], most=12))
    options = question.options | {"aggs": [AGGS["n"], AGGS["prices"], AGGS["at_high"]]}

    expected = rb.bars(frame, **options)
    for entry_point in CHAIN_ENTRY_POINTS:
        assert_same(expected, CHAIN_ENTRY_POINTS[entry_point](frame, **options))


@pytest.mark.parametrize("entry_point", CHAIN_ENTRY_POINTS)
def test_aggregations_are_the_same_through_every_entry_point(entry_point: str) -> None:
    frame = walk(600).with_columns(symbol=pl.int_range(600) % 2)
    question = Question(
        thresholds=(20, 100), threshold_column=True, by=("symbol",), include_incomplete=False
    )
    aggs = list(AGGS.values())

    bars = CHAIN_ENTRY_POINTS[entry_point](frame, **question.options, aggs=aggs)

    assert_same(of_groups(frame, question, aggs), bars)


def test_aggregations_of_bars_cut_off_by_a_reset_are_of_their_trades_alone() -> None:
    frame = trades([100, 101, 100, 103, 100], [0, 1, 86_400_000, 86_400_001, 172_800_000])

    bars = rb.bars(
        frame, 10_000, reset="day", aggs=pl.col("price").alias("prices"), include_incomplete=True
    )

    assert bars["prices"].to_list() == [[100, 101], [100, 103], [100]]


@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("microstructure", [False, True])
def test_the_other_columns_are_those_without_aggregations(
    incomplete: bool,  # noqa: FBT001
    microstructure: bool,  # noqa: FBT001
) -> None:
    frame = walk(300).with_columns(symbol=pl.int_range(300) % 3)
    options: dict[str, Any] = {
        "by": "symbol",
        "reset": "day",
        "include_incomplete": incomplete,
        "include_microstructure": microstructure,
    }

    bars = rb.bars(frame, [20, 60], aggs=AGGS.values(), **options)

    assert_same(rb.bars(frame, [20, 60], **options), bars.drop(AGGS))


def test_aggregations_stand_before_the_mark_of_complete_bars() -> None:
    bars = rb.bars(walk(9), 20, aggs=[AGGS["n"], AGGS["path"]], include_incomplete=True)

    assert bars.columns[-4:] == ["volume", "n", "path", "is_complete"]


@pytest.mark.parametrize("aggs", [AGGS["n"], [AGGS["n"]], (AGGS["n"],), iter([AGGS["n"]])])
def test_aggregations_may_come_alone_or_in_any_iterable(aggs: Any) -> None:  # noqa: ANN401
    assert rb.bars(trades([100, 100, 101]), aggs=aggs)["n"].to_list() == [3]


def test_no_aggregation_adds_nothing() -> None:
    frame = walk(90)

    assert_same(rb.bars(frame, 20), rb.bars(frame, 20, aggs=[]))


def test_a_plan_with_aggregations_may_be_collected_twice() -> None:
    plan = rb.bars(walk(90).lazy(), 20, aggs=iter([AGGS["n"], AGGS["path"]]))

    assert_same(plan.collect(), plan.collect())


def test_columns_that_no_bar_reads_may_be_aggregated() -> None:
    frame = trades([100, 100, 101]).with_columns(venue=pl.Series(["x", "y", "x"]))

    plan = rb.bars(frame.lazy(), aggs=pl.col("venue").n_unique())

    assert plan.collect()["venue"].to_list() == [2]


def test_selectors_may_be_aggregated() -> None:
    frame = trades([100, 100, 101]).with_columns(a=pl.Series([1, 2, 3]), b=pl.Series([4, 5, 6]))

    plan = rb.bars(
        frame.lazy(), aggs=(cs.integer() - cs.by_name("timestamp", require_all=False)).sum()
    )

    assert plan.collect().select("a", "b").rows() == [(6, 15)]


def test_a_feature_of_the_package_is_an_aggregation() -> None:
    frame = walk(200)

    bars = rb.bars(frame, 40, aggs=rb.features.ofi().alias("again"), include_microstructure=True)

    assert bars["ofi"].to_list() == bars["again"].to_list()


ASKS_OF_AGGS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "an aggregation alone": lambda bars: bars.select("n"),
    "an aggregation and a key": lambda bars: bars.select("price_std", "symbol"),
    "a filter on an aggregation": lambda bars: bars.filter(pl.col("n") > 5).select("close"),
    "a filter on one, the other kept": lambda bars: bars.filter(pl.col("n") > 5).select("path"),
    "the head of a filter on an aggregation": lambda bars: bars.filter(pl.col("n") > 5).head(2),
    "no aggregation": lambda bars: bars.select("symbol", "ofi"),
    "the threshold alone": lambda bars: bars.select(THRESHOLD),
}


@pytest.mark.parametrize(
    "collect", [pl.LazyFrame.collect, collect_streaming], ids=["memory", "streaming"]
)
@pytest.mark.parametrize("asked", [*ASKS, *ASKS_OF_AGGS])
def test_what_a_plan_asks_of_bars_with_aggregations_is_what_it_asks_of_their_frame(
    asked: str, collect: Callable[[pl.LazyFrame], pl.DataFrame]
) -> None:
    ask = (dict(ASKS) | ASKS_OF_AGGS)[asked]
    frame = walk(400).with_columns(symbol=pl.int_range(400) % 3)
    options = MICRO | {"aggs": [AGGS["n"], AGGS["price_std"], AGGS["path"]], "by": "symbol"}
    bars = rb.bars(frame, [20, 40], **options)

    plan = rb.bars(frame.lazy(), [20, 40], **options)

    assert_same(collect(ask(bars.lazy())), collect(ask(plan)))


FRAME = trades([100, 101]).with_columns(symbol=pl.lit("A"))
CALLS: dict[str, Callable[..., object]] = {
    "a frame": partial(rb.bars, FRAME),
    "a plan": partial(rb.bars, FRAME.lazy()),
    "the namespace": FRAME.rangebar.bars,  # type: ignore[attr-defined]
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def twice(name: str) -> str:
    return (
        f'column {name!r} would appear twice among the columns of bars (rename it: .alias("..."))'
    )


@calls
@pytest.mark.parametrize("name", ["open", "vwap", "ofi", "is_complete", THRESHOLD, "symbol"])
def test_an_aggregation_of_the_name_of_a_column_of_bars_is_refused(
    call: Callable[..., object], name: str
) -> None:
    with says(ValueError, twice(name)):
        call(by="symbol", aggs=pl.len().alias(name))


@calls
def test_two_aggregations_of_one_name_are_refused(call: Callable[..., object]) -> None:
    with says(ValueError, twice("price")):
        call(aggs=[pl.col("price").min(), pl.col("price").max()])


@pytest.mark.parametrize(
    "aggs",
    [[pl.all().max()], [pl.col("price").min(), pl.col("price", "quantity").max()]],
    ids=["the key", "another"],
)
def test_a_name_twice_that_only_the_trades_show_is_refused_with_them(
    aggs: list[pl.Expr],
) -> None:
    name = "symbol" if len(aggs) == 1 else "price"
    kind = ValueError if name == "symbol" else pl.exceptions.DuplicateError

    with pytest.raises(kind) as raised:
        rb.bars(FRAME, by="symbol", aggs=aggs)

    assert kind is not ValueError or str(raised.value) == twice(name)


def test_a_name_twice_that_only_the_trades_show_is_refused_with_the_schema_of_a_plan() -> None:
    plan = rb.bars(FRAME.lazy(), by="symbol", aggs=pl.all().max())

    with says(pl.exceptions.ComputeError, f"schema callable failed: ValueError: {twice('symbol')}"):
        plan.collect_schema()


@calls
@pytest.mark.parametrize(
    "bad",
    ["price", [3], [pl.len(), None], [pl.Series([1])]],
    ids=["a name", "a number", "an expression and None", "a series"],
)
def test_an_aggregation_that_is_no_expression_is_refused(
    call: Callable[..., object], bad: object
) -> None:
    with says(TypeError, f"aggs is {bad!r}: expected an expression, or several"):
        call(aggs=bad)


def test_bad_trades_raise_the_same_message_with_aggregations() -> None:
    with says(
        pl.exceptions.ComputeError,
        "price is -1 at row 1: expected a finite number above 0 (drop or repair such rows first)",
    ):
        rb.bars(trades([100, -1]), aggs=pl.len())
