"""Checkpoints with a right checksum whose state need not come from trades.

A state is drawn from real trades and then changed in a few fields, so that many changes are small
enough to be missed. Each checkpoint is given to every entry point that takes one. All must refuse
it with the same words, or all must continue with the same bars over 1,000 more trades.

As a program (``python -c "from support.hostile_checkpoints import main; main(1000, 1)"``) it prints
how many inputs had which outcome. A program that is stuck ends itself.
"""

import base64
import faulthandler
import json
import pickle
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from itertools import accumulate
from typing import Any

import polars as pl

import rangebar_polars as rb
from rangebar_polars._catalog.chain_builders import builder_of
from rangebar_polars._series import Series
from rangebar_polars.schema import BAR_SCHEMA, TRADE_SCHEMA
from rangebar_polars.store import BarKey
from rangebar_polars.store.stored_bars import bar_columns
from support.checkpoint_bytes import State
from support.checkpoint_mutations import LARGEST, LOWEST_PRICE, mutate
from support.trades import trades

ROWS = 1_000
"""How many trades follow a checkpoint that is accepted."""
STUCK = 60.0
"""Seconds after which a hundred checkpoints count as stuck."""

UNITS: tuple[Any, ...] = ("ms", "us", "ns")
RESETS: tuple[Any, ...] = ("day", "week", "month", "year")
_DAY = rb.TradingDay("17:00", "America/New_York")
ROLES = tuple(TRADE_SCHEMA)
STORED_LAYOUT = (1, "UTC", 127)
"""The layout of `TRADE_SCHEMA`."""
LOOKBACKS = tuple(output.name for output in rb.schema.LOOKBACK)
MOST_BUCKETS = 10_000
MOST_BACK = 1_000_000
"""The most trades of a window."""
_BARS = ("open_time", "close_time", "open", "high", "low", "close", "volume")
_DAY_US = 86_400_000_000


class _Pickled:
    """What a pickle of a processor is restored from, with another checkpoint in it."""

    def __init__(self, state: State, data: bytes) -> None:
        self._rule, self._columns = rule_of(state)["rule"], columns_of(state)
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        processor = rb.RangeBarProcessor(rule=self._rule, columns=self._columns)
        function, (_, *others) = processor.__reduce__()
        return function, (self._data, *others)


RULES = (
    *(f"range-{bps}{gate}" for bps in (1, 10, 250, 1_000, 100_000) for gate in ("", "-nogate")),
    "pricerange-0.5",
    "highlow-0.5",
    "cusum-100",
    "tick-3",
    "trade-20-gate",
    "volume-5",
    "dollar-300",
    "imbalance-tick-maker-3",
    "run-volume-tickrule-4",
    "runlength-dollar-maker-100",
    "ewmaimbalance-volume-tickrule-4-3-7-1-8-4",
    "ewmarun-tick-maker-4-none-7-1-8-4",
)
"""The texts of rules of every kind."""


def rule_of(state: State) -> dict[str, Any]:
    """Return the options that must be those of the checkpoint, as far as they can be."""
    try:
        rule = rb.parse_rule(state.rule)
    except ValueError:
        rule = rb.RangeRule(250)
    is_gap = state.max_gap is not None and 0 < state.max_gap < 2**63
    return {
        "rule": rule,
        "reset": _reset_of(state.reset),
        "max_gap": f"{state.max_gap}ns" if is_gap else None,
    }


def looking_back_of(state: State) -> dict[str, Any]:
    """Return the options of what came before the bars of a checkpoint, if it can have some."""
    options: dict[str, Any] = {}
    units, buckets = state.vpin or (0, 0)
    if 0 < units <= 9 * 10**18 and 1 <= buckets <= MOST_BUCKETS:
        options["vpin"] = rb.Vpin.of_units(units, buckets)
    names = [name for name in state.features if name in LOOKBACKS]
    if state.lookback is None or not names:
        return options
    kind, length = state.lookback
    if not 1 <= length <= {0: MOST_BACK, 1: 2**63 - 1}.get(kind, 0):
        return options
    return options | {
        "lookback": length if kind == 0 else f"{length}ns",
        "features": list(dict.fromkeys(names)),
    }


def _reset_of(text: str | None) -> Any:  # noqa: ANN401 - a period or a day
    if text in RESETS:
        return text
    try:
        return rb.TradingDay(*(text or "").split("@"))
    except (TypeError, ValueError):
        return None


def _key(state: State) -> BarKey:
    options = rule_of(state)
    return BarKey(
        series=Series("binance", "um", "BTCUSDT"),
        rule=options["rule"],
        reset=options["reset"],
        origin=None if options["reset"] else date(2024, 1, 1),
    )


def is_storable(state: State) -> bool:
    """Return whether a store can hold such a state."""
    options = rule_of(state)
    is_stored = (
        isinstance(options["rule"], rb.RangeRule)
        and options["max_gap"] is None
        and not isinstance(options["reset"], rb.TradingDay)
    )
    looks_back = state.lookback is not None or state.vpin is not None
    return is_stored and not looks_back and state.layout in {None, STORED_LAYOUT}


