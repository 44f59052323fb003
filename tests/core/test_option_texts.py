"""The texts of options, by which the key of a chain, functions of SQL and states hold them."""

import polars as pl
import pytest
from support.assertions import says

from rangebar_polars import TradingDay, Vpin
from rangebar_polars._core.borders import (
    border_column,
    border_expression,
    borders_of,
    borders_text,
    check_named_borders,
    is_expression,
    parse_borders,
    utc_period,
)
from rangebar_polars._core.lookback import (
    check_lookback,
    given_lookback,
    lookback_text,
    parse_lookback,
)
from rangebar_polars._core.spans import check_max_gap, gap_text
from rangebar_polars._core.vpin import parse_vpin, vpin_text

SESSION = pl.col("session")
NAMED = ["day", "week", "month", "year", TradingDay("17:00", "America/New_York")]


@pytest.mark.parametrize("reset", NAMED, ids=str)
def test_borders_come_back_from_their_text(reset: str | TradingDay) -> None:
    text = borders_text(reset)  # type: ignore[arg-type] # names of periods

    assert text == str(reset)
    assert parse_borders(text) == borders_of(text) == check_named_borders(reset) == reset
    assert not is_expression(text)
    assert utc_period(borders_of(text)) == (None if isinstance(reset, TradingDay) else reset)


def test_an_expression_has_a_text_that_does_not_hold_it() -> None:
    text = borders_text(SESSION)

    assert is_expression(text)
    assert borders_of(text) is utc_period(SESSION) is None
    assert (border_column(SESSION), border_expression(SESSION)) == ("session", [])
    other = SESSION.dt.date()
    brought = border_column(other)
    assert [expression.meta.output_name() for expression in border_expression(other)] == [brought]
    assert brought != "session"


def test_no_borders_have_no_text() -> None:
    assert borders_text(None) is borders_of(None) is check_named_borders(None) is None
    assert border_column("day") is border_column(None) is None
    assert border_expression("day") == border_expression(None) == []
    assert not is_expression(None)


@pytest.mark.parametrize("text", ["hour", "17:00", ""])
def test_a_text_of_no_borders_is_refused(text: str) -> None:
    expected = (
        f"reset is {text!r}: expected 'day', 'week', 'month', 'year', or a time of day in a zone, "
        "such as '17:00@America/New_York'"
    )

    with says(ValueError, expected):
        parse_borders(text)


def test_the_zone_of_a_text_begins_after_the_first_sign() -> None:
    with pytest.raises(ValueError, match="'America@New_York'"):
        parse_borders("17:00@America@New_York")


EXPECTED = "expected 'day', 'week', 'month', 'year', a TradingDay or None"
HINT = " (TradingDay(time='17:00', zone='Asia/Tokyo') has this text)"
NO_NAME = (
    ", since an expression has no lasting name by which bars could be found or checked (only what "
    "makes bars from trades takes it: bars, RangeBarProcessor)"
)


@pytest.mark.parametrize(
    ("reset", "expected"),
    [
        ("hour", f"reset is 'hour': {EXPECTED}"),
        ("17:00@Asia/Tokyo", f"reset is '17:00@Asia/Tokyo': {EXPECTED}{HINT}"),
        (7, f"reset is 7: {EXPECTED}"),
        (SESSION, f'reset is an expression, col("session"): {EXPECTED}{NO_NAME}'),
    ],
    ids=["another", "text", "number", "expression"],
)
def test_borders_without_a_name_are_refused(reset: object, expected: str) -> None:
    with says(ValueError, expected):
        check_named_borders(reset)


@pytest.mark.parametrize(
    ("given", "text"), [(200, "200"), (1, "1"), ("90m", "1h30m"), ("1d", "1d")]
)
def test_a_lookback_comes_back_from_its_text(given: int | str, text: str) -> None:
    lookback = check_lookback(given)

    assert lookback is not None
    assert lookback_text(lookback) == text
    assert parse_lookback(text) == check_lookback(given_lookback(text)) == lookback
    assert str(lookback.given) == text
    assert lookback_text(None) is None


@pytest.mark.parametrize(
    ("vpin", "text"),
    [
        (Vpin(0.5, 50), "0.5-50"),
        (Vpin(10, 1), "10-1"),
        (Vpin(100, 10_000), "100-10000"),
        (Vpin(1e-8, 2), "0.00000001-2"),
        (Vpin(12.34567891, 3), "12.34567891-3"),
    ],
    ids=str,
)
def test_buckets_come_back_from_their_text(vpin: Vpin, text: str) -> None:
    assert vpin_text(vpin) == text
    assert parse_vpin(text) == vpin


@pytest.mark.parametrize("text", ["", "0.5", "0.5-", "-50", "0.5-50-", "a-50", "0.5-5a"])
def test_a_text_of_no_buckets_is_refused(text: str) -> None:
    with says(
        ValueError,
        f"vpin is {text!r}: expected the volume of a bucket and the number of buckets, such as "
        "'0.5-50'",
    ):
        parse_vpin(text)


def test_a_gap_has_one_text() -> None:
    assert gap_text(check_max_gap("90m")) == gap_text(check_max_gap("5400s")) == "1h30m"
    assert gap_text(None) is None
