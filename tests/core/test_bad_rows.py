"""Bad rows: every message whole, and the same through every entry point."""

from functools import partial

import polars as pl
import pytest
from support.assertions import SORT, TWICE
from support.bad_trades import ABOVE_0, NOT_BELOW_0, NULL, at, good, message_of
from support.entry_points import ENTRY_POINTS, Asked

TOO_LARGE = (
    "expected less than 92233720368.54775808, the limit of 64 bits at 8 decimals (rescale the "
    "column)"
)
SECOND = 1_000

BAD_ROWS: dict[str, tuple[pl.DataFrame, str]] = {
    "null time": (at(2, timestamp=None), f"timestamp is null at row 2 {NULL}"),
    "null price": (at(2, price=None), f"price is null at row 2 {NULL}"),
    "null quantity": (at(2, quantity=None), f"quantity is null at row 2 {NULL}"),
    "price not a number": (at(3, price=float("nan")), f"price is NaN at row 3: {ABOVE_0}"),
    "endless price": (at(3, price=float("inf")), f"price is inf at row 3: {ABOVE_0}"),
    "endless price down": (at(3, price=float("-inf")), f"price is -inf at row 3: {ABOVE_0}"),
    "price 0": (at(0, price=0.0), f"price is 0 at row 0: {ABOVE_0}"),
    "price -0": (at(0, price=-0.0), f"price is -0 at row 0: {ABOVE_0}"),
    "price below 0": (at(4, price=-1.5), f"price is -1.5 at row 4: {ABOVE_0}"),
    "tiny price": (
        at(1, price=4.9e-9),
        "price is 0.0000000049 at row 1: it rounds to 0 at 8 decimals (rescale the prices)",
    ),
    "large price": (at(1, price=1e11), f"price is 100000000000 at row 1: {TOO_LARGE}"),
    "quantity not a number": (
        at(1, quantity=float("nan")),
        f"quantity is NaN at row 1: {NOT_BELOW_0}",
    ),
    "endless quantity": (at(1, quantity=float("inf")), f"quantity is inf at row 1: {NOT_BELOW_0}"),
    "quantity below 0": (
        at(1, quantity=-1e-9),
        f"quantity is -0.000000001 at row 1: {NOT_BELOW_0}",
    ),
    "large quantity": (
        at(4, quantity=92233720368.54776),
        f"quantity is 92233720368.54776 at row 4: {TOO_LARGE}",
    ),
    "time going back": (
        good(timestamp=pl.Series([0, 1, 2, 1, 3]) * SECOND).cast({"timestamp": pl.Datetime("ms")}),
        (
            "trades are not sorted by time at row 3: 1970-01-01 00:00:01.000 after 1970-01-01 "
            f"00:00:02.000 {SORT}"
        ),
    ),
    "time going back by a nanosecond before 1970": (
        good(timestamp=pl.Series([-5, -5, -6, 0, 0])).cast({"timestamp": pl.Datetime("ns", "UTC")}),
        (
            "trades are not sorted by time at row 2: 1969-12-31 23:59:59.999999994 after "
            f"1969-12-31 23:59:59.999999995 {SORT}"
        ),
    ),
    "time going back in microseconds": (
        good(timestamp=pl.Series([5, 4, 6, 7, 8])).cast({"timestamp": pl.Datetime("us")}),
        (
            "trades are not sorted by time at row 1: 1970-01-01 00:00:00.000004 after 1970-01-01 "
            f"00:00:00.000005 {SORT}"
        ),
    ),
    "a record twice": (
        good(timestamp=pl.Series([0, 1, 1, 2, 3]) * SECOND, agg_trade_id=[1, 2, 2, 3, 4]).cast(
            {"timestamp": pl.Datetime("ms")}
        ),
        f"agg_trade_id does not rise at row 2: 2 after 2, both at 1970-01-01 00:00:01.000 {TWICE}",
    ),
    "an id that falls after a null": (
        good(
            timestamp=pl.Series([0, 0, 0, 0, 0]), agg_trade_id=pl.Series([None, 7, None, None, 6])
        ).cast({"timestamp": pl.Datetime("ms")}),
        f"agg_trade_id does not rise at row 4: 6 after 7, both at 1970-01-01 00:00:00.000 {TWICE}",
    ),
    "an id beyond 64 bits": (
        good(agg_trade_id=pl.Series([1, 2, 3, 2**63, 5], dtype=pl.UInt64)),
        "agg_trade_id is 9223372036854775808 at row 3: expected an id that fits Int64",
    ),
    "a trade id beyond 64 bits": (
        good(last_trade_id=pl.Series([1, 2, 3, 2**64 - 1, 5], dtype=pl.UInt64)),
        "last_trade_id is 18446744073709551615 at row 3: expected an id that fits Int64",
    ),
    "exchanged trade ids": (
        at(2, last_trade_id=1),
        "last_trade_id 1 is below first_trade_id 3 at row 2 (are the two columns exchanged?)",
    ),
    "a turnover beyond 128 bits": (
        good(price=[9.2e10] * 5, quantity=[9.2e10] * 5),
        (
            "turnover of the bar overflows at row 2: the limit is 17014118346046923173168.73 (128 "
            "bits at 16 decimals) (rescale the columns)"
        ),
    ),
    "a count beyond 64 bits": (
        good(first_trade_id=[0] * 5, last_trade_id=[1, 2**62, 2**62, 2**62, 2**62]),
        (
            "individual_trade_count of the bar overflows at row 2: the limit is "
            "9223372036854775807 (64 bits) (rescale the columns)"
        ),
    ),
    "a count of one row beyond 64 bits": (
        at(1, first_trade_id=-2, last_trade_id=2**63 - 1),
        (
            "individual_trade_count of the bar overflows at row 1: the limit is "
            "9223372036854775807 (64 bits) (rescale the columns)"
        ),
    ),
    "a duration beyond 64 bits": (
        good(timestamp=pl.Series([0, 1, 2**53, 2**62, 2**62])).cast(
            {"timestamp": pl.Datetime("ms")}
        ),
        (
            "duration_us of the bar overflows at row 3: the limit is 9223372036854775807 "
            "microseconds (64 bits) (rescale the columns)"
        ),
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_raises_the_same_message_through_every_entry_point(name: str) -> None:
    frame, expected = BAD_ROWS[name]

    messages = {
        entry_point: message_of(
            partial(Asked().through, entry_point, frame),
            entry_point=entry_point,
        )
        for entry_point in ENTRY_POINTS
    }

    assert dict.fromkeys(ENTRY_POINTS, expected) == messages
