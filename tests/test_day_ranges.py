"""Days as text, ranges of days, and runs of them."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says

from rangebar_polars._days import (
    LONGEST_RANGE,
    day_after,
    day_before,
    day_range,
    days_named,
    month_days,
    runs,
    spans,
    utc_day,
)

DAY = dt.timedelta(days=1)
DAYS = st.dates()
NEAR = st.sets(st.dates(dt.date(2024, 2, 20), dt.date(2024, 3, 20))).map(sorted)


@given(DAYS)
def test_a_day_is_read_from_its_text_and_from_itself(day: dt.date) -> None:
    assert utc_day(day, "start") is day
    assert utc_day(str(day), "start") == day
    assert days_named([str(day)]) == [day]


@pytest.mark.parametrize("value", [dt.datetime(2024, 8, 8, tzinfo=dt.UTC), 20240808, None])
def test_what_is_no_day_is_refused(value: object) -> None:
    with says(TypeError, f"first is {value!r} (give a UTC day: 'YYYY-MM-DD' or datetime.date)"):
        utc_day(value, "first")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", "2024-02-30", "08.08.2024", "2024-08-08 00:00"])
def test_another_text_is_refused(value: str) -> None:
    with says(ValueError, f"first is {value!r} (write a UTC day as YYYY-MM-DD)"):
        utc_day(value, "first")


@given(st.dates(dt.date(2000, 1, 1), dt.date(2030, 1, 1)), st.integers(0, 400))
def test_a_range_has_each_day_once_and_both_ends(start: dt.date, more: int) -> None:
    days = day_range(start, start + more * DAY)

    assert days[0] == start
    assert days[-1] == start + more * DAY
    assert all(after - before == DAY for before, after in itertools.pairwise(days))


def test_a_range_that_ends_before_it_begins_is_refused_with_both_names() -> None:
    with says(ValueError, "until 2024-08-07 lies before since 2024-08-08 (both days are included)"):
        day_range("2024-08-08", "2024-08-07", names=("since", "until"))


@pytest.mark.parametrize(
    ("start", "remedy"), [("1969-12-31", "first"), ("1970-01-01", "last"), ("2024-01-01", "last")]
)
def test_a_range_of_more_than_a_century_is_refused(start: str, remedy: str) -> None:
    first = dt.date.fromisoformat(start)
    end = first + LONGEST_RANGE * DAY

    with says(
        ValueError,
        f"start {start} to end {end} are 36601 days: expected at most 36600 (give the {remedy} day "
        "that has trades)",
    ):
        day_range(start, end)
    assert len(day_range(start, end - DAY)) == LONGEST_RANGE


def test_names_of_no_day_are_ignored_and_the_others_sorted() -> None:
    names = ["20240301", "2024-W09-1", "2024-03-02", "day=2024-03-01", "2024-03-01", "2024-02-30"]

    assert days_named(names) == [dt.date(2024, 3, 1), dt.date(2024, 3, 2)]


@given(DAYS)
def test_a_month_has_the_days_of_its_month(day: dt.date) -> None:
    days = month_days(day)

    assert day in days
    assert [each.day for each in days] == list(range(1, len(days) + 1))
    assert {each.month for each in days} == {day.month}
    after = day_after(days[-1])
    assert after is None or after.day == 1


@given(NEAR)
def test_runs_are_as_long_as_days_follow_each_other(days: list[dt.date]) -> None:
    found = list(runs(days))

    assert [day for run in found for day in run] == days
    for run in found:
        assert all(after - before == DAY for before, after in itertools.pairwise(run))
    assert all(a[-1] + DAY < b[0] for a, b in itertools.pairwise(found))


@given(NEAR)
def test_spans_name_every_day(days: list[dt.date]) -> None:
    named = []
    for span in filter(None, spans(days).split(", ")):
        first, _, last = span.partition(" to ")
        assert first != last
        named += day_range(first, last or first)

    assert named == days


@given(DAYS)
def test_the_day_before_the_day_after_is_the_day(day: dt.date) -> None:
    after = day_after(day)

    assert after is None or (after - day == DAY and day_before(after) == day)


def test_the_calendar_ends() -> None:
    assert day_after(dt.date.max) is None
    assert day_before(dt.date.min) is None
    assert day_before(dt.date.max) == dt.date.max - DAY
