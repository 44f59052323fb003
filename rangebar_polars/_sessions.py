"""The session of an exchange in which each trade was made."""

import datetime as dt
import difflib
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._core.arguments import check_columns
from rangebar_polars._extras import extra
from rangebar_polars._trade_columns import TradeColumns

_MARGIN: Final = dt.timedelta(days=7)
"""A session may begin days before its date."""

_DECADE: Final = 10
_DAY_0: Final = dt.date(1970, 1, 1)
_EARLIEST: Final = dt.date(1700, 1, 1)
_LATEST: Final = dt.date(2249, 12, 1)
"""The dates between which pandas has nanoseconds for whole decades."""


class _Schedule(NamedTuple):
    """The sessions that trades from a first day to a last one, since 1970, may belong to.

    Times are in nanoseconds since 1970.
    """

    first: int
    last: int
    dates: pl.Series
    opens: pl.Series
    closes: pl.Series
    breaks: pl.Series
    ends_of_breaks: pl.Series


@named
def sessions(calendar: str, *, columns: TradeColumns | None = None) -> pl.Expr:
    """Return the session in which each trade was made, as a column ``session``.

    A session is a date on which the exchange is open: regular hours, without holidays, and shorter
    on days of an early close. It needs the extra ``calendars``.

    Parameters
    ----------
    calendar
        The name of a calendar of ``exchange_calendars``, such as "XNYS" (New York), "XLON" or
        "CMES", or one that you registered there.
    columns
        The names of the columns of the trades; ``timestamp`` is read.

    Returns
    -------
    Expr
        Date, a value for each row: the date of the session from its open up to its close, the close
        itself not included, and null outside and in a break for lunch. Rows may be in any order,
        and a null time has no session. The expression is elementwise, so that plans stay lazy and
        stream: a calendar is made when a batch needs it, for the years of its times.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong, or no calendar has the name; raised by the call.
    ModuleNotFoundError
        ``exchange_calendars`` is not installed.
    polars.exceptions.ComputeError
        Raised when the plan runs: the column is not Datetime, or has times that the calendar does
        not know.

    Notes
    -----
    Times without a zone are in UTC. Holidays and hours are those of the installed
    ``exchange_calendars``; a later release may know more of them. The print of a closing auction
    comes at or after the close and so has no session.

    Examples
    --------
    Bars of regular hours, a new chain each session:

    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.LazyFrame(
    ...     {
    ...         "timestamp": ["2024-07-03 13:00", "2024-07-03 16:59", "2024-07-03 17:00"],
    ...         "price": [550.0, 551.0, 551.5],
    ...         "quantity": [1.0, 1.0, 1.0],
    ...     }
    ... ).with_columns(pl.col("timestamp").str.to_datetime())
    >>> trades = trades.with_columns(rb.sessions("XNYS"))  # closes at 17:00 UTC on that day
    >>> trades.collect()["session"].to_list()
    [None, datetime.date(2024, 7, 3), None]
    >>> regular = trades.filter(pl.col("session").is_not_null())
    >>> bars = regular.rangebar.bars(250, reset=pl.col("session"), include_incomplete=True)
    >>> bars.collect()["open"].to_list()
    [551.0]
    """
    if not isinstance(calendar, str):
        raise TypeError(f'calendar is {calendar!r}: expected the name of one, such as "XNYS"')
    names = _library().get_calendar_names(include_aliases=True)
    if calendar not in names:
        near = difflib.get_close_matches(calendar.upper(), names)
        hint = f" (did you mean {', '.join(map(repr, near))}?)" if near else ""
        raise ValueError(
            f'calendar is {calendar!r}: expected a name of exchange_calendars, such as "XNYS"{hint}'
        )
    times = pl.col(check_columns(columns).timestamp)
    of_times = partial(_sessions, calendar=calendar)
    return times.map_batches(of_times, return_dtype=pl.Date, is_elementwise=True).alias("session")


def _library() -> Any:  # noqa: ANN401 - a module
    return extra("exchange_calendars", needed_by="sessions", name="calendars")


