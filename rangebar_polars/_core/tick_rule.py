"""The side of each trade, guessed from the prices."""

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.fixed import to_fixed


@named
def tick_rule(price: str | pl.Expr = "price") -> pl.Expr:
    """Return the side of each trade by the tick rule, as a column ``is_buyer_maker``.

    A trade at a higher price than the trade before is a buy, at a lower one a sell; at the same
    price it has the side of the trade before. It is a guess for trades without a side (Lee and
    Ready 1991): where trades have one, give it (`TradeColumns`).

    Parameters
    ----------
    price
        The column of prices, or an expression: any number, compared as integers at scale 1e8 as in
        `bars`. A null is passed over.

    Returns
    -------
    Expr
        Boolean, a value for each row: true where the aggressor sold, false where it bought, null
        in the first rows, before the price first changes. Rows must be in the order of the trades.
        For several symbols in one frame add ``.over("symbol")``.

    Raises
    ------
    TypeError
        It is neither a name nor an expression.

    Notes
    -----
    Each call begins anew: where trades come batch by batch, the first rows of a batch have no side.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> quotes = pl.DataFrame({"price": [1.1, 1.2, 1.2, 1.1, 1.1]})
    >>> quotes.select(rb.tick_rule()).to_series().to_list()
    [None, False, False, True, True]
    """
    change = to_fixed(price_of(price)).forward_fill().diff()
    sold = pl.when(change != 0).then(change < 0)
    return sold.forward_fill().alias("is_buyer_maker")


def price_of(price: str | pl.Expr) -> pl.Expr:
    """Return a column of prices as Float64.

    Raises
    ------
    TypeError
        It is neither a name nor an expression.
    """
    if isinstance(price, str):
        price = pl.col(price)
    if not isinstance(price, pl.Expr):
        raise TypeError(f"price is {price!r}: expected the name of a column, or an expression")
    return price.cast(pl.Float64)
