"""How exact volumes are, and the borders of resets."""

from functools import partial
from typing import Final

import polars as pl

from rangebar_polars._core.arguments import Reset
from rangebar_polars._core.bars import bar_id
from rangebar_polars._core.borders import NamedBorders, utc_period
from rangebar_polars._core.rules.totals import ENDLESS

EXACT: Final = 2.0**51
"""Below it an integer comes back from a float of it over 1e8, through two roundings."""


_EVERY: Final = {"day": "1d", "week": "1w", "month": "1mo", "year": "1y"}


def has_border(before: pl.Expr, after: pl.Expr, dtype: pl.DataType, reset: NamedBorders) -> pl.Expr:
    """Return whether a reset lies between two times of this dtype; null where one of them is."""
    if (of_utc := utc_period(reset)) is not None:
        return period(before, dtype, of_utc) != period(after, dtype, of_utc)
    both = pl.struct(before.alias("before"), after.alias("after"))
    return both.map_batches(partial(_differ, reset=reset), return_dtype=pl.Boolean)


def _differ(both: pl.Series, *, reset: NamedBorders) -> pl.Series:
    """Return whether bars of the times would be of different chains, by the cuts of the kernel."""
    before, after = both.struct.field("before"), both.struct.field("after")
    times = pl.concat([before.rename("timestamp"), after.rename("timestamp")])
    of_each = (
        times.drop_nulls()
        .unique()
        .sort()
        .to_frame()
        .with_columns(price=1.0, quantity=1.0)
        .select("timestamp", bar_id(rule=ENDLESS, reset=reset))
    )
    days = times.to_frame().join(of_each, on="timestamp", how="left", maintain_order="left")
    day = days["bar_id"]
    return day[: before.len()] != day[before.len() :]


def period(time: pl.Expr, dtype: pl.DataType, reset: Reset) -> pl.Expr:
    """Return the start of the UTC period that a time lies in."""
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    utc = time.dt.convert_time_zone("UTC") if zoned else time
    return utc.dt.truncate(_EVERY[reset])
