"""Trades whose prices are far from those around them."""

import math
from typing import SupportsFloat, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import check_count, check_flags
from rangebar_polars._core.tick_rule import price_of

_LEAST_WINDOW = 3
_PER_UNIT = 10_000


@named
def drop_off_market(
    bps: SupportsFloat = 100,
    window: SupportsIndex = 21,
    *,
    price: str | pl.Expr = "price",
    center: bool = False,
) -> pl.Expr:
    """Return a condition for ``filter`` that drops trades whose price is off the market.

    A trade is off the market if its price is more than `bps` away from the median price of the
    `window` trades that end with it: a misprint, an insurance-fund fill, a late report. One of them
    is enough for a false bar. ``trades.filter(rb.drop_off_market())`` keeps the others, and
    ``trades.filter(~rb.drop_off_market())`` shows those that are dropped.

    Parameters
    ----------
    bps
        Basis points of 0.01 % of the median, more than 0: 100 is 1 %. Thresholds of bars count
        decimal basis points of 0.001 % instead.
    window
        Over how many trades the median is taken, 3 or more.
    price
        The column of prices, or an expression: any number.
    center
        Whether the window has as many trades after the trade as before it. Such a window looks
        ahead, by ``window // 2`` trades, so that it must not be used where the past alone is known,
        as in a simulation of trading; but it keeps the first trades after a true jump.

    Returns
    -------
    Expr
        Boolean, named ``on_market``, a value for each row and never null: true for trades to keep.
        Prices that are null or no finite number are kept, so that `bars` refuses them. Rows must be
        in the order of the trades. For several symbols in one frame add ``.over("symbol")``.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call.

    Notes
    -----
    The window ends with the trade itself, so nothing after it is used. Therefore a true jump of
    more than `bps`, such as over a weekend, looks like a misprint at first: its first
    trades, up to ``window // 2`` of them, are dropped until the median follows. Choose `bps` above
    such jumps, or let windows begin anew with each day:
    ``.over(pl.col("timestamp").dt.date())``. The windows at the beginning are shorter, so the very
    first trade is always kept, and a misprint among the first trades may be.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> quotes = pl.DataFrame({"price": [1.10, 1.1001, 1.1002, 1.1302, 1.1002]})
    >>> quotes.filter(rb.drop_off_market(bps=100, window=3))["price"].to_list()
    [1.1, 1.1001, 1.1002, 1.1002]
    """
    check_flags(center=center)
    if isinstance(bps, bool | str) or not isinstance(bps, SupportsFloat):
        raise TypeError(f"bps is {bps!r}: expected a number of basis points (100 is 1 %)")
    if not 0 < float(bps) < math.inf:
        raise ValueError(f"bps is {bps!r}: expected a finite number above 0 (100 is 1 %)")
    if check_count(window, "window") < _LEAST_WINDOW:
        raise ValueError(f"window is {window}: expected {_LEAST_WINDOW} or more trades")
    given = price_of(price)
    median = given.rolling_median(int(window), min_samples=1, center=center)
    distance = (given - median).abs()
    is_off = distance.is_finite() & (distance > median * (float(bps) / _PER_UNIT))
    return (~is_off).fill_null(value=True).alias("on_market")
