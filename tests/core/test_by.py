"""Bars of each key: the same as the bars of its trades alone."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import assert_same, collect_streaming
from support.oracle_chains import ASKS, CHAIN_ENTRY_POINTS, few, keyed, questions
from support.trades import trades, walk

import rangebar_polars as rb

MICRO: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}


def alone(frame: pl.DataFrame, by: Sequence[str], key: Sequence[object]) -> pl.DataFrame:
    """Return the rows of one key."""
    return frame.filter(
        pl.col(name).eq_missing(pl.lit(value, frame.schema[name]))
        for name, value in zip(by, key, strict=True)
    )


@few
@given(st.data(), st.sampled_from([("symbol",), ("venue", "symbol")]))
def test_the_bars_of_each_key_are_those_of_its_trades_alone(
    data: st.DataObject, by: tuple[str, ...]
) -> None:
    question = data.draw(questions(by))
    frame = data.draw(keyed(question.thresholds[0]))

    bars = question.ask(frame)

    for key in frame.select(by).unique().iter_rows():
        expected = rb.bars(alone(frame, by, key), **question.options | {"by": None})
        assert_same(expected, alone(bars, by, key).drop(by))


MOMENT = datetime(2024, 8, 8, 1, 2, 3, tzinfo=UTC)
DTYPES: dict[str, tuple[pl.DataType, list[object]]] = {
    "String": (pl.String(), ["BTCUSDT", "a symbol of more than twelve bytes"]),
    "Categorical": (pl.Categorical(), ["BTC", "ETH"]),
    "Enum": (pl.Enum(["ETH", "none", "BTC"]), ["BTC", "ETH"]),
    "Binary": (pl.Binary(), [b"\x00", b""]),
    "Boolean": (pl.Boolean(), [True, False]),
    "Date": (pl.Date(), [date(2024, 8, 8), date(1969, 12, 31)]),
    "Time": (pl.Time(), [time(1), time(2)]),
    "Datetime": (pl.Datetime("ns"), [datetime(1969, 1, 1), datetime(2024, 1, 1)]),  # noqa: DTZ001 - naive
    "Datetime with a zone": (pl.Datetime("us", "UTC"), [MOMENT, MOMENT + timedelta(1)]),
    "Duration": (pl.Duration("ms"), [timedelta(1), timedelta(-1)]),
    "Decimal": (pl.Decimal(20, 2), [Decimal("1.50"), Decimal("-2.00")]),
    "Int8": (pl.Int8(), [-128, 127]),
    "Int16": (pl.Int16(), [-1, 1]),
    "Int32": (pl.Int32(), [-1, 1]),
    "Int64": (pl.Int64(), [-(2**63), 2**63 - 1]),
    "Int128": (pl.Int128(), [-(2**100), 2**100]),
    "UInt8": (pl.UInt8(), [0, 255]),
    "UInt16": (pl.UInt16(), [0, 1]),
    "UInt32": (pl.UInt32(), [0, 1]),
    "UInt64": (pl.UInt64(), [0, 2**64 - 1]),
    "List": (pl.List(pl.Int64), [[1], []]),
    "Struct": (pl.Struct({"a": pl.String}), [{"a": "x"}, {"a": None}]),
}
if pl.__version__ >= "2":
    # A slice of arrays that an older Polars gives away cannot be read.
    DTYPES["Array"] = pl.Array(pl.Int64, 2), [[1, 2], [2, 1]]
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def of_dtype(dtype: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return trades of three keys of that dtype, one null, and the same with numbers as keys."""
    values = [*DTYPES[dtype][1], None]
    numbers = [row * row % 7 % 3 for row in range(400)]
    keys = pl.Series("key", [values[number] for number in numbers], DTYPES[dtype][0])
    reported = walk(400).with_columns(pl.Series("key", numbers, pl.Int64))
    return reported.with_columns(keys), reported


@dtypes
@pytest.mark.parametrize("entry_point", CHAIN_ENTRY_POINTS)
def test_keys_of_any_dtype_are_distinguished(dtype: str, entry_point: str) -> None:
    frame, numbered = of_dtype(dtype)

    bars = CHAIN_ENTRY_POINTS[entry_point](frame, threshold_decimal_bps=20, by="key", **MICRO)

    expected = rb.bars(numbered, 20, by="key", **MICRO)
    assert_same(expected.drop("key"), bars.drop("key"))
    values = [*DTYPES[dtype][1], None]
    assert [values[number] for number in expected["key"]] == bars["key"].to_list()
    assert frame.schema["key"] == bars.schema["key"]


@dtypes
def test_the_schema_of_a_plan_has_the_dtype_of_the_keys(dtype: str) -> None:
    frame, _ = of_dtype(dtype)
    plan = rb.bars(frame.lazy(), [20, 40], by="key")

    assert plan.collect_schema() == plan.collect().schema
    assert plan.collect_schema()["key"] == DTYPES[dtype][0]


@dtypes
def test_keys_of_any_dtype_may_have_no_bar_and_no_gap(dtype: str) -> None:
    frame, _ = of_dtype(dtype)
    processor = rb.RangeBarProcessor(100_000, by="key")

    processor.process_trades(frame)

    assert processor.gaps.schema["key"] == DTYPES[dtype][0]
    assert rb.bars(frame.lazy(), 100_000, by="key").collect().schema["key"] == DTYPES[dtype][0]


@pytest.mark.parametrize("dtype", ["Categorical", "Enum"])
def test_categories_that_come_in_another_order_in_a_later_batch_stay_themselves(dtype: str) -> None:
    keys = DTYPES[dtype][0]
    early = walk(40).with_columns(pl.lit("ETH", keys).alias("key"))
    later = walk(40).with_columns(
        pl.Series("key", ["BTC", "ETH"] * 20, keys),
        timestamp=pl.col("timestamp").dt.offset_by("1h"),
    )
    plan = pl.concat([early.lazy(), later.lazy()])

    assert_same(
        rb.bars(plan.collect().cast({"key": pl.String}), 20, by="key", **MICRO),
        rb.bars(plan, 20, by="key", **MICRO).collect().cast({"key": pl.String}),
    )


