"""How the volume of a group of trades is shared among them."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._trade_columns import TradeColumns


@named
def vwap_position(columns: TradeColumns | None = None) -> pl.Expr:
    """Return where the average price lies between low and high, in 0 to 1.

    ``(vwap - low) / (high - low)`` with ``vwap = turnover / volume``.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``, ``quantity``.

    Returns
    -------
    Expr
        Float64; null where high and low are equal at 8 decimals or the volume is 0.

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
    >>> trades.select(rb.features.vwap_position()).item()
    0.6
    """
    return _plugin.feature("vwap_position", check_columns(columns))


@named
def largest_trade_share(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the share of the largest trade in the volume, in 0 to 1.

    ``max(Q) / sum(Q)`` of the quantities ``Q``. It falls with the number of trades.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``.

    Returns
    -------
    Expr
        Float64; null where the volume is 0.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.largest_trade_share()).item()
    0.42857142857142855
    """
    return _plugin.feature("largest_trade_share", check_columns(columns))


@named
def volume_skew(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the skewness of the quantities.

    The third central moment over the third power of the deviation, both of the population, as
    ``scipy.stats.skew`` by default.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``.

    Returns
    -------
    Expr
        Float64; null where there are fewer than 3 trades or all quantities are equal.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.volume_skew()).item()
    0.49338220021815865
    """
    return _plugin.feature("volume_skew", check_columns(columns))


@named
def volume_kurt(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the excess kurtosis of the quantities.

    The fourth central moment over the squared variance, less 3, both of the population, as
    ``scipy.stats.kurtosis`` by default.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``.

    Returns
    -------
    Expr
        Float64; null where there are fewer than 4 trades or all quantities are equal.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 1.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.volume_kurt()).item()
    -1.3719008264462809
    """
    return _plugin.feature("volume_kurt", check_columns(columns))
