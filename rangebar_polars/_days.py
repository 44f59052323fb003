"""UTC days: the units of the archive's files, and of the ranges that users give."""

import calendar
import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

LONGEST_RANGE: Final = 36_600
"""How many days a range may have, a century: each is looked for in the cache by itself."""

_EARLY: Final = dt.date(1970, 1, 1)


def utc_day(value: str | dt.date, name: str) -> dt.date:
    """Return the day that `value` names.

    A datetime is refused, because its UTC day depends on a zone that it may not have.

    >>> utc_day("2024-08-08", "start")
    datetime.date(2024, 8, 8)
    """
    if isinstance(value, dt.datetime) or not isinstance(value, str | dt.date):
        raise TypeError(f"{name} is {value!r} (give a UTC day: 'YYYY-MM-DD' or datetime.date)")
    if isinstance(value, dt.date):
        return value
    try:
        return dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise ValueError(f"{name} is {value!r} (write a UTC day as YYYY-MM-DD)") from None


def day_range(
    start: str | dt.date, end: str | dt.date, *, names: tuple[str, str] = ("start", "end")
) -> list[dt.date]:
    """Return every UTC day from `start` to `end`, both included.

    `names` are the names of the two arguments in messages.

    >>> len(day_range("2024-02-01", "2024-03-01"))
    30
    >>> day_range("0001-01-01", "2024-03-01")
    Traceback (most recent call last):
    ValueError: start 0001-01-01 to end 2024-03-01 are 738946 days: expected at most 36600 (give the
    first day that has trades)
    """
    first, last = utc_day(start, names[0]), utc_day(end, names[1])
    if last < first:
        raise ValueError(
            f"{names[1]} {last} lies before {names[0]} {first} (both days are included)"
        )
    count = (last - first).days + 1
    if count > LONGEST_RANGE:
        remedy = "the first day" if first < _EARLY else "the last day"
        raise ValueError(
            f"{names[0]} {first} to {names[1]} {last} are {count} days: expected at most "
            f"{LONGEST_RANGE} (give {remedy} that has trades)"
        )
    return [first + dt.timedelta(days=n) for n in range(count)]


def days_named(names: Iterable[str]) -> list[dt.date]:
    """Return the days with these names, ascending; other names are ignored.

    >>> [str(day) for day in days_named(["2024-03-01", "2024-02-30", "2024-02-29", "2024-W09-1"])]
    ['2024-02-29', '2024-03-01']
    """
    days = []
    for name in names:
        with contextlib.suppress(ValueError):
            day = dt.date.fromisoformat(name)
            # It reads other forms of a day too.
            days += [day] if str(day) == name else []
    return sorted(days)


def month_days(day: dt.date) -> list[dt.date]:
    """Return every day of the month of `day`.

    >>> month_days(dt.date(2024, 2, 14))[-1]
    datetime.date(2024, 2, 29)
    """
    # The month after the last one of the calendar has no first day.
    count = calendar.monthrange(day.year, day.month)[1]
    return [day.replace(day=n) for n in range(1, count + 1)]


def spans(days: list[dt.date]) -> str:
    """Return ascending days as text, consecutive days as one span.

    >>> spans(day_range("2024-01-30", "2024-02-01") + [dt.date(2024, 2, 5)])
    '2024-01-30 to 2024-02-01, 2024-02-05'
    """
    ends = ((run[0], run[-1]) for run in runs(days))
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ends)


def runs(days: Iterable[dt.date]) -> Iterator[list[dt.date]]:
    """Yield ascending days as runs of consecutive days.

    >>> [len(run) for run in runs(day_range("2024-01-30", "2024-02-01") + [dt.date(2024, 2, 5)])]
    [3, 1]
    """
    run: list[dt.date] = []
    for day in days:
        if run and day - run[-1] != dt.timedelta(days=1):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def day_after(day: dt.date) -> dt.date | None:
    """Return the next day; None after the last day of the calendar.

    >>> day_after(dt.date.max) is None
    True
    """
    return None if day == dt.date.max else day + dt.timedelta(days=1)


def day_before(day: dt.date) -> dt.date | None:
    """Return the day before; None before the first day of the calendar.

    >>> str(day_before(dt.date(2024, 3, 1)))
    '2024-02-29'
    """
    return None if day == dt.date.min else day - dt.timedelta(days=1)
