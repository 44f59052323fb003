"""Times of dicts that are no whole numbers: datetimes, exactly, and what is no time."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from support.assertions import says
from support.dicts import PER_SECOND, SECOND, SEVERAL, UNITS, TimeUnit, one_of, time_of

import rangebar_polars as rb


def expected(remedy: str, unit: TimeUnit = "ms") -> str:
    return f"expected a whole number of {unit}, its digits as text, or a datetime ({remedy})"


FRAME = "or give a frame with a Datetime column"
NO_TIMES: dict[str, tuple[object, str]] = {
    "a flag": (True, f"True at row 0: {expected(FRAME)}"),
    "a flag of numpy": (np.True_, f"np.True_ at row 0: {expected(FRAME)}"),
    "a float far from today": (1.5, f"1.5 at row 0: {expected(FRAME)}"),
    "no number": (float("nan"), f"nan at row 0: {expected(FRAME)}"),
    "a date": (date(2024, 1, 1), f"datetime.date(2024, 1, 1) at row 0: {expected(FRAME)}"),
    "a time of numpy": (
        np.datetime64("2024-01-01"),
        f"np.datetime64('2024-01-01') at row 0: {expected(FRAME)}",
    ),
    "a list": ([1], f"[1] at row 0: {SEVERAL}"),
    "words": ("now", f"'now' at row 0: {expected(FRAME)}"),
    "nothing": ("", f"'' at row 0: {expected(FRAME)}"),
    "digits with an underscore": ("1_0", f"'1_0' at row 0: {expected(FRAME)}"),
    "a date as text": ("2024-01-01", f"'2024-01-01' at row 0: {expected(FRAME)}"),
    "nanoseconds as text": (
        "2024-01-01T00:00:00.123456789Z",
        f"'2024-01-01T00:00:00.123456789Z' at row 0: {expected(FRAME)}",
    ),
}


@pytest.mark.parametrize("name", NO_TIMES)
def test_what_is_no_time_is_refused(name: str) -> None:
    value, text = NO_TIMES[name]

    with says(rb.RangeBarError, f"timestamp is {text}"):
        time_of(value)


REMEDIES: list[tuple[object, str, TimeUnit, int]] = [
    (1704067200.123456, "round(value * 1_000_000)", "us", 1704067200123456),
    (1704067200.0, "round(value * 1_000_000)", "us", 1704067200000000),
    (1704067200123.25, "round(value * 1_000)", "us", 1704067200123250),
    (np.float64(1704067200123.0), "round(value * 1_000)", "us", 1704067200123000),
    (1704067200123456.0, "round(value)", "us", 1704067200123456),
    (1704067200123456000.0, "round(value)", "ns", 1704067200123456000),
    ("1704067200.5", "round(float(value) * 1_000_000)", "us", 1704067200500000),
    ("1.7040672e9", "round(float(value) * 1_000_000)", "us", 1704067200000000),
]


@pytest.mark.parametrize(("value", "remedy", "unit", "time"), REMEDIES)
def test_the_remedy_of_a_float_keeps_all_that_it_knows(
    value: object, remedy: str, unit: TimeUnit, time: int
) -> None:
    text = expected(f'{remedy} with time_unit="{unit}"')
    with says(rb.RangeBarError, f"timestamp is {value!r} at row 0: {text}"):
        time_of(value)

    assert time_of(eval(remedy, {"value": value}), unit) == time  # noqa: S307 - a remedy of ours


@pytest.mark.parametrize(
    "text", ["2024-01-01T00:00:00.250Z", "2024-01-01 00:00:00.25", "2024-01-01T01:00:00.25+01:00"]
)
def test_the_remedy_of_a_date_and_time_as_text_is_its_time(text: str) -> None:
    with says(
        rb.RangeBarError,
        f"timestamp is {text!r} at row 0: {expected('datetime.fromisoformat(value)')}",
    ):
        time_of(text)

    assert time_of(datetime.fromisoformat(text)) == SECOND * 1_000 + 250


# Datetimes.

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2024, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
DATETIMES: dict[str, datetime] = {
    "in UTC": AT,
    "naive": AT.replace(tzinfo=None),
    "in a zone": AT.astimezone(BERLIN),
    "with an offset": AT.astimezone(timezone(timedelta(hours=-3, minutes=-30))),
    "with an offset of microseconds": AT.astimezone(timezone(timedelta(microseconds=7))),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", DATETIMES)
def test_a_datetime_is_taken_as_it_is(name: str, unit: TimeUnit) -> None:
    expected = (SECOND * 1_000 + 250) * PER_SECOND[one_of(unit)] // 1_000

    assert time_of(DATETIMES[name], unit) == expected


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_the_one_that_the_datetime_means(fold: int) -> None:
    twice = datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=fold)

    assert time_of(twice) == int(twice.timestamp()) * 1_000


class Nowhere(tzinfo):
    """A zone that knows no offset, so that the datetime is naive."""

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        """Return that it is unknown."""
        return None

    def dst(self, _: datetime | None) -> timedelta | None:
        """Return that it is unknown."""
        return None

    def tzname(self, _: datetime | None) -> str | None:
        """Return that it is unknown."""
        return None


def test_a_datetime_whose_zone_knows_no_offset_is_naive() -> None:
    assert time_of(AT.replace(tzinfo=Nowhere())) == time_of(AT)


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize(
    "at",
    [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)],  # noqa: DTZ001 - naive
    ids=str,
)
def test_the_first_and_the_last_datetime_are_taken(at: datetime, unit: TimeUnit) -> None:
    since = at - datetime(1970, 1, 1)  # noqa: DTZ001 - naive

    assert time_of(at, unit) == since // timedelta(seconds=1) * PER_SECOND[unit]


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_a_datetime_is_never_cut(unit: TimeUnit) -> None:
    at = AT.replace(microsecond=250_001)

    with says(
        rb.RangeBarError,
        f'timestamp is {at!r} at row 0: ms cannot hold its microseconds (give time_unit="us")',
    ):
        time_of(at, unit)
    assert time_of(at, "us") == SECOND * 10**6 + 250_001


class Stamp(datetime):
    """A datetime that knows nanoseconds, as that of pandas."""

    nanosecond = 789


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_the_nanoseconds_of_a_datetime_are_never_cut(unit: TimeUnit) -> None:
    at = Stamp(2024, 1, 1, microsecond=123_456, tzinfo=UTC)

    with says(
        rb.RangeBarError,
        f"timestamp is {at!r} at row 0: {one_of(unit)} cannot hold its nanoseconds "
        '(give time_unit="ns")',
    ):
        time_of(at, unit)
    assert time_of(at, "ns") == SECOND * 10**9 + 123_456_789


class NoTime(datetime):
    """A datetime that is none, as pandas has one."""

    year = float("nan")  # type: ignore[assignment]


def test_a_datetime_that_is_no_time_is_refused() -> None:
    value = NoTime(2024, 1, 1)

    with says(rb.RangeBarError, f"timestamp is {value!r} at row 0: {expected(FRAME)}"):
        time_of(value)


@pytest.mark.parametrize(
    ("at", "wider"),
    [
        (datetime(3000, 1, 1, tzinfo=UTC), "ms"),
        (datetime(1600, 1, 1, microsecond=1, tzinfo=UTC), "us"),
    ],
)
def test_a_datetime_beyond_64_bits_of_nanoseconds_is_refused_with_a_unit_that_holds_it(
    at: datetime, wider: TimeUnit
) -> None:
    with says(
        rb.RangeBarError,
        f'timestamp is {at!r} at row 0: 64 bits cannot hold it in ns (give time_unit="{wider}")',
    ):
        time_of(at, "ns")
    assert time_of(at, wider) == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        seconds=1 / PER_SECOND[wider]
    )
