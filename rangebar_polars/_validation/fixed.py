"""Prices and thresholds as the exact integers of the rule, as expressions."""

from typing import Final

import polars as pl

PER_THRESHOLD: Final = 100_000
"""A threshold counts hundred-thousandths of the opening price."""

EXACT: Final = 2.0**51
"""Below it an integer comes back from a float of it over 1e8, through two roundings."""


def delta(open_price: pl.Expr, threshold: pl.Expr) -> pl.Expr:
    """Return how far, in units of 1e-8, the price of a closing trade must be from the open.

    ``max(1, ceil(open * threshold / 100000))`` of a fixed open; the open is divided first, as the
    product may not fit 64 bits.

    >>> from rangebar_polars._core.fixed import to_fixed
    >>> pl.select(delta(to_fixed(pl.lit(0.00000972)), pl.lit(250))).item()
    3
    """
    whole, rest = open_price // PER_THRESHOLD, open_price % PER_THRESHOLD
    raised = whole * threshold + (rest * threshold + PER_THRESHOLD - 1) // PER_THRESHOLD
    return pl.max_horizontal(raised, pl.lit(1, pl.Int64))


_EVERY: Final = {"day": "1d", "week": "1w", "month": "1mo", "year": "1y"}


def period(time: pl.Expr, dtype: pl.DataType, reset: str) -> pl.Expr:
    """Return the start of the UTC period that a time lies in."""
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    utc = time.dt.convert_time_zone("UTC") if zoned else time
    return utc.dt.truncate(_EVERY[reset])
