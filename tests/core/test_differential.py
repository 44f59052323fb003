"""Every entry point against the oracle, and every entry point against every other."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.entry_points import ENTRY_POINTS, Asked, assert_expected, assert_same
from support.strategies import asked, frames
from support.trades import trades, walk

some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
few = settings(some, max_examples=50)


@some
@given(st.data(), asked())
def test_the_bars_of_a_frame_are_those_of_the_oracle(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    assert_expected(options.expected(frame), options.through("eager", frame))


@few
@given(st.data(), asked())
def test_every_entry_point_gives_the_same_bits(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    expected = options.through("eager", frame)
    for entry_point in ENTRY_POINTS:
        assert_same(expected, options.through(entry_point, frame))


SIZES = [1, 31, 32, 33, 63, 64, 65, 127, 4_095, 4_096, 4_097, 9_000]


@pytest.mark.parametrize("threshold", [20, 100, 2_000])
@pytest.mark.parametrize("rows", SIZES)
def test_bars_around_the_sizes_of_blocks_are_those_of_the_oracle(rows: int, threshold: int) -> None:
    options, frame = Asked(threshold_decimal_bps=threshold), walk(rows)

    expected = options.expected(frame)
    for entry_point in ("eager", "eager, a slice", "expression, a slice", "lazy, row groups of 3"):
        assert_expected(expected, options.through(entry_point, frame))


@pytest.mark.parametrize("start", [1, 7, 8, 9, 63, 64, 65])
def test_bits_from_any_offset_are_those_of_the_oracle(start: int) -> None:
    options, frame = Asked(threshold_decimal_bps=100), walk(400).slice(start, 200)

    expected = options.expected(frame)
    for entry_point in ("eager", "expression", "grouped", "lazy"):
        assert_expected(expected, options.through(entry_point, frame))


def test_a_deviation_whose_products_need_more_than_128_bits_is_that_of_the_oracle() -> None:
    frame = trades([4e8, 4e8, 4e8, 9.2e10], quantity=[6.4e10, 6.4e10, 6.4e10, 0.0])
    options = Asked()

    assert_expected(options.expected(frame), options.through("eager", frame))


@pytest.mark.parametrize("quantity", [0.5e-8, 1.5e-8, 2.5e-8, 0.49999999999999994e-8, 1e8 + 0.5e-8])
def test_half_a_unit_is_rounded_away_from_zero(quantity: float) -> None:
    frame = trades([100, 101], quantity=quantity)
    options = Asked()

    assert_expected(options.expected(frame), options.through("eager", frame))
