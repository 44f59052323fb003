"""Sides that are text, as the column ``is_buyer_maker``."""

from typing import NamedTuple

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._trade_columns import TradeColumns


class ReadSides(NamedTuple):
    """A column of sides that was read."""

    sold: pl.Series
    """Whether the aggressor sold; null where nobody knows."""
    strange: tuple[int, str] | None
    """The first row whose text is that of no side, and the text."""
    expected: str
    """What is expected there, for a message."""


def read_sides(column: pl.Series, columns: TradeColumns) -> ReadSides:
    """Read a column of sides as ``columns.side`` says.

    Examples
    --------
    >>> columns = TradeColumns(side="side", side_of="maker")
    >>> read_sides(pl.Series(["buy", "unknown", "ask"]), columns)[:2]
    (shape: (3,)
    Series: '' [bool]
    [
        true
        null
        null
    ], (2, 'ask'))
    """
    table = pl.DataFrame([column.cast(pl.String).alias("side")])
    sold, strange, expected = _internal.read_sides(table, columns.kwargs())
    return ReadSides(sold.to_series().alias(column.name), strange, expected)


def with_read_columns(
    trades: pl.DataFrame, columns: TradeColumns
) -> tuple[pl.DataFrame, TradeColumns]:
    """Return trades with Boolean sides and with quantities, and what their columns are called.

    Sides that are text become ``is_buyer_maker``, null for a text of no side; where records are
    counted, ``quantity`` is 1.
    """
    names = columns.names()
    if columns.side is not None and columns.side in trades.columns:
        sold = read_sides(trades[columns.side], columns).sold
        trades = trades.with_columns(sold.alias("is_buyer_maker"))
        names["is_buyer_maker"] = "is_buyer_maker"
    if columns.quantity is None:
        trades = trades.with_columns(pl.lit(1.0).alias("quantity"))
        names["quantity"] = "quantity"
    return trades, TradeColumns(
        timestamp=names["timestamp"],
        price=names["price"],
        quantity=names["quantity"],
        is_buyer_maker=names.get("is_buyer_maker"),
        agg_trade_id=names.get("agg_trade_id"),
        first_trade_id=names.get("first_trade_id"),
        last_trade_id=names.get("last_trade_id"),
    )
