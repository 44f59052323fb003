"""A plan begins from the state that another one ended with."""

from collections.abc import Callable
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.checkpoint_cases import SAVED
from support.checkpoint_states import MICRO
from support.entry_points import assert_same
from support.oracle_chains import RESETS, Reset, across_periods, few
from support.processors import hushed, options, without_open
from support.trades import trades, walk

import rangebar_polars as rb

# Plans that begin from a state.

COLLECT: dict[str, Callable[..., pl.DataFrame]] = {
    "eager": rb.bars,
    "lazy": lambda frame, **asked: rb.bars(frame.lazy(), **asked).collect(),
    "streaming": lambda frame, **asked: (
        frame.lazy().rangebar.bars(**asked).collect(engine="streaming")
    ),
    "arrow": lambda frame, **asked: rb.bars(frame.to_arrow(), **asked),
}


@pytest.mark.parametrize("entry_point", COLLECT)
@few
@given(across_periods(most=25), options(), st.integers(0, 25))
def test_a_plan_continues_from_a_state(
    entry_point: str, frame: pl.DataFrame, asked: dict[str, Any], cut: int
) -> None:
    first, state = rb.bars_with_state(frame[:cut], **asked)

    second = COLLECT[entry_point](frame[cut:], state=state, **asked)

    assert_same(rb.bars(frame, **asked), pl.concat([first, second]))


@pytest.mark.parametrize("form", [pl.DataFrame.lazy, pl.DataFrame.to_arrow, pl.DataFrame.clone])
@few
@given(frame=across_periods(most=25), asked=options(), cut=st.integers(0, 25))
def test_bars_with_state_continues_again_and_again(
    form: Any,  # noqa: ANN401
    frame: pl.DataFrame,
    asked: dict[str, Any],
    cut: int,
) -> None:
    first, state = rb.bars_with_state(form(frame[:cut]), symbol="A", **asked)
    second, last = hushed_pair(form(frame[cut:]), state, **asked)

    assert_same(without_open(frame, **asked), pl.concat([first, second]))
    whole = rb.RangeBarProcessor(symbol="A", **asked)
    whole.process_trades(frame)
    assert whole.create_checkpoint() == last


def hushed_pair(trades: Any, state: bytes, **asked: Any) -> tuple[pl.DataFrame, bytes]:  # noqa: ANN401
    """Return what `bars_with_state` gives, whatever it warns of."""
    states = []

    def resume() -> pl.DataFrame:
        bars, last = rb.bars_with_state(trades, state=state, **asked)
        states.append(last)
        return bars

    return hushed(resume), states[0]


def test_a_plan_from_a_state_reads_only_what_it_needs_and_still_continues() -> None:
    frame = walk(300)
    _, state = rb.bars_with_state(frame.head(150), 60)

    plan = rb.bars(frame.tail(150).lazy(), 60, state=state, **MICRO)

    whole = rb.bars(frame, 60, **MICRO)
    for name in whole.columns:
        bars = plan.select(name).collect()
        assert_same(whole.select(name).tail(bars.height), bars)
    assert_same(whole.tail(plan.collect().height).head(2), plan.head(2).collect())


def test_a_state_of_another_day_extends_a_plan_with_a_reset() -> None:
    frame = trades([100, 100.1, 100], [0, 1, 86_400_000])
    _, state = rb.bars_with_state(frame.head(2), reset="day", include_incomplete=True)

    bars = rb.bars(frame.tail(1).lazy(), state=state, reset="day", include_incomplete=True)

    assert bars.collect()["close"].to_list() == [100.1, 100]


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "threshold": ({"threshold_decimal_bps": 99}, "rule range-100: expected range-99"),
    "prevent_same_timestamp_close": (
        {"prevent_same_timestamp_close": False},
        "rule range-100: expected range-100-nogate",
    ),
    "reset": ({"reset": "day"}, "reset none: expected day"),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_state_of_another_rule_is_refused(name: str) -> None:
    changed, differs = OTHER[name]
    asked: dict[str, Any] = {"threshold_decimal_bps": 100} | changed
    expected = f"the checkpoint is of {differs}"

    with says(rb.CheckpointError, expected):
        rb.bars(walk(3), state=SAVED, **asked)
    with says(rb.CheckpointError, expected):
        rb.bars_with_state(walk(3), state=SAVED, **asked)
    with says(rb.CheckpointError, expected):
        rb.bars(walk(3).lazy(), state=SAVED, **asked)


@pytest.mark.parametrize(("saved", "asked"), list(product([None, *RESETS], repeat=2)), ids=str)
def test_a_state_is_refused_for_any_other_reset(saved: Reset | None, asked: Reset | None) -> None:
    frame = trades([100])
    _, state = rb.bars_with_state(frame, reset=saved)

    if saved == asked:
        assert rb.bars_with_state(frame, reset=asked, state=state)[0].is_empty()
    else:
        differs = f"{saved or 'none'}: expected {asked or 'none'}"
        with says(rb.CheckpointError, f"the checkpoint is of reset {differs}"):
            rb.bars_with_state(frame, reset=asked, state=state)


def test_a_state_of_another_symbol_is_refused() -> None:
    with says(rb.CheckpointError, "the checkpoint is of symbol 'BTCUSDT': expected 'ETHUSDT'"):
        rb.bars_with_state(walk(3), 100, state=SAVED, symbol="ETHUSDT")


SEVERAL: dict[str, tuple[dict[str, Any], str]] = {
    "by": ({"by": "symbol"}, "by None: expected ['symbol']"),
    "a list of one": (
        {"threshold_decimal_bps": [100]},
        "rule range-100: expected [range-100]",
    ),
    "several": (
        {"threshold_decimal_bps": [100, 200]},
        "rule range-100: expected [range-100, range-200]",
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_a_state_of_other_chains_is_refused(name: str) -> None:
    several, differs = SEVERAL[name]
    expected = f"the checkpoint is of {differs}"

    asked: dict[str, Any] = {"threshold_decimal_bps": 100, "state": SAVED} | several
    with says(rb.CheckpointError, expected):
        rb.bars(walk(3), **asked)
    with says(rb.CheckpointError, expected):
        rb.bars(walk(3).lazy(), **asked)
    with says(rb.CheckpointError, expected):
        rb.bars_with_state(walk(3), **asked)


def test_a_state_has_no_trades_to_aggregate() -> None:
    expected = "state has sums of the open bars and none of their trades: expected no aggs"

    with says(ValueError, expected):
        rb.bars(walk(3), 100, state=SAVED, aggs=pl.len())
    with says(ValueError, expected):
        rb.bars(walk(3).lazy(), 100, state=SAVED, aggs=pl.len())
