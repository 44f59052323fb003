"""The oracle of what came before a bar: which trades are its window, and what they say."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from support.reference import Trade, fx
from support.statistics import COUNTS, STATISTICS, Run, Value, statistics

_SHARED = (
    "vwap_position",
    "realized_volatility",
    "garman_klass_vol",
    "kaufman_er",
    "max_drawdown",
    "max_run_up",
    "variance_ratio",
    "permutation_entropy",
    "burstiness",
    "largest_trade_share",
    "volume_skew",
    "volume_kurt",
    "tick_rule_ofi",
    "kyle_lambda_ols",
    "amihud",
    "roll_spread",
)
"""Those that a bar has of its own trades too."""

_OWN = (
    "trade_count",
    "duration_us",
    "intensity",
    "ofi",
    "count_imbalance",
    "vwap",
    "price_range",
    "return",
    "kyle_lambda_proxy",
)
LOOKBACKS = (*_OWN, *_SHARED)
"""Their names without their beginning, in the order of the table of columns."""

COLUMNS = tuple(f"lookback_{name}" for name in LOOKBACKS)
OF_A_LOGARITHM = ("lookback_garman_klass_vol", "lookback_permutation_entropy")
SCHEMA = {
    name: pl.Int64() if name in {"lookback_trade_count", "lookback_duration_us"} else pl.Float64()
    for name in COLUMNS
}
assert {*_SHARED} < {*STATISTICS}
assert not {*_SHARED} & {*COUNTS}


def window(
    chain: Sequence[Trade], row: int, lookback: int | timedelta, per_second: int
) -> Sequence[Trade] | None:
    """Return the trades before the one that opens a bar, or None if too few came before.

    Parameters
    ----------
    chain
        The trades of a key, from the first of the period on.
    row
        The trade that opens the bar.
    lookback
        How many trades, or how long.
    per_second
        How many units of the times are a second.
    """
    if isinstance(lookback, int):
        return chain[row - lookback : row] if row >= lookback else None
    span = lookback // timedelta(microseconds=1) * per_second // 1_000_000
    limit = chain[row].time - span
    if row == 0 or chain[0].time > limit:
        return None
    return [trade for trade in chain[:row] if trade.time > limit]


def values(trades: Sequence[Trade] | None, *, has_sides: bool, per_second: int) -> dict[str, Value]:
    """Return the values of a window, by the names of the columns."""
    if not trades:
        nothing: dict[str, Value] = dict.fromkeys(COLUMNS)
        return nothing if trades is None else nothing | {"lookback_trade_count": 0}
    run = Run(trades, has_sides=has_sides)
    shared = statistics(trades, has_sides=has_sides)
    found = _own(run, per_second) | {name: shared[name] for name in _SHARED}
    return {f"lookback_{name}": found[name] for name in LOOKBACKS}


def _ratio(above: int, below: int) -> float | None:
    return float(above) / float(below) if below else None


def _own(run: Run, per_second: int) -> dict[str, Value]:
    micros = (run.t[-1] - run.t[0]) * 1_000_000 // per_second
    bought = [q for q, s in zip(run.q, run.s, strict=True) if s > 0]
    sold = [q for q, s in zip(run.q, run.s, strict=True) if s < 0]
    buys, sells, both = sum(bought), sum(sold), len(bought) + len(sold)
    ofi = _ratio(buys - sells, buys + sells)
    change = float(run.p[-1] - run.p[0]) / float(run.p[0])
    return {
        "trade_count": run.n,
        "duration_us": micros,
        "intensity": run.n / (micros / 1e6) if micros else None,
        "ofi": ofi if run.has_sides else None,
        "count_imbalance": _ratio(len(bought) - len(sold), both) if run.has_sides else None,
        "vwap": float(run.turnover) / (float(run.v) * 1e8) if run.v else None,
        "price_range": float(run.high - run.low) / float(run.p[0]),
        "return": change,
        "kyle_lambda_proxy": change / ofi if ofi and run.has_sides else None,
    }


def vpin(trades: Sequence[Trade], bucket_volume: float, buckets: int) -> float | None:
    """Return the imbalance of the last full buckets that trades of known side have filled."""
    size = fx(bucket_volume)
    sold = [0, 0]
    full = list[int]()
    for trade in trades:
        left = 0 if trade.is_buyer_maker is None else fx(trade.quantity)
        side = int(bool(trade.is_buyer_maker))
        while left >= size - sum(sold):
            part = size - sum(sold)
            sold[side] += part
            left -= part
            full.append(abs(sold[0] - sold[1]))
            sold = [0, 0]
            if left >= size * (buckets + 1):
                # Whole buckets of one side, of which the last ones alone count.
                left = left % size + size * buckets
        sold[side] += left
    last = full[-buckets:]
    return float(sum(last)) / float(buckets * size) if len(last) == buckets else None
