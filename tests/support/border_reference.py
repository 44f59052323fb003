"""The oracle of borders: for each trade a value that changes where a new chain begins.

Days of a zone are counted with the zones of Python, a minute at a time.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import get_args
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import polars as pl

import rangebar_polars as rb
from support.oracle_chains import Reset, period
from support.trades import PER_SECOND, rows

Borders = Reset | rb.TradingDay | pl.Expr

SESSION = "session"
"""The column of trades whose changes are borders."""

DAYS = (
    rb.TradingDay("17:00", "America/New_York"),
    rb.TradingDay("02:30", "America/New_York"),
    rb.TradingDay("01:30", "Europe/London"),
    rb.TradingDay("00:00", "Asia/Kolkata"),
    rb.TradingDay("23:59", "Australia/Lord_Howe"),
    rb.TradingDay("18:15", "UTC"),
)

_MINUTE = timedelta(minutes=1)


@lru_cache(maxsize=10_000)
def border(day: rb.TradingDay, of: date) -> datetime:
    """Return the first minute in which the clocks show the time of the date or a later one."""
    zone, wanted = ZoneInfo(day.zone), datetime.combine(of, time.fromisoformat(day.time))
    moment = wanted.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while (moment - _MINUTE).astimezone(zone).replace(tzinfo=None) >= wanted:
        moment -= _MINUTE
    return moment


def trading_day(day: rb.TradingDay, second: int) -> date:
    """Return the last date whose border is not after a second since 1970."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    of = moment.astimezone(ZoneInfo(day.zone)).date() + timedelta(days=1)
    while border(day, of) > moment:
        of -= timedelta(days=1)
    return of


def values(frame: pl.DataFrame, reset: Borders | None) -> list[object]:
    """Return a value for each trade of a frame, which changes at borders."""
    if isinstance(reset, pl.Expr):
        column = frame.select(reset).to_series()
        # Python has no nanoseconds.
        return (column.to_physical() if column.dtype == pl.Datetime else column).to_list()
    dtype = frame.schema["timestamp"]
    assert isinstance(dtype, pl.Datetime)
    per_second = PER_SECOND[dtype.time_unit]
    times = [trade.time for trade in rows(frame)]
    if isinstance(reset, rb.TradingDay):
        return [trading_day(reset, time // per_second) for time in times]
    return [reset and period(time, per_second, reset) for time in times]


RESETS: tuple[Borders | None, ...] = (None, *get_args(Reset), *DAYS, pl.col(SESSION))
"""What may be drawn; expressions stay out of ``st.sampled_from``, which compares."""


def resets() -> st.SearchStrategy[Borders | None]:
    """Draw borders of any kind."""
    return st.integers(0, len(RESETS) - 1).map(lambda place: RESETS[place])


_VALUES: dict[str, tuple[pl.DataType, list[object]]] = {
    "Boolean": (pl.Boolean(), [True, False, None]),
    "Int8": (pl.Int8(), [-1, 0, None, 7]),
    "UInt64": (pl.UInt64(), [2**64 - 1, 2**63, 0, None]),
    "Int64": (pl.Int64(), [-(2**63), 2**63 - 1, None]),
    "Date": (pl.Date(), [date(2024, 3, 10), date(1969, 12, 31), None]),
    "Datetime": (pl.Datetime("ns", "Asia/Tokyo"), [0, 1, None]),
    "String": (pl.String(), ["", "a", "a longer text than twelve bytes", None]),
    "Categorical": (pl.Categorical(), ["x", "y", None]),
    "Enum": (pl.Enum(["b", "a"]), ["a", "b", None]),
}


@st.composite
def with_sessions(draw: st.DrawFn, frame: pl.DataFrame) -> pl.DataFrame:
    """Draw a column of sessions of any dtype for the trades of a frame."""
    dtype, choices = _VALUES[draw(st.sampled_from(sorted(_VALUES)))]
    size = frame.height
    drawn = draw(st.lists(st.sampled_from(range(len(choices))), min_size=size, max_size=size))
    physical = pl.Int64() if isinstance(dtype, pl.Datetime) else dtype
    column = pl.Series(SESSION, [choices[place] for place in drawn], physical)
    return frame.with_columns(column.cast(dtype))
