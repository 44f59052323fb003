"""Hypothesis trades: what the specification calls hard, mixed at random.

Tied times, prices exactly on a threshold and one unit inside, 8-decimal prices, tiny and huge
values, one-sided flow, nulls among sides and ids, absent columns, every unit and zone, times before
1970. Prices are drawn as integers at scale 1e8, so that "exactly on" means it.
"""

from itertools import accumulate
from typing import Any, TypeVar

import hypothesis.strategies as st
import polars as pl

from support.entry_points import Asked
from support.trades import Unit, trades

T = TypeVar("T")
THRESHOLDS = st.sampled_from([1, 7, 250, 1_000, 25_000, 100_000])
UNITS: tuple[Unit, ...] = ("ms", "us", "ns")
ZONES = (None, "UTC", "Asia/Kathmandu", "America/New_York")
_STARTS = (0, -1, -3_000, -(10**12), 1_700_000_000_000)
_GAPS = st.sampled_from([0, 0, 1, 999, 1_000, 86_400_000_000])
# The largest price and quantity at scale 1e8: 40 products of them fit 127 bits.
_SCALES = ((10**6, 10**18), (10**11, 10**12), (5 * 10**13, 10**10), (4 * 10**17, 9 * 10**18))
_SCALES_SMALL_QUANTITY = ((9 * 10**18, 10**16), (300, 10**9))


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """Draw the options of a call, with everything in the frame of bars."""
    return Asked(
        threshold_decimal_bps=draw(THRESHOLDS), prevent_same_timestamp_close=draw(st.booleans())
    )


@st.composite
def price_walks(draw: st.DrawFn, threshold: int, size: int, largest: int) -> list[int]:
    """Draw prices at scale 1e8, many of them a threshold away from an earlier one."""
    prices = [draw(st.integers(1, largest))]
    for _ in range(size - 1):
        start = prices[draw(st.integers(max(0, len(prices) - 6), len(prices) - 1))]
        delta = max(1, -(-start * threshold // 100_000))
        steps = [0, 1, -1, delta, -delta, delta - 1, 1 - delta, delta + 1, 3 * delta, -delta - 1]
        prices.append(min(largest, max(1, start + draw(st.sampled_from(steps)))))
    return prices[:size]


@st.composite
def frames(draw: st.DrawFn, threshold: int = 250, most: int = 40) -> pl.DataFrame:
    """Draw a frame of good trades."""
    size = draw(st.integers(0, most))
    highest, most_quantity = draw(st.sampled_from([*_SCALES, *_SCALES_SMALL_QUANTITY]))
    # By half a unit, which is rounded up where the f64 has room for it.
    half = draw(st.sampled_from([0.0, 0.0, 0.5]))
    prices = [(price + half) / 1e8 for price in draw(price_walks(threshold, size, highest))]
    quantity = st.one_of(st.integers(0, 3), st.integers(0, most_quantity))
    gaps = draw(_many(_GAPS, size))
    times = list(accumulate(gaps, initial=draw(st.sampled_from(_STARTS))))[1:]
    side = draw(
        st.sampled_from([st.booleans(), st.sampled_from([True]), st.none() | st.booleans()])
    )
    columns: dict[str, Any] = {}
    if draw(st.booleans()):
        columns["sold"] = draw(_many(side, size))
    if draw(st.booleans()):
        columns["ids"] = _rising(times, draw(_many(st.none() | st.integers(1, 9), size)))
    if draw(st.booleans()):
        columns["counted"] = draw(_many(_counted(), size))
    frame = trades(
        prices,
        times,
        quantity=[(x + half) / 1e8 for x in draw(_many(quantity, size))],
        unit=draw(st.sampled_from(UNITS)),
        zone=draw(st.sampled_from(ZONES)),
        **columns,
    )
    absent = st.sampled_from([pl.Boolean, pl.Null]) if "sold" not in columns else st.none()
    dtype = draw(absent)
    return (
        frame if dtype is None else frame.with_columns(pl.lit(None, dtype).alias("is_buyer_maker"))
    )


def _many(values: st.SearchStrategy[T], size: int) -> st.SearchStrategy[list[T]]:
    return st.lists(values, min_size=size, max_size=size)


def _rising(times: list[int], steps: list[int | None]) -> list[int | None]:
    """Ids that rise while the time stands still and may fall when it moves."""
    ids, last = list[int | None](), 0
    for row, step in enumerate(steps):
        if row and times[row] != times[row - 1] and step == 1:
            last = -100
        last += step or 0
        ids.append(None if step is None else last)
    return ids


@st.composite
def _counted(draw: st.DrawFn) -> tuple[int | None, int | None]:
    first = draw(st.integers(-5, 2**40))
    last = first + draw(st.sampled_from([0, 0, 1, 99, 2**30]))
    return draw(st.sampled_from([(first, last)] * 6 + [(None, last), (first, None), (None, None)]))
