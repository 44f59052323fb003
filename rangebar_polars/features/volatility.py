"""How much the price of a group of trades varies."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._trade_columns import TradeColumns


@named
def realized_volatility(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the root of the sum of squared returns from trade to trade.

    ``sqrt(sum(k**2))`` of the simple returns ``k = x / P``, each rounded to a multiple of 2**-52,
    where ``x`` are the changes of the price and ``P`` the prices before them. It is not annualised,
    and it grows with the number of trades; so does the noise of the spread in it (Andersen,
    Bollerslev, Diebold and Labys 2003).

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64, a fraction of the price; null where there are fewer than 2 trades.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.realized_volatility()).item()
    0.009882076526978692
    """
    return _plugin.feature("realized_volatility", check_columns(columns))


@named
def garman_klass_vol(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the volatility by open, high, low and close.

    ``sqrt(ln(high / low)**2 / 2 - (2 * ln(2) - 1) * ln(close / open)**2)`` (Garman and Klass 1980).
    Of a range bar it is nearly fixed by the rule that ended it.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64, a fraction of the price; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.garman_klass_vol().round(12)).item()
    0.003355278105
    """
    return _plugin.feature("garman_klass_vol", check_columns(columns))


@named
def max_drawdown(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the greatest fall from the highest price so far.

    The greatest ``(M - P) / M``, where ``M`` is the highest price up to the price ``P``.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64, in 0 to 1; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.max_drawdown()).item()
    0.0029850746268656717
    """
    return _plugin.feature("max_drawdown", check_columns(columns))


@named
def max_run_up(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the greatest rise from the lowest price so far.

    The greatest ``(P - W) / W``, where ``W`` is the lowest price up to the price ``P``.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64, 0 or more; null if there is no trade.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 100.5, 100.2, 101.0],
    ...     }
    ... )
    >>> trades.select(rb.features.max_run_up()).item()
    0.01
    """
    return _plugin.feature("max_run_up", check_columns(columns))


@named
def variance_ratio(columns: TradeColumns | None = None) -> pl.Expr:
    """Return the variance of changes over ten trades by ten times that of one.

    Changes over ten trades overlap, and both variances are unbiased (Lo and MacKinlay 1988). It is
    about 1 for a random walk, below 1 where the price reverts and above 1 where it trends. The
    bounce between bid and ask alone puts it below 1.

    Parameters
    ----------
    columns
        The names of the columns of the trades. Reads ``price``.

    Returns
    -------
    Expr
        Float64, 0 or more; null where there are fewer than 21 trades or all changes are equal.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "price": [100.0, 101.0, 102.0] * 20,
    ...     }
    ... )
    >>> trades.select(rb.features.variance_ratio()).item()
    0.12335746509129968
    """
    return _plugin.feature("variance_ratio", check_columns(columns))
