"""A processor of several thresholds and keys gives the bars of one pass, however trades come."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.assertions import says
from support.batches import DAY
from support.entry_points import assert_expected, assert_same
from support.live_chains import FORMS, Live, feed, live
from support.processors import hushed
from support.trades import trades, walk

import rangebar_polars as rb

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def two_symbols(rows: int = 60) -> pl.DataFrame:
    """Return trades of two symbols in turn, each with ids of its own."""
    frame = walk(rows).with_columns(
        pl.Series("symbol", ["A", "B"] * (rows // 2)),
        pl.Series("agg_trade_id", [row // 2 for row in range(rows)]),
    )
    later = pl.col("timestamp") + pl.duration(milliseconds=DAY)
    return frame.with_columns(later.dt.replace_time_zone("UTC"))


@some
@given(live())
def test_pieces_in_any_form_give_the_bars_of_the_oracle(drawn: Live) -> None:
    processor = drawn.begin()

    bars = [
        feed(processor, form, piece) for form, piece in zip(drawn.forms, drawn.pieces, strict=True)
    ]

    assert_expected(drawn.expected(), pl.concat(bars))
    open_bars = processor.get_incomplete_bar()
    if open_bars is None:
        assert drawn.open_bars().is_empty()
    else:
        assert_expected(drawn.open_bars(), open_bars)


@some
@given(live(), st.data())
def test_a_checkpoint_between_any_two_calls_changes_nothing(
    drawn: Live, data: st.DataObject
) -> None:
    processor, bars = drawn.begin(), []

    for form, piece in zip(drawn.forms, drawn.pieces, strict=True):
        saved = processor.create_checkpoint()
        if data.draw(st.booleans()):
            processor = rb.RangeBarProcessor.from_checkpoint(saved, time_unit=drawn.time_unit)
        else:
            processor = rb.RangeBarProcessor(**drawn.asked)
            processor.resume(saved)
        assert processor.create_checkpoint() == saved
        bars.append(feed(processor, form, piece))

    assert_expected(drawn.expected(), pl.concat(bars))
    whole = drawn.begin()
    feed(whole, "a frame", drawn.frame)
    assert whole.create_checkpoint() == processor.create_checkpoint()


@some
@given(live(), st.integers(0, 25))
def test_bars_with_state_and_plans_continue_several_chains(drawn: Live, cut: int) -> None:
    asked = drawn.question.options
    first, state = rb.bars_with_state(drawn.frame[:cut], **asked)

    states = []

    def more() -> pl.DataFrame:
        bars, last = rb.bars_with_state(drawn.frame[cut:], state=state, **asked)
        states.append(last)
        return bars

    second = hushed(more)
    assert_expected(drawn.expected(), pl.concat([first, second]))
    assert states == [rb.bars_with_state(drawn.frame, **asked)[1]]
    whole = drawn.question.expected(drawn.frame)
    rest = hushed(lambda: rb.bars(drawn.frame[cut:].lazy(), state=state, **asked).collect())
    assert_expected(whole, pl.concat([first, rest]))


def test_positions_and_gaps_have_a_row_for_each_key() -> None:
    processor = rb.RangeBarProcessor(250, by="symbol")
    processor.process_trades(two_symbols())
    later = two_symbols().filter(pl.col("symbol") == "B").tail(1)
    later = later.with_columns(pl.col("agg_trade_id") + 5)

    with pytest.warns(rb.RangeBarWarning) as reported:
        processor.process_trades(later)

    assert [str(warning.message) for warning in reported] == [
        (
            'symbol "B": 4 records are missing between agg_trade_id 29 at 2024-01-01 00:00:59.000 '
            "and 34 at 2024-01-01 00:00:59.000 (the bars run over the gap)"
        )
    ]
    assert processor.gaps.select("symbol", "missing").rows() == [("B", 4)]
    assert processor.position.select("symbol", "agg_trade_id").rows() == [("A", 29), ("B", 34)]


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_trade_is_reported_with_its_key(form: str) -> None:
    frame = trades([100.0, 100.0, -1.0, -2.0], unit="ms", zone="UTC")
    frame = frame.with_columns(pl.Series("symbol", ["A", "A", "B", "A"]))
    processor = rb.RangeBarProcessor([250], by="symbol")
    before = processor.create_checkpoint()

    with says(
        rb.RangeBarError,
        'symbol "B": price is -1 at row 0: expected a finite number above 0 (drop or repair such '
        "rows first)",
    ):
        processor.process_trades(FORMS[form](frame))

    assert processor.create_checkpoint() == before


def test_before_any_trade_there_is_nothing_to_show() -> None:
    processor = rb.RangeBarProcessor([250, 500], by=["venue", "symbol"])

    assert processor.get_incomplete_bar() is None
    assert (processor.open_bar(), processor.limits) == ({}, {})
    assert processor.position.columns == ["venue", "symbol", "timestamp", "agg_trade_id"]
    assert processor.gaps.columns[:2] == ["venue", "symbol"]
    assert processor.process_trades([]).columns[:3] == [
        "venue",
        "symbol",
        "threshold_decimal_bps",
    ]


def test_a_processor_of_several_chains_shows_its_settings() -> None:
    processor = rb.RangeBarProcessor([500, 250], "binance", by="symbol")

    assert (processor.threshold_decimal_bps, processor.by) == ([250, 500], ["symbol"])
    assert repr(processor) == "RangeBarProcessor([250, 500], symbol='binance', by=['symbol'])"
    assert rb.RangeBarProcessor(250).by == []


def test_keys_of_another_dtype_than_before_are_refused() -> None:
    processor = rb.RangeBarProcessor(250, by="symbol")
    processor.process_trades(two_symbols())
    other = two_symbols().cast({"symbol": pl.Categorical})

    with says(
        rb.RangeBarError,
        'column "symbol" is cat: expected str, as in the trades before (cast it, or use another '
        "processor)",
    ):
        processor.process_trades(other)


def test_a_missing_key_column_is_refused_and_keys_of_floats_too() -> None:
    processor = rb.RangeBarProcessor(250, by="symbol")

    with pytest.raises(rb.RangeBarError, match=r'^no column "symbol" among the trades: they have '):
        processor.process_trades(walk(3))
    with pytest.raises(rb.RangeBarError, match=r"^column \"symbol\" is f64: expected keys that "):
        processor.process_trades(walk(3).with_columns(symbol=1.5))
    objects = walk(3).with_columns(pl.Series("symbol", [object()] * 3, pl.Object))
    with pytest.raises(rb.RangeBarError, match="expected keys that are no Python objects"):
        processor.process_trades(objects)


KEYS: dict[str, tuple[Any, Any]] = {
    "text": ("A", "B"),
    "whole numbers": (3, -4),
    "True and False": (True, False),
    "text and None": ("A", None),
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("at_once", [1, 60])
def test_keys_of_dicts_are_those_of_a_frame(name: str, at_once: int) -> None:
    one, other = KEYS[name]
    frame = two_symbols().with_columns(pl.Series("symbol", [one, other] * 30))
    processor = rb.RangeBarProcessor([20, 60], by="symbol")
    dicts = frame.to_dicts()

    calls = [dicts[first : first + at_once] for first in range(0, len(dicts), at_once)]
    bars = pl.concat([processor.process_trades(call) for call in calls])

    assert_same(rb.bars(frame, [20, 60], by="symbol"), bars)


@pytest.mark.parametrize(
    "dtype", [pl.Categorical, pl.Enum(["B", "A"]), pl.String], ids=["Categorical", "Enum", "String"]
)
def test_dicts_continue_frames_of_any_text(dtype: Any) -> None:  # noqa: ANN401 - a dtype
    frame = two_symbols().cast({"symbol": dtype})
    processor = rb.RangeBarProcessor(20, by="symbol")

    bars = [
        processor.process_trades(frame.head(30)),
        processor.process_trades(frame[30:].to_dicts()),
    ]

    assert_same(rb.bars(frame, 20, by="symbol"), pl.concat(bars))


GOOD = {"timestamp": DAY, "price": 100.0, "quantity": 1.0}
BEFORE = "as in the trades before"
BAD_KEYS: dict[str, tuple[pl.DataFrame | None, list[dict[str, Any]], str]] = {
    "no key": (
        None,
        [GOOD | {"symbol": "A"}, GOOD],
        (
            'trade at row 1 has no "symbol", which by names: its keys are [timestamp, price, '
            'quantity] (give every trade its "symbol"; None is one too)'
        ),
    ),
    "a float": (
        None,
        [GOOD | {"symbol": 1.0}],
        (
            "symbol is 1.0 at row 0: expected text, an integer of 64 bits, True or False, since it "
            "says which chain the trade belongs to (or give a frame)"
        ),
    ),
    "a number after text": (
        None,
        [GOOD | {"symbol": "A"}, GOOD | {"symbol": 1}],
        f"symbol is 1 at row 1: expected text, {BEFORE}",
    ),
    "text after a number": (
        None,
        [GOOD | {"symbol": 1}, GOOD | {"symbol": "A"}],
        f"symbol is 'A' at row 1: expected an integer of 64 bits, {BEFORE}",
    ),
    "a number after a flag": (
        None,
        [GOOD | {"symbol": True}, GOOD | {"symbol": 1}],
        f"symbol is 1 at row 1: expected True or False, {BEFORE}",
    ),
    "a number too large for the frames before": (
        two_symbols().with_columns(symbol=pl.lit(1, pl.Int8)),
        [GOOD | {"symbol": 1}, GOOD | {"symbol": 300}],
        f"symbol is 300 at row 61: expected a value of i8, {BEFORE}",
    ),
    "a category that the frames before do not have": (
        two_symbols().cast({"symbol": pl.Enum(["A", "B"])}),
        [GOOD | {"symbol": "C"}],
        f'symbol is "C" at row 60: expected a value of enum, {BEFORE}',
    ),
    "frames with dates before": (
        two_symbols().with_columns(symbol=pl.date(2024, 1, 1)),
        [GOOD | {"symbol": "2024-01-01"}],
        (
            "symbol is '2024-01-01' at row 60: expected a frame, because the trades before have "
            "keys of date"
        ),
    ),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_of_a_dict_that_says_nothing_is_refused(name: str) -> None:
    before, dicts, expected = BAD_KEYS[name]
    processor = rb.RangeBarProcessor(250, by="symbol")
    if before is not None:
        frame = before.select("symbol", "timestamp", "price", "quantity")
        late = pl.col("timestamp") - pl.duration(days=1)
        # One key, so time must not go back within it.
        processor.process_trades(frame.with_columns(late))
    saved = processor.create_checkpoint()

    with says(rb.RangeBarError, expected):
        processor.process_trades(dicts)

    assert processor.create_checkpoint() == saved
