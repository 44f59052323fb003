"""The horizontal axis of all charts: the number of a bar or trade, with times as sparse labels."""

import datetime as dt
from typing import Any, Final

import polars as pl

from rangebar_polars._plot.extra import alt

NUMBER: Final = "number"
"""The field with the number of the row."""
LABEL: Final = "label"
"""The field with the time that a label of the axis shows."""

_SHORT: Final = dt.timedelta(seconds=10)
"""A span of times that differ in their milliseconds."""

_FEW: Final = 12
"""Rows up to which each has a label, and which fill a part of the width only.

Vega drops labels that overlap, but not those of two rows: with this number, theirs do not.
"""


def check_time(name: str, dtype: pl.DataType) -> None:
    """Refuse a column that holds no times.

    Raises
    ------
    TypeError
        Naming the column, its dtype and the cast.
    """
    if not isinstance(dtype, pl.Datetime | pl.Date):
        raise TypeError(
            f'column "{name}" is {dtype}: expected Datetime or Date (cast it, in the unit that it '
            f'counts: pl.col("{name}").cast(pl.Datetime("ms")))'
        )


def zone_of(dtype: pl.DataType) -> str:
    """Return the zone that times are in, or an empty text for naive ones."""
    return (isinstance(dtype, pl.Datetime) and dtype.time_zone) or ""


def whole_time(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a time to the last digit, with its zone, as text."""
    text = "%Y-%m-%d" if dtype == pl.Date else f"%Y-%m-%d %H:%M:%S%.f {zone_of(dtype)}"
    return pl.col(name).dt.to_string(text.rstrip())


def span_text(times: pl.Series, until: pl.Series) -> str:
    """Return from when to when the rows are, as text; empty where no time is known."""
    first, last = times.min(), until.max()
    if not isinstance(first, dt.date) or not isinstance(last, dt.date):
        return ""
    zone = zone_of(times.dtype)
    return f"{_to_second(first, last - first)} to {_to_second(last, last - first)} {zone}".rstrip()


def _to_second(time: dt.date, span: dt.timedelta) -> str:
    """Return a time to the second; to the millisecond where the span is short."""
    if not isinstance(time, dt.datetime):
        return time.isoformat()
    unit = "milliseconds" if span < _SHORT else "seconds"
    return time.replace(tzinfo=None).isoformat(" ", unit)


def short_time(name: str, times: pl.Series) -> pl.Expr:
    """Return a time as short as it may be on an axis over all these times, in lines of text."""
    first, last = times.min(), times.max()
    short = "%Y-%m-%d"
    if isinstance(first, dt.datetime) and isinstance(last, dt.datetime):
        if last - first < _SHORT:
            short = "%H:%M:%S%.3f"
        elif last.date() == first.date():
            short = "%H:%M:%S"
        elif last - first < dt.timedelta(days=2):
            short = "%H:%M:%S\n%-d %b"
        elif last - first < dt.timedelta(days=300):
            short = "%H:%M\n%-d %b"
    return pl.col(name).dt.to_string(short).fill_null("").alias(LABEL)


def number_scale(first: int, last: int) -> "alt.Scale":
    """Return the scale over these rows; a few of them do not fill the width."""
    beside = max(0.6, (_FEW - (last - first)) / 2, (last - first) * 0.005)
    return alt.Scale(domain=[first - beside, last + beside], nice=False, zero=False)


def number_axis(data: str, first: int, last: int, title: str | None) -> "alt.Axis":
    """Return the axis over rows of a data set: the number of the row, and below it the time.

    Labels are looked up when they are drawn, so that they are right after a zoom too.

    Parameters
    ----------
    data
        The name of the data set, with the fields `NUMBER` and `LABEL`.
    first, last
        The numbers of its rows.
    title
        The title, or None for ticks without labels and title.
    """
    few = {"values": list(range(first, last + 1))} if last - first < _FEW else {"tickCount": 10}
    options: dict[str, Any] = few | {"grid": False, "tickMinStep": 1}
    if title is None:
        return alt.Axis(labels=False, title=None, **options)
    row = f"data('{data}')[indexof(pluck(data('{data}'), '{NUMBER}'), datum.value)]"
    text = f"format(datum.value, ',d') + '\\n' + ({row} || {{{LABEL}: ''}}).{LABEL}"
    return alt.Axis(
        labelExpr=f"inrange(datum.value, [{first}, {last}]) ? split({text}, '\\n') : ''",
        labelOverlap="greedy",
        labelSeparation=12,
        title=title,
        titlePadding=8,
        **options,
    )
