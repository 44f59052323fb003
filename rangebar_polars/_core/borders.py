"""The borders at which a new chain of bars begins: what ``reset`` takes."""

from typing import Final, cast, get_args

import polars as pl

from rangebar_polars._core.arguments import Reset
from rangebar_polars._core.rules.expressions import is_column
from rangebar_polars._core.trading_day import TradingDay

NamedBorders = Reset | TradingDay
"""Borders that a text says in full, so that stored bars can be found by them."""

Borders = NamedBorders | pl.Expr
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
            f'expression such as pl.col("session"), or None{_hint(reset)}'
        )
    return reset


def check_named_borders(reset: object) -> NamedBorders | None:
    """Return the borders, where only those that a text says in full are taken.

    Raises
    ------
    ValueError
        They are none, or an expression.

    Examples
    --------
    >>> check_named_borders(TradingDay("17:00", "America/New_York"))
    TradingDay(time='17:00', zone='America/New_York')
    >>> check_named_borders("hour")
    Traceback (most recent call last):
    ValueError: reset is 'hour': expected 'day', 'week', 'month', 'year', a TradingDay or None
    """
    if reset is None or isinstance(reset, TradingDay):
        return reset
    if isinstance(reset, str) and reset in get_args(Reset):
        return cast("Reset", reset)
    shown, why = repr(reset), _hint(reset)
    if isinstance(reset, pl.Expr):
        shown = f"an expression, {reset}"
        why = (
            ", since an expression has no lasting name by which bars could be found or checked "
            "(only what makes bars from trades takes it: bars, RangeBarProcessor)"
        )
    raise ValueError(
        f"reset is {shown}: expected 'day', 'week', 'month', 'year', a TradingDay or None{why}"
    )


def _hint(reset: object) -> str:
    """Return the borders whose text was given in their place, if it is one."""
    if not isinstance(reset, str):
        return ""
    try:
        return f" ({parse_borders(reset)!r} has this text)"
    except ValueError:
        return ""


def parse_borders(text: str) -> NamedBorders:
    """Return the borders that a text says in full: the ``str`` of borders.

    Raises
    ------
    ValueError
        It says none.

    Examples
    --------
    >>> parse_borders("17:00@America/New_York")
    TradingDay(time='17:00', zone='America/New_York')
    >>> parse_borders("hour")
    Traceback (most recent call last):
    ValueError: reset is 'hour': expected 'day', 'week', 'month', 'year', or a time of day in a
    zone, such as '17:00@America/New_York'
    """
    if text in get_args(Reset):
        return cast("Reset", text)
    time, at, zone = text.partition("@")
    if at:
        return TradingDay(time, zone)
    raise ValueError(
        f"reset is {text!r}: expected 'day', 'week', 'month', 'year', or a time of day in a zone, "
        "such as '17:00@America/New_York'"
    )


def utc_period(reset: Borders | None) -> Reset | None:
    """Return the period in UTC, whose bars depend on no day before it; None for other borders.

    A `TradingDay` begins inside a day of trades, so that a chain of it begins with a first day as
    one without borders does.
    """
    return reset if isinstance(reset, str) else None


def borders_text(reset: Borders | None) -> str | None:
    """Return the text of borders, as the compiled extension knows it."""
    if reset is None:
        return None
    return _COLUMN if isinstance(reset, pl.Expr) else str(reset)


def borders_of(text: str | None) -> Borders | None:
    """Return the borders with this text; None too for an expression, which a text does not hold."""
    return None if text is None or text == _COLUMN else parse_borders(text)


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
