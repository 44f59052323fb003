"""Prices and quantities as the exact integers that are compared and summed."""

import math
from typing import Final

import polars as pl

SCALE: Final = 1e8
"""Prices and quantities count units of 1e-8."""

DECIMAL: Final = r"[0-9]{1,11}(?:\.[0-9]{1,8})?"
"""A decimal in the text of a key, as a regular expression."""

PER_THRESHOLD: Final = 100_000
"""A threshold counts hundred-thousandths of the opening price."""


def to_fixed(value: pl.Expr) -> pl.Expr:
    """Return ``value * 1e8``, rounded half away from zero, as Int64; null for what does not fit.

    >>> pl.select(to_fixed(pl.lit(0.000_000_005))).item()
    1
    """
    scaled = value * SCALE
    whole = scaled.cast(pl.Int64, strict=False)
    return whole + (scaled - whole.cast(pl.Float64) >= 0.5).cast(pl.Int64)  # noqa: PLR2004 - half


def units_of(value: float) -> int:
    """Return ``value * 1e8`` of a number of 0 or more, rounded half up.

    >>> units_of(0.000_000_005)
    1
    """
    scaled = value * SCALE
    whole = math.floor(scaled)
    return whole + (scaled - whole >= 0.5)  # noqa: PLR2004 - half


def units_text(units: int) -> str:
    """Return a number of units of 1e-8 as an exact decimal.

    >>> units_text(50_000_000), units_text(1), units_text(10**9)
    ('0.5', '0.00000001', '10')
    """
    whole, rest = divmod(units, int(SCALE))
    return f"{whole}.{rest:08d}".rstrip("0").rstrip(".")


def parse_units(text: str) -> int:
    """Return how many units of 1e-8 a text of `DECIMAL` has.

    >>> parse_units("0.5")
    50000000
    """
    whole, _, rest = text.partition(".")
    return int(whole) * int(SCALE) + int(rest.ljust(8, "0"))


def delta(open_price: pl.Expr, threshold: pl.Expr) -> pl.Expr:
    """Return how far, in units of 1e-8, the price of a closing trade must be from the open.

    ``max(1, ceil(open * threshold / 100000))`` of a fixed open; the open is divided first, as the
    product may not fit 64 bits.

    >>> pl.select(delta(to_fixed(pl.lit(0.00000972)), pl.lit(250))).item()
    3
    """
    whole, rest = open_price // PER_THRESHOLD, open_price % PER_THRESHOLD
    raised = whole * threshold + (rest * threshold + PER_THRESHOLD - 1) // PER_THRESHOLD
    return pl.max_horizontal(raised, pl.lit(1, pl.Int64))
