"""The loop over range bars that people write by hand, compiled by numba.

It has the seven columns, the rule for trades of one time, and the checks of order and values. It
computes with floats.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Columns = tuple[npt.NDArray[Any], ...]


@njit(error_model="numpy")  # type: ignore[untyped-decorator]  # numba has no types
def loop(
    times: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    quantities: npt.NDArray[np.float64],
    decimal_bps: int,
) -> Columns:
    """Return the columns of the closed bars."""
    count = len(times)
    opened, closed = np.empty(count, np.int64), np.empty(count, np.int64)
    opens, highs, lows = np.empty(count), np.empty(count), np.empty(count)
    closes, volumes = np.empty(count), np.empty(count)
    bars, is_open = 0, False
    begun, before = np.int64(0), times[0]
    first = high = low = upper = lower = volume = 0.0
    for row in range(count):
        time, price, quantity = times[row], prices[row], quantities[row]
        if time < before:
            raise ValueError("times go back")
        if not (0 < price < np.inf and 0 <= quantity < np.inf):
            raise ValueError("no price or quantity")
        before = time
        if not is_open:
            is_open, begun, first, high, low, volume = True, time, price, price, price, quantity
            step = max(price * decimal_bps / 100_000, 1e-8)
            upper, lower = price + step, price - step
            continue
        high, low = max(high, price), min(low, price)
        volume += quantity
        if (price >= upper or price <= lower) and time != begun:
            opened[bars], closed[bars], opens[bars], highs[bars] = begun, time, first, high
            lows[bars], closes[bars], volumes[bars] = low, price, volume
            bars += 1
            is_open = False
    return (
        opened[:bars],
        closed[:bars],
        opens[:bars],
        highs[:bars],
        lows[:bars],
        closes[:bars],
        volumes[:bars],
    )
