"""Times of imported trades: of the declared unit, whole, and never cut without a warning."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.trades import trades

import rangebar_polars as rb
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars.errors import QualityError

SECOND = 1_723_075_200
PER_SECOND: dict[TimeUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
units = pytest.mark.parametrize("unit", PER_SECOND)


def at(times: list[Any], dtype: Any = pl.Int64) -> pl.DataFrame:  # noqa: ANN401
    """Return trades of these times."""
    frame = trades([100.0 + n % 2 for n in range(len(times))])
    return frame.with_columns(pl.Series("timestamp", times, dtype))


def imported(frame: Any, folder: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    return rb.import_trades(frame, symbol="S", source="mine", cache_dir=folder, **options)


@units
def test_whole_numbers_are_times_of_the_unit_that_is_given(unit: TimeUnit, tmp_path: Path) -> None:
    frame = at([(SECOND + n) * PER_SECOND[unit] for n in range(4)])

    report = imported(frame, tmp_path, time_unit=unit)

    assert report["day"].to_list() == [date(2024, 8, 8)]
    cached = rb.scan_ticks("S", "2024-08-08", "2024-08-08", source="mine", cache_dir=tmp_path)
    seconds = cached.select(pl.col("timestamp").dt.epoch("s")).collect().to_series().to_list()
    assert seconds == [SECOND + n for n in range(4)]


@pytest.mark.parametrize("declared", PER_SECOND)
@pytest.mark.parametrize("given", PER_SECOND)
def test_numbers_of_another_unit_name_the_unit_that_fits(
    declared: TimeUnit, given: TimeUnit, tmp_path: Path
) -> None:
    values = [(SECOND + n) * PER_SECOND[given] for n in range(4)]
    if declared == given:
        return

    with says(
        QualityError,
        f"column 'timestamp' of the trades, {values[0]} {declared} since 1970, is no time from "
        f"1990 to 2100 at row 0 (give time_unit='{given}')",
    ):
        imported(at(values), tmp_path, time_unit=declared)

    assert not [*tmp_path.rglob("*.parquet")]
    assert imported(at(values), tmp_path, time_unit=given)["rows_after"].to_list() == [4]


@units
def test_a_missing_unit_is_the_one_that_fits(unit: TimeUnit, tmp_path: Path) -> None:
    value = SECOND * PER_SECOND[unit]

    with says(
        TypeError,
        f"column 'timestamp' is Int64, expected a Datetime (give time_unit='{unit}', in which "
        f"{value} lies between 1990 and 2100)",
    ):
        imported(at([value]), tmp_path)


@units
@pytest.mark.parametrize("value", [0, 2**62, -(2**62), 2**63 - 1])
def test_a_number_that_is_no_time_is_refused_with_its_row(
    value: int, unit: TimeUnit, tmp_path: Path
) -> None:
    frame = at([SECOND * PER_SECOND[unit], value])

    with says(
        QualityError,
        f"column 'timestamp' of the trades, {value} {unit} since 1970, is no time from 1990 to "
        "2100 at row 1 (repair or drop such rows)",
    ):
        imported(frame, tmp_path, time_unit=unit)


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("value", [2**62, -(2**62)])
def test_a_datetime_of_no_calendar_is_refused(unit: Any, value: int, tmp_path: Path) -> None:  # noqa: ANN401
    frame = at([value], pl.Int64).with_columns(pl.col("timestamp").cast(pl.Datetime(unit)))

    with says(
        QualityError,
        f"column 'timestamp' of the trades, {value} {unit} since 1970, is no time of the years 1 "
        "to 9999 at row 0 (repair or drop such rows)",
    ):
        imported(frame, tmp_path)


def test_a_missing_time_is_refused_with_its_row(tmp_path: Path) -> None:
    frame = at([0, 1000, None], pl.Int64).with_columns(pl.col("timestamp").cast(pl.Datetime("ms")))

    with says(
        QualityError, "column 'timestamp' of the trades is missing at row 2 (drop such rows)"
    ):
        imported(frame, tmp_path)


def test_float_seconds_are_given_as_whole_microseconds(tmp_path: Path) -> None:
    frame = at([SECOND + 0.123456, SECOND + 1.5], pl.Float64)

    with says(
        TypeError,
        "column 'timestamp' is Float64, expected a Datetime (it counts seconds: give whole "
        'microseconds, (pl.col("timestamp") * 1_000_000).round().cast(pl.Int64), and '
        "time_unit='us')",
    ):
        imported(frame, tmp_path)

    whole = (pl.col("timestamp") * 1_000_000).round().cast(pl.Int64)
    imported(frame.with_columns(whole), tmp_path, time_unit="us")
    cached = rb.scan_ticks("S", "2024-08-08", "2024-08-08", source="mine", cache_dir=tmp_path)
    assert cached.collect()["timestamp"].dt.epoch("us").to_list() == [
        SECOND * 10**6 + 123_456,
        SECOND * 10**6 + 1_500_000,
    ]


def test_nanoseconds_are_cut_with_a_warning_and_counted(tmp_path: Path) -> None:
    frame = at([0, 100, 200, 300, 1_000]).with_columns(pl.col("timestamp").cast(pl.Datetime("ns")))

    with pytest.warns(rb.RangeBarWarning) as caught:
        report = imported(frame, tmp_path)

    assert [str(warning.message) for warning in caught] == [
        (
            "3 times of mine spot S have nanoseconds, which the cache cuts to microseconds: trades "
            "may share a time that had none in common (bars of the frame itself have the "
            "nanoseconds)"
        )
    ]
    assert [warning.filename for warning in caught] == [__file__]
    assert report["times_cut"].to_list() == [3]
    quality = rb.archive_quality("S", "1970-01-01", "1970-01-01", source="mine", cache_dir=tmp_path)
    assert quality["times_cut"].to_list() == [3]
    # What the warning says of bars.
    assert rb.bars(frame).height == 2
    assert (
        rb.get_range_bars("S", "1970-01-01", "1970-01-01", source="mine", cache_dir=tmp_path).height
        < 2
    )


def test_nanoseconds_are_refused_where_no_defect_is_accepted(tmp_path: Path) -> None:
    frame = at([0, 100]).with_columns(pl.col("timestamp").cast(pl.Datetime("ns")))

    with says(
        QualityError,
        "mine spot S has defects: 1970-01-01: times_cut 1 (strictness='report' accepts them)",
    ):
        imported(frame, tmp_path, strictness="raise")

    assert not [*tmp_path.rglob("*.parquet")]


@pytest.mark.parametrize("unit", ["m", "", 3])
def test_a_unit_that_is_none_is_refused(unit: Any, tmp_path: Path) -> None:  # noqa: ANN401
    error = ValueError if isinstance(unit, str) else TypeError
    with says(error, f"time_unit is {unit!r}: expected 's', 'ms', 'us' or 'ns'"):
        imported(at([1]), tmp_path, time_unit=unit)


FORMS = {
    "T": ("2024-08-08T00:00:00", 0),
    "a space": ("2024-08-08 00:00:00", 0),
    "milliseconds": ("2024-08-08T00:00:00.123", 123_000),
    "microseconds": ("2024-08-08T00:00:00.123456", 123_456),
    "zeros of nanoseconds": ("2024-08-08T00:00:00.123456000", 123_456),
    "UTC": ("2024-08-08T00:00:00Z", 0),
    "a zone": ("2024-08-08T02:00:00.5+02:00", 500_000),
    "spaces around": (" 2024-08-08T00:00:00 ", 0),
}


def of_text(folder: Path, times: list[str], **options: Any) -> list[int]:  # noqa: ANN401
    """Import a file of text with these times, and return them from the cache."""
    path = folder / "trades.csv"
    path.write_text("timestamp,price,quantity\n" + "".join(f"{time},100,1\n" for time in times))
    imported(path, folder / "cache", **options)
    cached = rb.scan_ticks(
        "S", "2024-08-08", "2024-08-08", source="mine", cache_dir=folder / "cache"
    )
    return cached.collect()["timestamp"].dt.epoch("us").to_list()


@pytest.mark.parametrize("name", FORMS)
def test_times_of_a_file_of_text_are_read_to_the_microsecond(name: str, tmp_path: Path) -> None:
    text, micros = FORMS[name]

    assert of_text(tmp_path, [text]) == [SECOND * 10**6 + micros]


def test_times_of_a_file_of_text_may_differ_in_precision(tmp_path: Path) -> None:
    texts = ["2024-08-08T00:00:00", "2024-08-08T00:00:00.5", "2024-08-08T00:00:00.500001"]

    assert of_text(tmp_path, texts) == [SECOND * 10**6 + n for n in (0, 500_000, 500_001)]


@units
def test_whole_numbers_of_a_file_of_text_are_times_of_the_unit(
    unit: TimeUnit, tmp_path: Path
) -> None:
    texts = [f"{(SECOND + n) * PER_SECOND[unit]}" for n in range(3)]

    assert of_text(tmp_path, texts, time_unit=unit) == [(SECOND + n) * 10**6 for n in range(3)]


def test_nanoseconds_of_a_file_of_text_are_counted(tmp_path: Path) -> None:
    texts = [f"2024-08-08T00:00:00.00000{n}" for n in ("0", "0001", "0100", "1", "10001")]

    with pytest.warns(rb.RangeBarWarning, match=r"^3 times of mine spot S have nanoseconds, "):
        assert of_text(tmp_path, texts) == [SECOND * 10**6 + n for n in (0, 0, 0, 1, 1)]

    quality = rb.archive_quality(
        "S", "2024-08-08", "2024-08-08", source="mine", cache_dir=tmp_path / "cache"
    )
    assert quality["times_cut"].to_list() == [3]


def test_a_missing_unit_is_computed_from_the_first_time_that_is_there(tmp_path: Path) -> None:
    with says(
        TypeError,
        f"column 'timestamp' is Int64, expected a Datetime (give time_unit='s', in which {SECOND} "
        "lies between 1990 and 2100)",
    ):
        imported(at([None, SECOND]), tmp_path)
