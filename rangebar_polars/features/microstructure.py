"""The ten microstructure features of `include_microstructure`, over any group of trades."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._trade_columns import TradeColumns


@named
def duration_us(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the time from the first trade to the last, in whole microseconds.

    ``close_time - open_time``; nanoseconds are cut off.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``timestamp``.

    Returns
    -------
    Expr
        Int64, microseconds; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...     }
    ... )
    >>> trades.select(rb.features.duration_us()).item()
    2000000
    """
    return _plugin.feature("duration_us", check_columns(columns))


@named
def ofi(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the order-flow imbalance, in -1 to 1.

    ``(buy_volume - sell_volume) / (buy_volume + sell_volume)``, where the side is the aggressor's.
    After the order imbalance of Chordia, Roll and Subrahmanyam (2002), here by volume.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64; null where that sum is 0 or no trade has a side.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 3.0],
    ...         "is_buyer_maker": [False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.ofi()).item()
    0.3333333333333333
    """
    return _plugin.feature("ofi", check_columns(columns))


@named
def vwap_close_deviation(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the distance of the last price from the average price, relative to the range.

    ``(close - vwap) / (high - low)`` with ``vwap = turnover / volume`` (Berkowitz, Logue and Noser
    1988).

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
    ...         "price": [100.0, 100.1, 101.0],
    ...         "quantity": [1.0, 2.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.vwap_close_deviation()).item()
    0.4666666666666667
    """
    return _plugin.feature("vwap_close_deviation", check_columns(columns))


@named
def price_impact(columns: TradeColumns | None = None) -> pl.Expr:
    """Return how far the price moved for each unit traded.

    ``abs(close - open) / volume``. A variant of Amihud (2002), whose measure is the absolute return
    over the traded value.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``, ``quantity``.

    Returns
    -------
    Expr
        Float64, price for each unit of quantity; null where the volume is 0.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.1, 101.0],
    ...         "quantity": [1.0, 2.0, 3.0],
    ...     }
    ... )
    >>> trades.select(rb.features.price_impact()).item()
    0.16666666666666666
    """
    return _plugin.feature("price_impact", check_columns(columns))


@named
def kyle_lambda_proxy(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the return for each unit of order-flow imbalance.

    ``((close - open) / open) / ofi``. A proxy after Kyle (1985), not his regression.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads
        ``price``, ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64; null where `ofi` is 0 or null.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.1, 101.0],
    ...         "quantity": [1.0, 2.0, 3.0],
    ...         "is_buyer_maker": [False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.kyle_lambda_proxy()).item()
    0.030000000000000002
    """
    return _plugin.feature("kyle_lambda_proxy", check_columns(columns))


@named
def trade_intensity(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the number of individual trades in a second.

    ``individual_trade_count / (duration_us / 1e6)``; cf. the trade arrivals of Engle and Russell
    (1998).

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads
        ``timestamp``, ``first_trade_id``, ``last_trade_id``.

    Returns
    -------
    Expr
        Float64, 1/s; null where the duration is 0.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "first_trade_id": [1, 4, 5],
    ...         "last_trade_id": [3, 4, 9],
    ...     }
    ... )
    >>> trades.select(rb.features.trade_intensity()).item()
    4.5
    """
    return _plugin.feature("trade_intensity", check_columns(columns))


@named
def volume_per_trade(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the average size of an individual trade.

    ``volume / individual_trade_count``; cf. the trade sizes of Barclay and Warner (1993).

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads
        ``quantity``, ``first_trade_id``, ``last_trade_id``.

    Returns
    -------
    Expr
        Float64, in units of quantity; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "quantity": [1.0, 2.0, 3.0],
    ...         "first_trade_id": [1, 4, 5],
    ...         "last_trade_id": [3, 4, 9],
    ...     }
    ... )
    >>> trades.select(rb.features.volume_per_trade()).item()
    0.6666666666666666
    """
    return _plugin.feature("volume_per_trade", check_columns(columns))


@named
def aggression_ratio(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the number of buys for each sell among individual trades, at most 100.

    ``min(buy_trade_count / sell_trade_count, 100)``; it is 100 if there are buys and no sells.
    Cf. Lee and Ready (1991), who infer the aggressor that the exchange reports here.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads
        ``is_buyer_maker``, ``first_trade_id``, ``last_trade_id``.

    Returns
    -------
    Expr
        Float64; null if there are neither buys nor sells, or no trade has a side.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "is_buyer_maker": [False, True, False],
    ...         "first_trade_id": [1, 4, 5],
    ...         "last_trade_id": [3, 4, 9],
    ...     }
    ... )
    >>> trades.select(rb.features.aggression_ratio()).item()
    8.0
    """
    return _plugin.feature("aggression_ratio", check_columns(columns))


@named
def aggregation_density(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the number of individual trades for each record.

    ``individual_trade_count / agg_record_count``.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``first_trade_id``, ``last_trade_id``.

    Returns
    -------
    Expr
        Float64; null where no record has both trade ids.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "first_trade_id": [1, 4, 5],
    ...         "last_trade_id": [3, 4, 9],
    ...     }
    ... )
    >>> trades.select(rb.features.aggregation_density()).item()
    3.0
    """
    return _plugin.feature("aggregation_density", check_columns(columns))


@named
def turnover_imbalance(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the order-flow imbalance by value, in -1 to 1.

    ``(buy_turnover - sell_turnover) / (buy_turnover + sell_turnover)``.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads
        ``price``, ``quantity``, ``is_buyer_maker``.

    Returns
    -------
    Expr
        Float64; null where that sum is 0 or no trade has a side.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.1, 101.0],
    ...         "quantity": [1.0, 2.0, 3.0],
    ...         "is_buyer_maker": [False, True, False],
    ...     }
    ... )
    >>> trades.select(rb.features.turnover_imbalance()).item()
    0.33620689655172414
    """
    return _plugin.feature("turnover_imbalance", check_columns(columns))
