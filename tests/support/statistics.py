"""The oracle of the statistics of a run of trades: definitions over lists, in exact integers.

Each is written as its source defines it, as sums over the trades and not as running sums. Where a
float comes at the end, each side of a ratio is the float nearest to an integer.
"""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

from support.reference import Trade, fx

Value = float | int | None
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


class Run:
    """Trades that follow one another, as integers at scale 1e8."""

    def __init__(self, trades: Sequence[Trade], *, has_sides: bool) -> None:
        self.has_sides = has_sides
        self.n = len(trades)
        self.t = [trade.time for trade in trades]
        self.p = [fx(trade.price) for trade in trades]
        self.q = [fx(trade.quantity) for trade in trades]
        signs = {None: 0, False: 1, True: -1}
        self.s = [signs[trade.is_buyer_maker] for trade in trades]
        self.x = [after - before for before, after in pairwise(self.p)]
        self.v, self.high, self.low = sum(self.q), max(self.p), min(self.p)
        self.turnover = sum(p * q for p, q in zip(self.p, self.q, strict=True))
        self.signed = [s * q for s, q in zip(self.s, self.q, strict=True)]


def _ratio(above: int, below: int) -> float | None:
    return float(above) / float(below) if below else None


def vwap_position(run: Run) -> Value:
    return _ratio(run.turnover - run.low * run.v, (run.high - run.low) * run.v)


def realized_volatility(run: Run) -> Value:
    if run.n < 2:
        return None
    returns = [Fraction(float(x) / float(p)) for x, p in zip(run.x, run.p, strict=False)]
    return math.sqrt(float(sum(round(k * 2**52) ** 2 for k in returns))) / 2.0**52


def garman_klass_vol(run: Run) -> Value:
    with localcontext(prec=50):
        a = (Decimal(run.high) / run.low).ln()
        b = (Decimal(run.p[-1]) / run.p[0]).ln()
        return float((a**2 / 2 - (2 * Decimal(2).ln() - 1) * b**2).sqrt())


def kaufman_er(run: Run) -> Value:
    return _ratio(abs(run.p[-1] - run.p[0]), sum(map(abs, run.x)))


def max_drawdown(run: Run) -> Value:
    tops = [max(run.p[: i + 1]) for i in range(run.n)]
    return max(float(top - p) / float(top) for top, p in zip(tops, run.p, strict=True))


def max_run_up(run: Run) -> Value:
    bottoms = [min(run.p[: i + 1]) for i in range(run.n)]
    return max(float(p - low) / float(low) for low, p in zip(bottoms, run.p, strict=True))


