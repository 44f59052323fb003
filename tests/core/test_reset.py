"""Bars that begin anew at every UTC border of a period: those of the period's trades alone."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import ENTRY_POINTS, assert_expected, assert_same
from support.oracle_chains import RESETS, Question, Reset, across_periods, few, keyed
from support.trades import PER_SECOND, Unit, trades, walk

import rangebar_polars as rb

resets = pytest.mark.parametrize("reset", RESETS)
units = pytest.mark.parametrize("unit", ["ms", "us", "ns"])
# At Kathmandu a local midnight is 18:15 UTC, at Honolulu 10:00, beyond the date line by 14 hours.
zones = pytest.mark.parametrize(
    "zone", [None, "UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati"]
)


def at(*moments: str, unit: Unit = "ms", zone: str | None = None) -> pl.DataFrame:
    """Return trades of one price at these moments in UTC."""
    of_day = [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in moments]
    times = [int(moment.timestamp()) * PER_SECOND[unit] for moment in of_day]
    return trades([100.0] * len(times), times, unit=unit, zone=zone)


def lengths(frame: pl.DataFrame, reset: Reset) -> list[int]:
    """Return how many trades each bar has."""
    bars = rb.bars(frame, reset=reset, include_microstructure=True, include_incomplete=True)
    return bars["agg_record_count"].to_list()


@few
@given(st.data(), st.sampled_from(RESETS), st.booleans())
def test_bars_with_a_reset_are_those_of_the_oracle_for_each_period(
    data: st.DataObject,
    reset: Reset,
    prevented: bool,  # noqa: FBT001
) -> None:
    frame = data.draw(across_periods())
    question = Question(reset=reset, prevent_same_timestamp_close=prevented)

    assert_expected(question.expected(frame), question.ask(frame))


@few
@given(across_periods(), st.sampled_from(RESETS))
def test_bars_with_a_reset_are_the_same_through_every_entry_point(
    frame: pl.DataFrame, reset: Reset
) -> None:
    options: dict[str, Any] = {"reset": reset, "include_incomplete": True}

    expected = rb.bars(frame, **options)
    for entry_point in ENTRY_POINTS.values():
        assert_same(expected, entry_point(frame, **options))


@few
@given(keyed(), st.sampled_from(RESETS), st.booleans())
def test_ids_of_bars_begin_a_new_one_at_a_reset(
    frame: pl.DataFrame,
    reset: Reset,
    prevented: bool,  # noqa: FBT001
) -> None:
    question = Question(by=("symbol",), reset=reset, prevent_same_timestamp_close=prevented)
    bar_id = rb.bar_id(250, reset=reset, prevent_same_timestamp_close=prevented)

    grouped = frame.group_by("symbol", bar_id.over("symbol"), maintain_order=True).agg(pl.len())

    sizes: dict[object, list[int]] = {}
    for piece in question.pieces(frame):
        sizes.setdefault(frame["symbol"][piece.first_of_key], []).append(len(piece.trades))
    assert sizes == {
        key: of_key.sort("bar_id")["len"].to_list() for (key,), of_key in grouped.group_by("symbol")
    }


@few
@given(across_periods(), st.sampled_from(RESETS))
def test_ids_of_bars_of_a_price_expression_are_those_of_the_column(
    frame: pl.DataFrame, reset: Reset
) -> None:
    price = pl.col("price").rangebar  # type: ignore[attr-defined]

    ids = frame.select(rb.bar_id(reset=reset), price.bar_id(reset=reset).alias("of price"))

    assert ids["bar_id"].to_list() == ids["of price"].to_list()


@few
@given(keyed(), st.sampled_from(RESETS))
def test_the_expression_in_groups_resets_each_group(frame: pl.DataFrame, reset: Reset) -> None:
    expression = rb.bars_expr(250, reset=reset, include_incomplete=True)

    grouped = frame.group_by("symbol", maintain_order=True).agg(expression).explode("bars")

    for key in frame["symbol"].unique():
        alone = frame.filter(pl.col("symbol").eq_missing(pl.lit(key, pl.String)))
        expected = rb.bars(alone, 250, reset=reset, include_incomplete=True)
        of_key = grouped.filter(pl.col("symbol").eq_missing(pl.lit(key, pl.String)))
        assert_same(expected, of_key.select("bars").unnest("bars"))


@units
@zones
def test_a_day_begins_at_midnight_in_utc_whatever_the_zone_of_the_column(
    unit: Unit, zone: str | None
) -> None:
    frame = at(
        "2024-08-08T23:59:59", "2024-08-09T00:00:00", "2024-08-09T18:15", unit=unit, zone=zone
    )

    assert lengths(frame, "day") == [1, 2]


@units
@zones
def test_a_day_ends_one_unit_before_midnight(unit: Unit, zone: str | None) -> None:
    midnight = 19_000 * 86_400 * PER_SECOND[unit]
    frame = trades([100.0] * 3, [midnight - 1, midnight, midnight + 1], unit=unit, zone=zone)

    assert lengths(frame, "day") == [1, 2]


@units
def test_a_day_before_1970_ends_one_unit_before_midnight(unit: Unit) -> None:
    midnight = -1_000 * 86_400 * PER_SECOND[unit]

    assert lengths(trades([100.0] * 3, [midnight - 1, midnight, -1], unit=unit), "day") == [1, 1, 1]


BORDERS: dict[str, tuple[Reset, list[str], list[int]]] = {
    "a week begins on Monday": (
        "week",
        ["2024-08-04T23:59:59", "2024-08-05T00:00:00", "2024-08-11T23:59:59", "2024-08-12"],
        [1, 2, 1],
    ),
    "a week before 1970 begins on Monday": (
        "week",
        ["1969-12-28T23:59:59", "1969-12-29", "1970-01-01", "1970-01-04T23:59:59", "1970-01-05"],
        [1, 3, 1],
    ),
    "a week goes over the end of a year": ("week", ["2024-12-30", "2025-01-05T23:59:59"], [2]),
    "a month begins on the first": (
        "month",
        ["2024-02-29T23:59:59", "2024-03-01", "2024-03-31", "2025-03-01"],
        [1, 2, 1],
    ),
    "a month before 1970 begins on the first": (
        "month",
        ["1968-02-29T23:59:59", "1968-03-01", "1969-12-31T23:59:59", "1970-01-01"],
        [1, 1, 1, 1],
    ),
    "a year begins in January": (
        "year",
        ["1969-01-01", "1969-12-31T23:59:59", "1970-01-01", "2000-12-31", "2001-01-01"],
        [2, 1, 1, 1],
    ),
    "a year that no century makes a leap year": (
        "year",
        ["1900-02-28", "1900-03-01", "1901-01-01"],
        [2, 1],
    ),
    "days without a trade make no bar": ("day", ["2024-01-01", "2024-01-09"], [1, 1]),
}


@units
@pytest.mark.parametrize("name", BORDERS)
def test_the_calendar_is_kept(name: str, unit: Unit) -> None:
    reset, moments, expected = BORDERS[name]

    assert lengths(at(*moments, unit=unit), reset) == expected


@resets
def test_the_bars_of_a_period_depend_on_that_period_alone(reset: Reset) -> None:
    # A Monday, the first of a month and of a year.
    border, day = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000, 86_400_000
    earlier = trades([50 + x / 7 for x in range(70)], [border + x * day for x in range(-70, 0)])
    later = (
        walk(50)
        .select(
            "price", "quantity", timestamp=pl.col("timestamp") + pl.duration(milliseconds=border)
        )
        .select(earlier.columns)
    )

    bars = rb.bars(pl.concat([earlier, later]), 20, reset=reset)

    alone = rb.bars(later, 20)
    assert_same(alone, bars.tail(alone.height))


def test_a_bar_that_is_cut_off_stands_where_the_trade_stands_that_cut_it() -> None:
    frame = trades([100, 101, 100, 100, 101], [0, 1, 2, 86_400_000, 86_400_001])

    bars = rb.bars(frame, reset="day", include_incomplete=True)

    assert bars.select("close", "is_complete").rows() == [(101, True), (100, False), (101, True)]


def test_a_bar_that_is_cut_off_is_no_row_without_incomplete_ones() -> None:
    frame = trades([100, 101, 100, 100, 101], [0, 1, 2, 86_400_000, 86_400_001])

    assert rb.bars(frame, reset="day")["open_time"].to_physical().to_list() == [0, 86_400_000]


def test_bars_cut_off_by_one_trade_come_by_ascending_threshold() -> None:
    frame = trades([100, 100], [0, 86_400_000])

    bars = rb.bars(frame, [500, 250], reset="day", include_incomplete=True)

    assert bars["threshold_decimal_bps"].to_list() == [250, 500, 250, 500]
    assert bars["open_time"].to_physical().to_list() == [0, 0, 86_400_000, 86_400_000]


def test_the_trade_that_cuts_a_bar_off_is_not_tested_against_it() -> None:
    frame = trades([100, 200, 200], [0, 86_400_000, 86_400_001])

    assert rb.bars(frame, reset="day").height == 0


def test_the_border_of_one_key_cuts_no_bar_of_another() -> None:
    frame = trades([100, 7, 100, 7.07], [1, 86_399_999, 86_400_000, 86_399_999]).with_columns(
        key=pl.Series(["A", "B", "A", "B"])
    )

    bars = rb.bars(frame, by="key", reset="day", include_incomplete=True)

    assert bars.select("key", "open", "is_complete").rows() == [
        ("A", 100, False),
        ("A", 100, False),
        ("B", 7, False),
    ]


def test_rows_of_errors_are_counted_across_resets() -> None:
    frame = trades([100, 100, 100, -1], [row * 86_400_000 for row in range(4)])

    with says(
        pl.exceptions.ComputeError,
        "price is -1 at row 3: expected a finite number above 0 (drop or repair such rows first)",
    ):
        rb.bars(frame, reset="day")


@units
def test_times_at_the_ends_of_64_bits_have_a_period(unit: Unit) -> None:
    frame = trades([100.0, 100.0, 100.0], [-(2**63) + 1, 0, 2**63 - 1], unit=unit)

    for reset in RESETS:
        ids = frame.select(rb.bar_id(reset=reset)).to_series()
        assert ids.to_list() == [0, 1, 2]


FRAME = trades([100, 101])
CALLS: dict[str, Callable[..., object]] = {
    "a frame": partial(rb.bars, FRAME),
    "a plan": partial(rb.bars, FRAME.lazy()),
    "bars_expr": rb.bars_expr,
    "bar_id": rb.bar_id,
    "price expression": pl.col("price").rangebar.bars,  # type: ignore[attr-defined]
    "price expression, bar_id": pl.col("price").rangebar.bar_id,  # type: ignore[attr-defined]
    "processor": partial(rb.RangeBarProcessor, 250),
    "process_trades_polars": partial(rb.process_trades_polars, FRAME),
    "process_trades_chunked": partial(rb.process_trades_chunked, [FRAME]),
    "bars_with_state": partial(rb.bars_with_state, FRAME),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("bad", ["hour", "Day", "", 1, True, ["day"]], ids=repr)
def test_a_reset_that_is_no_period_is_refused(call: Callable[..., object], bad: object) -> None:
    expected = (
        f"reset is {bad!r}: expected 'day', 'week', 'month', 'year', a TradingDay, an expression "
        'such as pl.col("session"), or None'
    )

    with says(ValueError, expected):
        call(reset=bad)
