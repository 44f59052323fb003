"""Bad columns: every message whole, and the same through every entry point."""

from functools import partial
from typing import Any

import polars as pl
import pytest
from support.bad_trades import ABOVE_0, NULL, good, message_of
from support.entry_points import ENTRY_POINTS, Asked
from support.trades import trades

import rangebar_polars as rb

HAVE = (
    "timestamp: datetime[ms], price: f64, quantity: f64, is_buyer_maker: bool, agg_trade_id: i64, "
    "first_trade_id: i64, last_trade_id: i64"
)


def missing(column: str) -> tuple[pl.DataFrame, str]:
    have = HAVE.replace(f"{column}: f64, ", "").replace(f"{column}: datetime[ms], ", "")
    return good().drop(column), (
        f'no column "{column}" among the trades: they have [{have}] (say which it is: '
        f'columns=TradeColumns({column}="..."))'
    )


def cast(column: str, dtype: pl.DataType, shown: str, *wanted: str) -> tuple[pl.DataFrame, str]:
    """Return trades with a column of another dtype, and the message."""
    frame = good().with_columns(pl.lit(None, dtype).alias(column))
    have = ", ".join(
        f"{column}: {shown}" if pair.startswith(f"{column}:") else pair for pair in HAVE.split(", ")
    )
    return frame, (
        f'column "{column}" is {shown}: expected {wanted[0]} among the trades [{have}] '
        f"({wanted[1]})"
    )


FROM_EPOCH = (
    'cast it from its own unit: pl.from_epoch("timestamp", time_unit="s") where today is a number '
    'of 10 digits, "ms" of 13, "us" of 16, "ns" of 19'
)
FROM_FLOAT = (
    'cast it; where it counts seconds: pl.from_epoch((pl.col("timestamp") * '
    '1_000_000).round().cast(pl.Int64), time_unit="us")'
)
TO_BOOLEAN = (
    'true is where the aggressor sold: of 0 and 1 pl.col("is_buyer_maker").cast(pl.Boolean), of -1 '
    'and 1 pl.col("is_buyer_maker") < 0'
)
BAD_SCHEMAS: dict[str, tuple[pl.DataFrame, str]] = {
    "no time": missing("timestamp"),
    "no price": missing("price"),
    "no quantity": missing("quantity"),
    "integer time": cast("timestamp", pl.Int64(), "i64", "Datetime", FROM_EPOCH),
    "date": cast(
        "timestamp",
        pl.Date(),
        "date",
        "Datetime",
        "a date has no time of day: give the time of each trade",
    ),
    "text for time": cast(
        "timestamp",
        pl.String(),
        "str",
        "Datetime",
        'cast it: pl.col("timestamp").str.to_datetime()',
    ),
    "text for price": cast(
        "price", pl.String(), "str", "a number", 'cast it: pl.col("price").cast(pl.Float64)'
    ),
    "truth for quantity": cast(
        "quantity", pl.Boolean(), "bool", "a number", 'cast it: pl.col("quantity").cast(pl.Float64)'
    ),
    "null for price": cast(
        "price",
        pl.Null(),
        "null",
        "a number",
        'name another column: columns=TradeColumns(price="...")',
    ),
    "number for side": cast("is_buyer_maker", pl.Int8(), "i8", "Boolean", TO_BOOLEAN),
    "float for time": cast("timestamp", pl.Float64(), "f64", "Datetime", FROM_FLOAT),
    "text for side": cast(
        "is_buyer_maker",
        pl.String(),
        "str",
        "Boolean",
        'if it is the aggressor\'s side: columns=TradeColumns(side="is_buyer_maker"); if it is '
        'that of the resting order: columns=TradeColumns(side="is_buyer_maker", side_of="maker")',
    ),
    "float id": cast(
        "agg_trade_id",
        pl.Float64(),
        "f64",
        "an integer",
        'cast it: pl.col("agg_trade_id").fill_nan(None).cast(pl.Int64)',
    ),
    "text trade id": cast(
        "first_trade_id",
        pl.String(),
        "str",
        "an integer",
        'cast it: pl.col("first_trade_id").cast(pl.Int64)',
    ),
    "float trade id": cast(
        "last_trade_id",
        pl.Float32(),
        "f32",
        "an integer",
        'cast it: pl.col("last_trade_id").fill_nan(None).cast(pl.Int64)',
    ),
}
some_schemas = pytest.mark.parametrize("name", BAD_SCHEMAS)