def variance_ratio(run: Run) -> Value:
    q, m = 10, run.n - 1
    total = run.p[-1] - run.p[0]
    # Squares of differences from the mean, times m squared.
    of_one = sum((m * x - total) ** 2 for x in run.x)
    of_ten = sum((m * (run.p[i] - run.p[i - q]) - q * total) ** 2 for i in range(q, run.n))
    if m < 2 * q or of_one == 0:
        return None
    return float(of_ten * (m - 1)) / float(q * (m - q + 1) * (m - q) * (of_one // m))


def permutation_entropy(run: Run) -> Value:
    if run.n < 60:
        return None
    triples = [run.p[i : i + 3] for i in range(run.n - 2)]
    seen = [tuple(sorted(range(3), key=triple.__getitem__)) for triple in triples]
    shares = [seen.count(order) / len(seen) for order in _ORDERS]
    return -sum(share * math.log(share) for share in shares if share) / math.log(6)


def burstiness(run: Run) -> Value:
    waits = [after - before for before, after in pairwise(run.t)]
    m, total = len(waits), sum(waits)
    if run.n < 3 or total == 0:
        return None
    # The deviation times m; its square is a multiple of m.
    deviation = math.sqrt(float(sum((m * wait - total) ** 2 for wait in waits) // m))
    return (deviation - float(total)) / (deviation + float(total))


def largest_trade_share(run: Run) -> Value:
    return _ratio(max(run.q), run.v)


def _moment(run: Run, power: int) -> float:
    """Return the central moment, times the power of the number of trades."""
    return float(sum((run.n * q - run.v) ** power for q in run.q) // run.n)


def volume_skew(run: Run) -> Value:
    if run.n < 3 or len({*run.q}) == 1:
        return None
    second = _moment(run, 2)
    return _moment(run, 3) / (second * math.sqrt(second))


def volume_kurt(run: Run) -> Value:
    if run.n < 4 or len({*run.q}) == 1:
        return None
    second = _moment(run, 2)
    return _moment(run, 4) / (second * second) - 3.0


def tick_rule_ofi(run: Run) -> Value:
    volumes = {1: 0, -1: 0}
    for row, q in enumerate(run.q):
        moves = [x for x in run.x[:row] if x]
        if moves:
            volumes[1 if moves[-1] > 0 else -1] += q
    return _ratio(volumes[1] - volumes[-1], volumes[1] + volumes[-1])


def kyle_lambda_ols(run: Run) -> Value:
    if not run.has_sides:
        return None
    later = run.signed[1:]
    products = sum(x * volume for x, volume in zip(run.x, later, strict=True))
    return _ratio(products, sum(volume**2 for volume in later))


def amihud(run: Run) -> Value:
    if run.turnover == 0:
        return None
    change = float(abs(run.p[-1] - run.p[0])) / float(run.p[0])
    return change / (float(run.turnover) / 1e16)


def roll_spread(run: Run) -> Value:
    pairs = list(pairwise(run.x))
    u = len(pairs)
    covariance = u * sum(a * b for a, b in pairs) - sum(a for a, _ in pairs) * sum(
        b for _, b in pairs
    )
    if run.n < 4 or covariance >= 0:
        return None
    return 2.0 * math.sqrt(float(-covariance) / float(u * (u - 1))) / 1e8


def direction_changes(run: Run) -> Value:
    moves = [x > 0 for x in run.x if x]
    return sum(before != after for before, after in pairwise(moves))


def uptick_count(run: Run) -> Value:
    return sum(x > 0 for x in run.x)


def downtick_count(run: Run) -> Value:
    return sum(x < 0 for x in run.x)


def time_above_open(run: Run) -> Value:
    waits = [after - before for before, after in pairwise(run.t)]
    above = sum(wait for wait, p in zip(waits, run.p, strict=False) if p > run.p[0])
    return _ratio(above, run.t[-1] - run.t[0])


def _deltas(run: Run) -> list[int]:
    return [sum(run.signed[:rows]) for rows in range(run.n + 1)]


def delta(run: Run) -> Value:
    return float(_deltas(run)[-1]) / 1e8 if run.has_sides else None


def max_delta(run: Run) -> Value:
    return float(max(_deltas(run))) / 1e8 if run.has_sides else None


def min_delta(run: Run) -> Value:
    return float(min(_deltas(run))) / 1e8 if run.has_sides else None


_ALL: tuple[Callable[[Run], Value], ...] = (
    vwap_position,
    realized_volatility,
    garman_klass_vol,
    kaufman_er,
    max_drawdown,
    max_run_up,
    variance_ratio,
    permutation_entropy,
    burstiness,
    largest_trade_share,
    volume_skew,
    volume_kurt,
    tick_rule_ofi,
    kyle_lambda_ols,
    amihud,
    roll_spread,
    direction_changes,
    uptick_count,
    downtick_count,
    time_above_open,
    delta,
    max_delta,
    min_delta,
)
OF_A_LOGARITHM = ("garman_klass_vol", "permutation_entropy")
"""Statistics whose last bits depend on the machine's logarithm."""

COUNTS = ("direction_changes", "uptick_count", "downtick_count")
"""Statistics that are Int64."""

STATISTICS = tuple(function.__name__ for function in _ALL)
"""Their names, in the order of the table of columns."""


def statistics(trades: Sequence[Trade], *, has_sides: bool) -> dict[str, Value]:
    """Return the statistics of trades, of which there is at least one."""
    run = Run(trades, has_sides=has_sides)
    return {function.__name__: function(run) for function in _ALL}
