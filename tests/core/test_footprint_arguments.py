"""Footprints that are refused: bad arguments, too many levels, states of another tick."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import assert_same
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._core.footprint import footprint_text, parse_footprint

FRAME = walk(300)
TICK = "expected a height of levels from 0.00000001 to 10000000, in units of the price"


@pytest.mark.parametrize(
    ("tick", "shown"),
    [
        (0, "0"),
        (-1, "-1"),
        (4e-9, "4e-09"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (2e7, "20000000.0"),
        (10**400, str(10**400)),
        (Decimal("sNaN"), "Decimal('sNaN')"),
    ],
)
def test_a_tick_is_a_height(tick: Any, shown: str) -> None:  # noqa: ANN401 - what it refuses
    with says(ValueError, f"tick is {shown}: {TICK}"):
        rb.Footprint(tick)
    with says(ValueError, f"tick is {shown}: {TICK}"):
        rb.features.footprint(tick)


@example(1, 1, 100)
@example(10**15, 100, 1_000_000)
@given(st.integers(1, 10**15), st.integers(1, 100), st.integers(100, 1_000_000))
def test_a_footprint_is_that_of_its_text(units: int, value_area: int, imbalance: int) -> None:
    footprint = rb.Footprint(units / 10**8, value_area, imbalance)
    text = footprint_text(footprint)

    tick = f"{Decimal(units).scaleb(-8).normalize():f}"
    assert text == f"{tick}-{value_area}-{imbalance}"
    assert parse_footprint(text) == footprint


@pytest.mark.parametrize("tick", [True, np.True_, "0.5", None, np.array([0.5, 1.0])])
def test_a_tick_is_a_number(tick: Any) -> None:  # noqa: ANN401 - what it refuses
    with says(TypeError, f"tick is {tick!r}: expected a number, the height of a level"):
        rb.Footprint(tick)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("value_area", 0, "1 to 100 percent"),
        ("value_area", 101, "1 to 100 percent"),
        ("imbalance", 99, "100 to 1000000 percent"),
        ("imbalance", 1_000_001, "100 to 1000000 percent"),
    ],
)
def test_percentages_have_limits(name: str, given: int, expected: str) -> None:
    with says(ValueError, f"{name} is {given}: expected {expected}"):
        rb.Footprint(0.5, **{name: given})


@pytest.mark.parametrize("given", [True, 70.0, "70"])
def test_percentages_are_whole_numbers(given: Any) -> None:  # noqa: ANN401 - what it refuses
    with says(TypeError, f"value_area is {given!r}: expected a whole number of percent"):
        rb.Footprint(0.5, value_area=given)


def test_a_footprint_is_a_footprint() -> None:
    with says(TypeError, "footprint is 0.25: expected a Footprint (Footprint(tick=0.25))"):
        rb.bars(FRAME, 250, footprint=0.25)  # type: ignore[call-overload]
    with says(TypeError, "footprint is 'x': expected a Footprint (Footprint(tick=0.5))"):
        rb.RangeBarProcessor(250, footprint="x")  # type: ignore[arg-type]


def test_other_kinds_of_numbers_are_ticks() -> None:
    halves: list[Any] = [0.5, Decimal("0.5"), np.float64(0.5), np.float32(0.5), Fraction(1, 2)]

    assert {rb.Footprint(tick) for tick in halves} == {rb.Footprint(0.5, np.int64(70))}  # type: ignore[arg-type]
    assert [rb.Footprint(tick).tick for tick in (2, np.int64(2))] == [2.0, 2.0]  # type: ignore[arg-type]


def test_more_levels_than_a_bar_can_have_are_an_error_with_row_and_tick() -> None:
    most = 2**20
    frame = pl.DataFrame(
        {
            "timestamp": pl.int_range(most + 2, eager=True).cast(pl.Datetime("ms")),
            "price": pl.int_range(1, most + 3, eager=True) / 100,
            "quantity": pl.repeat(1.0, most + 2, eager=True),
        }
    )
    text = (
        f"the footprint of the bar has too many levels at row {most}: expected at most {most} of "
        "tick 0.01 (give a coarser tick)"
    )

    fits = frame.head(most).select(rb.features.footprint(0.01))
    assert fits["footprint"].list.len().item() == most
    with says(pl.exceptions.ComputeError, text):
        rb.bars(frame, rule=rb.TickRule(most + 2), footprint=rb.Footprint(0.01))
    with says(pl.exceptions.ComputeError, text):
        rb.bars(frame.lazy(), rule=rb.TickRule(most + 2), footprint=rb.Footprint(0.01)).collect()
    coarser = rb.bars(frame, rule=rb.TickRule(most + 2), footprint=rb.Footprint(0.02))
    assert coarser["footprint"].list.len().item() == most // 2 + 2


def test_a_state_of_another_tick_is_refused() -> None:
    _, state = rb.bars_with_state(FRAME[:150], 1_000, footprint=rb.Footprint(0.5))

    with says(rb.CheckpointError, "the checkpoint is of footprint's tick 0.5: expected 0.25"):
        rb.bars(FRAME[150:], 1_000, footprint=rb.Footprint(0.25), state=state)
    _, without = rb.bars_with_state(FRAME[:150], 1_000)
    with says(rb.CheckpointError, "the checkpoint is of footprint's tick none: expected 0.5"):
        rb.bars(FRAME[150:], 1_000, footprint=rb.Footprint(0.5), state=without)


def test_a_state_is_continued_with_another_value_area_or_without_a_footprint() -> None:
    _, state = rb.bars_with_state(FRAME[:150], 1_000, footprint=rb.Footprint(0.5))

    for how in (rb.Footprint(0.5, value_area=100, imbalance=100), None):
        options: dict[str, Any] = {"footprint": how, "include_incomplete": True}
        whole = rb.bars(FRAME, 1_000, **options)
        rest = rb.bars(FRAME[150:], 1_000, state=state, **options)
        assert_same(whole.tail(rest.height), rest)
    _, bare = rb.bars_with_state(FRAME[150:], 1_000, state=state)
    assert bare == rb.bars_with_state(FRAME, 1_000)[1]


def test_no_column_of_a_footprint_is_a_feature_or_a_key() -> None:
    with says(
        ValueError,
        "features holds 'poc': expected names of columns of bars (rangebar_polars.schema.COLUMNS, "
        "INTRA and LOOKBACK list them)",
    ):
        rb.bars(FRAME, 250, features=["poc"])
    with pytest.raises(ValueError, match="poc"):
        rb.bars(trades([1.0]).with_columns(poc=1), 250, by="poc")
