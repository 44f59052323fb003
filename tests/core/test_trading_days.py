"""Days of a time zone: borders where its clocks first show the time of a date or a later one."""

import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.border_reference import DAYS, Borders, border, trading_day
from support.checkpoint_bytes import State
from support.oracle_chains import few
from support.trades import PER_SECOND, Unit, trades

import rangebar_polars as rb

NEW_YORK = rb.TradingDay("17:00", "America/New_York")
BORDERS: list[tuple[str, str, date, str]] = [
    ("17:00", "America/New_York", date(2024, 3, 8), "2024-03-08 22:00"),
    ("17:00", "America/New_York", date(2024, 3, 10), "2024-03-10 21:00"),
    ("17:00", "America/New_York", date(2024, 11, 3), "2024-11-03 22:00"),
    ("02:30", "America/New_York", date(2024, 3, 10), "2024-03-10 07:00"),
    ("01:30", "America/New_York", date(2024, 11, 3), "2024-11-03 05:30"),
    ("00:00", "Asia/Kolkata", date(2024, 5, 6), "2024-05-05 18:30"),
]
"""The table of the specification: time, zone, date, and the border in UTC."""


def cuts(day: rb.TradingDay, times: list[int], unit: Unit, zone: str | None = None) -> list[int]:
    """Return the rows that begin a new chain."""
    frame = trades([100.0] * len(times), times, unit=unit, zone=zone)
    bars = rb.bars(frame, reset=day, include_microstructure=True, include_incomplete=True)
    return bars["agg_record_count"].cum_sum().to_list()[:-1]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("of", [None, "UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize(("time", "zone", "day", "expected"), BORDERS)
def test_a_border_of_the_specification_cuts(
    time: str, zone: str, day: date, expected: str, of: str | None, unit: Unit
) -> None:
    of_zone = rb.TradingDay(time, zone)
    moment = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    at = int(moment.timestamp()) * PER_SECOND[unit]

    assert border(of_zone, day) == moment
    assert cuts(of_zone, [at - 1, at, at + 1], unit, of) == [1]
    assert cuts(of_zone, [at - 3_600 * PER_SECOND[unit], at - 1], unit, of) == []


@few
@given(st.data(), st.sampled_from(DAYS), st.sampled_from(["ms", "us", "ns"]))
def test_borders_are_those_of_the_zones_of_python(
    data: st.DataObject, day: rb.TradingDay, unit: Unit
) -> None:
    # From 1970 on: before, offsets of some zones are no whole minutes.
    near = st.builds(
        lambda of, off: int(border(day, of).timestamp()) + off,
        st.dates(date(1971, 1, 1), date(2037, 12, 31)),
        st.sampled_from([-7_200, -3_600, -1_800, -1, 0, 1, 1_800, 3_600, 7_200, 43_200]),
    )
    seconds = sorted(data.draw(st.lists(near, min_size=2, max_size=40)))
    expected = [
        row
        for row, (before, after) in enumerate(pairwise(seconds), 1)
        if trading_day(day, before) != trading_day(day, after)
    ]

    assert cuts(day, [second * PER_SECOND[unit] for second in seconds], unit) == expected


@pytest.mark.parametrize("day", [date(2024, 3, 10), date(2024, 11, 3), date(2011, 12, 30)], ids=str)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Apia", "Australia/Lord_Howe"])
@pytest.mark.parametrize("time", ["00:00", "01:30", "02:00", "02:30", "23:59"])
def test_each_minute_around_a_change_of_the_clocks_is_in_the_day_of_python(
    day: date, zone: str, time: str
) -> None:
    of_zone = rb.TradingDay(time, zone)
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    seconds = list(range(noon - 2 * 86_400, noon + 2 * 86_400, 600))
    days = [trading_day(of_zone, second) for second in seconds]

    expected = [row for row, (before, after) in enumerate(pairwise(days), 1) if before != after]
    assert cuts(of_zone, [second * 1_000 for second in seconds], "ms") == expected


def test_times_that_no_calendar_has_are_in_days_of_one_length() -> None:
    day = 86_400_000
    for first in (-(2**62), -(10**16), 10**16, 2**62):
        begins = cuts(NEW_YORK, [first + hour * day // 24 for hour in range(49)], "ms")

        assert [after - before for before, after in pairwise(begins)] in ([24], [])
        assert len(begins) == 2


CHANGED: dict[str, Callable[[pl.DataFrame, Any], pl.DataFrame]] = {
    "frame": lambda frame, day: rb.bars(frame, reset=day),
    "plan": lambda frame, day: rb.bars(frame.lazy(), reset=day).collect(),
    "expression": lambda frame, day: frame.select(rb.bars_expr(reset=day)).unnest("bars"),
    "polars": lambda frame, day: rb.process_trades_polars(frame, reset=day),
    "dicts": lambda frame, day: rb.process_trades_polars(frame.to_dicts(), reset=day),
    "chunks": lambda frame, day: pl.concat(rb.process_trades_chunked([frame], reset=day)),
    "state": lambda frame, day: rb.bars_with_state(frame, reset=day)[0],
    "table": lambda frame, day: rb.bars(frame.to_arrow(), reset=day),
}


@pytest.mark.parametrize("entry_point", CHANGED)
def test_every_entry_point_takes_a_day(entry_point: str) -> None:
    at = 1_710_018_000_000  # 2024-03-09 21:00 UTC
    moments = [at, at + 1, at + 3_600_000, at + 3_600_001]
    frame = trades([100.0, 100.1, 100.2, 101.0], moments, unit="ms", zone="UTC")

    bars = CHANGED[entry_point](frame, NEW_YORK)

    assert bars["open"].to_list() == [100.2]
    assert rb.bar_schema(frame.schema, reset=NEW_YORK) == bars.schema


def test_a_state_has_the_day_in_full_and_is_refused_for_another() -> None:
    processor = rb.RangeBarProcessor(reset=NEW_YORK)
    processor.process_trades(trades([100.0, 100.1]))
    saved = processor.create_checkpoint()

    assert State.parse(saved).reset == "17:00@America/New_York"
    assert State.parse(saved).to_bytes() == saved
    assert rb.RangeBarProcessor.from_checkpoint(saved).create_checkpoint() == saved
    assert rb.RangeBarProcessor.from_checkpoint(saved, reset=NEW_YORK)
    assert pickle.loads(pickle.dumps(processor)).create_checkpoint() == saved  # noqa: S301 - own
    others: list[tuple[Borders, str]] = [
        (rb.TradingDay("17:00", "America/Chicago"), "17:00@America/Chicago"),
        ("day", "day"),
    ]
    for other, name in others:
        expected = f"the checkpoint is of reset 17:00@America/New_York: expected {name}"
        with says(rb.CheckpointError, expected):
            rb.bars(trades([100.0]), reset=other, state=saved)
        with says(rb.CheckpointError, expected):
            rb.RangeBarProcessor.from_checkpoint(saved, reset=other)
    with says(
        rb.CheckpointError, "the checkpoint is of reset 17:00@America/New_York: expected none"
    ):
        rb.bars(trades([100.0]), state=saved)
    with says(rb.CheckpointError, "the checkpoint is of reset none: expected day"):
        rb.RangeBarProcessor.from_checkpoint(
            rb.RangeBarProcessor().create_checkpoint(), reset="day"
        )


def test_a_day_is_a_frozen_value() -> None:
    again = rb.TradingDay("17:00", "America/New_York")

    assert (NEW_YORK, str(NEW_YORK)) == (again, "17:00@America/New_York")
    assert len({NEW_YORK, again, rb.TradingDay("17:01", "America/New_York")}) == 2
    assert pickle.loads(pickle.dumps(NEW_YORK)) == NEW_YORK  # noqa: S301 - own
    with pytest.raises(FrozenInstanceError):
        NEW_YORK.time = "18:00"  # type: ignore[misc]


@pytest.mark.parametrize(
    "time", ["24:00", "17:60", "7:00", "17", "17:00:00", "5 pm", "\u0661\u0667:00", ""]
)
def test_a_time_that_is_none_is_refused(time: str) -> None:
    with says(ValueError, f'time is {time!r}: expected "HH:MM" from "00:00" to "23:59"'):
        rb.TradingDay(time, "UTC")


@pytest.mark.parametrize("zone", ["Nowhere", "america/new_york", "", "+01:00", "New York", "UTC\0"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    expected = (
        f"zone is {zone!r}: expected the name of a zone in the IANA database, such as "
        '"America/New_York" or "UTC"'
    )
    with says(ValueError, expected):
        rb.TradingDay("17:00", zone)


def test_what_is_no_text_is_a_type_error() -> None:
    with says(TypeError, "time is 17: expected a str"):
        rb.TradingDay(17, "UTC")  # type: ignore[arg-type]
    with says(TypeError, "zone is None: expected a str"):
        rb.TradingDay("17:00", None)  # type: ignore[arg-type]


def test_stores_and_checks_refuse_expressions() -> None:
    reset: Any = pl.col("session")
    days, own = ("BTCUSDT", "2024-01-01", "2024-01-02"), {"reset": reset}
    bars = rb.bars(trades([100.0]))
    for call in (
        lambda: rb.get_range_bars(*days, **own),
        lambda: rb.scan_range_bars(*days, **own),
        lambda: rb.populate(*days, 250, **own),
        lambda: rb.get_n_range_bars("BTCUSDT", 5, **own),
        lambda: rb.resume_range_bars("BTCUSDT", "2024-01-01", **own),
        lambda: rb.validate_tier1(bars, **own),
        lambda: rb.validate_continuity(bars, **own),
    ):
        with says(
            ValueError,
            "reset is an expression, col(\"session\"): expected 'day', 'week', 'month', 'year', a "
            "TradingDay or None, since an expression has no lasting name by which bars could be "
            "found or checked (only what makes bars from trades takes it: bars, RangeBarProcessor)",
        ):
            call()


@pytest.mark.parametrize("reset", [NEW_YORK, pl.col("price") > 100.15], ids=["day", "expression"])
def test_a_picture_of_cuts_shows_where_a_chain_begins(reset: Borders) -> None:
    at = 1_710_018_000_000  # 2024-03-09 21:00 UTC
    moments = [at, at + 1, at + 3_600_000, at + 3_600_001]
    frame = trades([100.0, 100.1, 100.2, 100.2], moments, unit="ms", zone="UTC")

    for table in (frame, frame.lazy(), frame.to_arrow()):
        spec = rb.plot_cuts(table, 250, reset=reset).to_dict()
        roles = [trade["role"] for trade in spec["data"]["values"]]
        assert roles == ["opens a bar", "is the last before a reset or gap", "opens a bar", None]