@some_schemas
def test_a_bad_schema_raises_the_same_message_through_every_entry_point(name: str) -> None:
    frame, expected = BAD_SCHEMAS[name]
    entry_points = [
        entry_point for entry_point in ENTRY_POINTS if entry_point != "price expression"
    ]

    messages = {
        entry_point: message_of(
            partial(Asked().through, entry_point, frame),
            entry_point=entry_point,
        )
        for entry_point in entry_points
    }

    assert dict.fromkeys(entry_points, expected) == messages


def test_a_price_expression_reports_the_price_first() -> None:
    def of(prices: pl.Expr) -> object:
        return good().select(prices.rangebar.bars(include_microstructure=True))  # type: ignore[attr-defined]

    have = HAVE.replace("price: f64, ", "")
    assert (
        f'column "price" is str: expected a number among the trades [price: str, {have}] (cast it: '
        'pl.col("price").cast(pl.Float64))'
    ) == message_of(lambda: of(pl.col("price").cast(pl.String)), entry_point="expression")


@some_schemas
def test_a_plan_refuses_a_bad_schema_when_it_is_asked_for_its_own(name: str) -> None:
    frame, expected = BAD_SCHEMAS[name]
    plan = rb.bars(frame.lazy(), include_microstructure=True)

    assert expected == message_of(plan.collect_schema, entry_point="lazy")


@some_schemas
def test_an_expression_refuses_a_bad_schema_before_any_row_is_read(name: str) -> None:
    frame, expected = BAD_SCHEMAS[name]
    plan = frame.lazy().select(rb.bars_expr(include_microstructure=True))

    assert expected == message_of(plan.collect_schema, entry_point="expression")


def test_messages_call_columns_what_the_user_calls_them() -> None:
    columns = rb.TradeColumns(price="px", first_trade_id="from", last_trade_id="to")
    frame = good().rename({"price": "px", "first_trade_id": "from", "last_trade_id": "to"})

    def of(frame: pl.DataFrame) -> str:
        return message_of(lambda: rb.bars(frame, include_microstructure=True, columns=columns))

    assert [
        f"px is null at row 0 {NULL}",
        "to 0 is below from 1 at row 0 (are the two columns exchanged?)",
    ] == [
        of(frame.with_columns(px=pl.lit(None, pl.Float64))),
        of(frame.with_columns(to=pl.lit(0, pl.Int64))),
    ]


@pytest.mark.parametrize("column", ["is_buyer_maker", "agg_trade_id", "first_trade_id"])
def test_an_optional_column_that_is_named_must_be_there(column: str) -> None:
    names: dict[str, Any] = {column: "mine"}
    options = {"include_microstructure": True, "columns": rb.TradeColumns(**names)}

    messages = {
        entry_point: message_of(
            partial(ENTRY_POINTS[entry_point], good(), **options),
            entry_point=entry_point,
        )
        for entry_point in ENTRY_POINTS
    }

    # An expression sees no more of the frame than the columns that it takes.
    seen = HAVE.replace(f"{column}: bool, ", "").replace(f"{column}: i64, ", "")
    for entry_point, message in messages.items():
        have = seen if "expression" in entry_point or entry_point == "grouped" else HAVE
        if entry_point == "price expression":
            have = "price: f64, " + seen.replace("price: f64, ", "")
        assert message == (
            f'no column "mine" among the trades: they have [{have}] (say which it is: '
            f'columns=TradeColumns({column}="..."))'
        ), entry_point


def test_the_row_is_counted_within_the_group() -> None:
    frame = trades([100, 100, 100, 100, -1]).with_columns(key=pl.Series(list("ABABB")))

    def grouped() -> object:
        return frame.group_by("key").agg(rb.bars_expr())

    assert message_of(grouped, entry_point="grouped") == f"price is -1 at row 2: {ABOVE_0}"
