"""The first fault of the lowest row is reported; what no output needs is not checked."""

from functools import partial

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from support.assertions import SORT, TWICE
from support.bad_trades import ABOVE_0, NOT_BELOW_0, NULL, at, good, message_of
from support.entry_points import ENTRY_POINTS, Asked
from support.trades import trades

import rangebar_polars as rb

FAULTS = {
    "price": (-1.0, f"price is -1 at row {{row}}: {ABOVE_0}"),
    "quantity": (-2.0, f"quantity is -2 at row {{row}}: {NOT_BELOW_0}"),
    "timestamp": (None, f"timestamp is null at row {{row}} {NULL}"),
    "last_trade_id": (
        -9,
        "last_trade_id -9 is below first_trade_id 1 at row {row} (are the two columns exchanged?)",
    ),
}
IN_ORDER = ("timestamp", "price", "quantity", "last_trade_id")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.sampled_from(IN_ORDER)), min_size=1, max_size=3))
def test_of_several_faults_the_first_of_the_lowest_row_is_reported(
    faults: list[tuple[int, str]],
) -> None:
    frame = trades([100 + row % 3 for row in range(30)], counted=[(1, 2)] * 30)
    for row, column in faults:
        where, value = pl.int_range(pl.len()) == row, pl.lit(FAULTS[column][0])
        frame = frame.with_columns(pl.when(where).then(value).otherwise(column).alias(column))
    row, column = min(faults, key=lambda fault: (fault[0], IN_ORDER.index(fault[1])))

    messages = {
        entry_point: message_of(
            partial(Asked().through, entry_point, frame),
            entry_point=entry_point,
        )
        for entry_point in ENTRY_POINTS
    }

    assert dict.fromkeys(ENTRY_POINTS, FAULTS[column][1].format(row=row)) == messages


def test_a_record_that_is_wrong_in_every_way_is_reported_by_its_value_first() -> None:
    frame = good(
        timestamp=pl.Series([5, 5, 4, 6, 7]),
        price=[100.0, 100.0, -1.0, 100.0, 100.0],
        agg_trade_id=[1, 2, 2, 3, 4],
        last_trade_id=[1, 2, 0, 4, 5],
    ).cast({"timestamp": pl.Datetime("ms")})
    worse = [frame]
    worse.append(worse[-1].with_columns(price=pl.lit(100.0)))
    worse.append(worse[-1].with_columns(timestamp=pl.lit(5).cast(pl.Datetime("ms"))))
    worse.append(worse[-1].with_columns(agg_trade_id=pl.Series([1, 2, 3, 4, 5])))

    messages = [message_of(lambda frame=frame: Asked().through("eager", frame)) for frame in worse]  # type: ignore[misc]

    assert messages == [
        f"price is -1 at row 2: {ABOVE_0}",
        (
            "trades are not sorted by time at row 2: 1970-01-01 00:00:00.004 after 1970-01-01 "
            f"00:00:00.005 {SORT}"
        ),
        f"agg_trade_id does not rise at row 2: 2 after 2, both at 1970-01-01 00:00:00.005 {TWICE}",
        "last_trade_id 0 is below first_trade_id 3 at row 2 (are the two columns exchanged?)",
    ]


def test_an_id_beyond_64_bits_comes_after_all_else_that_is_wrong_up_to_its_row() -> None:
    ids = pl.Series([1, 2, 3, 2**63, 5], dtype=pl.UInt64)
    frames = {
        f"price is -1 at row 1: {ABOVE_0}": at(1, price=-1.0),
        f"price is -1 at row 3: {ABOVE_0}": at(3, price=-1.0),
        "agg_trade_id is 9223372036854775808 at row 3: expected an id that fits Int64": at(
            4, price=-1.0
        ),
    }
    for expected, frame in frames.items():
        bad = frame.with_columns(agg_trade_id=ids)

        messages = {
            entry_point: message_of(
                partial(Asked().through, entry_point, bad),
                entry_point=entry_point,
            )
            for entry_point in ENTRY_POINTS
        }
        assert dict.fromkeys(ENTRY_POINTS, expected) == messages


@pytest.mark.parametrize("quantity", [0.0, -0.0, 4.9e-9])
def test_a_quantity_of_nothing_is_accepted(quantity: float) -> None:
    frame = trades([100, 101], quantity=quantity)

    assert rb.bars(frame)["volume"].to_list() == [0.0]


def test_equal_times_with_a_null_id_between_are_accepted() -> None:
    frame = trades([100, 100, 101], [0, 0, 1], ids=[1, None, 2])

    assert rb.bars(frame).height == 1


def test_an_id_may_fall_when_the_time_moves_on() -> None:
    frame = trades([100, 101], ids=[9, 1])

    assert rb.bars(frame).height == 1


def test_sides_and_trade_ids_are_not_checked_where_no_output_needs_them() -> None:
    frame = at(2, last_trade_id=1).with_columns(is_buyer_maker=pl.lit("buy"))

    assert rb.bars(frame).height == rb.bars(good()).height


def test_a_projection_to_the_prices_does_not_check_trade_ids() -> None:
    plan = rb.bars(at(2, last_trade_id=1).lazy(), include_microstructure=True)

    assert plan.select("open", "close").collect().height == rb.bars(good()).height
