"""Trades as dicts for several test files, and a processor to ask."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import polars as pl

import rangebar_polars as rb

TimeUnit = Literal["s", "ms", "us", "ns"]
PER_SECOND: Final[dict[TimeUnit, int]] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNITS: Final = tuple(PER_SECOND)
SECOND: Final = 1_704_067_200
"""The first second of 2024."""
T: Final = 1_704_067_200_000
"""A time from which trades count, in milliseconds."""
GOOD: Final[dict[str, Any]] = {"timestamp": T, "price": 100.0, "quantity": 1.0}
NULL: Final = "(every trade needs one: drop or fill such rows first)"
SEVERAL: Final = (
    "expected a single value (a dict of whole columns is a frame: pl.DataFrame(trades))"
)
ID: Final = "expected an integer of 64 bits, or its digits as text"


def processor(**options: Any) -> rb.RangeBarProcessor:  # noqa: ANN401
    """Return a processor of 0.25 %."""
    return rb.RangeBarProcessor(250, **options)


def open_bar(*dicts: Mapping[str, Any], **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the bar that these trades leave open."""
    one = processor(**options)
    assert one.process_trades(list(dicts)).is_empty()
    bar = one.get_incomplete_bar()
    assert bar is not None
    return bar.row(0, named=True)


def one_of(unit: TimeUnit) -> Literal["ms", "us", "ns"]:
    """Return the unit of a column of such times."""
    return "ms" if unit == "s" else unit


def trade(time: object, price: float = 100.0) -> dict[str, Any]:
    """Return a trade at that time."""
    return {"timestamp": time, "price": price, "quantity": 1.0}


def time_of(time: object, unit: TimeUnit = "ms") -> int:
    """Return the time of a trade in the unit of the column, as it is kept."""
    one = processor(time_unit=unit)
    one.process_trades(trade(time))
    position = one.position["timestamp"]
    assert position.dtype == pl.Datetime(one_of(unit), "UTC")
    value = position.to_physical().item()
    assert isinstance(value, int)
    return value
