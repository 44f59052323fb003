"""A threshold in another unit is refused with what it would mean; common ones have names."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.threshold import readings

FRAME = trades([100, 101])
INTEGER = "expected an integer of decimal basis points"
CALLS: dict[str, Callable[[Any], object]] = {
    "bars": lambda threshold: rb.bars(FRAME, threshold),
    "bars of several": lambda threshold: rb.bars(FRAME, [100, threshold]),
    "process_trades_polars": lambda threshold: rb.process_trades_polars(FRAME, threshold),
    "process_trades_chunked": lambda threshold: rb.process_trades_chunked([FRAME], threshold),
    "RangeBarProcessor": rb.RangeBarProcessor,
    "get_range_bars": lambda threshold: rb.get_range_bars(
        "BTCUSDT", "2024-01-01", "2024-01-01", threshold
    ),
    "get_n_range_bars": lambda threshold: rb.get_n_range_bars("BTCUSDT", 1, threshold),
    "cache_status": lambda threshold: rb.cache_status(threshold_decimal_bps=threshold),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@calls
@pytest.mark.parametrize(
    ("threshold", "means"),
    [
        (0.25, "0.25 % is 250, a fraction of 0.25, 25 %, is 25000"),
        (0.0025, "a fraction of 0.0025, 0.25 %, is 250"),
        (25.0, "25 is 0.025 %, 25 basis points are 250, 25 % is 25000"),
        (2.5, "2.5 basis points are 25, 2.5 % is 2500"),
        (1.0, "1 is 0.001 %, 1 basis points are 10, 1 % is 1000"),
        (np.float64(250), "250 is 0.25 %, 250 basis points are 2500"),
        ("250", "250 is 0.25 %, 250 basis points are 2500"),
        (Decimal("0.25"), "0.25 % is 250, a fraction of 0.25, 25 %, is 25000"),
    ],
    ids=repr,
)
def test_a_number_in_another_unit_is_refused_with_what_it_would_mean(
    call: Callable[[Any], object], threshold: object, means: str
) -> None:
    with says(TypeError, f"threshold_decimal_bps is {threshold!r}: {INTEGER} ({means})"):
        call(threshold)


@calls
def test_a_whole_number_beyond_the_largest_is_refused_with_its_percentage(
    call: Callable[[Any], object],
) -> None:
    with says(
        ValueError,
        "threshold_decimal_bps is 250000: expected 1 to 100000 (250000 is 250 %, 0.25 % is 250)",
    ):
        call(250_000)


@calls
def test_an_unknown_name_is_refused_with_the_names(call: Callable[[Any], object]) -> None:
    with says(
        ValueError,
        f"threshold_decimal_bps is 'small': {INTEGER}, or one of 'micro', 'tight', 'standard', "
        "'medium', 'wide', 'macro' (250 is 0.25 %)",
    ):
        call("small")


@given(st.integers(1, 100_000))
def test_each_reading_is_the_number_that_it_says(threshold: int) -> None:
    basis_points, percent, fraction = (float(Fraction(threshold, n)) for n in (10, 1_000, 100_000))

    assert f" basis points are {threshold}" in readings(basis_points)
    assert f" % is {threshold}" in readings(percent)
    assert fraction >= 1 or f" %, is {threshold}" in readings(fraction)


@pytest.mark.parametrize(
    ("value", "means"),
    [
        (5_000, "5000 is 5 %, 5000 basis points are 50000"),
        (100_000, "100000 is 100 %"),
        (1e11, ""),
        (0, ""),
        (-250, ""),
        ("nan", ""),
        ("inf", ""),
        ("small", ""),
        (None, ""),
    ],
)
def test_a_number_has_the_readings_that_are_thresholds(value: object, means: str) -> None:
    assert readings(value) == means


@pytest.mark.parametrize("name", rb.THRESHOLD_PRESETS)
def test_a_name_is_its_number(name: Any) -> None:  # noqa: ANN401 - of a Literal
    frame, number = walk(300), rb.THRESHOLD_PRESETS[name]

    assert rb.bars(frame, name).equals(rb.bars(frame, number))
    assert rb.bars(frame, [name, 7]).equals(rb.bars(frame, [number, 7]))
    assert rb.RangeBarProcessor(name).threshold_decimal_bps == number
    assert frame.select(rb.bar_id(name)).equals(frame.select(rb.bar_id(number)))


def test_a_name_and_its_number_are_the_same_threshold() -> None:
    with says(ValueError, "threshold_decimal_bps holds 250 twice: expected each once"):
        rb.bars(FRAME, [250, "medium"])


def test_a_rule_has_the_number_of_a_name() -> None:
    assert str(RangeRule("medium")) == "range-250"  # type: ignore[arg-type]


def test_the_names_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        rb.THRESHOLD_PRESETS["micro"] = 1  # type: ignore[index]


def test_a_frame_is_no_threshold() -> None:
    with pytest.raises(TypeError, match="expected an integer"):
        rb.bars_expr(pl.DataFrame({"a": [1]}))  # type: ignore[arg-type]