def columns_of(state: State) -> rb.TradeColumns:
    """Return what the columns of trades after a state are called; without quantities they count."""
    _, _, columns = state.layout or STORED_LAYOUT
    return rb.TradeColumns(quantity="quantity" if columns >> 2 & 1 else None)


def _restored(state: State, data: bytes, following: pl.DataFrame) -> pl.DataFrame:
    processor = rb.RangeBarProcessor.from_checkpoint(data, columns=columns_of(state))
    return processor.process_trades(following)


def _unpickled(state: State, data: bytes, following: pl.DataFrame) -> pl.DataFrame:
    pickled = pickle.dumps(_Pickled(state, data))
    processor: rb.RangeBarProcessor = pickle.loads(pickled)  # noqa: S301 - own
    return processor.process_trades(following)


def _from_json(state: State, data: bytes, following: pl.DataFrame) -> pl.DataFrame:
    text = json.loads(rb.RangeBarProcessor(250).to_json())
    stated = {"symbol": state.symbol, "rules": [state.rule], "by": []}
    text |= stated | {"checkpoint": base64.b64encode(data).decode()}
    processor = rb.RangeBarProcessor.from_json(json.dumps(text), columns=columns_of(state))
    return processor.process_trades(following)


def _with_state(state: State, data: bytes, following: pl.DataFrame) -> pl.DataFrame:
    return rb.bars_with_state(
        following,
        state=data,
        include_incomplete=True,
        columns=columns_of(state),
        **rule_of(state),
        **looking_back_of(state),
    )[0]


def _stored_link(state: State, data: bytes, following: pl.DataFrame) -> pl.DataFrame:
    builder = builder_of({_key(state): data})
    ended = builder.push(following)
    return bar_columns(builder.empty() if ended is None else ended, list(BAR_SCHEMA))


def every_bar(state: State, data: bytes, following: pl.DataFrame) -> pl.DataFrame:
    """Return all bars with all columns, also the one that is still open."""
    return rb.bars(
        following,
        state=data,
        include_microstructure=True,
        include_incomplete=True,
        columns=columns_of(state),
        **rule_of(state),
        **looking_back_of(state),
    )


ENTRY_POINTS: Mapping[str, Callable[[State, bytes, pl.DataFrame], pl.DataFrame]] = {
    "from_checkpoint": _restored,
    "from_json": _from_json,
    "a pickle": _unpickled,
    "bars_with_state(state=)": _with_state,
    "bars(state=)": every_bar,
    "a stored link": _stored_link,
}


