"""Trades far from the median of the trades before them are dropped, and nothing else is."""

from collections.abc import Callable
from statistics import median
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb

PRICES = st.lists(st.sampled_from([100.0, 100.5, 101.5, 103.0, 50.0]), max_size=30)


def by_definition(prices: list[float], bps: float, window: int) -> list[bool]:
    """Return which trades are kept, row by row."""
    kept = []
    for row, price in enumerate(prices):
        middle = median(prices[max(0, row + 1 - window) : row + 1])
        kept.append(abs(price - middle) <= middle * (bps / 10_000))
    return kept


@given(PRICES, st.sampled_from([10, 99.5, 100, 300]), st.integers(3, 7))
def test_the_median_is_that_of_the_trades_up_to_the_row(
    prices: list[float], bps: float, window: int
) -> None:
    frame = pl.DataFrame({"price": pl.Series(prices, dtype=pl.Float64)})
    expected = by_definition(prices, bps, window)
    condition = rb.drop_off_market(bps, window)

    assert frame.select(condition).to_series().to_list() == expected
    engines: tuple[Any, ...] = ("in-memory", "streaming")
    for engine in engines:
        kept = frame.lazy().filter(condition).collect(engine=engine)
        assert kept.equals(frame.filter(pl.Series(expected, dtype=pl.Boolean)))


def test_nothing_after_a_trade_decides_about_it() -> None:
    frame = walk(300)
    whole = frame.select(rb.drop_off_market(2)).to_series()

    assert not whole.all()
    for rows in range(0, 300, 17):
        assert frame.head(rows).select(rb.drop_off_market(2)).to_series().equals(whole.head(rows))


def test_one_misprint_makes_no_false_bar() -> None:
    frame = walk(300)
    printed = pl.concat([frame[:150], frame[149].with_columns(pl.col("price") * 1.02), frame[150:]])
    printed = printed.drop("agg_trade_id", "first_trade_id", "last_trade_id")
    clean = printed.filter(rb.drop_off_market(bps=100))

    assert clean.height == 300
    assert rb.bars(clean, 100).equals(rb.bars(frame, 100))
    assert not rb.bars(printed, 100).equals(rb.bars(frame, 100))


JUMP = pl.DataFrame({"price": [100.0] * 30 + [103.0] * 30, "day": [1] * 30 + [2] * 30})


def test_a_true_jump_costs_half_a_window_unless_the_window_looks_ahead_or_begins_anew() -> None:
    assert JUMP.filter(rb.drop_off_market()).height == 60 - 10
    assert JUMP.filter(rb.drop_off_market(center=True)).height == 60
    assert JUMP.filter(rb.drop_off_market().over("day")).height == 60


def test_what_is_no_price_is_left_for_the_bars_to_refuse() -> None:
    prices = [100.0, None, float("nan"), float("inf"), 100.0, 200.0, 100.0]
    frame = pl.DataFrame({"px": prices})

    kept = frame.select(rb.drop_off_market(price="px"))

    assert kept.to_series().to_list()[:4] == [True] * 4
    assert kept.to_series().null_count() == 0


ARGUMENTS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no distance": (
        lambda: rb.drop_off_market(0),
        ValueError,
        "bps is 0: expected a finite number above 0 (100 is 1 %)",
    ),
    "an infinite distance": (
        lambda: rb.drop_off_market(float("inf")),
        ValueError,
        "bps is inf: expected a finite number above 0 (100 is 1 %)",
    ),
    "text": (
        lambda: rb.drop_off_market("1 %"),  # type: ignore[arg-type]
        TypeError,
        "bps is '1 %': expected a number of basis points (100 is 1 %)",
    ),
    "a short window": (
        lambda: rb.drop_off_market(window=2),
        ValueError,
        "window is 2: expected 3 or more trades",
    ),
    "a broken window": (
        lambda: rb.drop_off_market(window=2.5),  # type: ignore[arg-type]
        TypeError,
        "window is 2.5: expected an integer",
    ),
    "no flag": (
        lambda: rb.drop_off_market(center="no"),  # type: ignore[arg-type]
        TypeError,
        "center is 'no': expected True or False",
    ),
    "no price": (
        lambda: rb.drop_off_market(price=None),  # type: ignore[arg-type]
        TypeError,
        "price is None: expected the name of a column, or an expression",
    ),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_bad_argument_is_refused_by_the_call(name: str) -> None:
    call, kind, message = ARGUMENTS[name]

    with says(kind, message):
        call()


def test_each_symbol_has_its_own_market() -> None:
    frame = pl.DataFrame({"symbol": ["A", "B"] * 20, "price": [1.0, 100.0] * 20})

    kept: Any = frame.filter(rb.drop_off_market().over("symbol"))

    assert kept.equals(frame)
