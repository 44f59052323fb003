"""Whole numbers as times of dicts: their unit, and what is no time of today."""

import base64
import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from support.assertions import says
from support.dicts import (
    GOOD,
    PER_SECOND,
    SECOND,
    UNITS,
    TimeUnit,
    one_of,
    processor,
    time_of,
    trade,
)
from support.entry_points import assert_same

import rangebar_polars as rb

NEITHER = (
    ", nor in another unit (give such times as datetimes, or in a frame with a Datetime column)"
)


@pytest.mark.parametrize("unit", UNITS)
def test_whole_numbers_are_times_of_the_unit_of_the_processor(unit: TimeUnit) -> None:
    first = SECOND * PER_SECOND[unit]
    times = [first, first + 1, first + 2, first + 3]
    prices = [100.0, 101.0, 102.0, 103.0]
    numbers = pl.Series("timestamp", times) * (1_000 if unit == "s" else 1)
    frame = pl.DataFrame(
        {
            "timestamp": numbers.cast(pl.Datetime(one_of(unit), "UTC")),
            "price": prices,
            "quantity": [1.0] * 4,
        }
    )
    one = processor(time_unit=unit)

    bars = one.process_trades(map(trade, times, prices))

    assert one.time_unit == unit
    assert_same(rb.bars(frame), bars)


def test_trades_of_a_few_microseconds_give_live_the_bars_of_the_archive() -> None:
    first = SECOND * 10**6
    prices = [100.0, 100.5, 100.5, 101.1, 101.1, 101.7]
    times = [first + 700 * row for row in range(6)]
    frame = pl.DataFrame({"timestamp": times, "price": prices, "quantity": [1.0] * 6})
    frame = frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))

    live = processor(time_unit="us").process_trades(
        frame.with_columns(pl.col("timestamp").to_physical()).to_dicts()
    )

    assert live.height == 3
    assert_same(rb.bars(frame), live)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("other", UNITS)
def test_a_number_of_another_unit_is_refused_naming_its_own(
    unit: TimeUnit, other: TimeUnit
) -> None:
    number = SECOND * PER_SECOND[other]
    if unit == other:
        assert time_of(number, unit) == number * (1_000 if unit == "s" else 1)
        return

    with says(
        rb.RangeBarError,
        f"timestamp is {number} at row 0: as {unit} that is not a time from 1990 to 2100 (it is "
        f'one in {other}: give time_unit="{other}")',
    ):
        time_of(number, unit)
    assert time_of(str(number), other) == time_of(number, other)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("number", [0, -1, 2**62, 2**63, -(2**70), "0", np.int64(7)], ids=repr)
def test_a_number_that_is_a_time_in_no_unit_is_refused_with_a_way(
    unit: TimeUnit, number: object
) -> None:
    with says(
        rb.RangeBarError,
        f"timestamp is {number!r} at row 0: as {unit} that is not a time from 1990 to 2100"
        f"{NEITHER}",
    ):
        time_of(number, unit)


@pytest.mark.parametrize("unit", UNITS)
def test_the_borders_of_what_is_a_time_are_1990_and_2100(unit: TimeUnit) -> None:
    first = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * PER_SECOND[unit]
    end = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * PER_SECOND[unit]

    for number in (first, end - 1):
        assert time_of(number, unit) == number * (1_000 if unit == "s" else 1)
    for number in (first - 1, end):
        with says(
            rb.RangeBarError,
            f"timestamp is {number} at row 0: as {unit} that is not a time from 1990 to 2100"
            f"{NEITHER}",
        ):
            time_of(number, unit)