def continuing(chance: random.Random, state: State, rows: int = ROWS) -> pl.DataFrame:
    """Return trades that may follow a state: later, with higher ids, in the same columns."""
    unit, zone, columns = state.layout or STORED_LAYOUT
    start, last_id = state.last or (0, None)
    price = state.open.prices[3] if state.open else 100.0
    waits = [chance.choice([0, 0, 1, 7, 999, _DAY_US]) for _ in range(rows)]
    times = [start + wait for wait in accumulate(waits)]
    ids = list(accumulate(chance.choice([1, 1, 2, 9]) for _ in range(rows)))
    first = chance.choice([0, -5, 2**60])
    known = (last_id or 0) + ids[-1] <= LARGEST
    values: dict[str, Any] = {
        "timestamp": times if times[-1] <= LARGEST else [start] * rows,
        "price": [
            min(max(price * chance.uniform(0.997, 1.003), LOWEST_PRICE), 9.2e10)
            for _ in range(rows)
        ],
        "quantity": chance.choices([0.0, 4e-9, 1e-8, 0.1, 1.0, 3.7, 1e6], k=rows),
        "is_buyer_maker": chance.choices([True, False, None], k=rows),
        "agg_trade_id": [(last_id or 0) + step if known else None for step in ids],
        "first_trade_id": chance.choices([first, None], k=rows),
        "last_trade_id": chance.choices([first, first + 3], k=rows),
    }
    if chance.random() < 0.1:
        values["quantity"][rows // 2] = 9.2e10
    dtypes: dict[str, Any] = dict(TRADE_SCHEMA) | {"timestamp": pl.Int64}
    there = [role for bit, role in enumerate(ROLES) if columns >> bit & 1 or bit < 3]
    frame = pl.DataFrame([pl.Series(role, values[role], dtypes[role]) for role in there])
    dtype = pl.Datetime(UNITS[unit] if unit < len(UNITS) else "us", zone if zone == "UTC" else None)
    return frame.with_columns(pl.col("timestamp").cast(dtype))


def drawn(chance: random.Random) -> State:
    """Return the state after some trades."""
    # Some rules need the sides, or both ids of individual trades.
    optional = 0b1111000 if chance.random() < 0.6 else 0b1101000
    layout = (chance.randrange(3), chance.choice([None, "UTC"]), 7 + optional)
    begins = State(
        symbol=chance.choice([None, "BTCUSDT", "Ωmega"]),
        rule=chance.choice(RULES),
        reset=chance.choice([None, None, *RESETS]),
        max_gap=chance.choice([None, None, 1, 10**9]),
        include_microstructure=True,
        include_incomplete=True,
        features=[],
        layout=STORED_LAYOUT if chance.random() < 0.5 else layout,
        rows=0,
        last=(chance.choice([-(10**15), 0, 1_700_000_000_000, 1_700_000_000_000_000]), None),
        last_id=None,
        open=None,
    )
    if chance.random() < 0.4:
        begins.lookback = chance.choice([(0, 1), (0, 7), (0, 500), (1, 1_000_000), (1, 10**14)])
        begins.features = [*chance.sample(LOOKBACKS, 3)]
    if chance.random() < 0.3:
        begins.vpin = chance.choice([(1, 2), (10**8, 1), (5 * 10**8, 3)])
    processor = rb.RangeBarProcessor(
        symbol=begins.symbol, **rule_of(begins), **looking_back_of(begins)
    )
    before = continuing(chance, begins, chance.randrange(1, 30))
    if chance.random() < 0.3:
        scale = chance.choice([1e-10, 1e-6, 9e8])
        before = before.with_columns((pl.col("price") * scale).clip(LOWEST_PRICE, 9.2e10))
    processor.process_trades(before)
    state = State.parse(processor.create_checkpoint())
    return replace(state, include_microstructure=chance.random() < 0.5)


def outcome(state: State, data: bytes, following: pl.DataFrame) -> str:
    """Return what becomes of a checkpoint, which must be the same at every entry point."""
    outcomes = dict[str, str]()
    for name, enter in ENTRY_POINTS.items():
        if name == "a stored link" and not is_storable(state):
            continue
        try:
            bars = enter(state, data, following)
        except rb.CheckpointError as error:
            outcomes[name] = f"refused: {error}"
        except (rb.RangeBarError, pl.exceptions.ComputeError) as error:
            if not any(why in str(error) for why in ("overflows", "too many trades")):
                raise
            outcomes[name] = f"overflowed: {error}"
        else:
            whole = bars.filter(pl.col("is_complete")) if "is_complete" in bars.columns else bars
            hashes = whole.select(_BARS).hash_rows()
            outcomes[name] = f"continued: {hashes.to_list()}"
    assert len(set(outcomes.values())) == 1, outcomes
    return next(iter(outcomes.values()))


def assert_hold(bars: pl.DataFrame, state: State, rows: int) -> None:
    """Check what holds of all bars."""
    opened = state.open.rows if state.open else 0
    assert bars["agg_record_count"].sum() == opened + rows
    low, high = pl.col("low"), pl.col("high")
    wrong = bars.filter(
        (pl.col("open_time") > pl.col("close_time"))
        | ~(low <= pl.min_horizontal("open", "close"))
        | ~(high >= pl.max_horizontal("open", "close"))
        | ~pl.col("vwap").is_between(low * (1 - 1e-6) - 1e-8, high * (1 + 1e-6) + 1e-8)
        | (pl.min_horizontal("volume", "turnover") < 0)
        | (pl.col("agg_record_count") < 1)
        | (pl.col("individual_trade_count") < pl.col("agg_record_count"))
        | (pl.col("buy_volume") + pl.col("sell_volume") > pl.col("volume") * (1 + 1e-9))
        | (pl.col("buy_turnover") + pl.col("sell_turnover") > pl.col("turnover") * (1 + 1e-9))
        | (pl.col("duration_us") < 0)
        | pl.any_horizontal(pl.selectors.float().is_infinite() | pl.selectors.float().is_nan())
    )
    assert wrong.is_empty(), wrong.to_dicts()


def examine(chance: random.Random) -> str:
    """Draw a hostile checkpoint, and return what becomes of it in one word."""
    state = drawn(chance)
    for _ in range(chance.choice([1, 1, 2, 3])):
        mutate(chance, state)
    data = state.to_bytes()
    # Numbers as they are in the bytes.
    state = State.parse(data)
    following = continuing(chance, state) if _has_prices(state) else _SOME
    result = outcome(state, data, following)
    if result.startswith("continued"):
        assert_hold(every_bar(state, data, following), state, following.height)
        columns = columns_of(state)
        restored = rb.RangeBarProcessor.from_checkpoint(data, columns=columns)
        assert restored.create_checkpoint() == data
        restored.process_trades(following)
        saved = restored.create_checkpoint()
        assert rb.RangeBarProcessor.from_checkpoint(saved).create_checkpoint() == saved
    return result.split(":")[0]


def _has_prices(state: State) -> bool:
    """Return whether trades can follow at the price of the open bar."""
    return state.open is None or all(0 < x < 9.3e10 for x in state.open.prices)


_SOME = trades([100.0, 101.0])


def main(count: int, seed: int) -> None:
    """Print the outcomes of some hostile checkpoints."""
    warnings.simplefilter("ignore", rb.RangeBarWarning)
    outcomes = Counter[str]()
    for number in range(count):
        if number % 100 == 0:
            faulthandler.dump_traceback_later(STUCK, exit=True)
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - not a secret
        try:
            outcomes[examine(chance)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}, number {number}")
            raise
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(json.dumps(outcomes))
