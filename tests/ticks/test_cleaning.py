"""Cleaning puts known defects right and counts them, and refuses what it cannot put right."""

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rangebar_polars._ticks import cleaning as quality
from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.report import DayReport, DayStatus, Gap, Origin, joined, quality_frame
from rangebar_polars.errors import QualityError
from rangebar_polars.schema import TRADE_SCHEMA

DAY = dt.date(2024, 8, 8)
MIDNIGHT = dt.datetime(2024, 8, 8, tzinfo=dt.UTC)
NAME = "file"
NOWHERE = Origin()


def at(second: float) -> dt.datetime:
    """Return a time of DAY."""
    return MIDNIGHT + dt.timedelta(seconds=second)


def day_of(*changes: Mapping[str, object], rows: int = 8) -> pl.DataFrame:
    """Return a clean day, then change rows: each change names its ``row``."""
    lines: list[dict[str, object]] = [
        {
            "timestamp": at(n),
            "price": 100.0 + n % 2 / 10,
            "quantity": 1.0,
            "is_buyer_maker": n % 3 == 0,
            "agg_trade_id": n,
            "first_trade_id": 10 * n,
            "last_trade_id": 10 * n + 1,
        }
        for n in range(rows)
    ]
    for change in changes:
        lines[int(str(change["row"]))].update({k: v for k, v in change.items() if k != "row"})
    return pl.DataFrame(lines, schema=TRADE_SCHEMA)


