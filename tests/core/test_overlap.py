"""After a reconnect, trades that were counted already are left out by their ids."""

import warnings
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.assertions import says
from support.batches import DAY, processor
from support.entry_points import assert_expected, assert_same
from support.live_chains import FORMS, Live, feed, forms, live
from support.trades import trades, walk

import rangebar_polars as rb

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
REMEDY = "(leave out yourself the trades that were counted, up to processor.position)"


@st.composite
def reconnected(draw: st.DrawFn) -> tuple[Live, list[pl.DataFrame]]:
    """Draw trades whose ids rise, and pieces of which each begins with trades of those before."""
    drawn = draw(live())
    size = drawn.frame.height
    steps = draw(st.lists(st.integers(1, 3), min_size=size, max_size=size))
    ids = pl.Series("agg_trade_id", steps, pl.Int64).cum_sum()
    frame = drawn.frame.with_columns(ids)
    ends = sorted({size, *draw(st.lists(st.integers(0, size), max_size=4))})
    begins = [0, *(draw(st.integers(0, end)) for end in ends[:-1])]
    pieces = [frame[begin:end] for begin, end in zip(begins, ends, strict=True)]
    several = draw(st.lists(forms, min_size=len(pieces), max_size=len(pieces)))
    return drawn._replace(frame=frame, forms=several), pieces


@some
@given(reconnected())
def test_trades_that_come_again_change_nothing(case: tuple[Live, list[pl.DataFrame]]) -> None:
    drawn, pieces = case
    one, whole = drawn.begin(), drawn.begin()

    bars = [feed(one, form, piece, "skip") for form, piece in zip(drawn.forms, pieces, strict=True)]

    assert_expected(drawn.expected(), pl.concat(bars))
    feed(whole, "a frame", drawn.frame)
    assert whole.create_checkpoint() == one.create_checkpoint()


def utc(frame: pl.DataFrame) -> pl.DataFrame:
    """Return trades with times that dicts can have."""
    later = pl.col("timestamp") + pl.duration(milliseconds=DAY)
    return frame.with_columns(later.dt.replace_time_zone("UTC"))


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_of_which_all_was_counted_changes_nothing(form: str) -> None:
    frame = utc(walk(100))
    one = processor(threshold_decimal_bps=20)
    one.process_trades(frame)
    before = one.create_checkpoint()

    bars = one.process_trades(FORMS[form](frame.tail(30)), overlap="skip")

    assert_same(rb.bars(frame, 20).clear(), bars)
    assert before == one.create_checkpoint()
    assert one.gaps.is_empty()


@pytest.mark.parametrize("form", FORMS)
def test_trades_that_come_again_in_another_order_are_left_out_too(form: str) -> None:
    frame = utc(walk(60))
    one = processor()
    one.process_trades(frame.head(40))
    again = pl.concat([frame[20:40].reverse(), frame[40:]])

    one.process_trades(FORMS[form](again), overlap="skip")

    assert one.position["agg_trade_id"].item() == 59
    whole = processor()
    whole.process_trades(frame)
    assert whole.create_checkpoint() == one.create_checkpoint()


def test_only_trades_before_the_first_new_one_are_left_out() -> None:
    one = processor()
    one.process_trades(utc(trades([100.0] * 3, ids=[1, 2, 3])))
    again = utc(trades([100.0] * 3, [2_000, 3_000, 2_000], ids=[3, 4, 3]))

    with pytest.raises(rb.RangeBarError, match=r"^trades are not sorted by time at row 4: "):
        one.process_trades(again, overlap="skip")


def test_a_gap_after_trades_that_come_again_is_reported() -> None:
    one = processor()
    one.process_trades(trades([100.0] * 3, ids=[1, 2, 3]))
    again = trades([100.0] * 3, [1_000, 2_000, 9_000], ids=[2, 3, 7])

    with pytest.warns(rb.RangeBarWarning, match="^3 records are missing between agg_trade_id 3 "):
        one.process_trades(again, overlap="skip")

    assert one.gaps["missing"].to_list() == [3]


