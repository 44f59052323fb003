"""Changes of the fields of a checkpoint: to limits, to neighbours, to what contradicts the rest."""

import math
import random
import struct
from collections.abc import Callable, Sequence

from support.checkpoint_bytes import Id, OpenBar, State

LARGEST = 2**63 - 1
LOWEST_PRICE = 0.5e-8
"""The lowest price that does not count as 0."""
_LIMITS = (0, 1, -1, 2, 2**31, 2**62 - 1, 2**62, LARGEST, -(2**63), 2**63, 2**64 - 1)
_PRICES = (0.0, -1.0, 4.9e-9, LOWEST_PRICE, 1e-8, 9.2e10, 92233720368.54775, 1e300, 5e-324)
_NO_PRICES = (math.nan, math.inf, -math.inf)


def mutate(chance: random.Random, state: State) -> None:
    """Change one thing in a state."""
    of_bar = state.open is not None and chance.random() < 0.7
    if of_bar and state.open is not None:
        chance.choice(_OF_BAR)(chance, state.open)
    else:
        chance.choice(_OF_STATE)(chance, state)


def _number(chance: random.Random, value: int) -> int:
    near = value + chance.randrange(-3, 4)
    return chance.choice([near, near, near, value * 2, value // 2, -value, chance.choice(_LIMITS)])


def _wide(chance: random.Random, value: int) -> int:
    small = value + value * chance.randrange(-20, 21) // 10_000
    limits = [2**126, 2**127 - 1, -(2**127), _number(chance, value)]
    return chance.choice([small, small, value + 1, value - 1, chance.choice(limits)])


def _price(chance: random.Random, price: float) -> float:
    any_bits: tuple[float] = struct.unpack("<d", chance.randbytes(8))
    near = [
        math.nextafter(price, 0),
        math.nextafter(price, math.inf),
        price * 1.0005,
        price * 0.9995,
    ]
    return chance.choice([*near, chance.choice(_PRICES), chance.choice(_NO_PRICES), *any_bits])


def _id(chance: random.Random, value: Id) -> Id:
    return chance.choice([None, _number(chance, value or 0)])


def _times(chance: random.Random, bar: OpenBar) -> None:
    end = chance.randrange(2)
    day = 86_400_000
    bar.times[end] = chance.choice([_number(chance, bar.times[end]), bar.times[end] - day])


def _prices(chance: random.Random, bar: OpenBar) -> None:
    which = chance.randrange(4)
    bar.prices[which] = _price(chance, bar.prices[which])


def _one_price(chance: random.Random, bar: OpenBar) -> None:
    bar.prices = [_price(chance, bar.prices[0])] * 4


def _volume(chance: random.Random, bar: OpenBar) -> None:
    bar.volume = _wide(chance, bar.volume)


def _turnover(chance: random.Random, bar: OpenBar) -> None:
    bar.turnover = _wide(chance, bar.turnover)


def _no_sums(_: random.Random, bar: OpenBar) -> None:
    bar.volume = bar.turnover = 0
    bar.sides = None if bar.sides is None else [(0, 0, bar.sides[0][2]), (0, 0, bar.sides[1][2])]


def _side(chance: random.Random, bar: OpenBar) -> None:
    sides = bar.sides or [(0, 0, 0), (0, 0, 0)]
    which, field = chance.randrange(2), chance.randrange(3)
    values = list(sides[which])
    values[field] = (_number if field == 2 else _wide)(chance, values[field])
    sides[which] = (values[0], values[1], values[2])
    bar.sides = chance.choice([sides, sides, sides, None])


def _counts(chance: random.Random, bar: OpenBar) -> None:
    name = chance.choice(["rows", "trades", "rows_with_trade_ids"])
    setattr(bar, name, _number(chance, getattr(bar, name)))


def _bar_ids(chance: random.Random, bar: OpenBar) -> None:
    which = chance.randrange(2)
    bar.agg_trade_ids[which] = _id(chance, bar.agg_trade_ids[which])


def _levels(chance: random.Random, bar: OpenBar) -> None:
    levels = bar.levels or [(200, bar.volume, 0, 0, bar.trades)]
    which, field = chance.randrange(len(levels)), chance.randrange(5)
    level = list(levels[which])
    level[field] = (_wide if field else _number)(chance, level[field])
    changed = [*levels[:which], (level[0], level[1], level[2], level[3], level[4])]
    bar.levels = chance.choice([None, changed, [*changed, *levels[which + 1 :]]])


_OF_BAR: Sequence[Callable[[random.Random, OpenBar], None]] = (
    _times,
    _prices,
    _prices,
    _one_price,
    _volume,
    _turnover,
    _no_sums,
    _side,
    _side,
    _counts,
    _counts,
    _bar_ids,
    _levels,
)


def _symbol(chance: random.Random, state: State) -> None:
    state.symbol = chance.choice([None, "", "\0", "x" * 128, "x" * 129, "é" * 65, "x" * 4_000])


def _rule(chance: random.Random, state: State) -> None:
    threshold = _number(chance, 250)
    texts = [f"range-{threshold}", f"range-{threshold}-nogate", "tick-3", "volume-1.5", "", "é"]
    state.rule = chance.choice([*texts, "imbalance-tick-maker-2", "x" * 200])


def _gap(chance: random.Random, state: State) -> None:
    state.max_gap = chance.choice([None, 0, 1, 10**9, 2**64 - 1])


def _memory(chance: random.Random, state: State) -> None:
    state.memory = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 12)))


