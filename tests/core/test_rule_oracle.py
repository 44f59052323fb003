"""Bars of every rule through every entry point, against the oracle of rules."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.border_reference import with_sessions
from support.entry_points import assert_expected
from support.oracle_chains import across_periods, keyed, some
from support.rule_questions import OF_CHAINS, OF_ONE_CHAIN, RuleQuestion, rule_questions

import rangebar_polars as rb

ROLES = ("is_buyer_maker", "first_trade_id", "last_trade_id")


def with_roles(frame: pl.DataFrame) -> pl.DataFrame:
    """Return trades with the columns that some rules need."""
    absent = {
        "is_buyer_maker": pl.Boolean,
        "first_trade_id": pl.Int64,
        "last_trade_id": pl.Int64,
    }
    missing = [
        pl.lit(None, dtype).alias(role)
        for role, dtype in absent.items()
        if role not in frame.columns or frame.schema[role] == pl.Null
    ]
    return frame.with_columns(missing)


@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
@some
@given(data=st.data())
@pytest.mark.parametrize("entry_point", OF_ONE_CHAIN)
def test_one_chain_is_that_of_the_oracle(data: st.DataObject, entry_point: str) -> None:
    frame = with_roles(data.draw(across_periods().flatmap(with_sessions)))
    question = data.draw(rule_questions(several=False))

    actual = OF_ONE_CHAIN[entry_point](frame, **question.options)

    assert_expected(question.expected(frame), actual)


@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
@some
@given(data=st.data(), by=st.sampled_from([(), ("symbol",), ("venue", "symbol")]))
@pytest.mark.parametrize("entry_point", OF_CHAINS)
def test_several_chains_are_those_of_the_oracle(
    data: st.DataObject, entry_point: str, by: tuple[str, ...]
) -> None:
    frame = with_roles(data.draw(keyed().flatmap(with_sessions)))
    question = data.draw(rule_questions(by))

    actual = OF_CHAINS[entry_point](frame, **question.options)

    assert_expected(question.expected(frame), actual)


@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
@some
@given(data=st.data())
def test_the_bar_of_each_record_is_that_of_the_oracle(data: st.DataObject) -> None:
    frame = with_roles(data.draw(across_periods().flatmap(with_sessions)))
    question = data.draw(rule_questions(several=False))
    options = {name: question.options[name] for name in ("rule", "reset", "max_gap")}

    ids = frame.select(rb.bar_id(**options))["bar_id"]

    counts = RuleQuestion(
        texts=question.texts, reset=question.reset, max_gap_ms=question.max_gap_ms
    ).expected(frame)["agg_record_count"]
    assert ids.to_list() == [bar for bar, count in enumerate(counts) for _ in range(count)]
