"""The limits of bars, in the integers by which trades are cut."""

from typing import Final

import polars as pl

_SCALE: Final = 100_000_000
_HALF: Final = 0.5
_WHOLE: Final = 100_000


def fixed(price: pl.Expr) -> pl.Expr:
    """Return prices as the integers that are compared: the f64 product by 1e8, rounded half up.

    Examples
    --------
    >>> prices = pl.Series([50_125.0, 0.000000005, 0.000000004999])
    >>> pl.select(fixed(pl.lit(prices))).to_series().to_list()
    [5012500000000, 1, 0]
    """
    scaled = price.cast(pl.Float64) * float(_SCALE)
    whole = scaled.cast(pl.Int64)
    return whole.cast(pl.Int128) + (scaled - whole.cast(pl.Float64) >= _HALF).cast(pl.Int128)


def limits(opened: pl.Expr, threshold_decimal_bps: int) -> tuple[pl.Expr, pl.Expr]:
    """Return the lower and the upper limit of bars that open at a price, both at scale 1e8.

    With O the open at that scale, a limit is ``max(1, ceil(O * threshold / 100000))`` away from it.

    Examples
    --------
    >>> opens = pl.Series([50_000.0, 0.00000972])
    >>> lower, upper = limits(pl.lit(opens), 250)
    >>> pl.select(lower=lower, upper=upper).rows()
    [(4987500000000, 5012500000000), (969, 975)]
    """
    at = fixed(opened)
    whole = pl.lit(_WHOLE, pl.Int128)
    delta = (at * pl.lit(threshold_decimal_bps, pl.Int128) + whole - 1) // whole
    delta = pl.max_horizontal(delta, pl.lit(1, pl.Int128))
    return at - delta, at + delta


def as_prices(limits: pl.Series) -> pl.Series:
    """Return limits as the nearest floats.

    Polars divides by a constant as it multiplies by the inverse, which is not always the nearest.

    Examples
    --------
    >>> as_prices(pl.Series([969, 4_987_500_000_000])).to_list()
    [9.69e-06, 49875.0]
    """
    return pl.Series(limits.name, [limit / _SCALE for limit in limits], pl.Float64)
