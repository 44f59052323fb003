"""A wrong rule is refused by every call over days, before anything is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of

import rangebar_polars as rb

WHEN = rb.WhenRule(pl.col("quantity") > 0.4)
SUM = rb.SumRule(pl.col("quantity"), 2.5)
REMEDY = (
    "expected a rule without an expression, since a store finds bars by the text of their rule "
    "(give the trades of scan_ticks to bars)"
)
DAY = DAYS[0]
CALLS: dict[str, Callable[..., object]] = {
    "get_range_bars": lambda **given: rb.get_range_bars(SYMBOL, DAY, DAY, **given),
    "scan_range_bars": lambda **given: rb.scan_range_bars(SYMBOL, DAY, DAY, **given),
    "get_n_range_bars": lambda **given: rb.get_n_range_bars(SYMBOL, 1, **given),
    "resume_range_bars": lambda **given: rb.resume_range_bars(SYMBOL, DAY, **given),
    "populate": lambda **given: rb.populate(SYMBOL, DAY, DAY, **given),
}
OF_ONE_RULE = {
    "get_n_range_bars": "the last bars are",
    "resume_range_bars": "a feed continues bars",
}
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"rule": WHEN}, ValueError, f"rule is {WHEN}: {REMEDY}"),
    ({"rule": SUM}, ValueError, f"rule is {SUM}: {REMEDY}"),
    (
        {"rule": "dollar-1000"},
        TypeError,
        "rule is 'dollar-1000': expected a rule, not its text (parse_rule('dollar-1000'))",
    ),
    ({"rule": 5}, TypeError, "rule is 5: expected a rule, such as RangeRule(250)"),
    (
        {"rule": rb.TickRule(3), "threshold_decimal_bps": 250},
        ValueError,
        (
            "threshold_decimal_bps is 250 beside rule: expected one of both (RangeRule(250) is the "
            "rule of a threshold)"
        ),
    ),
    (
        {"rule": rb.TickRule(3), "prevent_same_timestamp_close": True},
        ValueError,
        (
            "prevent_same_timestamp_close is given beside rule: each rule has its own "
            "(RangeRule(250, prevent_same_timestamp_close=False))"
        ),
    ),
    (
        {"max_gap": "1mo"},
        ValueError,
        (
            "max_gap is '1mo': expected a fixed length above 0, such as '30m', '1h30m' or "
            "timedelta(minutes=30)"
        ),
    ),
    ({"max_gap": 5}, TypeError, "max_gap is 5: expected a text such as '30m', or a timedelta"),
]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("given", "kind", "text"), WRONG, ids=[text for *_, text in WRONG])
def test_a_wrong_rule_is_refused_by_every_call(
    name: str, given: dict[str, Any], kind: type[Exception], text: str, tmp_path: Path
) -> None:
    with says(kind, text):
        CALLS[name](source=SOURCE, cache_dir=tmp_path, **given)

    assert tree(tmp_path) == {}


@pytest.mark.parametrize("name", CALLS)
def test_several_rules_are_taken_where_bars_have_a_column_of_them(
    name: str, tmp_path: Path
) -> None:
    several = [rb.TickRule(3), rb.VolumeRule(2)]
    if name in OF_ONE_RULE:
        text = f"{OF_ONE_RULE[name]} of one rule: expected one, not a sequence"
        with says(ValueError, text):
            CALLS[name](source=SOURCE, cache_dir=tmp_path, rule=several)
        return
    for given, kind, text in (
        ([], ValueError, "rule is empty: expected one rule or several"),
        ([*several, WHEN], ValueError, f"rule is {WHEN}: {REMEDY}"),
        (["tick-3"], TypeError, "rule is 'tick-3': expected a rule, such as RangeRule(250)"),
        (
            [rb.TickRule(3), rb.TickRule(3)],
            ValueError,
            (
                "rule holds tick-3 twice: expected each once (expressions can have names: "
                'WhenRule(expr, "spread"))'
            ),
        ),
    ):
        with says(kind, text):
            CALLS[name](source=SOURCE, cache_dir=tmp_path, rule=given)


def test_the_remedy_of_a_rule_with_an_expression_gives_its_bars(tmp_path: Path) -> None:
    give(tmp_path, trades_of([DAY]))

    trades = rb.scan_ticks(SYMBOL, DAY, DAY, source=SOURCE, cache_dir=tmp_path)

    assert rb.bars(trades, rule=WHEN).collect().height > 0


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        *WRONG[2:5],
        (
            {"rule": [rb.TickRule(3)]},
            ValueError,
            "rule is [TickRule(records=3)]: expected one rule, or None for all",
        ),
    ],
    ids=str,
)
def test_what_is_cached_is_asked_for_by_one_rule(
    given: dict[str, Any], kind: type[Exception], text: str, tmp_path: Path
) -> None:
    for call in (
        lambda: rb.cache_status(cache_dir=tmp_path, **given),
        lambda: rb.cache_clear("bars", cache_dir=tmp_path, **given),
        lambda: rb.open_store(tmp_path).scan_bars(**given),
    ):
        with says(kind, text):
            call()


def test_trades_are_not_cleared_by_a_rule(tmp_path: Path) -> None:
    with says(ValueError, "rule is of bars: trades have none (leave it out)"):
        rb.cache_clear("ticks", rule=rb.TickRule(3), cache_dir=tmp_path)
