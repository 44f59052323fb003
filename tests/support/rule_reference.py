"""The oracle of rules: when bars end, one record after another, in integers.

A rule is read from its text by a parser of its own, so that a wrong text, and a wrong reading of
it, are seen too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from support.reference import Trade, fx

WHOLE = 100_000
UNITS = 10**8


def units(text: str) -> int:
    """Return a decimal in units of 1e-8."""
    value = Fraction(text) * UNITS
    assert value.denominator == 1
    return int(value)


def trades_of(trade: Trade) -> int:
    """Return the individual trades of a record."""
    first, last = trade.first_trade_id, trade.last_trade_id
    return 1 if first is None or last is None else last - first + 1


WEIGHTS: dict[str, Callable[[Trade], int]] = {
    "tick": lambda _: 1,
    "volume": lambda trade: fx(trade.quantity),
    "dollar": lambda trade: fx(trade.price) * fx(trade.quantity),
}


def weighed_limit(weight: str, text: str) -> int:
    """Return a limit in the units of a weight."""
    return {"tick": lambda: int(text), "volume": lambda: units(text)}.get(
        weight, lambda: units(text) * UNITS
    )()


@dataclass
class State:
    """A rule over one chain: what has been, of the open bar and before."""

    text: str
    bar: list[Trade] = field(default_factory=list)
    # Memory.
    low: int = 0
    high: int = 0
    price: int = 0
    sold: bool | None = None
    has_price: bool = False
    bought: float = 0.0
    was_sold: float = 0.0
    decayed: float = 0.0
    expected: float = 0.0
    limit: float | None = None
    seen: int = 0
    sides: list[tuple[bool | None, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = self.text.split("-")
        self.gate = parts[0] in {"range", "pricerange", "highlow"}
        if parts[-1] in {"gate", "nogate"}:
            self.gate = parts.pop() == "gate"
        self.kind, *self.parts = parts
        if self.kind.startswith("ewma"):
            self.expected = float(self.parts[2])

    def forget(self) -> None:
        """Begin a new chain."""
        self.__init__(self.text)  # type: ignore[misc] # as new

    def cut_off(self) -> None:
        """Forget the open bar, and what a gap makes a rule forget."""
        self.bar, self.sides = [], []
        if self.kind == "cusum":
            self.low = self.high = 0

    def add(self, trade: Trade) -> bool:
        """Add a record; returns whether the bar ends with it."""
        self.bar.append(trade)
        ends = self._condition(trade)
        if not ends or (self.gate and trade.time == self.bar[0].time):
            return False
        self._close(trade)
        return True

    def _close(self, trade: Trade) -> None:
        if self.kind == "cusum":
            self.low = self.high = fx(trade.price)
        if self.kind.startswith("ewma"):
            _, _, _, bars, _, least, most, _ = self.parts
            if bars != "none":
                share = 2.0 / (int(bars) + 1)
                length = share * len(self.bar) + (1.0 - share) * self.expected
                self.expected = min(max(length, float(least)), float(most))
            self.limit = self.expected * self._of_a_record()
        self.bar, self.sides = [], []

    def _side(self, by: str, trade: Trade) -> bool | None:
        if by == "maker":
            return trade.is_buyer_maker
        price = fx(trade.price)
        if self.has_price and price != self.price:
            self.sold = price < self.price
        self.price, self.has_price = price, True
        return self.sold

    def _of_a_record(self) -> float:
        if self.kind == "ewmaimbalance":
            return abs(self.bought - self.was_sold) / self.decayed
        return max(self.bought, self.was_sold) / self.decayed

    def _sums(self) -> tuple[int, int]:
        return (
            sum(weight for sold, weight in self.sides if sold is False),
            sum(weight for sold, weight in self.sides if sold is True),
        )

    def _condition(self, trade: Trade) -> bool:  # noqa: PLR0911 - a branch a rule
        prices = [fx(record.price) for record in self.bar]
        if self.kind == "range":
            far = max(1, -(-prices[0] * int(self.parts[0]) // WHOLE))
            return abs(prices[-1] - prices[0]) >= far
        if self.kind == "pricerange":
            return abs(prices[-1] - prices[0]) >= units(self.parts[0])
        if self.kind == "highlow":
            return max(prices) - min(prices) >= units(self.parts[0])
        if self.kind == "cusum":
            self.low = min(self.low or prices[-1], prices[-1])
            self.high = max(self.high, prices[-1])
            risen = Fraction(WHOLE + int(self.parts[0]), WHOLE)
            return prices[-1] >= self.low * risen or self.high >= prices[-1] * risen
        if self.kind == "tick":
            return len(self.bar) >= int(self.parts[0])
        if self.kind == "trade":
            return sum(map(trades_of, self.bar)) >= int(self.parts[0])
        if self.kind in {"volume", "dollar"}:
            reached = weighed_limit(self.kind, self.parts[0])
            return sum(map(WEIGHTS[self.kind], self.bar)) >= reached
        return self._sided(trade)

    def _sided(self, trade: Trade) -> bool:
        weight, by, *numbers = self.parts
        sold = self._side(by, trade)
        self.sides.append((sold, WEIGHTS[weight](trade)))
        buys, sells = self._sums()
        if self.kind == "imbalance":
            return abs(buys - sells) >= weighed_limit(weight, numbers[0])
        if self.kind == "run":
            return max(buys, sells) >= weighed_limit(weight, numbers[0])
        if self.kind == "runlength":
            run = 0
            for side, weighs in reversed(self.sides):
                if side is not None and side is not self._last_side():
                    break
                run += weighs if side is not None else 0
            return run >= weighed_limit(weight, numbers[0])
        return self._ewma(numbers, buys, sells)

    def _last_side(self) -> bool | None:
        return next((side for side, _ in reversed(self.sides) if side is not None), None)

    def _ewma(self, numbers: Sequence[str], buys: int, sells: int) -> bool:
        _, _, ticks, least, most, warm_up = numbers
        sold, weight = self.sides[-1]
        keep = 1.0 - 2.0 / (int(ticks) + 1)
        self.bought = (float(weight) if sold is False else 0.0) + keep * self.bought
        self.was_sold = (float(weight) if sold is True else 0.0) + keep * self.was_sold
        self.decayed = 1.0 + keep * self.decayed
        self.seen += 1
        if self.seen == int(warm_up):
            self.limit = self.expected * self._of_a_record()
        if self.seen < int(warm_up) or len(self.bar) < int(least):
            return False
        reached = abs(buys - sells) if self.kind == "ewmaimbalance" else max(buys, sells)
        assert self.limit is not None
        return float(reached) >= self.limit or len(self.bar) >= int(most)


class Bar(NamedTuple):
    """A bar of one chain: its rows, and the row of the record that ended it or cut it off."""

    rows: range
    end: int
    complete: bool


def bars_of(
    trades: Sequence[Trade],
    text: str,
    borders: Sequence[int] = (),
    max_gap: int | None = None,
) -> Iterator[Bar]:
    """Yield the bars of a chain, the open one last.

    A new chain begins at each row of ``borders``; a record more than ``max_gap`` after the one
    before cuts the bar off.
    """
    state, start = State(text), 0
    for row, trade in enumerate(trades):
        is_gap = max_gap is not None and row > 0 and trade.time - trades[row - 1].time > max_gap
        if row in borders or is_gap:
            if start < row:
                yield Bar(range(start, row), row, complete=False)
            start = row
            if row in borders:
                state.forget()
            else:
                state.cut_off()
        if state.add(trade):
            yield Bar(range(start, row + 1), row, complete=True)
            start = row + 1
    if start < len(trades):
        yield Bar(range(start, len(trades)), len(trades), complete=False)