def test_a_time_from_1970_in_a_frame_or_a_datetime_is_accepted() -> None:
    first = datetime(1970, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame([trade(first), trade(first + timedelta(hours=1), 101)])

    assert processor(time_unit="us").process_trades(frame).height == 1
    assert processor().process_trades(frame.to_dicts()).height == 1


@pytest.mark.parametrize("number", [np.int64(SECOND * 1_000), str(SECOND * 1_000)], ids=repr)
def test_a_time_may_be_a_number_of_numpy_or_text(number: object) -> None:
    assert time_of(number) == SECOND * 1_000


AT = datetime(2024, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)


# The argument, and what is saved.


@pytest.mark.parametrize(
    ("unit", "error"), [("m", ValueError), ("", ValueError), (None, TypeError), (3, TypeError)]
)
def test_what_is_no_unit_is_refused_at_the_call(unit: Any, error: type[Exception]) -> None:  # noqa: ANN401
    text = f"time_unit is {unit!r}: expected 's', 'ms', 'us' or 'ns'"

    with says(error, text):
        processor(time_unit=unit)
    if unit is not None:
        with says(error, text):
            rb.RangeBarProcessor.from_checkpoint(processor().create_checkpoint(), time_unit=unit)
        with says(error, text):
            rb.RangeBarProcessor.from_json(processor().to_json(), time_unit=unit)


def saved_of(unit: TimeUnit, *, seen: bool) -> rb.RangeBarProcessor:
    """Return a processor of that unit, before or after its first trade."""
    one = processor(time_unit=unit)
    one.process_trades([trade(SECOND * PER_SECOND[unit])] if seen else [])
    return one


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("unit", UNITS)
def test_a_copy_a_pickle_and_a_text_keep_the_unit(unit: TimeUnit, seen: bool) -> None:  # noqa: FBT001
    one = saved_of(unit, seen=seen)
    others = [
        copy.copy(one),
        copy.deepcopy(one),
        pickle.loads(pickle.dumps(one)),  # noqa: S301 - our own
        rb.RangeBarProcessor.from_json(one.to_json()),
        rb.RangeBarProcessor.from_checkpoint(one.create_checkpoint(), time_unit=unit),
    ]

    for other in others:
        assert other.time_unit == unit
        other.process_trades(trade((SECOND + 1) * PER_SECOND[unit]))
        assert other.position["timestamp"].dt.epoch("s").item() == SECOND + 1


@pytest.mark.parametrize("unit", UNITS)
def test_a_checkpoint_gives_the_unit_of_the_times_before(unit: TimeUnit) -> None:
    restore = rb.RangeBarProcessor.from_checkpoint

    assert restore(saved_of(unit, seen=True).create_checkpoint()).time_unit == one_of(unit)
    assert restore(saved_of(unit, seen=False).create_checkpoint()).time_unit == "ms"


@pytest.mark.parametrize("before", UNITS)
@pytest.mark.parametrize("after", UNITS)
def test_a_checkpoint_continues_in_its_unit_and_in_a_coarser_one(
    before: TimeUnit, after: TimeUnit
) -> None:
    saved, unit = saved_of(before, seen=True).create_checkpoint(), one_of(before)
    restore = rb.RangeBarProcessor.from_checkpoint
    if PER_SECOND[after] <= PER_SECOND[unit]:
        one = restore(saved, time_unit=after)
        one.process_trades(trade((SECOND + 1) * PER_SECOND[after]))
        assert one.time_unit == after
        assert one.position["timestamp"].dt.epoch("s").item() == SECOND + 1
        assert one.position.schema["timestamp"] == pl.Datetime(unit, "UTC")
        return

    with says(
        rb.CheckpointError,
        f"the checkpoint is of times in {unit}: expected {after} (leave out time_unit, and give "
        f"dicts times in {unit} or datetimes)",
    ):
        restore(saved, time_unit=after)
    for time in ((SECOND + 1) * PER_SECOND[unit], AT + timedelta(seconds=1)):
        one = restore(saved)
        one.process_trades(trade(time))
        assert one.position["timestamp"].dt.epoch("s").item() == SECOND + 1


def test_the_text_says_what_it_is_of() -> None:
    one = rb.RangeBarProcessor(125, "BTCUSDT", time_unit="us")

    assert json.loads(one.to_json()) == {
        "format": "rangebar-polars checkpoint",
        "symbol": "BTCUSDT",
        "rules": ["range-125"],
        "by": [],
        "time_unit": "us",
        "checkpoint": base64.b64encode(one.create_checkpoint()).decode(),
    }


# Dicts and frames.


def frame_of(time: datetime, unit: Literal["ms", "us", "ns"], zone: str | None) -> pl.DataFrame:
    frame = pl.DataFrame([trade(time)])
    return frame.with_columns(
        pl.col("timestamp").dt.cast_time_unit(unit).dt.convert_time_zone(zone or "UTC")
        if zone
        else pl.col("timestamp").dt.cast_time_unit(unit).dt.replace_time_zone(None)
    )


@pytest.mark.parametrize("unit", UNITS)
def test_dicts_and_frames_of_one_unit_in_utc_follow_each_other(unit: TimeUnit) -> None:
    one = processor(time_unit=unit)
    numbers = [(SECOND + second) * PER_SECOND[unit] for second in (0, 2)]

    one.process_trades(trade(numbers[0]))
    one.process_trades(frame_of(AT, one_of(unit), "UTC"))
    one.process_trades(trade(numbers[1]))

    assert one.position["timestamp"].dt.epoch("s").to_list() == [SECOND + 2]


UNIT = 'give the dicts times in ms, with time_unit="ms"'
ZONED = 'give the frames times in UTC: pl.col("timestamp").dt.convert_time_zone("UTC")'
NAIVE = 'give the frames times in UTC: pl.col("timestamp").dt.replace_time_zone("UTC")'


@pytest.mark.parametrize(
    ("own", "zone", "text"),
    [
        ("us", "UTC", f"us and UTC do not continue trades with times in ms and UTC ({UNIT})"),
        (
            "ms",
            "Asia/Kathmandu",
            f"ms and UTC do not continue trades with times in ms and Asia/Kathmandu ({ZONED})",
        ),
        ("ms", None, f"ms and UTC do not continue trades with times in ms and no zone ({NAIVE})"),
        (
            "ns",
            None,
            f"ns and UTC do not continue trades with times in ms and no zone ({UNIT}; {NAIVE})",
        ),
    ],
)
@pytest.mark.parametrize("through", ["one processor", "a checkpoint", "resume"])
def test_dicts_that_do_not_follow_a_frame_are_refused_and_the_remedies_work(
    own: TimeUnit, zone: str | None, text: str, through: str
) -> None:
    frame, later = frame_of(AT, "ms", zone), AT + timedelta(seconds=1)
    one = processor(time_unit=own)
    one.process_trades(frame)
    if through != "one processor":
        saved, one = one.create_checkpoint(), processor(time_unit=own)
        one.resume(saved)
    if through == "a checkpoint":
        one = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own

    for time in (int(later.timestamp() * 1_000) * PER_SECOND[own] // 1_000, later):
        with says(rb.RangeBarError, f"dicts with times in {text}"):
            one.process_trades(trade(time))

    right = processor(time_unit="ms")
    in_utc = pl.col("timestamp").dt
    if zone is None:
        frame = frame.with_columns(in_utc.replace_time_zone("UTC"))
    elif zone != "UTC":
        frame = frame.with_columns(in_utc.convert_time_zone("UTC"))
    right.process_trades(frame)
    right.process_trades(trade(later))
    assert right.position["timestamp"].to_list() == [later]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("of_chain", ["ms", "us", "ns"])
def test_whole_numbers_of_a_unit_continue_a_chain_of_one_that_is_as_fine_and_it_keeps_its_own(
    unit: TimeUnit, of_chain: Literal["ms", "us", "ns"]
) -> None:
    one = processor(time_unit=unit)
    one.process_trades(frame_of(AT, of_chain, "UTC"))
    later = (SECOND + 1) * PER_SECOND[unit]
    if PER_SECOND[unit] > PER_SECOND[of_chain]:
        with says(
            rb.RangeBarError,
            f"dicts with times in {unit} and UTC do not continue trades with times in {of_chain} "
            f'and UTC (give the dicts times in {of_chain}, with time_unit="{of_chain}")',
        ):
            one.process_trades(trade(later))
        return

    for time in (later, str(later), np.int64(later), datetime.fromtimestamp(SECOND + 1, UTC)):
        one.process_trades(trade(time))

        assert one.time_unit == unit
        assert one.position["timestamp"].dtype == pl.Datetime(of_chain, "UTC")
        assert one.position["timestamp"].dt.epoch("ns").item() == (SECOND + 1) * 10**9


def test_the_archives_microseconds_and_a_sockets_milliseconds_are_one_chain() -> None:
    archive = pl.DataFrame([trade(AT - timedelta(microseconds=1)), trade(AT, 100.1)])
    message = {"e": "aggTrade", "T": SECOND * 1_000 + 251, "p": "100.30", "q": "2.5"}
    names = rb.TradeColumns(timestamp="T", price="p", quantity="q")
    live = processor(time_unit="ms", columns=names)
    first = processor()
    first.process_trades(archive)
    live.resume(first.create_checkpoint())

    bars = live.process_trades([message])

    last = trade(AT + timedelta(milliseconds=1), 100.3) | {"quantity": 2.5}
    assert_same(rb.bars(pl.concat([archive, pl.DataFrame([last])])), bars)
    assert bars["close_time"].item() == AT + timedelta(milliseconds=1)


def test_a_frame_that_does_not_follow_dicts_is_refused_naming_both() -> None:
    one = processor()
    one.process_trades(GOOD)

    with says(
        rb.RangeBarError,
        "this batch of trades differs from the first: [timestamp, price, quantity] with times in "
        "us and UTC, the first [timestamp, price, quantity] with times in ms and UTC (give all "
        "batches the same columns, time unit and zone)",
    ):
        one.process_trades(frame_of(AT, "us", "UTC"))


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_processor_of_frames_is_copied_whatever_their_unit(unit: Literal["us", "ns"]) -> None:
    one = processor()
    one.process_trades(frame_of(AT, unit, None))

    other = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own

    assert_same(one.position, other.position)
    assert other.create_checkpoint() == one.create_checkpoint()


def test_frames_without_bars_have_the_times_of_what_is_resumed() -> None:
    one = processor()
    one.process_trades(GOOD)
    one.resume(saved_of("us", seen=True).create_checkpoint())

    bars = one.process_trades(frame_of(AT, "us", "UTC"))

    assert bars.schema["open_time"] == pl.Datetime("us", "UTC")