def _reset(chance: random.Random, state: State) -> None:
    days = ["17:00@America/New_York", "25:00@UTC", "17:00@Nowhere", "17:00"]
    state.reset = chance.choice([None, "day", "week", "hour", "", *days])


def _flags(chance: random.Random, state: State) -> None:
    state.include_microstructure = chance.random() < 0.5
    state.include_incomplete = chance.random() < 0.5


def _layout(chance: random.Random, state: State) -> None:
    unit, zone, columns = state.layout or (1, "UTC", 127)
    zones = [zone, None, "UTC", "", "utc", "*", "+01:00", "Mars/Olympus", "x" * 400, "UTC\0"]
    state.layout = chance.choice(
        [
            None,
            (chance.choice([unit, 0, 1, 2, 3, 255]), zone, columns),
            (unit, chance.choice(zones), columns),
            (unit, zone, columns ^ 1 << chance.randrange(8)),
        ]
    )


def _rows(chance: random.Random, state: State) -> None:
    state.rows = _number(chance, state.rows)


def _last(chance: random.Random, state: State) -> None:
    time, last_id = state.last or (0, None)
    number = _id(chance, last_id)
    state.last = chance.choice(
        [None, (_number(chance, time), last_id), (time, number), (time, number)]
    )
    state.last_id = chance.choice([state.last_id, number])


def _moved(chance: random.Random, state: State) -> None:
    """Move all times alike."""
    time, last_id = state.last or (0, None)
    by = chance.choice([_number(chance, 0), 86_400_000 * chance.randrange(-400, 400)])
    state.last = (time + by, last_id)
    if state.open is not None:
        state.open.times = [time + by for time in state.open.times]


def _features(chance: random.Random, state: State) -> None:
    names = ["ofi", "intra_amihud", "lookback_ofi", "intra_kaufman_er", "close", "no column"]
    state.features = chance.choices(names, k=chance.randrange(3))


def _footprint(chance: random.Random, state: State) -> None:
    tick, value_area = _number(chance, 50_000_000), chance.choice([0, 1, 70, 100, 101])
    state.footprint = chance.choice([None, (tick, value_area, chance.choice([99, 100, 300]))])
    if state.open is not None:
        state.open.levels = None if state.footprint is None else state.open.levels or []


def _lookback(chance: random.Random, state: State) -> None:
    state.lookback = chance.choice([None, (0, _number(chance, 3)), (1, 1_000_000), (2, 1)])


def _kept(chance: random.Random, state: State) -> None:
    rows = state.kept or [(0, 1, 1, 0)]
    which, column = chance.randrange(len(rows)), chance.randrange(4)
    row = list(rows[which])
    row[column] = chance.randrange(4) if column == 3 else _number(chance, row[column])
    changed = [*rows[:which], (row[0], row[1], row[2], row[3]), *rows[which + 1 :]]
    state.kept = chance.choice([changed, changed, [], rows[1:], [*rows, rows[-1]]])
    state.first_time = chance.choice([state.first_time, state.first_time, None, rows[0][0]])


def _vpin(chance: random.Random, state: State) -> None:
    state.vpin = chance.choice([None, (10**8, 2), (_number(chance, 10**8) % 2**63, 3)])
    bought, sold, imbalances = state.filled
    state.filled = chance.choice(
        [
            (_number(chance, bought), sold, imbalances),
            (bought, _number(chance, sold), imbalances),
            (bought, sold, [*imbalances, _number(chance, 10**8)]),
        ]
    )


def _before(chance: random.Random, state: State) -> None:
    values = state.before or [None]
    which = chance.randrange(len(values))
    new = chance.choice([None, _number(chance, 3), _price(chance, 0.5)])
    state.before = [*values[:which], new, *values[which + 1 :]]


def _no_bar(_: random.Random, state: State) -> None:
    state.open = None


_OF_STATE: Sequence[Callable[[random.Random, State], None]] = (
    _symbol,
    _rule,
    _gap,
    _memory,
    _reset,
    _flags,
    _features,
    _footprint,
    _lookback,
    _kept,
    _kept,
    _before,
    _vpin,
    _layout,
    _layout,
    _rows,
    _last,
    _last,
    _moved,
    _moved,
    _no_bar,
)
