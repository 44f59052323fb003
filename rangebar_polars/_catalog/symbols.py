"""Several symbols in one frame."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from rangebar_polars._series import Series

SYMBOL: Final = "symbol"
"""The leading column of the rows of several symbols."""

Symbols = str | Sequence[str]
"""One symbol, or several, whose rows then have a leading column ``symbol``."""


def joined(every: Sequence[Series], plans: Sequence[pl.LazyFrame], *, alone: bool) -> pl.LazyFrame:
    """Concatenate the rows of several symbols, each with its symbol.

    Parameters
    ----------
    every
        The series.
    plans
        The rows of each series.
    alone
        Whether there is one symbol, whose rows need no column of it.
    """
    if alone:
        return plans[0]
    named = [
        plan.select(pl.lit(series.symbol).alias(SYMBOL), pl.all())
        for series, plan in zip(every, plans, strict=True)
    ]
    return pl.concat(named)
