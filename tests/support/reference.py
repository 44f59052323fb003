"""The oracle: range bars in plain integers at scale 1e8 (turnover 1e16), ratios as Fractions."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Trade(NamedTuple):
    """A row; its time counts units of the column."""

    time: int
    price: float
    quantity: float
    is_buyer_maker: bool | None = None
    agg_trade_id: int | None = None
    first_trade_id: int | None = None
    last_trade_id: int | None = None


def fx(x: float) -> int:
    """Return the f64 product x * 1e8, rounded half away from zero (for x >= 0)."""
    n, d = (x * 1e8).as_integer_ratio()
    return (2 * n + d) // (2 * d)


def cuts(trades: Sequence[Trade], threshold: int, *, prevented: bool = True) -> list[int]:
    """Return each bar's end: the bar that opens at i closes at the first j > i far enough away."""
    price, ends, i = [fx(trade.price) for trade in trades], list[int](), 0
    while i < len(price):
        far = max(1, -(-price[i] * threshold // 100_000))
        outside = (j for j in range(i + 1, len(price)) if abs(price[j] - price[i]) >= far)
        end = next(
            (j for j in outside if not prevented or trades[j].time != trades[i].time), len(price)
        )
        ends, i = ends + [end] * (end < len(price)), end + 1
    return ends


def sums(rows: Sequence[Trade]) -> tuple[int, int, int]:
    """Return volume, turnover and individual trades."""
    ids = [(row.first_trade_id, row.last_trade_id) for row in rows]
    counts = [1 if first is None or last is None else last - first + 1 for first, last in ids]
    volumes = [fx(row.quantity) for row in rows]
    turnovers = [fx(row.price) * fx(row.quantity) for row in rows]
    return sum(volumes), sum(turnovers), sum(counts)


def features(rows: Sequence[Trade], per_second: int) -> dict[str, int | Fraction | None]:
    """Return the features of the bar of these trades, whose times are ``per_second`` a second."""
    (v, t, n), prices = sums(rows), [fx(row.price) for row in rows]
    bv, bt, bn = sums([row for row in rows if row.is_buyer_maker is False])
    sv, st, sn = sums([row for row in rows if row.is_buyer_maker is True])
    us = (rows[-1].time - rows[0].time) * 1_000_000 // per_second
    move, spread = prices[-1] - prices[0], max(prices) - min(prices)
    ofi = Fraction(bv - sv, bv + sv) if bv + sv else None
    vcd = Fraction(prices[-1] * v - t, spread * v) if spread * v else None
    kyle = Fraction(move, prices[0]) / ofi if ofi else None
    ratio = min(Fraction(bn, sn), Fraction(100)) if sn else (100 if bn else None)
    density = Fraction(n, len(rows)) if any(None not in row[5:] for row in rows) else None
    impact, pace = Fraction(abs(move), v) if v else None, Fraction(n * 10**6, us) if us else None
    imbalance = Fraction(bt - st, bt + st) if bt + st else None
    return {
        "duration_us": us,
        "ofi": ofi,
        "vwap_close_deviation": vcd,
        "price_impact": impact,
        "kyle_lambda_proxy": kyle,
        "trade_intensity": pace,
        "volume_per_trade": Fraction(v, n * 10**8),
        "aggression_ratio": ratio,
        "aggregation_density": density,
        "turnover_imbalance": imbalance,
    }
