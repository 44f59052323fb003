"""Any change of any value of a bar is found in its row, if its trades are there."""

import hypothesis.strategies as st
import polars as pl
from hypothesis import assume, given, settings
from support.trades import walk

import rangebar_polars as rb

TRADES = walk(600)
BARS = rb.bars(TRADES, 20, include_microstructure=True, include_incomplete=True)
NAMES = [name for name in BARS.columns if name != "is_complete"]


@given(st.sampled_from(NAMES), st.integers(0, BARS.height - 1), st.sampled_from([1e-6, -1e-3, 0.5]))
@settings(deadline=None, max_examples=80)
def test_a_change_of_a_millionth_or_of_one_is_found(name: str, row: int, change: float) -> None:
    value, column = BARS[name][row], pl.col(name)
    assume(value is not None)
    step = 1 if change > 0 else -1
    if BARS.schema[name].is_float():
        changed = column * (1 + change) if value else pl.lit(1e-3)
    elif BARS.schema[name].is_integer():
        changed = column + step
    else:
        changed = column + pl.duration(milliseconds=step)
    here = pl.int_range(pl.len()) == row
    wrong = BARS.with_columns(pl.when(here).then(changed).otherwise(column).alias(name))

    report = rb.validate_tier1(wrong, TRADES, threshold_decimal_bps=20)

    assert row in report.failures["rows"].explode().to_list()


@given(st.integers(0, BARS.height - 1))
@settings(deadline=None, max_examples=30)
def test_a_bar_that_is_left_out_is_found(row: int) -> None:
    report = rb.validate_tier1(
        BARS.filter(pl.int_range(pl.len()) != row),
        TRADES,
        threshold_decimal_bps=20,
        consecutive_ids=False,
    )

    assert ("conservation", "lost") in report.failures.select("check", "subject").rows()
