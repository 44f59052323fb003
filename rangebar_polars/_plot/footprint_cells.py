"""The cells of the cluster chart: a row for each level of bars, with the texts that it shows."""

import math
from typing import Any, Final

import polars as pl

from rangebar_polars._core.fixed import SCALE, to_fixed
from rangebar_polars._plot import number_axis
from rangebar_polars._plot.chains import Chain
from rangebar_polars._plot.number_axis import NUMBER

FOOTPRINT: Final = "footprint"
POC: Final = "poc"
AREA: Final = ("value_area_low", "value_area_high")

_FIELDS: Final = ("price", "volume", "buy_volume", "sell_volume")
_FLAGS: Final = ("buy_imbalance", "sell_imbalance")

_MOST_CELLS: Final = 20_000
"""Cells that are still one picture."""

_EXACT: Final = 1 << 51
"""Units of 1e-8 up to which a price as a float has them all."""

_OF_ONE_LEVEL: Final = 1e-4
"""The height of a level by its price, where all bars have the same one."""

_LEAST_VOLUME: Final = 0.001
"""Volumes below it are shown as such: their digits have no room."""


def check_footprint(schema: pl.Schema) -> None:
    """Refuse bars without levels.

    Raises
    ------
    ValueError, TypeError
        The column is missing, or is another one.
    """
    if FOOTPRINT not in schema:
        raise ValueError(
            f"the bars have no column 'footprint': they have [{', '.join(schema)}] "
            "(make them with footprint=rb.Footprint(tick=...))"
        )
    dtype = schema[FOOTPRINT]
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    fields = {field.name for field in inner.fields} if isinstance(inner, pl.Struct) else set[str]()
    if not fields.issuperset({*_FIELDS, *_FLAGS}):
        raise TypeError(
            f'column "footprint" is {dtype}: expected the levels that bars(footprint=...) makes'
        )


def short(volume: float | None) -> str:
    """Return a volume in a few characters.

    Examples
    --------
    >>> [short(volume) for volume in (0.0, 0.01234, 1.25, 123.4, 12_345.0, 7_654_321.0)]
    ['0', '0.012', '1.25', '123', '12.3k', '7.65M']
    >>> short(0.0004)
    '<0.001'
    """
    if volume is None or volume == 0:
        return "" if volume is None else "0"
    if volume < _LEAST_VOLUME:
        return f"<{_LEAST_VOLUME}"
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if volume >= unit:
            return f"{volume / (1e3 if letter == 'k' else unit):.3g}{letter}"
    digits = 3 if volume >= 1 else 2
    return f"{volume:.0f}" if volume >= 100 else f"{volume:.{digits}g}"  # noqa: PLR2004 - digits


def cells_of(chain: Chain) -> pl.DataFrame:
    """Return a row for each level of the bars of a chain.

    Raises
    ------
    ValueError
        There is none, or there are too many.
    """
    bars = chain.bars
    first = pl.int_range(chain.first, chain.height).alias(NUMBER)
    wanted = [
        first,
        number_axis.short_time("close_time", bars["close_time"]),
        *(pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close")),
        *(pl.col(name) for name in (POC, *AREA) if name in bars.columns),
        FOOTPRINT,
    ]
    levels = bars.select(wanted).explode(FOOTPRINT).drop_nulls(FOOTPRINT)
    if levels.is_empty():
        raise ValueError("there is nothing to draw: the bars have no levels")
    if levels.height > _MOST_CELLS:
        raise ValueError(
            f"the last {bars.height} bars have {levels.height} levels: expected at most "
            f"{_MOST_CELLS} in a chart (give a smaller last, or bars with a coarser tick)"
        )
    taken = [pl.col(FOOTPRINT).struct.field(name) for name in (*_FIELDS, *_FLAGS)]
    cells = levels.select(pl.exclude(FOOTPRINT), *taken)
    delta = pl.col("buy_volume") - pl.col("sell_volume")
    texts = [
        pl.col(column).map_elements(short, pl.String, skip_nulls=False).alias(name)
        for column, name in (("sell_volume", "sold"), ("buy_volume", "bought"), ("volume", "all"))
    ]
    return cells.with_columns(
        delta.alias("delta"),
        *texts,
        *(pl.col(name).fill_null(value=False) for name in _FLAGS),
    )


def tick_of(cells: pl.DataFrame) -> float:
    """Return the height of a level: the greatest that the distances of all levels are multiples of.

    Examples
    --------
    >>> tick_of(pl.DataFrame({"price": [100.0, 100.2, 100.5, 100.2]}))
    0.1
    """
    prices: Any = cells.select(to_fixed(pl.col("price"))).to_series().drop_nulls().unique()
    distances = (prices.sort().diff().drop_nulls()).to_list()
    if not distances:
        return float(cells["price"][0]) * _OF_ONE_LEVEL
    # Larger prices have lost their last units.
    found = math.gcd(*distances) if prices.max() < _EXACT else min(distances)
    return float(found / SCALE)