def cleaned(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the cleaned rows and what was found."""
    got, report = clean(rows, DAY, Origin(), name=NAME)
    assert report.rows_before == rows.height
    assert report.rows_after == got.height
    assert DayReport.from_json(report.to_json()) == report
    return got, report.defects()


def refusal(rows: pl.DataFrame) -> str:
    """Return the message about rows that are refused."""
    with pytest.raises(QualityError) as caught:
        clean(rows, DAY, Origin(archive=NAME), name=NAME)
    return str(caught.value)


def test_a_clean_day_is_left_as_it_is() -> None:
    rows = day_of()

    got, found = cleaned(rows)

    assert got.equals(rows)
    assert found == {}


def test_ids_of_trades_may_have_holes() -> None:
    _, found = cleaned(day_of({"row": 3, "first_trade_id": 31}))

    assert found == {}


def test_rows_out_of_order_are_put_in_order_and_counted() -> None:
    rows = day_of()

    got, found = cleaned(pl.concat([rows[4:], rows[:4]]))

    assert got.equals(rows)
    assert found == {"out_of_order": 1}


@pytest.mark.parametrize("rows", [8, 9, 101])
def test_two_halves_shuffled_row_by_row_are_recognised(rows: int) -> None:
    day = day_of(rows=rows)
    half = rows // 2
    order = [index for n in range(half) for index in (n, half + n)] + list(range(2 * half, rows))

    got, found = cleaned(day[order])

    assert got.equals(day)
    assert found == {"out_of_order": half - 1, "interleaved": 1}


def test_exact_repetitions_are_dropped_wherever_they_are() -> None:
    rows = day_of()

    got, found = cleaned(pl.concat([rows, rows[2:5], rows[2:3]]))

    assert got.equals(rows)
    assert found == {"out_of_order": 2, "duplicates": 4}


def test_tombstones_and_prices_of_nothing_are_dropped() -> None:
    tombstone = {"price": 0, "quantity": 0, "first_trade_id": -1, "last_trade_id": -1}
    rows = day_of(
        {"row": 2, "agg_trade_id": 10**9, **tombstone},
        {"row": 5, "price": 0.0},
        {"row": 6, "price": -1.0},
    )

    got, found = cleaned(rows)

    assert got.equals(rows[[0, 1, 3, 4, 7]])
    assert found == {"tombstones": 1, "nonpositive_prices": 2, "missing_ids": 3}


def test_a_record_of_trades_seen_before_is_dropped() -> None:
    rows = day_of({"row": 5, "first_trade_id": 20, "last_trade_id": 21, "timestamp": at(0)})

    got, found = cleaned(rows)

    assert got.equals(rows[[0, 1, 2, 3, 4, 6, 7]])
    assert found == {"repeated_trades": 1, "missing_ids": 1}


def test_one_id_with_other_trades_is_kept() -> None:
    rows = day_of({"row": 3, "agg_trade_id": 2})

    got, found = cleaned(rows)

    assert got.equals(rows)
    assert found == {"missing_ids": 1}


def test_what_is_odd_but_possible_is_kept_and_counted() -> None:
    rows = day_of(
        {"row": 2, "quantity": 0.0},
        {"row": 4, "price": 102.04},
        {"row": 7, "timestamp": at(86_400)},
    )

    got, found = cleaned(rows)

    assert got.equals(rows)
    assert found == {"zero_quantities": 1, "off_market": 1, "outside_day": 1}


def test_a_move_that_stays_is_not_off_market() -> None:
    rows = day_of(*({"row": n, "price": 105.0} for n in range(4, 8)))

    assert cleaned(rows)[1] == {}


def test_missing_ids_are_reported_with_ids_and_times() -> None:
    rows = day_of(rows=12)[[0, 1, 5, 6, 7, 9, 10]]

    _, report = clean(rows, DAY, Origin(), name=NAME)

    assert report.gaps == (Gap(1, at(1), 5, at(5)), Gap(7, at(7), 9, at(9)))
    assert [gap.missing for gap in report.gaps] == [3, 1]
    assert report.missing_ids == 4


@given(
    ids=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    slice_rows=st.integers(1, 50),
)
def test_any_order_with_any_repetitions_is_the_same_day(ids: list[int], slice_rows: int) -> None:
    day = day_of(rows=61)
    expected = day[sorted(set(ids))]
    before = quality.SLICE_ROWS
    quality.SLICE_ROWS = slice_rows
    try:
        got, report = clean(day[ids], DAY, Origin(), name=NAME)
    finally:
        quality.SLICE_ROWS = before

    known = sorted(set(ids))
    assert got.equals(expected)
    assert report.duplicates == len(ids) - len(known)
    assert report.missing_ids == known[-1] - known[0] + 1 - len(known)
    assert report.out_of_order == sum(b < a for a, b in pairwise(ids))


def test_time_going_back_is_refused_with_the_rows() -> None:
    rows = day_of({"row": 3, "timestamp": at(1)}, {"row": 5, "timestamp": at(3.5)})

    assert refusal(rows) == (
        "time goes back in file although ids rise: row 3 (agg_trade_id 3, 2024-08-08 "
        "00:00:01.000000), row 5 (agg_trade_id 5, 2024-08-08 00:00:03.500000) (the day is "
        "refused: re-timing or dropping them would invent trades)"
    )


def test_no_more_than_three_rows_are_named() -> None:
    rows = day_of(*({"row": n, "timestamp": at(90 - n)} for n in range(8)))

    assert "row 3 (agg_trade_id 3, 2024-08-08 00:01:27.000000) and 4 more (" in refusal(rows)


def test_two_records_with_one_id_are_refused() -> None:
    rows = day_of({"row": 3, "agg_trade_id": 2, "first_trade_id": 20})

    assert refusal(rows) == (
        "two different records of file have one id: row 3 (agg_trade_id 2, 2024-08-08 "
        "00:00:03.000000) (one of them is wrong, and which is unknown)"
    )


def test_a_record_of_trades_partly_seen_before_is_refused() -> None:
    rows = day_of({"row": 3, "first_trade_id": 21})

    assert refusal(rows) == (
        "records of file repeat a part of an earlier record's trades: row 3 (agg_trade_id 3, "
        "2024-08-08 00:00:03.000000) (neither keeping nor dropping them would be right)"
    )


def test_ids_of_trades_the_wrong_way_round_are_refused() -> None:
    assert refusal(day_of({"row": 3, "first_trade_id": 35})) == (
        "last_trade_id lies below first_trade_id in file: row 3 (agg_trade_id 3, 2024-08-08 "
        "00:00:03.000000)"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"price": float("nan")},
        {"price": float("inf")},
        {"price": None},
        {"quantity": -1.0},
        {"quantity": None},
        {"quantity": float("nan")},
    ],
    ids=str,
)
def test_values_that_are_none_are_refused(change: dict[str, object]) -> None:
    assert refusal(day_of({"row": 3, **change})) == (
        "a time, price or quantity in file is missing, not finite, or negative: row 3 "
        "(agg_trade_id 3, 2024-08-08 00:00:03.000000) (the record cannot be restored)"
    )


def test_a_time_that_is_missing_is_refused() -> None:
    assert refusal(day_of({"row": 3, "timestamp": None})) == (
        "a time, price or quantity in file is missing, not finite, or negative: row 3 "
        "(agg_trade_id 3, no time) (the record cannot be restored)"
    )


def test_ids_for_some_of_the_records_are_refused() -> None:
    assert refusal(day_of({"row": 3, "agg_trade_id": None})) == (
        "agg_trade_id is null in 1 of 8 records of file, the first at row 3 (give it for all of "
        "them, or leave it out: columns=TradeColumns(agg_trade_id=None))"
    )


def test_a_file_of_another_day_is_refused() -> None:
    rows = day_of().with_columns(pl.col("timestamp") - pl.duration(days=1000))

    assert refusal(rows) == (
        "no trade of file lies in 2024-08-08: the first is at 2021-11-12 00:00:00, the last at "
        "2021-11-12 00:00:07 (the file is of another day or time unit)"
    )


def test_a_day_without_trades_is_a_day() -> None:
    got, report = clean(day_of(rows=0), DAY, Origin(archive="a.zip"), name=NAME)

    assert got.height == 0
    assert report.defects() == {"empty": 1}
    assert DayReport.from_json(report.to_json()) == report


# What a digest depends on


def digest(rows: pl.DataFrame, *, day: dt.date = DAY, origin: Origin = NOWHERE) -> str:
    """Return the digest of rows as they are cleaned."""
    return clean(rows, day, origin, name=NAME)[1].digest


def test_nothing_but_the_day_and_its_trades_changes_a_digest() -> None:
    rows = day_of()
    origin = Origin(archive="a.zip", sha256="a", verified=True, header=True, unit="us")

    assert digest(rows) == digest(rows, origin=origin)
    assert digest(rows) == digest(pl.concat([rows[4:], rows[:6]]))
    assert digest(rows) != digest(rows[:-1])
    late = rows.with_columns(pl.col("timestamp") + pl.duration(hours=24, seconds=-4))
    assert digest(late) != digest(late, day=dt.date(2024, 8, 9))


@given(order=st.permutations(range(12)))
def test_another_order_of_trades_without_ids_is_another_digest(order: list[int]) -> None:
    ids = dict.fromkeys(("agg_trade_id", "first_trade_id", "last_trade_id"))
    still = {"timestamp": at(0), "is_buyer_maker": None, **ids}
    day = day_of(*({"row": n, **still} for n in range(12)), rows=12)

    assert (digest(day[order]) == digest(day)) == day[order].equals(day)


# Days side by side


def entry(day: int, first: int, last: int, *, start: float = 0) -> DayStatus:
    """Return a day of August with ids and a time of day."""
    date = dt.date(2024, 8, day)
    midnight = dt.datetime.combine(date, dt.time(), dt.UTC)
    report = DayReport(
        day=date,
        fingerprint="",
        rows_after=1,
        first_agg_trade_id=first,
        last_agg_trade_id=last,
        first_time=midnight + dt.timedelta(seconds=start),
        last_time=midnight + dt.timedelta(hours=23),
    )
    return DayStatus(date, "ok", report)


def test_ids_missing_between_days_count_with_the_later_day() -> None:
    days = [entry(1, 0, 9), DayStatus(dt.date(2024, 8, 2), "hole"), entry(3, 11, 20)]

    got = quality_frame(days)

    assert got["missing_ids"].to_list() == [0, None, 1]
    assert got["gaps"].to_list()[2] == [
        {
            "after_id": 9,
            "after_time": dt.datetime(2024, 8, 1, 23, tzinfo=dt.UTC),
            "before_id": 11,
            "before_time": dt.datetime(2024, 8, 3, tzinfo=dt.UTC),
            "missing": 1,
        }
    ]
    assert quality_frame(days, contiguous_ids=False)["missing_ids"].to_list() == [0, None, 0]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (entry(2, 10, 20), False),
        (entry(2, 9, 20), True),
        (entry(2, 10, 20, start=-3600), False),
        (entry(2, 10, 20, start=-3601), True),
    ],
    ids=["in order", "an id again", "at the same moment", "time going back"],
)
def test_a_day_that_begins_before_the_last_one_ends_is_reported(
    second: DayStatus, *, expected: bool
) -> None:
    found = joined([entry(1, 0, 9), second], contiguous_ids=True)

    assert [overlaps for _, overlaps in found] == [False, expected]
