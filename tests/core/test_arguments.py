"""Bad arguments: refused when the call is made, every message whole."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from support.assertions import says
from support.trades import trades

import rangebar_polars as rb

FRAME = trades([100, 101])
THRESHOLD_CALLS: dict[str, Callable[[Any], object]] = {
    "bars of a frame": partial(rb.bars, FRAME),
    "bars of a plan": partial(rb.bars, FRAME.lazy()),
    "bars_expr": rb.bars_expr,
    "bar_id": rb.bar_id,
    "frame namespace": FRAME.rangebar.bars,  # type: ignore[attr-defined]
    "plan namespace": FRAME.lazy().rangebar.bars,  # type: ignore[attr-defined]
    "price expression": pl.col("price").rangebar.bars,  # type: ignore[attr-defined]
    "price expression, bar_id": pl.col("price").rangebar.bar_id,  # type: ignore[attr-defined]
}
CALLS: dict[str, Callable[..., object]] = {
    "bars of a frame": partial(rb.bars, FRAME),
    "bars of a plan": partial(rb.bars, FRAME.lazy()),
    "bars_expr": rb.bars_expr,
    "price expression": pl.col("price").rangebar.bars,  # type: ignore[attr-defined]
}
thresholds = pytest.mark.parametrize("call", THRESHOLD_CALLS.values(), ids=THRESHOLD_CALLS)
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def message_of(error: type[Exception], act: Callable[[], object]) -> str:
    """Return what a call that must fail says."""
    with pytest.raises(error) as raised:
        act()
    return str(raised.value)


@thresholds
@pytest.mark.parametrize("threshold", [True, np.True_, -2.5, float("nan")], ids=repr)
def test_a_threshold_that_is_no_integer_is_a_type_error(
    call: Callable[[Any], object], threshold: object
) -> None:
    assert message_of(TypeError, lambda: call(threshold)) == (
        f"threshold_decimal_bps is {threshold!r}: expected an integer of decimal basis points (250 "
        "is 0.25 %)"
    )


@thresholds
@pytest.mark.parametrize("threshold", [0, -1, 100_001, 10**30, np.int64(-250)], ids=repr)
def test_a_threshold_out_of_range_is_a_value_error(
    call: Callable[[Any], object], threshold: int
) -> None:
    assert message_of(ValueError, lambda: call(threshold)) == (
        f"threshold_decimal_bps is {threshold}: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)"
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
def test_an_integer_of_numpy_is_an_integer(dtype: type[np.integer[Any]]) -> None:
    assert rb.bars(FRAME, dtype(100)).equals(rb.bars(FRAME, 100))


@calls
@pytest.mark.parametrize(
    "flag", ["include_microstructure", "include_incomplete", "prevent_same_timestamp_close"]
)
@pytest.mark.parametrize("value", [1, "yes"])
def test_a_flag_that_is_no_truth_value_is_a_type_error(
    call: Callable[..., object], flag: str, value: object
) -> None:
    message = message_of(TypeError, lambda: call(**{flag: value}))

    assert message == f"{flag} is {value!r}: expected True or False"


@pytest.mark.parametrize(
    "call",
    [
        *CALLS.values(),
        rb.bar_id,
        *(getattr(rb.features, name) for name in rb.features.__all__ if name != "footprint"),
        partial(rb.features.footprint, 0.5),
    ],
    ids=[
        *CALLS,
        "bar_id",
        *(name for name in rb.features.__all__ if name != "footprint"),
        "footprint",
    ],
)
def test_columns_that_are_no_trade_columns_are_a_type_error(call: Callable[..., object]) -> None:
    message = message_of(TypeError, lambda: call(columns={"price": "px"}))

    expected = 'expected a TradeColumns (TradeColumns(price="px"))'
    assert message == f"columns is {{'price': 'px'}}: {expected}"


@pytest.mark.parametrize("role", ["timestamp", "price"])
def test_a_required_column_has_a_name(role: str) -> None:
    def named(name: object) -> rb.TradeColumns:
        return rb.TradeColumns(**{role: name})  # type: ignore[arg-type]

    assert f"{role} is None: expected the name of a column" == message_of(
        TypeError, lambda: named(None)
    )


@pytest.mark.parametrize(
    "role", ["quantity", "is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id"]
)
def test_an_optional_column_has_a_name_or_none(role: str) -> None:
    def named(name: object) -> rb.TradeColumns:
        return rb.TradeColumns(**{role: name})  # type: ignore[arg-type]

    assert f"{role} is 3: expected the name of a column or None" == message_of(
        TypeError, lambda: named(3)
    )


@pytest.mark.parametrize(
    ("trades", "remedy"),
    [
        (None, ""),
        ([1, 2], " (make a frame of it: pl.DataFrame(trades))"),
        ({"price": [1.0]}, " (make a frame of it: pl.DataFrame(trades))"),
        (FRAME.group_by("price"), ""),
    ],
    ids=lambda x: type(x).__name__,
)
def test_trades_that_are_no_table_are_a_type_error(trades: object, remedy: str) -> None:
    message = message_of(TypeError, lambda: rb.bars(trades))  # type: ignore[call-overload]

    assert message == (
        f"trades is a {type(trades).__name__}: expected a DataFrame, a LazyFrame or an object with "
        f"__arrow_c_stream__{remedy}"
    )


def test_the_remedy_for_trades_that_are_no_table_makes_bars() -> None:
    rows: list[dict[str, Any]] = FRAME.to_dicts()

    assert rb.bars(pl.DataFrame(rows), 250).equals(rb.bars(FRAME, 250))


def test_an_array_that_is_no_table_is_refused() -> None:
    assert message_of(pl.exceptions.ComputeError, lambda: rb.bars(FRAME["price"])) == (
        "expected a table of trades, got an array of Float64"
    )


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError, match="arguments by position"):
        rb.bars(FRAME, 250, True)  # type: ignore[call-overload]  # noqa: FBT003  # type: ignore[call-overload]


ADDED: dict[str, tuple[str, dict[str, Any]]] = {
    "a key beside a condition": (
        "rangebar rule 0",
        {"by": "rangebar rule 0", "rule": rb.WhenRule(pl.col("price") > 1)},
    ),
    "an aggregation beside a sum": (
        "rangebar rule 0",
        {"aggs": pl.col("rangebar rule 0").last().alias("x"), "rule": rb.SumRule(pl.lit(1), 2)},
    ),
    "a condition beside another": (
        "rangebar rule 1",
        {
            "rule": [
                rb.WhenRule(pl.col("rangebar rule 1"), "given"),
                rb.WhenRule(pl.col("price") > 1),
            ]
        },
    ),
    "prices beside a reset": (
        "rangebar reset",
        {
            "reset": pl.col("price") > 1,
            "columns": rb.TradeColumns(price="rangebar reset"),
        },
    ),
    "a reset beside a condition": (
        "rangebar rule 0",
        {"reset": pl.col("rangebar rule 0"), "rule": rb.WhenRule(pl.col("price") > 1)},
    ),
}


@pytest.mark.parametrize("name", ADDED)
def test_a_column_of_the_caller_is_never_read_as_one_that_is_added(name: str) -> None:
    column, options = ADDED[name]
    text = (
        f"column {column!r} is read, and one of this name is added to the trades: expected "
        f'another name (rename it: .rename({{"{column}": "..."}}))'
    )

    with says(ValueError, text):
        rb.bars(FRAME, **options)
    with says(ValueError, text):
        rb.bars(FRAME.lazy(), **options)


def test_a_key_is_never_read_as_the_column_of_events() -> None:
    events = pl.DataFrame({"row": [0]})

    with pytest.raises(ValueError, match="column 'rangebar event' is read, and one of this name"):
        rb.labels.triple_barrier(FRAME, events=events, take_profit=1, by="rangebar event")
