"""How exact volumes are, and the periods of resets."""

from typing import Final

import polars as pl

EXACT: Final = 2.0**51
"""Below it an integer comes back from a float of it over 1e8, through two roundings."""


_EVERY: Final = {"day": "1d", "week": "1w", "month": "1mo", "year": "1y"}


def period(time: pl.Expr, dtype: pl.DataType, reset: str) -> pl.Expr:
    """Return the start of the UTC period that a time lies in."""
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    utc = time.dt.convert_time_zone("UTC") if zoned else time
    return utc.dt.truncate(_EVERY[reset])
