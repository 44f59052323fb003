"""Rules as values: their texts, what makes two equal, and the arguments that they refuse."""

import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.rule_questions import TEXTS

import rangebar_polars as rb

LIMIT = "limit is {}: expected 0.00000001 to 1e18"


@pytest.mark.parametrize("text", TEXTS)
def test_a_rule_is_read_from_its_text(text: str) -> None:
    rule = rb.parse_rule(text)

    assert str(rule) == text
    assert eval(repr(rule), vars(rb) | {name: getattr(rb, name) for name in rb.__all__}) == rule  # noqa: S307
    assert pickle.loads(pickle.dumps(rule)) == rule  # noqa: S301 - our own


def test_a_rule_shows_its_expression() -> None:
    expr = pl.col("flag")

    assert repr(rb.WhenRule(expr)) == f"WhenRule(expr={expr!r})"
    shown = f"SumRule(expr={expr!r}, limit=2.5, name='x', prevent_same_timestamp_close=True)"
    assert repr(rb.SumRule(expr, 2.5, "x", prevent_same_timestamp_close=True)) == shown


@given(units=st.integers(1, 10**26))
def test_any_limit_is_read_from_its_text(units: int) -> None:
    rule = rb.VolumeRule(Decimal(units).scaleb(-8))

    again = rb.parse_rule(str(rule))

    assert again == rule
    assert str(again) == str(rule)


@given(limit=st.floats(1e-8, 9e17))
def test_a_limit_is_rounded_as_quantities_are(limit: float) -> None:
    scaled = limit * 1e8
    numerator, denominator = scaled.as_integer_ratio()
    units = (2 * numerator + denominator) // (2 * denominator)

    assert rb.VolumeRule(limit) == rb.VolumeRule(Decimal(units).scaleb(-8))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rb.VolumeRule(10), rb.VolumeRule(10.0)),
        (rb.VolumeRule(0.3), rb.VolumeRule(0.1 + 0.2)),
        (rb.RangeRule(250), rb.RangeRule(np.int64(250))),  # type: ignore[arg-type] # it is one
        (rb.EwmaRunRule(1000), rb.EwmaRunRule(1000, min_ticks=100, max_ticks=10_000)),
        (rb.TickRule(7), rb.TickRule(7, prevent_same_timestamp_close=False)),
        (rb.WhenRule(pl.col("a") > 1), rb.WhenRule(pl.col("a") > 1)),
    ],
    ids=str,
)
def test_rules_that_end_the_same_bars_are_equal(one: rb.Rule, other: rb.Rule) -> None:
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rb.VolumeRule(10), rb.DollarRule(10)),
        (rb.RangeRule(250), rb.CusumRule(250)),
        (rb.RangeRule(250), rb.RangeRule(250, prevent_same_timestamp_close=False)),
        (rb.TickRule(7), rb.TickRule(7, individual=True)),
        (rb.WhenRule(pl.col("a") > 1), rb.WhenRule(pl.col("a") > 2)),
        (rb.WhenRule(pl.col("a")), rb.WhenRule(pl.col("a"), "a")),
        (rb.RangeRule(250), "range-250"),
    ],
    ids=str,
)
def test_other_rules_are_not(one: rb.Rule, other: object) -> None:
    assert one != other


