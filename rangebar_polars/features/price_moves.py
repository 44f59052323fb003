"""How the price of a group of trades moves from trade to trade."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._trade_columns import TradeColumns


@named
def kaufman_er(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how straight the price went, in 0 to 1.

    ``abs(P[-1] - P[0]) / sum(abs(x))``, where ``x`` are the changes of the price ``P`` (Kaufman
    1995).

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64; null where the price never moved.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.kaufman_er()).item()
    0.625
    """
    return _plugin.feature("kaufman_er", check_columns(columns))


@named
def permutation_entropy(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how evenly the orders of three successive prices occur, in 0 to 1.

    The entropy of the shares of the six orders, over ``ln(6)`` (Bandt and Pompe 2002). Of equal
    prices the earlier ranks lower, so they count as rising, and quiet markets look ordered.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64; null where there are fewer than 60 trades.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 101.0, 102.0] * 20,
    ...     }
    ... )
    >>> trades.select(rb.features.permutation_entropy().round(12)).item()
    0.612982215164
    """
    return _plugin.feature("permutation_entropy", check_columns(columns))


@named
def roll_spread(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the spread that the bounce of the price suggests.

    ``2 * sqrt(-c)`` of the covariance ``c`` of successive price changes (Roll 1984). It assumes
    that the price is otherwise a random walk.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64, in units of the price; null where there are fewer than 4 trades, or the covariance
        is 0 or more, as it often is (Harris 1990).

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.roll_spread()).item()
    1.32664991614216
    """
    return _plugin.feature("roll_spread", check_columns(columns))


@named
def direction_changes(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how often the price turned.

    How often a change of the price has the other sign than the one before; trades without a change
    are left out.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Int64; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.direction_changes()).item()
    2
    """
    return _plugin.feature("direction_changes", check_columns(columns))


@named
def uptick_count(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how many trades were above the one before.

    Cf. the tick test of Lee and Ready (1991). The first trade has none before it.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Int64; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.uptick_count()).item()
    2
    """
    return _plugin.feature("uptick_count", check_columns(columns))


@named
def downtick_count(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how many trades were below the one before.

    Cf. the tick test of Lee and Ready (1991). The first trade has none before it.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Int64; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.downtick_count()).item()
    1
    """
    return _plugin.feature("downtick_count", check_columns(columns))
