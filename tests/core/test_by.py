"""Bars of several keys in one pass: each key's are those of its trades alone."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import SORT, says
from support.entry_points import assert_same
from support.oracle_chains import ASKS, DOORS, Question, few, keyed, questions, streamed
from support.shared_data import SHARED, needs_shared_data
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
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def of_dtype(dtype: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return trades of three keys of that dtype, one of them null, and the same told by numbers."""
    values = [*DTYPES[dtype][1], None]
    numbers = [row * row % 7 % 3 for row in range(400)]
    keys = pl.Series("key", [values[number] for number in numbers], DTYPES[dtype][0])
    told = walk(400).with_columns(pl.Series("key", numbers, pl.Int64))
    return told.with_columns(keys), told


@dtypes
@pytest.mark.parametrize("door", DOORS)
def test_keys_of_any_dtype_are_told_apart(dtype: str, door: str) -> None:
    frame, numbered = of_dtype(dtype)

    bars = DOORS[door](frame, threshold_decimal_bps=20, by="key", **MICRO)

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


def test_more_keys_than_rows_of_a_block_are_told_apart() -> None:
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


@pytest.mark.parametrize("collect", [pl.LazyFrame.collect, streamed], ids=["memory", "streaming"])
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


ABOVE_0 = "expected a finite number above 0 (drop or repair such rows first)"
SYMBOLS = pl.Series("symbol", ["A", "B", "A", "B", "A", "B"])


def bad_rows() -> dict[str, tuple[pl.DataFrame, str | list[str], str]]:
    """Return trades, the keys, and what is said of them."""
    good = trades([100.0] * 6, ids=[1] * 6).with_columns(SYMBOLS)
    bad_price = good.with_columns(price=pl.Series([1.0, 1.0, 1.0, -1.0, -2.0, 1.0]))
    times = pl.Series([0, 0, 5, 9, 4, 10]).cast(pl.Datetime("ms"))
    null = pl.when(pl.col("symbol") == "A").then("symbol")
    return {
        "a price, the lowest row of all keys": (
            bad_price,
            "symbol",
            f'symbol "B": price is -1 at row 1: {ABOVE_0}',
        ),
        "time going back within a key": (
            good.with_columns(timestamp=times),
            "symbol",
            (
                'symbol "A": trades are not sorted by time at row 2: 1970-01-01 00:00:00.004 after '
                f"1970-01-01 00:00:00.005 {SORT}"
            ),
        ),
        "several keys": (
            bad_price.with_columns(day=pl.date(2024, 8, 8), n=7),
            ["day", "symbol", "n"],
            f'day 2024-08-08, symbol "B", n 7: price is -1 at row 1: {ABOVE_0}',
        ),
        "a null key": (
            bad_price.with_columns(null),
            "symbol",
            f"symbol null: price is -1 at row 1: {ABOVE_0}",
        ),
        "a category": (
            bad_price.cast({"symbol": pl.Categorical}),
            "symbol",
            f'symbol "B": price is -1 at row 1: {ABOVE_0}',
        ),
        "two faults of one key": (
            bad_price.with_columns(quantity=pl.Series([1.0, 1.0, None, 1.0, 1.0, 1.0])),
            "symbol",
            (
                'symbol "A": quantity is null at row 1 (every trade needs one: drop or fill such '
                "rows first)"
            ),
        ),
    }


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", bad_rows())
def test_a_bad_row_is_told_with_its_key_and_the_row_within_the_key(name: str, door: str) -> None:
    frame, by, expected = bad_rows()[name]

    with pytest.raises(pl.exceptions.ComputeError) as raised:
        DOORS[door](frame, by=by)

    assert str(raised.value).endswith(expected)
    assert door.startswith("lazy") or str(raised.value) == expected


def test_the_lowest_row_wins_far_into_the_trades() -> None:
    bad = pl.when(pl.int_range(pl.len()).is_in([140_001, 140_002])).then(-1.0).otherwise("price")
    frame = walk(150_000).with_columns(price=bad, key=-pl.int_range(150_000) % 3)

    with says(
        pl.exceptions.ComputeError, f"key {-140_001 % 3}: price is -1 at row 46667: {ABOVE_0}"
    ):
        rb.bars(frame, by="key")


