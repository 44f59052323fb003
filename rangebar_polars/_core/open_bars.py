"""The open bars of a processor as Python's own values, without a frame."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rangebar_polars import _internal

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


def names_of_chains(
    builder: _internal.BarBuilder, rules: Sequence[int | str] | None
) -> Callable[[int, int], Chain]:
    """Return the function from the numbers of a key and of a rule to the chain's name.

    ``rules`` are what the column of thresholds or of rules holds; None: there is no such column.
    """
    keys = builder.keys().rows()

    def name(key: int, rule: int) -> Chain:
        values = keys[key] if keys else ()
        return values if rules is None else (*values, rules[rule])

    return name
