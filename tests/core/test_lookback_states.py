"""Processors that look back: saved anywhere, continued with fewer columns, and damaged states."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.checkpoint_bytes import State
from support.entry_points import assert_same
from support.lookback_reference import COLUMNS
from support.oracle_chains import few
from support.processors import check_saved_anywhere
from support.trades import walk

import rangebar_polars as rb

FRAME = walk(800)
NAMES = ["lookback_trade_count", "lookback_vwap", "lookback_burstiness"]


@few
@given(data=st.data(), lookback=st.sampled_from([1, 3, 12, "1ms", "2s", "1d"]))
def test_a_processor_is_saved_anywhere_and_looks_back_as_one_pass_does(
    data: st.DataObject, lookback: int | str
) -> None:
    check_saved_anywhere(data, lookback=lookback)


@pytest.mark.parametrize("lookback", [1, 11, 128, 255, 256, 257, 512, "100s", "600s"])
@pytest.mark.parametrize("cut", [0, 1, 10, 127, 128, 300, 511, 512, 799])
def test_a_state_anywhere_gives_the_bars_of_one_pass(lookback: int | str, cut: int) -> None:
    whole = rb.bars(FRAME, 60, lookback=lookback)

    first, state = rb.bars_with_state(FRAME[:cut], 60, lookback=lookback)
    rest = rb.bars(FRAME[cut:], 60, lookback=lookback, state=state)
    planned = rb.bars(FRAME[cut:].lazy(), 60, lookback=lookback, state=state).select(COLUMNS)

    assert_same(whole, pl.concat([first, rest]))
    assert_same(rest.select(COLUMNS), planned.collect())


def test_the_state_after_a_resume_is_that_of_one_pass() -> None:
    _, early = rb.bars_with_state(FRAME[:333], 60, lookback=40)

    _, resumed = rb.bars_with_state(FRAME[333:], 60, lookback=40, state=early)

    assert resumed == rb.bars_with_state(FRAME, 60, lookback=40)[1]


@pytest.mark.parametrize("lookback", [200, "200s"])
def test_a_checkpoint_has_about_12_bytes_for_each_trade_of_the_window(lookback: int | str) -> None:
    _, state = rb.bars_with_state(FRAME, 60, lookback=lookback)

    assert 1_000 < len(state) < 1_500 + 200 * 13
    assert len(State.parse(state).kept) == 200


def test_dicts_look_back_as_a_frame_does() -> None:
    whole = rb.bars(FRAME, 60, lookback=70).select(COLUMNS)
    year = 1_700_000_000_000
    dicts = FRAME.with_columns(pl.col("timestamp").to_physical() + year).to_dicts()
    processor = rb.RangeBarProcessor(60, lookback=70)

    ended = [processor.process_trades(each) for each in dicts]

    assert_same(whole, pl.concat(ended).select(COLUMNS))
    of_key = rb.RangeBarProcessor(60, by="key", lookback=70)
    keyed_dicts = [each | {"key": "A"} for each in dicts]
    assert_same(whole, of_key.process_trades(keyed_dicts).select(COLUMNS))


def test_a_state_is_continued_with_its_columns_or_fewer() -> None:
    _, state = rb.bars_with_state(FRAME[:333], 60, lookback=50, features=[*NAMES, "ofi"])

    for features, lookback in (
        ([*NAMES, "ofi"], 50),
        (["lookback_burstiness", "lookback_trade_count"], 50),
        (["ofi"], None),
        (None, None),
    ):
        asked: dict[str, Any] = {"features": features, "lookback": lookback}
        whole = rb.bars(FRAME, 60, include_incomplete=True, **asked)
        rest = rb.bars(FRAME[333:], 60, include_incomplete=True, state=state, **asked)
        assert_same(whole.tail(rest.height), rest)
        _, continued = rb.bars_with_state(FRAME[333:], 60, state=state, **asked)
        assert continued == rb.bars_with_state(FRAME, 60, **asked)[1]


def test_a_state_of_another_lookback_is_refused() -> None:
    _, state = rb.bars_with_state(FRAME[:333], 60, lookback=50)

    with says(rb.CheckpointError, "the checkpoint is of lookback 50: expected 51"):
        rb.bars(FRAME[333:], 60, lookback=51, state=state)
    with says(rb.CheckpointError, "the checkpoint is of lookback 50: expected 1m30s"):
        rb.bars(FRAME[333:], 60, lookback="90s", state=state)
    _, bare = rb.bars_with_state(FRAME[:333], 60)
    with says(rb.CheckpointError, "the checkpoint is of lookback none: expected 50"):
        rb.bars(FRAME[333:], 60, lookback=50, state=bare)


def test_a_state_is_not_continued_with_columns_whose_values_it_has_not() -> None:
    _, state = rb.bars_with_state(FRAME[:333], 60, lookback=50, features=NAMES)

    with says(
        rb.CheckpointError,
        f"the checkpoint is of features {NAMES}: expected those, or some of them, not "
        "['lookback_ofi'] (give features of the checkpoint, or read the trades again with others)",
    ):
        rb.bars(FRAME[333:], 60, lookback=50, features=["lookback_ofi"], state=state)


def test_the_incomplete_bar_has_the_values_that_were_formed_when_it_opened() -> None:
    processor = rb.RangeBarProcessor(60, lookback=50, features=NAMES)
    processor.process_trades(FRAME)

    bar = processor.get_incomplete_bar()

    assert bar is not None
    whole = rb.bars(FRAME, 60, lookback=50, features=NAMES, include_incomplete=True)
    assert_same(whole.tail(1).select(NAMES), bar.select(NAMES))


def test_a_bad_batch_changes_nothing_of_what_is_kept() -> None:
    processor = rb.RangeBarProcessor(60, lookback=50)
    processor.process_trades(FRAME[:400])
    before = processor.create_checkpoint()

    with pytest.raises(rb.RangeBarError, match="not sorted"):
        processor.process_trades(FRAME[400:500].reverse())

    assert processor.create_checkpoint() == before
    rest = processor.process_trades(FRAME[400:])
    assert_same(rb.bars(FRAME, 60, lookback=50).tail(rest.height), rest)


IMPOSSIBLE = (
    "the checkpoint is damaged: such a state cannot be (go back to an older one, or read the "
    "trades again)"
)


def _saved(lookback: int | str = 50, **asked: Any) -> State:  # noqa: ANN401 - options of bars
    return State.parse(
        rb.bars_with_state(FRAME[:333], 60, lookback=lookback, features=NAMES, **asked)[1]
    )


def _with_row(place: int, **fields: int) -> State:
    """Return the state with another trade in its window."""
    state = _saved()
    row = dict(zip(("time", "price", "quantity", "side"), state.kept[place], strict=True))
    time, price, quantity, side = (row | fields).values()
    kept = list(state.kept)
    kept[place] = (time, price, quantity, side)
    return replace(state, kept=kept)


DAMAGED: dict[str, State] = {
    "no lookback": replace(_saved(), lookback=None),
    "a lookback of 0": replace(_saved(), lookback=(0, 0)),
    "a lookback of 1,000,001": replace(_saved(), lookback=(0, 1_000_001)),
    "a span of 0": replace(_saved("50s"), lookback=(1, 0)),
    "a span between two units": replace(_saved("50s"), lookback=(1, 50 * 10**9 + 1)),
    "no feature that looks back": replace(_saved(), features=["ofi"]),
    "times that go back": _with_row(7, time=10**12),
    "another last time": _with_row(-1, time=332_001),
    "another last price": _with_row(-1, price=1),
    "a price of 0": _with_row(3, price=0),
    "a quantity below 0": _with_row(3, quantity=-1),
    "more rows than the window has": replace(
        _saved(), kept=[_saved().kept[0], *_saved().kept], rows=333
    ),
    "fewer rows than the open bar has": replace(_saved(), kept=_saved().kept[-1:]),
    "no row": replace(_saved(), kept=[]),
    "a time of the first trade": replace(_saved(), first_time=0),
    "no time of the first trade": replace(_saved("50s"), first_time=None),
    "a first trade that is later": replace(_saved("50s"), first_time=331_999),
    "rows before the span": replace(_saved("50s"), kept=_saved("60s").kept),
    "no values": replace(_saved(), before=[]),
    "a value too many": replace(_saved(), before=[*_saved().before, None]),
    "a float for a count": replace(_saved(), before=[50.0, *_saved().before[1:]]),
    "an integer for a float": replace(_saved(), before=[50, 500, None]),
    "another count": replace(_saved(), before=[49, *_saved().before[1:]]),
    "a value that is no number": replace(_saved(), before=[50, float("nan"), None]),
    "an endless value": replace(_saved(), before=[50, float("inf"), None]),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_window_that_cannot_be_is_damage(what: str) -> None:
    with says(rb.CheckpointError, IMPOSSIBLE):
        rb.RangeBarProcessor.from_checkpoint(DAMAGED[what].to_bytes())


def test_of_a_full_window_one_first_time_is_written_and_no_other_is_read() -> None:
    _, written = rb.bars_with_state(FRAME[:333], 60, lookback="50s")
    _, later = rb.bars_with_state(FRAME[100:333], 60, lookback="50s")
    state = State.parse(written)

    assert state.first_time == State.parse(later).first_time == 282_000
    for first_time in (0, 281_999, 282_001):
        data = replace(state, first_time=first_time).to_bytes()
        with pytest.raises(rb.CheckpointError, match="such a state cannot be"):
            rb.RangeBarProcessor.from_checkpoint(data)


def test_a_side_where_there_are_none_is_damage() -> None:
    _, data = rb.bars_with_state(FRAME[:333].drop("is_buyer_maker"), 60, lookback=50)
    state = State.parse(data)
    time, price, quantity, _ = state.kept[5]
    kept = [*state.kept[:5], (time, price, quantity, 1), *state.kept[6:]]

    assert State.parse(data).to_bytes() == data
    with says(rb.CheckpointError, IMPOSSIBLE):
        rb.RangeBarProcessor.from_checkpoint(replace(state, kept=kept).to_bytes())
    unknown = [*state.kept[:5], (time, price, quantity, 3), *state.kept[6:]]
    with pytest.raises(rb.CheckpointError, match="it holds an unknown code"):
        rb.RangeBarProcessor.from_checkpoint(replace(state, kept=unknown).to_bytes())


def test_the_states_of_several_thresholds_have_one_window() -> None:
    asked: dict[str, Any] = {"threshold_decimal_bps": [60, 200], "lookback": 50}
    _, state = rb.bars_with_state(FRAME[:333], **asked)
    _, other = rb.bars_with_state(FRAME[1:333], **asked)

    rest = rb.bars(FRAME[333:], state=state, **asked)

    assert_same(rb.bars(FRAME, **asked).tail(rest.height), rest)
    assert state != other
