"""The frequency of bars, which annualises their figures."""

import datetime as dt

import polars as pl
import pytest
from support.assertions import says
from support.shared_data import SHARED, needs_shared_data
from support.trades import trades, walk

import rangebar_polars as rb

DAY = 86_400_000


def bars_a_day(number: int, unit: str = "ms") -> pl.DataFrame:
    """Return bars of which one closes each day."""
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    times = pl.datetime_range(
        start, start + dt.timedelta(days=number - 1), "1d", eager=True, time_zone="UTC"
    )
    return pl.DataFrame({"close_time": times.dt.cast_time_unit(unit)})  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_bar_a_day_is_as_many_as_a_year_has_days(unit: str) -> None:
    assert rb.bars_per_year(bars_a_day(100, unit)) == pytest.approx(365.25, rel=1e-12)


def test_only_bars_that_closed_count() -> None:
    bars = bars_a_day(100).with_columns(is_complete=pl.int_range(pl.len()) < 99)
    late = bars.with_columns(
        close_time=pl.when("is_complete").then("close_time").otherwise(pl.lit(None))
    )

    assert rb.bars_per_year(late) == pytest.approx(365.25, rel=1e-12)


@needs_shared_data
@pytest.mark.filterwarnings("ignore::rangebar_polars.errors.RangeBarWarning")
def test_a_week_of_spy_at_5_basis_points_has_the_pace_of_102_894_bars_a_year() -> None:
    file = SHARED / "trades" / "lean_spy_us_equity_20131007_11.parquet"
    bars = rb.bars(pl.read_parquet(file), 50)

    assert bars.height == 1_301
    assert round(rb.bars_per_year(bars)) == 102_894


@pytest.mark.parametrize("height", [0, 1])
def test_fewer_than_two_bars_have_no_frequency(height: int) -> None:
    with says(
        ValueError,
        f"bars_per_year was given {height} bars that closed: expected two or more that close at "
        "different times (give it more trades or a lower threshold)",
    ):
        rb.bars_per_year(rb.bars(walk(500), 20).head(height))


def test_a_frame_without_closing_times_is_refused() -> None:
    with says(
        ValueError,
        "bars_per_year needs close_time: the frame has timestamp, price, quantity (call it on "
        "bars)",
    ):
        rb.bars_per_year(trades([1.0, 2.0]))


def test_times_that_are_numbers_are_refused() -> None:
    with says(TypeError, "close_time is Int64: expected Datetime (call it on bars)"):
        rb.bars_per_year(pl.DataFrame({"close_time": [1, 2]}))


def test_several_thresholds_have_no_one_frequency() -> None:
    with says(
        ValueError,
        "bars_per_year was given bars of 2 thresholds: expected one (filter by "
        "threshold_decimal_bps)",
    ):
        rb.bars_per_year(rb.bars(walk(500), [20, 50]))
