"""The vertical axes of all charts: titles that have room, and prices that do not begin at 0."""

from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from rangebar_polars._plot.extra import alt

_MOST_DECIMALS: Final = 8
"""Decimals that prices are compared by."""


def titled_above(title: str, **options: Any) -> "alt.Axis":  # noqa: ANN401 - as Altair's
    """Return an axis whose title stands above it, where any title has room."""
    return alt.Axis(
        title=title,
        titleAlign="left",
        titleAnchor="end",
        titleAngle=0,
        titleBaseline="bottom",
        titleX=0,
        titleY=-5,
        **options,
    )


def one_series(columns: Iterable[pl.Series]) -> pl.Series:
    """Return the values of several columns that are there, as one column."""
    return pl.concat([column.alias("price") for column in columns]).drop_nulls()


def price_scale(prices: pl.Series) -> "alt.Scale":
    """Return a scale on which all these prices are, with some room, and 0 only if it is one."""
    if prices.is_empty():
        return alt.Scale(zero=False)
    low, high = (float(limit) for limit in prices.sort().gather([0, -1]))
    beside = (high - low) * 0.06 or abs(high) * 0.001 or 1.0
    return alt.Scale(domain=[low - beside, high + beside], nice=False, zero=False)


def price_format(prices: pl.Series) -> str:
    """Return the format in which all these prices have the decimals that they need, 8 at most.

    Examples
    --------
    >>> price_format(pl.Series([100.0, 100.5, 100.25]))
    ',.2f'
    """
    enough = (count for count in range(_MOST_DECIMALS) if (prices.round(count) == prices).all())
    return f",.{next(enough, _MOST_DECIMALS)}f"