def test_a_null_key_is_a_key() -> None:
    frame = trades([100, 7, 101, 7.07]).with_columns(symbol=pl.Series([None, "A", None, "A"]))

    bars = rb.bars(frame, by="symbol")

    assert bars.select("symbol", "open", "close").rows() == [(None, 100, 101), ("A", 7, 7.07)]


def test_keys_that_differ_only_in_where_a_column_ends_are_two() -> None:
    frame = trades([100, 50, 101, 50]).with_columns(
        a=pl.Series(["x", "xy", "x", "xy"]), b=pl.Series(["yz", "z", "yz", "z"])
    )

    assert rb.bars(frame, by=["a", "b"]).select("a", "b", "open").rows() == [("x", "yz", 100)]


def test_open_bars_come_last_by_first_appearance_of_the_key_then_by_threshold() -> None:
    frame = trades([7, 100, 100, 107, 7]).with_columns(key=pl.Series(["Z", "A", "B", "A", "Z"]))

    bars = rb.bars(frame, [20_000, 10_000], by="key", include_incomplete=True)

    assert bars.select("key", "threshold_decimal_bps", "close", "is_complete").rows() == [
        ("Z", 10_000, 7, False),
        ("Z", 20_000, 7, False),
        ("A", 10_000, 107, False),
        ("A", 20_000, 107, False),
        ("B", 10_000, 100, False),
        ("B", 20_000, 100, False),
    ]


def test_bars_come_in_the_order_of_their_closing_trades_whatever_the_key() -> None:
    frame = trades([100, 100, 100, 101, 101, 101]).with_columns(key=pl.Series([1, 2, 3, 2, 3, 1]))

    assert rb.bars(frame, by="key")["key"].to_list() == [2, 3, 1]


def test_the_keys_lead_in_the_order_asked_for_before_the_threshold() -> None:
    frame = walk(9).with_columns(a=1, b=2)

    assert rb.bars(frame, [1], by=["b", "a"]).columns[:3] == ["b", "a", "threshold_decimal_bps"]


def test_time_may_go_back_between_keys() -> None:
    frame = trades([100, 7, 101, 7.07], [5, 1, 6, 2]).with_columns(key=pl.Series([1, 2, 1, 2]))

    assert rb.bars(frame, by="key")["close"].to_list() == [101, 7.07]


def test_ids_of_one_time_may_repeat_between_keys() -> None:
    frame = trades([100, 7], [0, 0], ids=[1, 1]).with_columns(key=pl.Series([1, 2]))

    assert rb.bars(frame, by="key", include_incomplete=True).height == 2


def test_more_keys_than_rows_of_a_block_are_distinguished() -> None:
    frame = walk(20_000).with_columns(key=pl.int_range(20_000) % 7_000)

    bars = rb.bars(frame.lazy(), 250, by="key", include_incomplete=True).collect()

    assert sorted(set(bars["key"])) == list(range(7_000))
    assert bars["volume"].sum() == frame["quantity"].sum()


def test_rows_beyond_the_slice_that_is_taken_apart_at_once_are_in_order() -> None:
    frame = walk(150_000).with_columns(key=pl.int_range(150_000) % 3)

    bars = rb.bars(frame, [100, 250], by="key", include_incomplete=True)

    for key in range(3):
        expected = rb.bars(frame.filter(key=key), [100, 250], include_incomplete=True)
        assert_same(expected, bars.filter(key=key).drop("key"))
    complete = bars.filter("is_complete")
    assert complete["close_time"].is_sorted()


@pytest.mark.parametrize(
    "collect", [pl.LazyFrame.collect, collect_streaming], ids=["memory", "streaming"]
)
@pytest.mark.parametrize("asked", ASKS)
def test_what_a_plan_asks_of_the_bars_of_keys_is_what_it_asks_of_their_frame(
    asked: str, collect: Callable[[pl.LazyFrame], pl.DataFrame]
) -> None:
    frame = walk(400).with_columns(key=pl.int_range(400) % 3)
    bars = rb.bars(frame, [20, 40], by="key", **MICRO)

    plan = rb.bars(frame.lazy(), [20, 40], by="key", **MICRO)

    assert_same(collect(ASKS[asked](bars.lazy())), collect(ASKS[asked](plan)))


@pytest.mark.parametrize("keys", [["key"], ["other"], ["other", "key"]], ids=str)
def test_a_plan_may_ask_for_the_keys_alone(keys: list[str]) -> None:
    frame = walk(400).with_columns(key=pl.int_range(400) % 3, other=pl.int_range(400) % 2)
    bars = rb.bars(frame, 20, by=["key", "other"])

    plan = rb.bars(frame.lazy(), 20, by=["key", "other"])

    assert_same(bars.select(keys), plan.select(keys).collect())
    assert_same(bars.filter(key=1).select("close"), plan.filter(key=1).select("close").collect())


@pytest.mark.parametrize("role", ["agg_trade_id", "is_buyer_maker"])
def test_a_column_of_the_trades_may_be_the_key(role: str) -> None:
    frame = trades([100, 7, 101, 7.07], ids=[1, 2, 1, 2], sold=[True, False] * 2)

    bars = rb.bars(frame, by=role, **MICRO)

    assert_same(
        rb.bars(frame.rename({role: "k"}).with_columns(frame[role]), by="k", **MICRO).rename(
            {"k": role}
        ),
        bars,
    )
