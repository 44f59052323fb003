"""Prices and quantities as the exact integers that are compared and summed, as expressions."""

from typing import Final

import polars as pl

SCALE: Final = 1e8
"""Prices and quantities count units of 1e-8."""


def to_fixed(value: pl.Expr) -> pl.Expr:
    """Return ``value * 1e8``, rounded half away from zero, as Int64; null for what does not fit.

    >>> pl.select(to_fixed(pl.lit(0.000_000_005))).item()
    1
    """
    scaled = value * SCALE
    whole = scaled.cast(pl.Int64, strict=False)
    return whole + (scaled - whole.cast(pl.Float64) >= 0.5).cast(pl.Int64)  # noqa: PLR2004 - half
