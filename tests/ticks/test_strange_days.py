"""Days of which times and ids lie where Python's calendar and 64 bits end."""

import datetime as dt

import polars as pl
import pytest
from support.assertions import says

from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.report import (
    DayReport,
    DayStatus,
    Gap,
    Origin,
    joined,
    quality_frame,
)
from rangebar_polars._ticks.spill import split_by_day
from rangebar_polars.errors import QualityError
from rangebar_polars.schema import TRADE_SCHEMA

DAY = dt.date(2024, 8, 8)
MIDNIGHT = 1_723_075_200_000_000
"""In microseconds."""


def day(times: list[int], ids: list[int]) -> pl.DataFrame:
    """Return trades of these times and ids."""
    rows = pl.DataFrame({"timestamp": times, "agg_trade_id": ids}).with_row_index("first_trade_id")
    return rows.with_columns(
        price=pl.lit(100.0),
        quantity=pl.lit(1.0),
        is_buyer_maker=pl.lit(value=True),
        last_trade_id="first_trade_id",
        timestamp=pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
    ).select(pl.col(name).cast(dtype) for name, dtype in TRADE_SCHEMA.items())


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (2**60, "+38504-08-17"),
        (-(2**61), "-71100-09-29"),
        (253_402_300_800_000_000, "+10000-01-01"),
    ],
)
def test_a_time_of_no_calendar_is_refused_with_its_row(time: int, shown: str) -> None:
    rows = day(sorted([MIDNIGHT, time]), [1, 2])

    with pytest.raises(QualityError) as caught:
        clean(rows, DAY, Origin(archive="a.zip"), name="a day")

    assert "lies more than an hour outside of 2024-08-08: row " in str(caught.value)
    assert shown in str(caught.value)


def test_a_day_of_times_of_no_calendar_is_refused() -> None:
    with says(
        QualityError,
        "no trade of a day lies in 2024-08-08: the first is at +38504-08-17 21:30:06, the last at "
        "+38504-08-17 21:30:06 (the file is of another day or time unit)",
    ):
        clean(day([2**60] * 2, [1, 2]), DAY, Origin(), name="a day")


def test_times_of_no_calendar_are_of_its_first_or_last_day() -> None:
    parts = split_by_day(day([-(2**61), MIDNIGHT, 2**60], [1, 2, 3]))

    assert [(of, part["agg_trade_id"].to_list()) for of, part in parts] == [
        (dt.date.min, [1]),
        (DAY, [2]),
        (dt.date.max, [3]),
    ]


def test_ids_that_lie_further_apart_than_64_bits_count_are_in_order_with_a_gap() -> None:
    rows = day([MIDNIGHT, MIDNIGHT + 1], [-(2**63), 2**63 - 1])

    got, report = clean(rows, DAY, Origin(), name="a day")

    assert got.equals(rows)
    assert (report.out_of_order, report.missing_ids) == (0, 2**63 - 1)
    assert DayReport.from_json(report.to_json()) == report
    frame = quality_frame([DayStatus(DAY, "ok", report)])
    assert frame["gaps"].explode().struct.field("missing").to_list() == [2**63 - 1]


def test_the_largest_id_is_followed_by_no_gap() -> None:
    rows = day([MIDNIGHT, MIDNIGHT + 1], [2**63 - 2, 2**63 - 1])

    assert clean(rows, DAY, Origin(), name="a day")[1].gaps == ()


def test_a_gap_between_days_is_no_larger_than_a_column_counts() -> None:
    times = [dt.datetime(2024, 8, 8, hour, tzinfo=dt.UTC) for hour in (0, 1)]
    ends = [
        DayReport(
            day=DAY + dt.timedelta(days=number),
            fingerprint="",
            rows_after=1,
            missing_ids=number * (2**63 - 1),
            gaps=(Gap(1, times[0], 5, times[1]),) * number,
            first_agg_trade_id=id_,
            last_agg_trade_id=id_,
            first_time=times[number],
            last_time=times[number],
        )
        for number, id_ in enumerate([-(2**63), 2**63 - 1])
    ]
    days = [DayStatus(report.day, "ok", report) for report in ends]

    assert quality_frame(days)["missing_ids"].to_list() == [0, 2**63 - 1]
    assert len(joined(days, contiguous_ids=True)[1][0].report.gaps) == 2  # type: ignore[union-attr]
