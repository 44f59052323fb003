"""The arguments of labels, checked when the call is made."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, SupportsIndex

import polars as pl

from rangebar_polars._core.arguments import (
    SingleThreshold,
    check_order,
    check_threshold,
    integer_of,
)
from rangebar_polars._core.spans import Span, nanoseconds_of, span_text

SingleHorizon = SupportsIndex | Span
"""A number of bars, or a span of time, such as "5m" or a timedelta."""

Horizon = SingleHorizon | Sequence[SingleHorizon]
"""One horizon, or several for one pass over the trades."""

EVENT: Final = "rangebar event"
"""The column of trades that says which of them are events of the caller."""

MOST_BARS: Final = 1_000_000_000
"""The longest horizon in bars."""

_EXPECTED: Final = (
    "expected a number of bars, such as 20, or a span, such as '5m', '1h30m' or "
    "timedelta(minutes=5)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedHorizon:
    """A horizon, and the ending of the names of its columns."""

    text: str
    bars: int | None = None
    nanoseconds: int | None = None
    ending: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The checked arguments of labels."""

    has_barriers: bool
    horizons: tuple[CheckedHorizon, ...]
    take_profit: int | None = None
    stop_loss: int | None = None
    events: tuple[tuple[int, int | None, int | None], ...] | None = None
    """Row, take profit and stop loss of each event of the caller."""

    def kwargs(self) -> dict[str, Any]:
        """Return the options of the compiled extension."""
        return {
            "has_barriers": self.has_barriers,
            "take_profit": self.take_profit,
            "stop_loss": self.stop_loss,
            "horizons": [
                (each.ending, each.text, each.bars, each.nanoseconds) for each in self.horizons
            ],
            "events": None if self.events is None else list(self.events),
        }

    def columns(self) -> list[str]:
        """Return the names of the columns that come after the keys and the rule."""
        of_horizon = ("label", "ret", "touch_time", "touch_kind")
        names = of_horizon if self.has_barriers else ("forward_return",)
        endings = [each.ending for each in self.horizons]
        row = [] if self.events is None else ["row"]
        of_all = [f"{name}{ending}" for ending in endings for name in names]
        return [*row, "close_time", "close", *of_all]

    def marked(self, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield batches of trades with a column that says which are events of the caller."""
        rows = pl.Series([row for row, _, _ in self.events or ()], dtype=pl.Int64).unique(
            maintain_order=True
        )
        start = 0
        for batch in batches:
            end = start + batch.height
            first, after = rows.search_sorted(start), rows.search_sorted(end)
            flags = pl.Series(EVENT, [False]).new_from_index(0, batch.height)
            yield batch.with_columns(flags.scatter(rows[first:after] - start, values=True))
            start = end


def check_horizons(horizon: Horizon | None) -> tuple[CheckedHorizon, ...]:
    """Return the horizons; one without an end for None.

    Raises
    ------
    TypeError
        One is neither a number, a text nor a timedelta.
    ValueError
        One is not above 0, is no fixed span or stands twice, or there is none.

    Examples
    --------
    >>> [each.ending for each in check_horizons([20, "5m"])]
    ['_20', '_5m']
    >>> check_horizons("1mo")
    Traceback (most recent call last):
    ValueError: horizon is '1mo': expected a number of bars, such as 20, or a span, such as '5m',
    '1h30m' or timedelta(minutes=5)
    """
    if horizon is None:
        return (CheckedHorizon(text="None"),)
    check_order(horizon, "horizon")
    is_one = integer_of(horizon) is not None or isinstance(horizon, Span | bytes)
    if is_one or not isinstance(horizon, Iterable):
        return (_check_horizon(horizon, has_ending=False),)
    horizons = tuple(_check_horizon(each, has_ending=True) for each in horizon)
    if not horizons:
        raise ValueError(f"horizon is empty: {_EXPECTED}, or several of them")
    seen = dict[tuple[int | None, int | None], str]()
    for each in horizons:
        length = (each.bars, each.nanoseconds)
        if length in seen:
            twice = each.text if each.text == seen[length] else f"{seen[length]}, as {each.text},"
            raise ValueError(f"horizon holds {twice} twice: expected each once")
        seen[length] = each.text
    return horizons


def _check_horizon(horizon: object, *, has_ending: bool) -> CheckedHorizon:
    if isinstance(horizon, Span):
        nanoseconds = nanoseconds_of(horizon)
        if not 0 < nanoseconds < 1 << 63:
            raise ValueError(f"horizon is {horizon!r}: {_EXPECTED}")
        text = horizon if isinstance(horizon, str) else span_text(nanoseconds)
        ending = f"_{text}" if has_ending else ""
        return CheckedHorizon(text=text, nanoseconds=nanoseconds, ending=ending)
    bars = integer_of(horizon)
    if bars is None:
        raise TypeError(f"horizon is {horizon!r}: {_EXPECTED}")
    if not 1 <= bars <= MOST_BARS:
        raise ValueError(f"horizon is {bars}: expected 1 to {MOST_BARS} bars")
    return CheckedHorizon(text=str(bars), bars=bars, ending=f"_{bars}" if has_ending else "")


def check_barriers(
    take_profit: SingleThreshold | None, stop_loss: SingleThreshold | None
) -> tuple[int | None, int | None]:
    """Return the fractions of both barriers in decimal basis points.

    Raises
    ------
    TypeError
        One is neither None nor an integer.
    ValueError
        One is outside 1 to 100,000.
    """
    up = None if take_profit is None else check_threshold(take_profit, "take_profit")
    down = None if stop_loss is None else check_threshold(stop_loss, "stop_loss")
    return up, down


def check_events(
    events: pl.DataFrame, *, labels: Labels, without: dict[str, object]
) -> tuple[tuple[int, int | None, int | None], ...]:
    """Return row, take profit and stop loss of each event.

    Parameters
    ----------
    events
        The events.
    labels
        The other arguments.
    without
        Arguments that say where bars end, by name.

    Raises
    ------
    TypeError
        It is no frame.
    ValueError
        It stands beside an argument that it excludes.
    polars.exceptions.ComputeError
        A column is missing, unknown or of another dtype, or an event is wrong.
    """
    if not isinstance(events, pl.DataFrame):
        remedy = " (collect it: events.collect())" if isinstance(events, pl.LazyFrame) else ""
        raise TypeError(f"events is a {type(events).__name__}: expected a DataFrame{remedy}")
    for name, value in without.items():
        if value is not None:
            raise ValueError(
                f"{name} is {value!r} beside events: expected one of both (it says where bars end, "
                "and events are rows)"
            )
    for horizon in labels.horizons:
        if horizon.bars is not None:
            raise ValueError(
                f"horizon is {horizon.text} beside events: expected a span, such as '5m' (a number "
                "counts bars, and events are rows)"
            )
    columns = [_column(events, name, labels) for name in ("row", "take_profit", "stop_loss")]
    checked, before = list[tuple[int, int | None, int | None]](), 0
    for number, (row, up, down) in enumerate(zip(*columns, strict=True)):
        _check_event(number, row, (up, down), before=before, labels=labels)
        checked.append((row, up, down))
        before = row
    return tuple(checked)


def _column(events: pl.DataFrame, name: str, labels: Labels) -> list[Any]:
    """Return the values of a column of events, or the argument of its name for each."""
    known = ["row", "take_profit", "stop_loss"] if labels.has_barriers else ["row"]
    if "row" not in events.columns:
        raise pl.exceptions.ComputeError(
            f"events have no column 'row': they have [{', '.join(events.columns)}] (add "
            'the row of each among the trades, counted from 0: trades.with_row_index("row"))'
        )
    if unknown := [other for other in events.columns if other not in known]:
        raise pl.exceptions.ComputeError(
            f"events have the column {unknown[0]!r}: expected {', '.join(known)} (leave the others "
            f"out: events.select({', '.join(repr(k) for k in known if k in events.columns)}))"
        )
    if name not in events.columns:
        return [getattr(labels, name)] * events.height
    if getattr(labels, name, None) is not None:
        raise ValueError(f"{name} is given, and is a column of events: expected one of both")
    column = events.get_column(name)
    if not column.dtype.is_integer() and column.dtype != pl.Null:
        raise pl.exceptions.ComputeError(
            f"column {name!r} of events is {column.dtype}: expected integers (cast it: "
            f'events.cast({{"{name}": pl.Int64}}))'
        )
    return column.to_list()


def _check_event(
    number: int,
    row: int | None,
    barriers: tuple[int | None, int | None],
    *,
    before: int,
    labels: Labels,
) -> None:
    if row is None:
        raise pl.exceptions.ComputeError(
            f'event {number} has the row null: expected a row (drop it: events.drop_nulls("row"))'
        )
    if not 0 <= row < 1 << 63:
        raise pl.exceptions.ComputeError(
            f"event {number} has row {row}: expected a row of the trades, counted from 0"
        )
    if row < before:
        raise pl.exceptions.ComputeError(
            f"events are not ascending at event {number}: row {row} after row {before} (sort them: "
            'events.sort("row", maintain_order=True))'
        )
    for name, bps in zip(("take_profit", "stop_loss"), barriers, strict=True):
        try:
            check_threshold(1 if bps is None else bps, name)
        except ValueError as error:
            raise pl.exceptions.ComputeError(f"event {number} at row {row}: {error}") from None
    is_endless = all(each.bars is each.nanoseconds is None for each in labels.horizons)
    if labels.has_barriers and barriers == (None, None) and is_endless:
        raise pl.exceptions.ComputeError(
            f"event {number} at row {row} has no barrier, and there is no horizon: expected "
            "take_profit, stop_loss or horizon"
        )