def test_a_trade_of_a_gap_that_comes_later_stays_left_out() -> None:
    one = processor()
    one.process_trades(trades([100.0], ids=[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rb.RangeBarWarning)
        one.process_trades(trades([100.0], [5_000], ids=[5]))
    before = one.create_checkpoint()

    one.process_trades(trades([100.0] * 2, [3_000, 4_000], ids=[3, 4]), overlap="skip")

    assert before == one.create_checkpoint()


def test_overlap_is_an_error_by_default() -> None:
    one = processor()
    one.process_trades(trades([100.0] * 3, ids=[1, 2, 3]))

    with pytest.raises(rb.RangeBarError, match=r"^trades are not sorted by time at row 3: "):
        one.process_trades(trades([100.0] * 2, [1_000, 2_000], ids=[2, 3]))


NO_IDS = (
    'overlap="skip" finds by agg_trade_id the trades that were counted, and these have none (say '
    'which column it is: columns=TradeColumns(agg_trade_id="..."), or leave out yourself the '
    "trades that were counted, up to processor.position)"
)
UNKNOWN: Mapping[str, tuple[pl.DataFrame, pl.DataFrame, str]] = {
    "no column of ids": (
        utc(trades([100.0])),
        utc(trades([100.0], [1_000])),
        NO_IDS,
    ),
    "trades before without an id": (
        utc(trades([100.0], ids=[None])),
        utc(trades([100.0], [1_000], ids=[2])),
        (
            'no trade had agg_trade_id so far, so that overlap="skip" cannot know which trades '
            "were counted (leave those out yourself: processor.position has the last time)"
        ),
    ),
    "a trade without an id": (
        utc(trades([100.0] * 2, ids=[1, 2])),
        utc(trades([100.0] * 3, [1_000, 1_000, 1_000], ids=[2, None, 3])),
        (
            'agg_trade_id is null before the first id above 2, so that overlap="skip" cannot know '
            "whether the trade was counted (leave out yourself the trades that were, up to "
            "processor.position)"
        ),
    ),
    "ids that fall with time": (
        utc(trades([100.0] * 2, ids=[8, 9])),
        utc(trades([100.0], [5_000], ids=[3])),
        (
            "agg_trade_id is 3, not above the last one, 9, but its time, 2024-01-01 00:00:05.000, "
            'is after the last one, 2024-01-01 00:00:01.000: overlap="skip" needs ids that rise '
            f"with time {REMEDY}"
        ),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", UNKNOWN)
def test_what_ids_do_not_show_is_an_error_and_changes_nothing(name: str, form: str) -> None:
    first, again, expected = UNKNOWN[name]
    one = processor()
    one.process_trades(first)
    before = one.create_checkpoint()

    with says(rb.RangeBarError, expected):
        one.process_trades(FORMS[form](again), overlap="skip")

    assert before == one.create_checkpoint()


@pytest.mark.parametrize("form", FORMS)
def test_the_remedy_works(form: str) -> None:
    first, again, _ = UNKNOWN["ids that fall with time"]
    one = processor()
    one.process_trades(first)

    new = again.filter(pl.col("timestamp") > one.position["timestamp"].item())
    one.process_trades(FORMS[form](new))

    assert one.position["agg_trade_id"].item() == 3


@pytest.mark.parametrize("form", FORMS)
def test_what_ids_do_not_show_is_reported_with_the_key(form: str) -> None:
    first, again, expected = UNKNOWN["a trade without an id"]
    one = processor(by="symbol")
    one.process_trades(first.with_columns(symbol=pl.lit("A")))

    with says(rb.RangeBarError, f'symbol "A": {expected}'):
        one.process_trades(FORMS[form](again.with_columns(symbol=pl.lit("A"))), overlap="skip")


def test_a_key_that_is_new_has_nothing_to_leave_out() -> None:
    one = processor(by="symbol")
    one.process_trades(trades([100.0] * 2, ids=[1, 2]).with_columns(symbol=pl.lit("A")))

    one.process_trades(
        trades([100.0] * 2, ids=[1, 2]).with_columns(symbol=pl.lit("B")), overlap="skip"
    )

    assert one.position["agg_trade_id"].to_list() == [2, 2]


def dicts(ids: list[int]) -> list[dict[str, Any]]:
    """Return trades as dicts, a millisecond apart."""
    one = {"price": 100.0, "quantity": 1.0}
    return [one | {"timestamp": DAY + number, "agg_trade_id": number} for number in ids]


def test_a_bad_dict_is_counted_without_those_that_were_left_out() -> None:
    one = processor()
    one.process_trades(dicts([1, 2, 3]))
    bad = [*dicts([2, 3, 4]), dicts([5])[0] | {"price": "x"}]

    with says(rb.RangeBarError, "price is 'x' at row 4: expected a number, or its digits as text"):
        one.process_trades(bad, overlap="skip")


def test_an_id_that_64_bits_do_not_hold_is_that_error() -> None:
    one = processor()
    one.process_trades(trades([100.0] * 2, ids=[1, 2]))
    ids = pl.Series("agg_trade_id", [2, 2**64 - 1], pl.UInt64)

    with says(
        rb.RangeBarError,
        "agg_trade_id is 18446744073709551615 at row 2: expected an id that fits Int64",
    ):
        again = trades([100.0] * 2, [1_000, 2_000]).with_columns(ids)
        one.process_trades(again, overlap="skip")


@pytest.mark.parametrize("bad", ["keep", None, True, ""])
def test_another_overlap_is_refused(bad: Any) -> None:  # noqa: ANN401 - of any type
    with says(ValueError, f"overlap is {bad!r}: expected 'raise' or 'skip'"):
        processor().process_trades(trades([100.0]), overlap=bad)


def test_a_plan_is_read_batch_by_batch_until_the_first_new_trade() -> None:
    frame = walk(5_000)
    one, whole = processor(threshold_decimal_bps=20), processor(threshold_decimal_bps=20)
    first = one.process_trades(frame.head(3_000))

    second = one.process_trades(frame.lazy(), overlap="skip")

    assert_same(whole.process_trades(frame), pl.concat([first, second]))
