"""Bars of every rule pass the checks of bars, given their rule."""

from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.rule_questions import TEXTS
from support.trades import walk

import rangebar_polars as rb

TRADES = walk(2_000)


@pytest.mark.parametrize("text", TEXTS)
def test_bars_of_a_rule_pass(text: str) -> None:
    rule = rb.parse_rule(text)
    bars = rb.bars(TRADES, rule=rule, include_microstructure=True, include_incomplete=True)

    failures = rb.validate_tier1(bars, TRADES, rule=rule).failures

    # A bar of one trade has no duration and no spread, which leaves two features null all through.
    assert failures["check"].to_list() == (["values"] * 2 if text == "tick-1" else [])


def test_bars_of_several_rules_are_checked_chain_by_chain() -> None:
    rules = [rb.TickRule(7), rb.RangeRule(250), rb.VolumeRule(9)]
    bars = rb.bars(TRADES, rule=rules, include_microstructure=True, include_incomplete=True)

    rb.validate_tier1(bars, TRADES, rule=rules).raise_if_failed()
    is_third = (pl.col("rule") == "tick-7") & (pl.int_range(pl.len()).over("rule") == 2)
    without_one = bars.filter(~is_third)
    found = rb.validate_tier1(without_one, TRADES, rule=rules).failures
    assert {"ids", "conservation"} <= {*found["check"]}


def test_a_range_rule_is_checked_as_its_threshold() -> None:
    bars = rb.bars(TRADES, 250)
    given: dict[str, Any] = {"include_microstructure": False}

    rb.validate_tier1(bars, rule=rb.RangeRule(250), **given).raise_if_failed()
    failures = rb.validate_tier1(bars, rule=rb.RangeRule(900), **given).failures
    assert failures.select("check", "subject").rows() == [("threshold", "of closed bars")]


def test_trades_are_not_found_again_where_bars_of_one_trade_have_no_count() -> None:
    rule = rb.TickRule(1)
    bars = rb.bars(TRADES, rule=rule)

    report = rb.validate_tier1(bars, TRADES, rule=rule, include_microstructure=False)

    (message,) = report.failures["message"]
    assert message == (
        "not checked: bars of such rules may have one trade each, and there is no "
        "agg_record_count (make bars with include_microstructure=True)"
    )


def test_a_rule_beside_a_threshold_is_refused() -> None:
    text = (
        "threshold_decimal_bps is 250 beside rule: expected one of both (RangeRule(250) is the "
        "rule of a threshold)"
    )

    with says(ValueError, text):
        rb.validate_tier1(rb.bars(TRADES, 250), threshold_decimal_bps=250, rule=rb.RangeRule(250))
