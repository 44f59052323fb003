"""Bars of every rule are checked against their rule, not against a threshold."""

from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.rule_questions import TEXTS
from support.trades import trades, walk

import rangebar_polars as rb

TRADES = walk(600).with_columns(timestamp=pl.col("timestamp").gather(pl.int_range(pl.len()) // 2))
RULES: dict[str, rb.Rule] = {
    **{text: rb.parse_rule(text) for text in TEXTS},
    "when": rb.WhenRule(pl.col("quantity") > 1.5),
    "sum": rb.SumRule(pl.col("price").diff().abs(), 0.5),
}
LIMIT_IN_COLUMNS = ("range", "pricerange", "highlow", "tick", "trade", "volume", "dollar")


def bars_of(rule: rb.Rule, frame: pl.DataFrame = TRADES, **asked: Any) -> pl.DataFrame:  # noqa: ANN401
    return rb.bars(frame, rule=rule, include_microstructure=True, **asked)


def found(report: rb.Report) -> set[tuple[str, str | None]]:
    """Return check and subject of the failures."""
    return {*report.failures.select("check", "subject").iter_rows()}


@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("text", RULES)
def test_bars_are_good_by_their_own_rule(text: str, *, incomplete: bool) -> None:
    rule = RULES[text]
    bars = bars_of(rule, include_incomplete=incomplete)

    assert found(rb.validate_tier1(bars, TRADES, rule=rule)) == set()
    alone = rb.validate_tier1(bars, rule=rule)
    assert found(alone) == set()
    assert ("limit" in alone.notes["check"].to_list()) == (not text.startswith(LIMIT_IN_COLUMNS))
    assert found(rb.validate_continuity(bars, rule=rule)) == set()


def test_ids_that_are_all_null_are_what_the_rule_of_trades_has_read() -> None:
    ids = pl.lit(None, pl.Int64)
    frame = TRADES.with_columns(first_trade_id=ids, last_trade_id=ids)
    rule = rb.TickRule(5, individual=True)
    good = bars_of(rule, frame)
    shifted = bars_of(rule, frame[2:])

    assert found(rb.validate_tier1(good, frame, rule=rule)) <= {("values", "aggregation_density")}
    assert ("conservation", "cuts") in found(rb.validate_tier1(shifted, frame, rule=rule))


OTHERS: dict[str, tuple[rb.Rule, rb.Rule]] = {
    "price range": (rb.PriceRangeRule(0.5), rb.PriceRangeRule(0.9)),
    "high less low": (rb.HighLowRule(0.5), rb.HighLowRule(0.9)),
    "tick": (rb.TickRule(4), rb.TickRule(5)),
    "trade": (rb.TickRule(5, individual=True), rb.TickRule(9, individual=True)),
    "volume": (rb.VolumeRule(2.5), rb.VolumeRule(3)),
    "dollar": (rb.DollarRule(300), rb.DollarRule(900)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_bars_of_a_smaller_limit_are_not_at_a_larger_one(name: str) -> None:
    smaller, larger = OTHERS[name]
    report = rb.validate_tier1(bars_of(smaller), rule=larger)

    assert found(report) == {("limit", "of closed bars")}
    message = report.failures["message"][0]
    assert message.startswith(f"expected {larger} to be reached; ")


@pytest.mark.parametrize("name", OTHERS)
def test_an_open_bar_is_not_at_its_limit(name: str) -> None:
    rule, _ = OTHERS[name]
    bars = bars_of(rule, include_incomplete=True)
    wrong = bars.with_columns(is_complete=pl.int_range(pl.len()) != 1)

    assert ("limit", "of open bars") in found(rb.validate_tier1(wrong, rule=rule))


@pytest.mark.parametrize("text", [text for text in RULES if not text.startswith("range")])
def test_bars_of_another_rule_are_found_by_their_trades(text: str) -> None:
    bars = bars_of(rb.TickRule(7))

    assert ("conservation", "cuts") in found(rb.validate_tier1(bars, TRADES, rule=RULES[text]))


def test_trades_that_no_bar_holds_are_found() -> None:
    rule, frame = rb.VolumeRule(2.5), walk(600)
    bars = bars_of(rule, frame).filter(pl.int_range(pl.len()) != 3)

    failures = found(rb.validate_tier1(bars, frame, rule=rule))

    assert failures == {("conservation", "lost"), ("ids", "between bars")}


@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("rule", [rb.RangeRule(20), rb.TickRule(4), rb.CusumRule(20)], ids=str)
def test_bars_that_gaps_cut_off_are_good(rule: rb.Rule, *, incomplete: bool) -> None:
    frame = TRADES.filter(pl.col("timestamp").dt.second() % 10 < 7).with_columns(
        agg_trade_id=pl.int_range(pl.len())
    )
    bars = bars_of(rule, frame, max_gap="3s", include_incomplete=incomplete)
    asked: dict[str, Any] = {"rule": rule, "max_gap": "3s"}

    assert found(rb.validate_tier1(bars, frame, **asked)) == set()
    assert found(rb.validate_continuity(bars, **asked)) == set()
    # With is_complete, a bar that a gap cut off may be one that a reset did.
    assert incomplete or found(rb.validate_tier1(bars, frame, rule=rule)) != set()


def test_the_column_of_rules_says_the_rule() -> None:
    both = bars_of([rb.TickRule(4), rb.VolumeRule(2.5)])  # type: ignore[arg-type] # several
    one = both.filter(pl.col("rule") == "tick-4")

    assert found(rb.validate_tier1(one, TRADES)) == set()
    assert found(rb.validate_continuity(one)) == set()
    text = (
        "the bars are of 2 rules, volume-2.5, tick-4: expected bars of one "
        '(bars.filter(pl.col("rule") == "volume-2.5"))'
    )
    with says(ValueError, text):
        rb.validate_tier1(both)
    text = (
        "rule is tick-5, and the bars are of tick-4: expected the same (leave the argument out to "
        "take that of the column)"
    )
    with says(ValueError, text):
        rb.validate_tier1(one, rule=rb.TickRule(5))


def test_the_column_of_rules_does_not_hold_an_expression() -> None:
    rule = RULES["when"]
    bars = rb.bars(TRADES, rule=[rule, rb.TickRule(4)], include_microstructure=True)
    one = bars.filter(pl.col("rule") == "when")

    assert found(rb.validate_tier1(one, TRADES, rule=rule)) == set()
    with pytest.raises(ValueError, match="make the rule in Python: WhenRule or SumRule"):
        rb.validate_tier1(one, TRADES)


def test_trades_without_a_column_that_the_rule_reads_are_named() -> None:
    rule = rb.ImbalanceRule(2)
    report = rb.validate_tier1(bars_of(rule), TRADES.drop("is_buyer_maker"), rule=rule)

    assert report.failures.filter(pl.col("check") == "conservation")["message"].to_list() == [
        "not checked: the trades have no is_buyer_maker, which imbalance-tick-maker-2 reads"
    ]


def test_keys_have_bars_of_their_own() -> None:
    frame = pl.concat([TRADES, walk(300)]).with_columns(symbol=pl.Series(["A"] * 600 + ["B"] * 300))
    bars = bars_of(rb.RunRule(5), frame, by="symbol")

    assert found(rb.validate_tier1(bars, frame, rule=rb.RunRule(5), by="symbol")) == set()


def test_a_bar_of_one_record_may_close() -> None:
    frame = trades([100.0, 100.0, 101.0], sold=[True, False, True])
    bars = rb.bars(frame, rule=rb.TickRule(1), include_microstructure=True)
    asked: dict[str, Any] = {"rule": rb.TickRule(1), "without": ["agg_trade_id"]}

    assert {
        check for check, _ in found(rb.validate_tier1(bars, frame, rule=rb.TickRule(1)))
    } == set()
    short = found(rb.validate_tier1(bars, threshold_decimal_bps=1, without=asked["without"]))
    assert {("times", None), ("bounds", "agg_record_count")} <= short


@pytest.mark.parametrize("validate", [rb.validate_tier1, rb.validate_continuity])
def test_a_rule_that_is_none_and_one_beside_a_threshold_are_refused(validate: Any) -> None:  # noqa: ANN401
    bars = bars_of(rb.TickRule(4))

    with says(TypeError, "rule is 'tick-4': expected a rule, not its text (parse_rule('tick-4'))"):
        validate(bars, rule="tick-4")
    with pytest.raises(ValueError, match="beside rule: expected one of both"):
        validate(bars, rule=rb.TickRule(4), threshold_decimal_bps=250)
    with says(ValueError, "a validation is of one rule: expected one, not a sequence"):
        validate(bars, rule=[rb.TickRule(4)])
    text = (
        "rule is TickRule(records=4), and the bars have a column threshold_decimal_bps: expected "
        'bars of that rule, without it (bars.drop("threshold_decimal_bps"))'
    )
    with says(ValueError, text):
        validate(bars.with_columns(threshold_decimal_bps=pl.lit(250)), rule=rb.TickRule(4))
    with pytest.raises(ValueError, match="max_gap is"):
        validate(bars, rule=rb.TickRule(4), max_gap="1mo")
