"""What was bought and sold at each price of a group of trades."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core import plugin as _plugin
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._trade_columns import TradeColumns


@named
def footprint(tick: float, imbalance: int = 300, *, columns: TradeColumns | None = None) -> pl.Expr:
    """Return the levels of the price, with what was bought and sold at each.

    The price ``p`` is in the level ``floor(p / tick)``, both at 8 decimals, and the price of a
    level is its lower edge.

    Parameters
    ----------
    tick, imbalance
        As in `rangebar_polars.Footprint`.
    columns
        The names of the columns of the trades. Reads ``price``, ``quantity``, ``is_buyer_maker``,
        ``first_trade_id`` and ``last_trade_id``.

    Returns
    -------
    Expr
        List(Struct), a struct for each level with trades, ascending: ``price``, ``volume``,
        ``buy_volume``, ``sell_volume`` (Float64), ``individual_trade_count`` (Int64),
        ``buy_imbalance``, ``sell_imbalance`` (Boolean). ``buy_imbalance``: something was bought at
        the level, and at least ``imbalance`` percent of what was sold one tick below;
        ``sell_imbalance``: sold, of what was bought one tick above. The lowest level has no
        ``buy_imbalance`` and the highest no ``sell_imbalance``. The four of sides are null if the
        trades have no column of sides. A group without a trade has null.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; raised by the call. Bad trades raise ComputeError as in
        `rangebar_polars.bars`, and so do more than 1,048,576 levels in a group.

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
    >>> levels = trades.select(rb.features.footprint(0.5)).explode("footprint").unnest("footprint")
    >>> levels.select("price", "buy_volume", "sell_volume", "buy_imbalance").rows()
    [(100.0, 1.0, 1.0, False), (100.5, 2.0, 0.0, False), (101.0, 3.0, 0.0, True)]
    """
    asked = Footprint(tick, imbalance=imbalance)
    return _plugin.footprint(asked, check_columns(columns))