A = pl.col("a")
WRONG: dict[str, tuple[type[Exception], Callable[[], object], str]] = {
    "a text": (TypeError, lambda: rb.VolumeRule("10"), "limit is '10': expected a number"),  # type: ignore[arg-type]
    "a flag": (TypeError, lambda: rb.DollarRule(limit=True), "limit is True: expected a number"),
    "zero": (ValueError, lambda: rb.VolumeRule(0), LIMIT.format(0)),
    "below a unit": (ValueError, lambda: rb.VolumeRule(4e-9), LIMIT.format(4e-9)),
    "not a number": (ValueError, lambda: rb.VolumeRule(float("nan")), LIMIT.format("nan")),
    "infinite": (ValueError, lambda: rb.DollarRule(float("inf")), LIMIT.format("inf")),
    "no finite decimal": (
        ValueError,
        lambda: rb.DollarRule(Decimal("inf")),
        LIMIT.format("Decimal('Infinity')"),
    ),
    "too large": (ValueError, lambda: rb.DollarRule(10**19), LIMIT.format(10**19)),
    "an amount": (
        ValueError,
        lambda: rb.HighLowRule(-5),
        "amount is -5: expected 0.00000001 to 1e18",
    ),
    "half a record": (
        TypeError,
        lambda: rb.TickRule(1.5),  # type: ignore[arg-type]
        "records is 1.5: expected an integer",
    ),
    "an array of records": (
        TypeError,
        lambda: rb.TickRule(np.array([5, 6])),
        "records is array([5, 6]): expected an integer",
    ),
    "more records than 64 bits": (
        ValueError,
        lambda: rb.TickRule(2**63),
        "records is 9223372036854775808: expected at most 9223372036854775807",
    ),
    "an imbalance of more than 64 bits": (
        ValueError,
        lambda: rb.ImbalanceRule(2**63),
        "limit is 9223372036854775808: expected at most 9223372036854775807",
    ),
    "true of NumPy": (
        TypeError,
        lambda: rb.VolumeRule(np.True_),
        "limit is np.True_: expected a number",
    ),
    "a sum up to true of NumPy": (
        TypeError,
        lambda: rb.SumRule(A, np.True_),
        "limit is np.True_: expected a number",
    ),
    "an array": (
        TypeError,
        lambda: rb.VolumeRule(np.array([5, 6])),
        "limit is array([5, 6]): expected a number",
    ),
    "a decimal of a million digits": (
        ValueError,
        lambda: rb.VolumeRule(Decimal("1e999999")),
        LIMIT.format("Decimal('1E+999999')"),
    ),
    "a sum that no float has": (
        ValueError,
        lambda: rb.SumRule(A, 10**400),
        f"limit is {10**400}: expected 1e-50 to 1e50",
    ),
    "a sum up to no number": (
        ValueError,
        lambda: rb.SumRule(A, Decimal("sNaN")),
        "limit is Decimal('sNaN'): expected 1e-50 to 1e50",
    ),
    "no record": (ValueError, lambda: rb.TickRule(0), "records is 0: expected 1 or more"),
    "half an imbalance": (
        TypeError,
        lambda: rb.ImbalanceRule(0.5),
        "limit is 0.5: expected an integer",
    ),
    "a weight": (
        ValueError,
        lambda: rb.RunRule(5, of="shares"),  # type: ignore[arg-type]
        "of is 'shares': expected 'tick', 'volume' or 'dollar'",
    ),
    "a side": (
        ValueError,
        lambda: rb.RunRule(5, side="maker"),  # type: ignore[arg-type]
        "side is 'maker': expected 'is_buyer_maker' or 'tick_rule'",
    ),
    "a cusum of 200 %": (
        ValueError,
        lambda: rb.CusumRule(200_000),
        "threshold_decimal_bps is 200000: expected 1 to 100000 (200000 is 200 %, 0.25 % is 250)",
    ),
    "bounds": (
        ValueError,
        lambda: rb.EwmaRunRule(100, min_ticks=200),
        (
            "min_ticks, expected_ticks and max_ticks are 200, 100 and 1000: expected them in this "
            "order, below 2^53"
        ),
    ),
    "a warm-up": (
        ValueError,
        lambda: rb.EwmaRunRule(100, warm_up=2_000),
        "warm_up is 2000: expected at most max_ticks, 1000",
    ),
    "a gate": (
        TypeError,
        lambda: rb.TickRule(5, prevent_same_timestamp_close=1),  # type: ignore[arg-type]
        "prevent_same_timestamp_close is 1: expected True or False",
    ),
    "no expression": (
        TypeError,
        lambda: rb.WhenRule("a"),  # type: ignore[arg-type]
        "expr is 'a': expected an expression over the columns of the trades",
    ),
    "a name of the grammar": (
        ValueError,
        lambda: rb.WhenRule(A, "gate"),
        (
            "name is 'gate': expected 1 to 32 letters of ASCII, digits and '_', and neither 'gate' "
            "nor 'nogate'"
        ),
    ),
    "a sum of nothing": (
        ValueError,
        lambda: rb.SumRule(A, 0),
        "limit is 0: expected 1e-50 to 1e50",
    ),
    "a text without its parameters": (
        ValueError,
        lambda: rb.parse_rule("imbalance-5"),
        (
            '"imbalance-5" is the text of no rule: expected one such as "range-250" or '
            '"dollar-1000000" (one of this kind is "imbalance-tick-maker-20")'
        ),
    ),
    "a threshold as a text": (
        ValueError,
        lambda: rb.parse_rule("25"),
        (
            '"25" is the text of no rule: expected one such as "range-250" or "dollar-1000000" '
            '(that of a threshold is "range-25")'
        ),
    ),
    "a number that is no threshold": (
        ValueError,
        lambda: rb.parse_rule("0"),
        '"0" is the text of no rule: expected one such as "range-250" or "dollar-1000000"',
    ),
    "a text of no rule": (
        ValueError,
        lambda: rb.parse_rule("ticks-5"),
        (
            '"ticks-5" is the text of no rule: expected one such as "range-250" or '
            '"dollar-1000000" (one of this kind is "tick-1000")'
        ),
    ),
    "a text of an expression": (
        ValueError,
        lambda: rb.parse_rule("sum-spread-1"),
        (
            "'sum-spread-1' is the text of a rule with an expression, which the text does not hold "
            "(make the rule in Python: WhenRule or SumRule)"
        ),
    ),
    "no text": (
        TypeError,
        lambda: rb.parse_rule(250),  # type: ignore[arg-type]
        "text is 250: expected the text of a rule, such as 'range-250'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_of_a_rule_is_refused(name: str) -> None:
    error, call, text = WRONG[name]

    with says(error, text):
        call()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1", ' (that of a threshold is "range-1")'),
        ("100000", ' (that of a threshold is "range-100000")'),
        ("100001", ""),
        ("٣", ""),
        ("RUN-5", ' (one of this kind is "run-tick-maker-50")'),
        ("runs-volume-tickrule-5", ' (one of this kind is "run-tick-maker-50")'),
        # The message shows a text of this kind already.
        ("ranges-250", ""),
        ("nothing-5", ""),
    ],
)
def test_a_text_of_no_rule_is_refused_with_what_it_may_have_meant(text: str, hint: str) -> None:
    with says(
        ValueError,
        f'"{text}" is the text of no rule: expected one such as "range-250" or '
        f'"dollar-1000000"{hint}',
    ):
        rb.parse_rule(text)


