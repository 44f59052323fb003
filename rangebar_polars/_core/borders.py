"""The borders at which a new chain of bars begins: what ``reset`` takes."""

from typing import Final, get_args

import polars as pl

from rangebar_polars._core.arguments import Reset
from rangebar_polars._core.rules.expressions import is_column
from rangebar_polars._core.trading_day import TradingDay

Borders = Reset | TradingDay | pl.Expr
"""A period in UTC, days of a time zone, or an expression whose changes are borders."""

_COLUMN: Final = "column"
"""What the compiled extension calls an expression."""

_BROUGHT: Final = "rangebar reset"


def check_borders(reset: Borders | None) -> Borders | None:
    """Return the borders.

    Raises
    ------
    ValueError
        They are none, or an expression of several columns.

    Examples
    --------
    >>> check_borders("hour")
    Traceback (most recent call last):
    ValueError: reset is 'hour': expected 'day', 'week', 'month', 'year', a TradingDay, an
    expression such as pl.col("session"), or None
    """
    if isinstance(reset, pl.Expr):
        if reset.meta.has_multiple_outputs():
            raise ValueError(f"reset is {reset}: expected one column, and it gives several")
    elif not (
        reset is None
        or isinstance(reset, TradingDay)
        or (isinstance(reset, str) and reset in get_args(Reset))
    ):
        raise ValueError(
            f"reset is {reset!r}: expected 'day', 'week', 'month', 'year', a TradingDay, an "
            'expression such as pl.col("session"), or None'
        )
    return reset


def borders_text(reset: Borders | None) -> str | None:
    """Return the text of borders, as the compiled extension knows it."""
    if reset is None:
        return None
    return _COLUMN if isinstance(reset, pl.Expr) else str(reset)


def borders_of(text: str | None) -> Borders | None:
    """Return the borders with this text; None too for an expression, which a text does not hold."""
    if text is None or text == _COLUMN:
        return None
    time, _, zone = text.partition("@")
    return TradingDay(time, zone) if zone else check_borders(text)  # type: ignore[arg-type]


def is_expression(text: str | None) -> bool:
    """Return whether a text is that of an expression."""
    return text == _COLUMN


def border_column(reset: Borders | None) -> str | None:
    """Return the name of the column whose changes are borders: its own, or one that we give."""
    if not isinstance(reset, pl.Expr):
        return None
    return reset.meta.output_name() if is_column(reset) else _BROUGHT


def border_expression(reset: Borders | None) -> list[pl.Expr]:
    """Return the column that must be added to the trades before its changes can be seen."""
    if not isinstance(reset, pl.Expr) or is_column(reset):
        return []
    return [reset.alias(_BROUGHT)]
