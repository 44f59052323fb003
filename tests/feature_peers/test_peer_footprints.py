"""Footprints are those of finmlkit and wickra, or differ for a reason that is tested."""

from typing import Any

import polars as pl
import pytest
from support.feature_peers import FLOAT32, RESULTS, RULE, TRADES, near, of_runs, record

import rangebar_polars as rb

FINMLKIT = RESULTS["finmlkit comp_bar_footprints"]
FOOTPRINT = rb.Footprint(tick=record.TICK, imbalance=round(100 * record.IMBALANCE))


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Return the bars of the runs."""
    return rb.bars(TRADES, rule=RULE, footprint=FOOTPRINT)


def levels(bars: pl.DataFrame, field: str) -> list[list[Any]]:
    """Return a field of the levels of each bar."""
    return bars["footprint"].list.eval(pl.element().struct.field(field)).to_list()


def test_levels_are_those_of_finmlkit_in_single_precision(bars: pl.DataFrame) -> None:
    assert levels(bars, "price") == FINMLKIT["level"]
    for field, theirs in {"buy_volume": "bought", "sell_volume": "sold"}.items():
        for ours, known in zip(levels(bars, field), FINMLKIT[theirs], strict=True):
            assert near(ours, known, FLOAT32)
    counts = zip(FINMLKIT["buys"], FINMLKIT["sells"], strict=True)
    assert levels(bars, "individual_trade_count") == [
        [bought + sold for bought, sold in zip(*of_bar, strict=True)] for of_bar in counts
    ]


def test_imbalances_are_those_of_finmlkit(bars: pl.DataFrame) -> None:
    for field in ("buy_imbalance", "sell_imbalance"):
        assert levels(bars, field) == FINMLKIT[field]
        assert bars[f"{field}_count"].to_list() == FINMLKIT[f"{field}s"]
        assert bars[f"{field}_count"].sum() > 30


def test_the_point_of_control_and_the_value_area_are_those_of_finmlkit(bars: pl.DataFrame) -> None:
    theirs = RESULTS["finmlkit comp_poc_hva_lva"]

    assert bars["poc"].to_list() == FINMLKIT["poc"]
    assert bars.select("poc", "value_area_high", "value_area_low").rows() == [*map(tuple, theirs)]


def test_levels_are_those_of_wickra(bars: pl.DataFrame) -> None:
    for field, at in {"price": 0, "sell_volume": 1, "buy_volume": 2}.items():
        known = [[level[at] for level in run] for run in RESULTS["wickra Footprint"]]
        for ours, theirs in zip(levels(bars, field), known, strict=True):
            assert near(ours, theirs)


def test_levels_of_others_are_the_nearest_and_ours_the_one_below() -> None:
    made = record.BETWEEN_LEVELS
    prices = made.select(rb.features.footprint(record.TICK))["footprint"].explode()

    assert made["price"].to_list() == [100.4, 100.6, 101.5, 102.5]
    assert prices.struct.field("price").to_list() == [100, 101, 102]
    assert prices.struct.field("buy_volume").to_list() == [2, 1, 1]
    # A half goes to the even level in the one, and up in the other.
    nearest = RESULTS["finmlkit comp_bar_footprints, between levels"]
    assert (nearest["level"], nearest["bought"]) == ([[100, 101, 102]], [[1, 1, 2]])
    assert [row[0] for row in RESULTS["wickra Footprint, between levels"]] == [100, 101, 102, 103]


def test_exactly_the_multiple_is_an_imbalance_that_finmlkit_does_not_see() -> None:
    theirs = RESULTS["finmlkit comp_bar_footprints, at the multiple"]
    ours = rb.bars(record.AT_THE_MULTIPLE, rule=rb.TickRule(2), footprint=FOOTPRINT)

    assert (theirs["buy_imbalances"], theirs["sell_imbalances"]) == ([0], [0])
    assert ours.select("buy_imbalance_count", "sell_imbalance_count").row(0) == (1, 0)


def test_of_equal_levels_finmlkit_takes_the_lowest_and_ours_is_in_the_middle() -> None:
    ours = rb.bars(record.EQUAL_LEVELS, rule=rb.TickRule(4), footprint=FOOTPRINT)

    assert RESULTS["finmlkit comp_bar_footprints, equal levels"]["poc"] == [100]
    assert ours["poc"].to_list() == [101]


def test_a_level_in_single_precision_loses_small_trades_beside_a_large_one() -> None:
    made = record.LARGE_AND_SMALL
    (level,) = made.select(rb.features.footprint(record.TICK))["footprint"].explode()

    assert RESULTS["finmlkit comp_bar_footprints, large and small"]["bought"] == [[2.0**24]]
    assert level["buy_volume"] == 2.0**24 + made.height - 1


def test_the_skew_of_a_profile_about_its_own_mean_is_zero_whatever_its_shape() -> None:
    price = (pl.col("price") / record.TICK).floor()
    share = pl.col("quantity") / pl.col("quantity").sum()
    away = price - (price * share).sum()
    skew = (share * away**3).sum() / (share * away**2).sum() ** 1.5

    # In units of levels; single precision of prices leaves some hundredths.
    assert max(map(abs, FINMLKIT["skew"])) < 0.05
    assert of_runs(skew).to_series().abs().max() > 2  # type: ignore[operator] # floats


def test_one_less_the_sum_of_squared_shares_is_no_gini_coefficient() -> None:
    level = pl.col("price") // record.TICK
    share = pl.col("quantity").sum().over(level) / pl.col("quantity").sum()
    squares = (share * pl.col("quantity")).sum() / pl.col("quantity").sum()
    (of_equal_levels,) = RESULTS["finmlkit comp_bar_footprints, equal levels"]["gini"]

    assert near([1 - each for each in FINMLKIT["gini"]], of_runs(squares).to_series(), FLOAT32)
    # That of levels of one volume is 0.
    assert of_equal_levels == 1 - 1 / record.EQUAL_LEVELS.height
