"""What is known of each column of bars that a pane may show: its unit, and how it is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

Mark = Literal["columns", "line"]
"""Columns stand on 0; a line has an axis that need not have it."""

BASE: Final = "base units"
QUOTE: Final = "quote currency"
PRICE: Final = "price"
"""What `units` calls the axis of the candles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How a column is drawn.

    Attributes
    ----------
    unit
        The unit, or the range of a ratio, in words.
    mark
        Whether it is drawn as columns that stand on 0, or as a line.
    domain
        The values of a ratio between two limits.
    divisor
        What values are divided by on the axis, so that it has a unit that people read.
    """

    unit: str = ""
    mark: Mark = "line"
    domain: tuple[float, float] | None = None
    divisor: float = 1.0


_BALANCE: Final = Kind(unit="-1 all sells, 1 all buys", mark="columns", domain=(-1.0, 1.0))
_COUNT: Final = Kind(unit="trades", mark="columns")
_VOLUME: Final = Kind(unit=BASE, mark="columns")
_TURNOVER: Final = Kind(unit=QUOTE, mark="columns")
_PRICE: Final = Kind(unit=QUOTE)

KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("open", "high", "low", "close", "vwap"), _PRICE),
    **dict.fromkeys(("volume", "buy_volume", "sell_volume"), _VOLUME),
    **dict.fromkeys(("turnover", "buy_turnover", "sell_turnover"), _TURNOVER),
    **dict.fromkeys(("individual_trade_count", "buy_trade_count", "sell_trade_count"), _COUNT),
    "agg_record_count": Kind(unit="rows", mark="columns"),
    "duration_us": Kind(unit="s", mark="columns", divisor=1e6),
    "ofi": _BALANCE,
    "vwap_close_deviation": Kind(unit="of high - low", mark="columns", domain=(-1.0, 1.0)),
    "price_impact": Kind(unit=f"{QUOTE} / base unit", mark="columns"),
    "kyle_lambda_proxy": Kind(unit="return / ofi", mark="columns"),
    "trade_intensity": Kind(unit="trades / s", mark="columns"),
    "volume_per_trade": Kind(unit=f"{BASE} / trade", mark="columns"),
    "aggression_ratio": Kind(unit="buys / sells, at most 100", mark="columns"),
    "aggregation_density": Kind(unit="trades / row"),
    "turnover_imbalance": _BALANCE,
}
"""The columns of bars that have a unit."""

_DRAWN: Final = "numbers, Boolean or Duration"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pane:
    """A column of bars that is drawn below the candles.

    Attributes
    ----------
    column
        Its name in the frame of bars.
    field
        Its name in the data of the chart: Vega reads dots and brackets in a name as a path.
    kind
        How it is drawn.
    title
        Name and unit.
    whole
        Whether its values are integers.
    """

    column: str
    field: str
    kind: Kind
    title: str
    whole: bool


def pane_of(column: str, dtype: pl.DataType, number: int, unit: str | None) -> Pane:
    """Return a pane.

    Parameters
    ----------
    column, dtype
        The column that it shows.
    number
        Its place among the panes, from 0.
    unit
        The unit that the caller gave, or None.

    Raises
    ------
    TypeError
        The column holds nothing that can be drawn.
    ValueError
        The axis has another unit than the column, so that a unit of the caller would be wrong.
    """
    kind = KINDS.get(column, Kind())
    if isinstance(dtype, pl.Duration):
        kind = Kind(unit="s", mark="columns")
    elif dtype == pl.Boolean:
        kind = Kind(mark="columns", domain=(0.0, 1.0))
    elif not (dtype.is_numeric() or dtype == pl.Null):
        raise TypeError(f'pane "{column}" is {dtype}: expected {_DRAWN} (choose another column)')
    is_scaled = kind.divisor != 1.0 or isinstance(dtype, pl.Duration)
    if is_scaled and unit not in {None, kind.unit}:
        raise ValueError(
            f"units holds {unit!r} for {column!r}, whose axis is in {kind.unit}: expected "
            f"{kind.unit!r}, or no unit (for another one draw a column of numbers of your own)"
        )
    unit = kind.unit if unit is None else unit
    name = column.removesuffix("_us") if column == "duration_us" else column
    return Pane(
        column=column,
        field=f"pane_{number}",
        kind=kind,
        title=f"{name} ({unit})" if unit else name,
        whole=dtype.is_integer(),
    )


def drawn(pane: Pane, dtype: pl.DataType) -> pl.Expr:
    """Return the values of a pane as JSON has them: numbers, and null where there is none."""
    column = pl.col(pane.column)
    if isinstance(dtype, pl.Duration):
        column = column.dt.total_nanoseconds() / 1e9
    elif pane.whole:
        return column.alias(pane.field)
    return finite(column).alias(pane.field)


def finite(column: pl.Expr) -> pl.Expr:
    """Return a column as Float64, null where it is not finite."""
    column = column.cast(pl.Float64)
    return pl.when(column.is_finite()).then(column)