@pytest.mark.parametrize("dtype", [pl.Float64(), pl.Float32(), pl.List(pl.Float64)], ids=str)
def test_keys_of_floats_are_refused(dtype: pl.DataType) -> None:
    frame = trades([100, 101]).with_columns(key=pl.lit(None, dtype))
    shown = {"Float64": "f64", "Float32": "f32"}.get(str(dtype), "list[f64]")
    expected = (
        f'column "key" is {shown}: expected keys that are not floats (cast it: '
        'pl.col("key").cast(pl.String))'
    )

    with says(pl.exceptions.ComputeError, expected):
        rb.bars(frame, by="key")
    with says(pl.exceptions.ComputeError, f"schema callable failed: ComputeError: {expected}"):
        rb.bars(frame.lazy(), by="key").collect_schema()


def test_a_key_that_is_not_there_is_refused() -> None:
    expected = 'no column "symbol" among the trades: they have [timestamp, price, quantity]'

    with says(pl.exceptions.ComputeError, expected):
        rb.bars(trades([100, 101]), by="symbol")
    with says(pl.exceptions.ComputeError, f"schema callable failed: ComputeError: {expected}"):
        rb.bars(trades([100, 101]).lazy(), by="symbol").collect_schema()


FRAME = trades([100, 101]).with_columns(SYMBOLS.head(2))
CALLS: dict[str, Callable[..., object]] = {
    "a frame": partial(rb.bars, FRAME),
    "a plan": partial(rb.bars, FRAME.lazy()),
    "the namespace": FRAME.rangebar.bars,  # type: ignore[attr-defined]
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@calls
@pytest.mark.parametrize("none", [[], ()], ids=repr)
def test_no_key_is_refused(call: Callable[..., object], none: object) -> None:
    with says(ValueError, "by is empty: expected the name of a column, several, or None"):
        call(by=none)


@calls
@pytest.mark.parametrize("bad", [[3], ["symbol", None], [pl.col("symbol")]], ids=repr)
def test_a_key_that_is_no_name_is_refused(call: Callable[..., object], bad: object) -> None:
    with says(TypeError, f"by is {bad!r}: expected the name of a column, or several"):
        call(by=bad)


@calls
@pytest.mark.parametrize("name", ["open", "threshold_decimal_bps", "is_complete", "ofi", "vwap"])
def test_a_key_of_the_name_of_a_column_of_bars_is_refused(
    call: Callable[..., object], name: str
) -> None:
    expected = f"column {name!r} would appear twice among the columns of bars"

    with says(ValueError, f'{expected} (rename it: .alias("..."))'):
        call(by=["symbol", name])


@calls
def test_a_key_twice_is_refused(call: Callable[..., object]) -> None:
    expected = "column 'symbol' would appear twice among the columns of bars"

    with says(ValueError, f'{expected} (rename it: .alias("..."))'):
        call(by=["symbol", "symbol"])


@needs_shared_data
@pytest.mark.parametrize(
    ("btc", "eth"),
    [
        ("hftb_binance_spot_btcusdt_20240808_09", "hftb_binance_spot_ethusdt_20240808_09"),
        ("hftb_binance_um_btcusdt_20240808", "hftb_binance_um_ethusdt_20240808"),
        ("hftb_binance_cm_btcusd_perp_20240808_09", "hftb_binance_cm_ethusd_perp_20240808_09"),
    ],
)
@pytest.mark.parametrize("door", ["eager", "lazy", "lazy, streaming"])
def test_real_trades_of_two_symbols_interleaved_give_the_bars_of_each(
    btc: str, eth: str, door: str
) -> None:
    of_each = {name: pl.read_parquet(SHARED / "trades" / f"{name}.parquet") for name in (btc, eth)}
    common = [name for name in of_each[btc].columns if name in of_each[eth].columns]
    together = pl.concat(
        [
            frame.select(common).with_columns(pl.lit(name).alias("symbol"))
            for name, frame in of_each.items()
        ]
    ).sort("timestamp", maintain_order=True)
    question = Question(thresholds=(5, 10, 25), threshold_column=True, by=("symbol",), reset="day")

    bars = question.ask(together, door)

    assert bars.filter("is_complete")["close_time"].is_sorted()
    for name, frame in of_each.items():
        expected = rb.bars(frame, **question.options | {"by": None})
        assert expected["is_complete"].sum() > 10
        assert_same(expected, bars.filter(symbol=name).drop("symbol"))


@pytest.mark.parametrize("plan", [False, True])
def test_keys_that_are_python_objects_are_refused(plan: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    frame = walk(5).with_columns(venue=pl.Series([object()] * 5, dtype=pl.Object))
    text = (
        'column "venue" is object: expected keys that are no Python objects (cast it: '
        'pl.col("venue").map_elements(str, return_dtype=pl.String))'
    )

    with pytest.raises(pl.exceptions.ComputeError, match=re.escape(text)):
        (rb.bars(frame.lazy(), by="venue") if plan else rb.bars(frame, by="venue")).lazy().collect()
