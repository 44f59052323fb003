"""How the trades of a group are spread over time."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._trade_columns import TradeColumns


@named
def burstiness(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how unevenly the trades follow each other, in -1 to 1.

    ``(s - m) / (s + m)`` of the mean ``m`` and the population deviation ``s`` of the times between
    trades (Goh and Barabási 2008): -1 if they are all equal, 0 for a Poisson process. Of ``n``
    times it is at most ``(sqrt(n - 1) - 1) / (sqrt(n - 1) + 1)`` (Kim and Jo 2016), so groups of
    different length do not compare. Trades of one time are 0 apart, so a coarser clock makes it
    larger.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``timestamp``.

    Returns
    -------
    Expr
        Float64; null where there are fewer than 3 trades or all have one time.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 1500, 3000]).cast(pl.Datetime("ms")),
    ...     }
    ... )
    >>> trades.select(rb.features.burstiness()).item()
    -0.42020410288672877
    """
    return _plugin.feature("burstiness", check_columns(columns))


@named
def time_above_open(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the share of time in which the price was above the first one, in 0 to 1.

    A price holds until the next trade, so the last one has no time.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``timestamp``, ``price``.

    Returns
    -------
    Expr
        Float64; null where all trades have one time.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 1500, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.time_above_open()).item()
    0.6666666666666666
    """
    return _plugin.feature("time_above_open", check_columns(columns))
