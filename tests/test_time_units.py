"""The unit of times of dicts: whole numbers of a unit, datetimes, and nothing cut or guessed."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from expectations import says

import rangebar_polars as rb
from rangebar_polars._internal import fitting_time_unit
from rangebar_polars.options import TimeUnit

SECOND = 1_723_075_200
PER_SECOND: dict[TimeUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
COLUMN: dict[TimeUnit, Any] = {"s": "ms", "ms": "ms", "us": "us", "ns": "ns"}
units = pytest.mark.parametrize("unit", PER_SECOND)


def trade(time: object, price: float = 100.0) -> dict[str, Any]:
    return {"timestamp": time, "price": price, "quantity": 1.0}


@units
def test_times_of_bars_are_those_of_the_trades(unit: TimeUnit) -> None:
    one, second = rb.RangeBarProcessor(250, time_unit=unit), PER_SECOND[unit]
    start = SECOND * second

    bars = one.process_trades([trade(start), trade(start + second, 101.0)])

    assert bars.schema["open_time"] == pl.Datetime(COLUMN[unit], "UTC")
    first = datetime.fromtimestamp(SECOND, UTC)
    assert bars.select("open_time", "close_time").row(0) == (first, first + timedelta(seconds=1))


def test_six_trades_within_four_milliseconds_are_the_bars_of_the_archive() -> None:
    times = [SECOND * 10**6 + us for us in (0, 700, 1_400, 2_100, 2_800, 3_500)]
    prices = [100.0, 101.0, 100.0, 101.0, 100.0, 101.0]
    frame = pl.DataFrame({"timestamp": times, "price": prices, "quantity": [1.0] * 6}).with_columns(
        pl.from_epoch("timestamp", time_unit="us").dt.replace_time_zone("UTC")
    )
    one = rb.RangeBarProcessor(250, time_unit="us")

    live = one.process_trades([trade(*pair) for pair in zip(times, prices, strict=True)])

    assert live.equals(rb.bars(frame, 250))
    assert live.height == 3


@pytest.mark.parametrize("asked", PER_SECOND)
@pytest.mark.parametrize("given", PER_SECOND)
def test_a_number_of_another_unit_is_refused_with_the_unit_that_fits(
    asked: TimeUnit, given: TimeUnit
) -> None:
    one, value = rb.RangeBarProcessor(250, time_unit=asked), SECOND * PER_SECOND[given]
    if asked == given:
        assert one.process_trades([trade(value)]).is_empty()
        return

    with says(
        rb.RangeBarError,
        f"timestamp is {value} at row 0: expected a time from 1990 to 2100 in {asked} (it is one "
        f'in {given}: give the processor time_unit="{given}")',
    ):
        one.process_trades([trade(value)])

    # The remedy, as the message has it.
    mended = rb.RangeBarProcessor(250, time_unit=given)
    mended.process_trades([trade(value)])
    open_bar = mended.get_incomplete_bar()
    assert open_bar is not None
    assert open_bar["open_time"].item() == datetime.fromtimestamp(SECOND, UTC)


@units
@pytest.mark.parametrize("value", [0, 1, -1, 2**62, -(2**63), 10**30])
def test_a_number_that_is_a_time_in_no_unit_is_refused(unit: TimeUnit, value: int) -> None:
    with says(
        rb.RangeBarError,
        f"timestamp is {value} at row 0: expected a time from 1990 to 2100 in {unit} (give a "
        "datetime, which is not judged)",
    ):
        rb.RangeBarProcessor(250, time_unit=unit).process_trades([trade(value)])


ZONE = timezone(timedelta(hours=5, minutes=30))
DATETIMES = {
    "UTC": (datetime(2024, 8, 8, tzinfo=UTC), datetime(2024, 8, 8, tzinfo=UTC)),
    "a zone": (datetime(2024, 8, 8, 5, 30, tzinfo=ZONE), datetime(2024, 8, 8, tzinfo=UTC)),
    "naive": (datetime(2024, 8, 8), datetime(2024, 8, 8, tzinfo=UTC)),  # noqa: DTZ001
    "1970": (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
    "1969": (
        datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC),
    ),
}


@units
@pytest.mark.parametrize("name", DATETIMES)
def test_a_datetime_is_taken_as_it_is(name: str, unit: TimeUnit) -> None:
    given, expected = DATETIMES[name]
    one = rb.RangeBarProcessor(250, time_unit=unit)

    one.process_trades([trade(given)])

    open_bar = one.get_incomplete_bar()
    assert open_bar is not None
    assert open_bar["open_time"].item() == expected


def test_a_datetime_that_the_unit_would_cut_is_refused() -> None:
    fine = datetime(2024, 8, 8, 0, 0, 0, 1, UTC)

    with says(
        rb.RangeBarError,
        f"timestamp is {fine!r} at row 0: expected a time of whole ms (give the processor "
        'time_unit="us")',
    ):
        rb.RangeBarProcessor(250).process_trades([trade(fine)])

    one = rb.RangeBarProcessor(250, time_unit="us")
    one.process_trades([trade(fine)])
    open_bar = one.get_incomplete_bar()
    assert open_bar is not None
    assert open_bar["open_time"].item() == fine


def test_a_datetime_beyond_64_bits_is_refused() -> None:
    late = datetime(9999, 1, 1, tzinfo=UTC)

    with says(
        rb.RangeBarError, f"timestamp is {late!r} at row 0: expected a time that 64 bits of ns hold"
    ):
        rb.RangeBarProcessor(250, time_unit="ns").process_trades([trade(late)])


@units
def test_the_unit_outlives_copies_and_checkpoints(unit: TimeUnit) -> None:
    start, second = SECOND * PER_SECOND[unit], PER_SECOND[unit]
    one = rb.RangeBarProcessor(250, time_unit=unit)
    unused = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own
    one.process_trades([trade(start)])

    again = [
        copy.deepcopy(one),
        pickle.loads(pickle.dumps(one)),  # noqa: S301 - our own
        rb.RangeBarProcessor.from_checkpoint(one.create_checkpoint(), time_unit=unit),
        rb.RangeBarProcessor.from_json(one.to_json(), time_unit=unit),
    ]
    if unit != "s":
        again.append(rb.RangeBarProcessor.from_checkpoint(one.create_checkpoint()))

    for each in again:
        bars = each.process_trades([trade(start + second, 101.0)])
        assert bars.schema["open_time"] == pl.Datetime(COLUMN[unit], "UTC")
        assert bars.height == 1
    assert unused.process_trades([trade(start), trade(start + second, 101.0)]).height == 1


def test_a_number_of_another_unit_than_the_checkpoint_names_both() -> None:
    one = rb.RangeBarProcessor(250, time_unit="us")
    one.process_trades([trade(SECOND * 10**6)])
    other = rb.RangeBarProcessor.from_checkpoint(one.create_checkpoint(), time_unit="ms")

    with says(
        rb.RangeBarError,
        "this batch of trades differs from the first: [timestamp, price, quantity] with times in "
        "ms and UTC, the first [timestamp, price, quantity] with times in us and UTC (give all "
        "batches the same columns, time unit and zone)",
    ):
        other.process_trades([trade(SECOND * 10**3 + 1)])


@pytest.mark.parametrize("unit", ["m", "", None, 3])
def test_a_unit_that_is_none_is_refused(unit: Any) -> None:  # noqa: ANN401
    with says(ValueError, f"time_unit is {unit!r}: expected 's', 'ms', 'us' or 'ns'"):
        rb.RangeBarProcessor(250, time_unit=unit)


def test_a_number_fits_one_unit_at_most() -> None:
    for unit, per_second in PER_SECOND.items():
        assert fitting_time_unit(SECOND * per_second) == unit
    assert fitting_time_unit(0) is None