def _sessions(times: pl.Series, *, calendar: str) -> pl.Series:
    """Return the session of each time."""
    if not isinstance(times.dtype, pl.Datetime):
        raise pl.exceptions.ComputeError(
            f'column "{times.name}" is {times.dtype}: sessions expects Datetime ('
            f"{_remedy(times.name, times.dtype)})"
        )
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[times.dtype.time_unit]
    moments = times.to_physical()
    first, last = moments.min(), moments.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return pl.Series(times.name, [None], pl.Date).new_from_index(0, times.len())
    per_day = per_second * 86_400
    schedule = _schedule_of(calendar, times.name, first // per_day, last // per_day)
    nanoseconds = 10**9 // per_second
    after = (schedule.opens // nanoseconds).search_sorted(moments, side="right").cast(pl.Int64)
    place = (after - 1).clip(0)

    def of(column: pl.Series) -> pl.Series:
        return (column // nanoseconds).gather(place)

    in_break = (moments >= of(schedule.breaks)) & (moments < of(schedule.ends_of_breaks))
    is_open = (after > 0) & (moments < of(schedule.closes)) & ~in_break.fill_null(value=False)
    nowhere = pl.Series([None], dtype=pl.Int64).new_from_index(0, times.len())
    found = place.zip_with(is_open.fill_null(value=False), nowhere)
    return schedule.dates.gather(found).alias(times.name)


def _remedy(name: str, dtype: pl.DataType) -> str:
    """Return how a column that is no Datetime becomes one."""
    if dtype.is_integer():
        # A plain cast would take the numbers for microseconds.
        return (
            f'cast it from its own unit: pl.from_epoch("{name}", time_unit="s") where today is a '
            'number of 10 digits, "ms" of 13, "us" of 16, "ns" of 19'
        )
    if dtype == pl.String:
        return f'cast it: pl.col("{name}").str.to_datetime()'
    return "give the time of each trade"


def _schedule_of(calendar: str, name: str, first: int, last: int) -> _Schedule:
    """Return sessions that include these days since 1970 in UTC.

    Raises
    ------
    polars.exceptions.ComputeError
        The calendar does not know them.
    """
    usual = _schedule(calendar)
    if usual.first <= first and last <= usual.last:
        return usual
    earliest, latest = _known(calendar)
    if first < _number(earliest) or last > _number(latest):
        raise pl.exceptions.ComputeError(
            f'column "{name}" has times outside of {earliest} to {latest}, which calendar '
            f"{calendar!r} knows (leave these trades out, or make a column of sessions of your own)"
        )
    # A few long stretches of years serve all batches.
    begin = dt.date(_date(first).year // _DECADE * _DECADE, 1, 1) - _MARGIN
    end = dt.date(_date(last).year // _DECADE * _DECADE + _DECADE, 1, 1) + _MARGIN
    return _schedule(calendar, max(begin, earliest), min(end, latest))


@lru_cache(maxsize=32)
def _known(calendar: str) -> tuple[dt.date, dt.date]:
    """Return the first and the last date that a calendar can have."""
    of = _library().get_calendar(calendar)
    bounds = of.bound_min(), of.bound_max()
    return (
        _EARLIEST if bounds[0] is None else bounds[0].date(),
        _LATEST if bounds[1] is None else bounds[1].date(),
    )


@lru_cache(maxsize=32)
def _schedule(calendar: str, begin: dt.date | None = None, end: dt.date | None = None) -> _Schedule:
    """Return the sessions of a calendar between two dates, or of the years around today."""
    stretch = {} if begin is None else {"start": str(begin), "end": str(end)}
    made = _library().get_calendar(calendar, **stretch)
    table = made.schedule
    first, last = made.first_session.date(), made.last_session.date()
    known = (begin, end) if begin and end else (first + _MARGIN, last - _MARGIN)

    def times(name: str) -> pl.Series:
        moments = table[name].dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        return pl.Series(name, moments).to_physical()

    return _Schedule(
        _number(known[0]),
        _number(known[1]),
        pl.Series("session", table.index.to_numpy().astype("datetime64[D]"), pl.Date),
        times("open"),
        times("close"),
        times("break_start"),
        times("break_end"),
    )


def _number(date: dt.date) -> int:
    """Return a date as days since 1970."""
    return (date - _DAY_0).days


def _date(number: int) -> dt.date:
    return _DAY_0 + dt.timedelta(days=number)
