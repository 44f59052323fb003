"""The oracle of labels: every later trade is looked at, in integers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from support.reference import Trade, fx
from support.rule_reference import bars_of
from support.trades import rows

SPANS = {"ms": 10**6, "us": 10**3, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
KINDS = {1: "take_profit", -1: "stop_loss", 0: "horizon"}
OF_BARRIERS = ("label", "ret", "touch_time", "touch_kind")
OF_RETURNS = ("forward_return",)


class Outcome(NamedTuple):
    """How the look at the trades after an event ended: the label, and the row that decided."""

    label: int
    row: int


class Event(NamedTuple):
    """A row, its barriers, and the rows of the later closes of its chain."""

    row: int
    take_profit: int | None
    stop_loss: int | None
    later: Sequence[int] = ()


def outcome(
    trades: Sequence[Trade], event: Event, horizon: int | str | None, unit: int
) -> Outcome | None:
    """Return how an event ended; ``unit`` is that of the times in nanoseconds."""
    price = [fx(trade.price) for trade in trades]
    row, last = event.row, None
    if isinstance(horizon, int):
        last = event.later[horizon - 1] if horizon <= len(event.later) else None
    elif horizon is not None:
        span = nanoseconds(horizon) // unit
        beyond = [r for r, trade in enumerate(trades) if trade.time > trades[row].time + span]
        last = beyond[0] - 1 if beyond else None
    far = {
        sign: None if bps is None else max(1, -(-price[row] * bps // 100_000))
        for sign, bps in ((1, event.take_profit), (-1, event.stop_loss))
    }
    for j in range(row + 1, len(trades) if last is None else last + 1):
        for sign, distance in far.items():
            if distance is not None and sign * (price[j] - price[row]) >= distance:
                return Outcome(sign, j)
    return None if last is None else Outcome(0, last)


def nanoseconds(span: str) -> int:
    """Return a span of one unit in nanoseconds."""
    digits = span.rstrip("msuh")
    return int(digits) * SPANS[span.removeprefix(digits)]


def events_of(
    trades: Sequence[Trade], rule: str, take_profit: int | None, stop_loss: int | None
) -> list[Event]:
    """Return the closing trades of the complete bars of a chain."""
    closes = [bar.end for bar in bars_of(trades, rule) if bar.complete]
    return [
        Event(row, take_profit, stop_loss, closes[place + 1 :]) for place, row in enumerate(closes)
    ]


def frame_of(
    frame: pl.DataFrame,
    events: Iterable[Event],
    horizons: Mapping[str, int | str | None],
    *,
    names: Sequence[str] = OF_BARRIERS,
) -> pl.DataFrame:
    """Return the labels of events; ``horizons`` are named by the ends of their columns."""
    trades, events = rows(frame), list(events)
    time = frame.schema["timestamp"]
    assert isinstance(time, pl.Datetime)
    unit = {"ms": 10**6, "us": 10**3, "ns": 1}[time.time_unit]
    columns: dict[str, pl.Series] = {
        "close_time": _times([trades[event.row].time for event in events], time),
        "close": pl.Series([trades[event.row].price for event in events], dtype=pl.Float64),
    }
    for ending, horizon in horizons.items():
        ended = [outcome(trades, event, horizon, unit) for event in events]
        of_each = [
            None if end is None else _values(trades, event, end)
            for event, end in zip(events, ended, strict=True)
        ]
        dtypes: dict[str, Any] = {
            "label": pl.Int8,
            "ret": pl.Float64,
            "forward_return": pl.Float64,
            "touch_kind": pl.Enum(list(KINDS.values())),
        }
        for name in names:
            values = [None if each is None else each[name] for each in of_each]
            made = (
                _times(values, time)
                if name == "touch_time"
                else pl.Series(values, dtype=dtypes[name])
            )
            columns[f"{name}{ending}"] = made
    return pl.DataFrame(columns)


def _values(trades: Sequence[Trade], event: Event, end: Outcome) -> dict[str, Any]:
    start = fx(trades[event.row].price)
    # Each side of the ratio is rounded once.
    ret = float(fx(trades[end.row].price) - start) / float(start)
    return {
        "label": end.label,
        "ret": ret,
        "forward_return": ret,
        "touch_time": trades[end.row].time,
        "touch_kind": KINDS[end.label],
    }


def _times(values: Sequence[int | None], dtype: pl.Datetime) -> pl.Series:
    return pl.Series(values, dtype=pl.Int64).cast(dtype)
