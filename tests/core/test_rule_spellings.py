"""Texts of rules that are spelled otherwise: the message has the right one."""

import re

import pytest

import rangebar_polars as rb


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dollar-5e3", "dollar-5000"),
        ("dollar-5E+3", "dollar-5000"),
        ("Volume-0.30-GATE", "volume-0.3-gate"),
        ("volume-.3", "volume-0.3"),
        ("tick-1_000", "tick-1000"),
        ("range-0250", "range-250"),
        (" run-tick-maker-5.0\n", "run-tick-maker-5"),
        ("ewmarun-tick-maker-9-None-9-9-9-9", "ewmarun-tick-maker-9-none-9-9-9-9"),
    ],
)
def test_a_text_that_is_spelled_otherwise_is_refused_with_the_right_one(
    wrong: str, right: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f'(write "{right}")')):
        rb.parse_rule(wrong)

    assert str(rb.parse_rule(right)) == right


@pytest.mark.parametrize("text", ["dollar-1e999999", "dollar-nan", "tick-" + "9" * 5000, "x-1e9"])
def test_a_text_that_no_spelling_makes_a_rule_is_refused_without_one(text: str) -> None:
    with pytest.raises(ValueError, match="is the text of no rule") as refused:
        rb.parse_rule(text)

    assert "(write" not in str(refused.value)


@pytest.mark.parametrize("rule", [rb.EwmaImbalanceRule, rb.EwmaRunRule])
def test_a_rule_whose_text_is_too_long_is_refused_when_it_is_made(
    rule: type[rb.EwmaImbalanceRule | rb.EwmaRunRule],
) -> None:
    most, span = 2**53 - 1, 2**63 - 1

    with pytest.raises(
        ValueError, match=r"the text of the rule has \d+ bytes, ewma\S+: "
    ) as raised:
        rule(most, "dollar", "tick_rule", span, span, most, most, most)

    assert str(raised.value).endswith(
        ": expected at most 128 (give spans and numbers of ticks of fewer digits)"
    )
