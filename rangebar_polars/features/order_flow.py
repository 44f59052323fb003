"""Which side of a group of trades is the aggressor's, and how the price answers."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._trade_columns import TradeColumns


@named
def tick_rule_ofi(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the imbalance of volume by the tick rule, in -1 to 1.

    ``(up - down) / (up + down)`` of the volumes of trades after a rise and after a fall: a trade
    has the direction of the last change of the price, its own included (the tick test of Lee and
    Ready 1991). Trades before the first change count in neither. It needs no side, and is wrong for
    single trades often enough that `ofi` is better where there is one.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``, ``quantity``.

    Returns
    -------
    Expr
        Float64; null where that sum is 0.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.tick_rule_ofi()).item()
    0.6666666666666666
    """
    return _plugin.feature("tick_rule_ofi", check_columns(columns))


@named
def kyle_lambda_ols(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the slope of price changes on signed volume.

    ``sum(x * v) / sum(v**2)``, where ``x`` are the changes of the price and ``v`` the quantities of
    the same trades, negative if the aggressor sold: the regression through the origin (Kyle 1985;
    López de Prado 2018, chapter 19). A trade that nobody knows the side of has ``v = 0``.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``, ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64, price for each unit of quantity; null where no trade but the first has a side and a
        quantity.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...         "is_buyer_maker": [False, False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.kyle_lambda_ols()).item()
    0.2642857142857143
    """
    return _plugin.feature("kyle_lambda_ols", check_columns(columns))


@named
def amihud(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the absolute return for each unit of turnover.

    ``abs(close - open) / open / turnover`` (Amihud 2002), the group as one period. It falls with
    the length of the group.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``, ``quantity``.

    Returns
    -------
    Expr
        Float64, 1 / (price times quantity); null where the turnover is 0.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.amihud()).item()
    1.4200511218403862e-05
    """
    return _plugin.feature("amihud", check_columns(columns))


@named
def delta(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the bought volume less the sold.

    ``buy_volume - sell_volume``, where the side is the aggressor's.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64, in units of quantity; null if the trades have no column of sides.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...         "is_buyer_maker": [False, False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.delta()).item()
    5.0
    """
    return _plugin.feature("delta", check_columns(columns))


@named
def max_delta(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the greatest running difference of bought and sold volume.

    The greatest `delta` of the first trades, of none of them (0) up to all.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64, in units of quantity, 0 or more; null if the trades have no column of sides.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...         "is_buyer_maker": [False, False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.max_delta()).item()
    5.0
    """
    return _plugin.feature("max_delta", check_columns(columns))


@named
def min_delta(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the least running difference of bought and sold volume.

    The least `delta` of the first trades, of none of them (0) up to all.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64, in units of quantity, 0 or less; null if the trades have no column of sides.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...         "is_buyer_maker": [False, False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.min_delta()).item()
    0.0
    """
    return _plugin.feature("min_delta", check_columns(columns))
