"""Every combination of thresholds, keys, resets and flags, against the oracle and its own plan."""

import itertools
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry_points import assert_expected, assert_same
from support.oracle_chains import CHAIN_ENTRY_POINTS, few, keyed, questions, some
from support.trades import trades

import rangebar_polars as rb

KEYS = st.sampled_from([(), ("symbol",), ("venue",), ("symbol", "venue"), ("venue", "symbol")])


@some
@given(st.data(), KEYS)
def test_the_bars_of_any_question_are_those_of_the_oracle(
    data: st.DataObject, by: tuple[str, ...]
) -> None:
    question = data.draw(questions(by))
    frame = data.draw(keyed(question.thresholds[0]))

    assert_expected(question.expected(frame), question.ask(frame))


@few
@given(st.data(), KEYS)
def test_any_question_has_the_same_answer_through_every_entry_point(
    data: st.DataObject, by: tuple[str, ...]
) -> None:
    question = data.draw(questions(by))
    frame = data.draw(keyed(question.thresholds[-1]))

    expected = question.ask(frame)
    for entry_point in CHAIN_ENTRY_POINTS:
        assert_same(expected, question.ask(frame, entry_point))


@few
@given(st.data(), KEYS)
def test_the_schema_of_the_plan_of_any_question_is_that_of_its_answer(
    data: st.DataObject, by: tuple[str, ...]
) -> None:
    question = data.draw(questions(by))
    frame = data.draw(keyed(most=6))

    plan = rb.bars(frame.lazy(), **question.options)

    assert question.expected(frame).schema == plan.collect_schema()


OPTIONS: dict[str, list[Any]] = {
    "threshold_decimal_bps": [250, [250], [100, 250]],
    "by": [None, "symbol", ["symbol", "venue"]],
    "reset": [None, "day"],
    "aggs": [None, pl.col("price").std().alias("price_std"), [pl.len().alias("n"), pl.col("id")]],
    "include_microstructure": [False, True],
    "include_incomplete": [False, True],
}
ANSWERS = [
    dict(zip(OPTIONS, values, strict=True)) for values in itertools.product(*OPTIONS.values())
]
HEIGHTS = pytest.mark.parametrize("height", [0, 1, 6])


@HEIGHTS
def test_a_plan_with_every_combination_of_options_has_the_schema_of_its_result(height: int) -> None:
    frame = (
        trades([100, 101, 100, 103, 100, 90], sold=[True] * 6, ids=list(range(6)), zone="UTC")
        .with_columns(
            symbol=pl.Series(["A", "B", None] * 2, dtype=pl.Categorical),
            venue=pl.Series([1, 1, None] * 2, dtype=pl.UInt8),
            id=pl.Series(range(6), dtype=pl.Int32),
        )
        .head(height)
    )

    for options in ANSWERS:
        plan = rb.bars(frame.lazy(), **options)
        result = plan.collect()
        assert plan.collect_schema() == result.schema, options
        assert rb.bars(frame, **options).schema == result.schema, options
