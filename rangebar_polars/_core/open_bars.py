"""The open bars of a processor as Python's own values, without a frame."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from rangebar_polars import _internal

_Value = TypeVar("_Value")

OpenBar = dict[str, Any]
"""``open_time``, ``close_time``, ``open``, ``high``, ``low``, ``close`` and ``volume``."""

Limits = tuple[float, float]
"""The lower and the upper price that closes a bar."""

Chain = tuple[Any, ...]
"""What the leading columns of bars hold: the values of the key, and the threshold or rule."""


@lru_cache(maxsize=64)
def _clock(unit: str, zone: str | None) -> Callable[[int], datetime]:
    """Return the function from a time to the datetime that Polars has for it."""
    factor, divisor = {"ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}[unit]
    if zone is None:
        naive = datetime(1970, 1, 1)  # noqa: DTZ001 - the times have no zone
        return lambda time: naive + timedelta(0, 0, time * factor // divisor)
    of_zone = ZoneInfo(zone)
    epoch = datetime(1970, 1, 1, tzinfo=of_zone)
    if zone == "UTC":
        return lambda time: epoch + timedelta(0, 0, time * factor // divisor)
    in_utc = datetime(1970, 1, 1, tzinfo=UTC)
    return lambda time: (in_utc + timedelta(0, 0, time * factor // divisor)).astimezone(of_zone)


def open_bars(builder: _internal.BarBuilder) -> list[tuple[int, int, OpenBar]]:
    """Return the open bars, each with the numbers of its key and its threshold."""
    values, of_times = builder.open_values(), builder.time_type()
    if not values or of_times is None:
        return []
    clock = _clock(*of_times)
    return [
        (
            key,
            threshold,
            {
                "open_time": clock(first),
                "close_time": clock(last),
                "open": prices[0],
                "high": prices[1],
                "low": prices[2],
                "close": prices[3],
                "volume": volume,
            },
        )
        for key, threshold, first, last, prices, volume in values
    ]


def by_chain(
    builder: _internal.BarBuilder,
    rules: Sequence[int | str] | None,
    values: Iterable[tuple[int, int, _Value]],
) -> dict[Chain, _Value]:
    """Return values by the name of their chain.

    Parameters
    ----------
    builder
        Has the keys.
    rules
        What the column of thresholds or of rules holds; None: there is no such column.
    values
        Each with the numbers of its key and of its rule.

    Raises
    ------
    TypeError
        A key is a list or a dict, which cannot be that of a dict.
    """
    keys = builder.keys()
    rows = keys.rows()
    try:
        return {
            (
                *(rows[key] if rows else ()),
                *(() if rules is None else (rules[rule],)),
            ): value
            for key, rule, value in values
        }
    except TypeError as error:
        names = ", ".join(f"{name!r}" for name, dtype in keys.schema.items() if dtype.is_nested())
        raise TypeError(
            f"the key column {names} has lists or structs: expected values that can be the key of "
            "a dict (call get_incomplete_bar, or cast the column to text before)"
        ) from error