def test_an_expression_of_several_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one column, and it gives several"):
        rb.WhenRule(pl.all() > 1)


TRADES = pl.DataFrame(
    {
        "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
        "price": [100.0, 101.0, 100.0],
        "quantity": [1.0, 2.0, 3.0],
    }
)
CALLS: dict[str, Callable[..., object]] = {
    "bars": lambda **options: rb.bars(TRADES, **options),
    "a plan": lambda **options: rb.bars(TRADES.lazy(), **options),
    "bars_expr": rb.bars_expr,
    "bar_id": rb.bar_id,
    "a processor": rb.RangeBarProcessor,
    "chunks": lambda **options: rb.process_trades_chunked([], **options),
    "state": lambda **options: rb.bars_with_state(TRADES, **options),
}
REFUSED: dict[str, tuple[type[Exception], dict[str, Any], str]] = {
    "a threshold beside a rule": (
        ValueError,
        {"rule": rb.TickRule(5), "threshold_decimal_bps": 250},
        (
            "threshold_decimal_bps is 250 beside rule: expected one of both (RangeRule(250) is the "
            "rule of a threshold)"
        ),
    ),
    "a set of rules": (
        TypeError,
        {"rule": frozenset([rb.TickRule(5)])},
        (
            "rule is frozenset({TickRule(records=5)}): expected a sequence, since a set has no "
            "order ([TickRule(records=5)])"
        ),
    ),
    "a gate beside a rule": (
        ValueError,
        {"rule": rb.TickRule(5), "prevent_same_timestamp_close": True},
        (
            "prevent_same_timestamp_close is given beside rule: each rule has its own "
            "(RangeRule(250, prevent_same_timestamp_close=False))"
        ),
    ),
    "a text": (
        TypeError,
        {"rule": "tick-5"},
        "rule is 'tick-5': expected a rule, not its text (parse_rule('tick-5'))",
    ),
    "a number": (TypeError, {"rule": 5}, "rule is 5: expected a rule, such as RangeRule(250)"),
    "a rule and a number": (
        TypeError,
        {"rule": [rb.TickRule(5), 250]},
        "rule is 250: expected a rule, such as RangeRule(250)",
    ),
    "no rule": (ValueError, {"rule": []}, "rule is empty: expected one rule or several"),
    "a rule twice": (
        ValueError,
        {"rule": [rb.VolumeRule(1), rb.VolumeRule(1.0)]},
        (
            "rule holds volume-1 twice: expected each once (expressions can have names: "
            'WhenRule(expr, "spread"))'
        ),
    ),
    "no gap": (
        ValueError,
        {"max_gap": "0s"},
        (
            "max_gap is '0s': expected a fixed length above 0, such as '30m', '1h30m' or "
            "timedelta(minutes=30)"
        ),
    ),
    "a gap of the calendar": (
        ValueError,
        {"max_gap": "1mo"},
        (
            "max_gap is '1mo': expected a fixed length above 0, such as '30m', '1h30m' or "
            "timedelta(minutes=30)"
        ),
    ),
    "a number as gap": (
        TypeError,
        {"max_gap": 30},
        "max_gap is 30: expected a text such as '30m', or a timedelta",
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", REFUSED)
def test_wrong_rules_are_refused_when_the_call_is_made(name: str, call: str) -> None:
    error, options, text = REFUSED[name]

    with says(error, text):
        CALLS[call](**options)
