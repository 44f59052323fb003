"""The sessions of exchanges: regular hours, holidays and early closes."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.oracle_chains import few
from support.shared_data import SHARED, needs_shared_data

import rangebar_polars as rb

calendars = pytest.importorskip("exchange_calendars")

MADE = {
    name: calendars.get_calendar(name, start="2023-01-01", end="2025-12-31")
    for name in ("XNYS", "XHKG", "CMES", "24/7")
}


def sessions(calendar: str, times: Sequence[datetime | None], **cast: str) -> list[date | None]:
    """Return the session of each time."""
    column = pl.Series("timestamp", times, pl.Datetime("us", "UTC"))
    frame = column.to_frame().with_columns(
        pl.col("timestamp").dt.cast_time_unit(cast.get("unit", "us"))  # type: ignore[arg-type]
    )
    return frame.select(rb.sessions(calendar))["session"].to_list()


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@few
@given(
    st.sampled_from(sorted(MADE)),
    st.lists(
        st.datetimes(datetime(2023, 2, 1), datetime(2025, 11, 30)),  # noqa: DTZ001 - as hypothesis
        max_size=30,
    ),
)
def test_each_minute_is_in_the_session_that_the_calendar_says(
    name: str, drawn: list[datetime]
) -> None:
    minutes = [moment.replace(second=0, microsecond=0, tzinfo=UTC) for moment in drawn]
    made = MADE[name]
    expected = [
        made.minute_to_session(minute).date() if made.is_open_on_minute(minute) else None
        for minute in minutes
    ]

    assert sessions(name, minutes) == expected


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize(
    ("calendar", "begin", "end", "session"),
    [
        ("XNYS", "2024-03-08 14:30", "2024-03-08 21:00", date(2024, 3, 8)),
        ("XNYS", "2024-03-11 13:30", "2024-03-11 20:00", date(2024, 3, 11)),
        ("XNYS", "2024-07-03 13:30", "2024-07-03 17:00", date(2024, 7, 3)),
        ("XHKG", "2024-01-02 01:30", "2024-01-02 04:00", date(2024, 1, 2)),
        ("XHKG", "2024-01-02 05:00", "2024-01-02 08:00", date(2024, 1, 2)),
        ("CMES", "2024-03-10 22:00", "2024-03-11 22:00", date(2024, 3, 11)),
    ],
)
def test_a_session_holds_its_open_and_not_its_close(
    calendar: str, begin: str, end: str, session: date, unit: str
) -> None:
    step = timedelta(milliseconds=1)
    times = [at(begin) - step, at(begin), at(end) - step, at(end)]

    assert sessions(calendar, times, unit=unit)[1:3] == [session, session]
    assert session not in [sessions(calendar, [times[0]])[0], sessions(calendar, [times[3]])[0]]


def test_a_holiday_a_weekend_and_no_time_have_no_session() -> None:
    times = [at("2024-07-04 15:00"), at("2024-07-06 15:00"), None]

    assert sessions("XNYS", [*times, at("2024-07-05 15:00")]) == [None] * 3 + [date(2024, 7, 5)]
    assert sessions("XNYS", [None, None]) == [None, None]
    assert sessions("XNYS", []) == []


def test_rows_of_any_order_and_years_have_their_sessions() -> None:
    times = [at("2031-06-02 15:00"), at("1985-06-03 15:00"), at("2024-06-03 15:00")]

    assert sessions("XNYS", times) == [moment.date() for moment in times]


def test_a_plan_has_the_schema_before_it_runs_and_streams() -> None:
    times = pl.datetime_range(at("2024-07-01"), at("2024-07-08"), "7m", eager=True, time_unit="ns")
    plan = pl.LazyFrame({"t": times}).with_columns(
        rb.sessions("XNYS", columns=rb.TradeColumns(timestamp="t"))
    )

    assert plan.collect_schema()["session"] == pl.Date()
    assert plan.collect().equals(plan.collect(engine="streaming"))
    assert plan.collect()["session"].drop_nulls().unique().len() == 4


# Errors.


def test_a_name_of_no_calendar_is_refused() -> None:
    expected = (
        "calendar is 'xnys': expected a name of exchange_calendars, such as \"XNYS\" (did you mean "
        "'XNYS'"
    )
    with pytest.raises(ValueError, match=r"^calendar is 'xnys'") as caught:
        rb.sessions("xnys")
    assert str(caught.value).startswith(expected)
    with says(
        ValueError, "calendar is '?': expected a name of exchange_calendars, such as \"XNYS\""
    ):
        rb.sessions("?")
    with says(TypeError, 'calendar is 3: expected the name of one, such as "XNYS"'):
        rb.sessions(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("times", "remedy", "cast"),
    [
        (
            [1_720_014_400_000],
            (
                'cast it from its own unit: pl.from_epoch("timestamp", time_unit="s") where today '
                'is a number of 10 digits, "ms" of 13, "us" of 16, "ns" of 19'
            ),
            pl.from_epoch("timestamp", time_unit="ms"),
        ),
        (
            ["2024-07-03 13:46:40"],
            'cast it: pl.col("timestamp").str.to_datetime()',
            pl.col("timestamp").str.to_datetime(),
        ),
        ([date(2024, 7, 3)], "give the time of each trade", None),
    ],
)
def test_a_column_of_another_dtype_is_refused_with_what_makes_it_right(
    times: list[object], remedy: str, cast: pl.Expr | None
) -> None:
    frame = pl.DataFrame({"timestamp": times})
    text = f'column "timestamp" is {frame.dtypes[0]}: sessions expects Datetime ({remedy})'
    with pytest.raises(pl.exceptions.ComputeError, match=re.escape(text)):
        frame.select(rb.sessions("XNYS"))
    if cast is not None:
        of_cast = frame.with_columns(cast).select(rb.sessions("XNYS"))
        assert of_cast["session"].to_list() == [date(2024, 7, 3)]


@pytest.mark.parametrize(
    ("calendar", "time", "earliest", "latest"),
    [
        ("XHKG", datetime(1950, 1, 2, tzinfo=UTC), "1960-01-01", "2049-12-31"),
        ("XNYS", datetime(2500, 1, 2, tzinfo=UTC), "1700-01-01", "2249-12-01"),
        ("XNYS", datetime(1600, 1, 2, tzinfo=UTC), "1700-01-01", "2249-12-01"),
    ],
)
def test_times_that_a_calendar_does_not_know_are_an_error(
    calendar: str, time: datetime, earliest: str, latest: str
) -> None:
    expected = (
        f'column "timestamp" has times outside of {earliest} to {latest}, which calendar '
        f"'{calendar}' knows \\(leave these trades out, or make a column of sessions of your own\\)"
    )
    with pytest.raises(pl.exceptions.ComputeError, match=expected):
        sessions(calendar, [time])


@pytest.fixture
def _without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)


@pytest.mark.usefixtures("_without_the_library")
def test_without_the_extra_the_message_says_how_to_install_it() -> None:
    expected = (
        "sessions needs exchange_calendars (pip install --upgrade 'rangebar-polars[calendars]')"
    )
    with says(ModuleNotFoundError, expected):
        rb.sessions("XNYS")


# Bars.


@needs_shared_data
@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
def test_bars_of_spy_in_regular_hours_begin_anew_each_session() -> None:
    trades = pl.scan_parquet(SHARED / "trades" / "lean_spy_us_equity_20131007_11.parquet")
    options: dict[str, Any] = {"rule": rb.RangeRule(50), "include_incomplete": True}
    regular = trades.with_columns(rb.sessions("XNYS")).filter(pl.col("session").is_not_null())

    bars = rb.bars(regular, reset=pl.col("session"), **options).collect(engine="streaming")

    def by_the_clock(name: str) -> pl.Expr:
        local = pl.col(name).dt.convert_time_zone("America/New_York").dt.time()
        return local.is_between(pl.time(9, 30), pl.time(16), closed="left")

    day = rb.TradingDay("09:30", "America/New_York")
    of_clock = rb.bars(trades.filter(by_the_clock("timestamp")), reset=day, **options)
    assert bars.equals(of_clock.collect())
    every = rb.bars(trades, reset=rb.sessions("XNYS"), **options)
    assert bars.equals(every.filter(by_the_clock("open_time")).collect())
    assert bars.filter(~pl.col("is_complete"))["open_time"].dt.date().to_list() == [
        date(2013, 10, day) for day in range(7, 12)
    ]
