"""The flag that says bars are in the order of their closing times: where it is, it is true."""

from typing import Any, Literal, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import assert_same
from support.oracle_chains import across_periods, questions, some
from support.trades import walk

import rangebar_polars as rb

Engine = Literal["in-memory", "streaming"]
WALK = walk(600).with_columns(symbol=pl.Series(["A", "B"] * 300))
OPTIONS: dict[str, dict[str, Any]] = {
    "one threshold": {"threshold_decimal_bps": 20},
    "several": {"threshold_decimal_bps": [10, 20]},
    "open bars": {"threshold_decimal_bps": [10, 20], "include_incomplete": True},
    "aggregations": {"threshold_decimal_bps": 20, "aggs": pl.len()},
    "a state": {
        "threshold_decimal_bps": 20,
        "state": rb.RangeBarProcessor(20).create_checkpoint(),
    },
}


def is_flagged(bars: pl.DataFrame) -> bool:
    """Return whether Polars takes the times to be sorted without looking."""
    return bars["close_time"].flags["SORTED_ASC"]


@some
@given(st.data())
def test_without_keys_bars_of_any_options_come_in_the_order_of_their_closing_times(
    data: st.DataObject,
) -> None:
    question = data.draw(questions())
    frame = data.draw(across_periods(question.thresholds[0]))

    bars = question.ask(frame)

    # As integers, because a series that is flagged is not looked at.
    times = bars["close_time"].to_physical().to_list()
    assert is_flagged(bars)
    assert times == sorted(times)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_frames_and_plans_without_keys_have_the_flag(options: dict[str, Any]) -> None:
    plan = rb.bars(WALK.lazy(), **options)

    assert is_flagged(rb.bars(WALK, **options))
    for engine in get_args(Engine):
        assert is_flagged(plan.collect(engine=engine))
        chosen = plan.filter(pl.col("close") > 0).select("close_time")
        assert is_flagged(chosen.collect(engine=engine))
    assert_same(rb.bars(WALK, **options), plan.sort("close_time").collect())


@pytest.mark.parametrize("options", [{}, {"include_incomplete": True}], ids=str)
def test_bars_of_keys_have_no_flag(options: dict[str, Any]) -> None:
    plan = rb.bars(WALK.lazy(), 20, by="symbol", **options)

    assert not is_flagged(rb.bars(WALK, 20, by="symbol", **options))
    assert not is_flagged(plan.collect())


def test_columns_without_the_time_are_still_read_alone() -> None:
    plan = rb.bars(WALK.lazy(), 20)

    assert "PROJECT 1/7 COLUMNS" in plan.select("close").explain()
    assert_same(rb.bars(WALK, 20).select("close"), plan.select("close").collect())
