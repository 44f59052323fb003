"""Plans of bars of days: they run again, read only what they use, and see trades that change."""

import datetime as dt

import polars as pl
import pytest
from support.cached_trades import DAYS, SOURCE, SYMBOL, default_cache, give, one_pass, trades_of
from support.entry_points import assert_same

import rangebar_polars as rb


def test_a_plan_runs_again_and_reads_only_what_it_uses(read: list[dt.date]) -> None:
    give(default_cache(), trades_of(DAYS))
    want = one_pass(
        default_cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30, include_microstructure=True
    )
    plan = rb.scan_range_bars(
        SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE, include_microstructure=True
    )
    assert read == []

    for _ in range(2):
        assert_same(want, plan.collect())
        assert_same(want, plan.collect(engine="streaming"))
        assert_same(
            want.filter(pl.col("ofi") > 0).select("close", "open_time"),
            plan.filter(pl.col("ofi") > 0).select("close", "open_time").collect(),
        )
        assert plan.select(pl.len()).collect().item() == want.height
        assert_same(want.tail(3), plan.tail(3).collect())
    assert read == DAYS


def test_a_plan_that_stops_early_computes_no_more_months_than_it_needs(read: list[dt.date]) -> None:
    give(default_cache(), trades_of(DAYS))
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)

    assert plan.head(3).collect().height == 3
    assert read == DAYS[:6]


def test_trades_that_change_between_two_runs_of_a_plan_are_seen() -> None:
    give(default_cache(), trades_of(DAYS))
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    plan.collect()
    give(default_cache(), trades_of([DAYS[7]], seed=1))

    assert_same(
        one_pass(default_cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30), plan.collect()
    )


def test_trades_that_change_before_a_plan_runs_are_seen() -> None:
    give(default_cache(), trades_of(DAYS))
    rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    give(default_cache(), trades_of([DAYS[7]], seed=1))

    assert_same(
        one_pass(default_cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30), plan.collect()
    )


def test_trades_that_come_between_two_runs_of_a_plan_are_seen() -> None:
    give(default_cache(), trades_of(DAYS[:4]))
    give(default_cache(), trades_of(DAYS[6:10]))
    with pytest.warns(rb.RangeBarWarning, match="days not cached"):
        plan = rb.scan_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, source=SOURCE)
    before = plan.collect()

    give(default_cache(), trades_of(DAYS[4:6]))
    give(default_cache(), trades_of(DAYS[10:]))
    after = plan.collect()

    want = one_pass(default_cache(), DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    assert before.height < want.height
    assert_same(want, after)
