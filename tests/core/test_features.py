"""The ten features: the same as columns and as aggregations, and the formula anyone can write."""

from typing import Final

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from support.entry_points import FEATURES, Asked, assert_same
from support.strategies import asked, frames
from support.trades import trades, walk

import rangebar_polars as rb

some = settings(max_examples=60, deadline=None)
ALL_FEATURES = [getattr(rb.features, name)() for name in FEATURES]


@some
@given(st.data(), asked())
def test_features_of_groups_by_bar_are_the_columns_of_the_bars(
    data: st.DataObject, options: Asked
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    bar_id = rb.bar_id(
        options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
    )

    groups = frame.group_by(bar_id, maintain_order=True).agg(ALL_FEATURES)

    assert_same(options.through("eager", frame).select(FEATURES), groups.select(FEATURES))


@some
@given(st.data(), asked())
def test_plain_aggregations_of_groups_by_bar_are_the_prices_and_the_volume(
    data: st.DataObject, options: Asked
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    bar_id = rb.bar_id(
        options.threshold_decimal_bps,
        prevent_same_timestamp_close=options.prevent_same_timestamp_close,
    )
    price = pl.col("price")

    groups = frame.group_by(bar_id, maintain_order=True).agg(
        open_time=pl.col("timestamp").first(),
        close_time=pl.col("timestamp").last(),
        open=price.first(),
        high=price.max(),
        low=price.min(),
        close=price.last(),
        volume=pl.col("quantity").sum(),
        agg_record_count=pl.len().cast(pl.Int64),
    )

    bars = options.through("eager", frame)
    exact = [name for name in groups.columns if name not in {"bar_id", "volume"}]
    assert_same(bars.select(exact), groups.select(exact))
    assert_frame_equal(bars.select("volume"), groups.select("volume"), rel_tol=1e-12, abs_tol=1e-6)


def per(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    """Return a ratio that is null where it is not defined."""
    return pl.when(below != 0).then(above / below)


C: Final = pl.col
FORMULAS = {
    "duration_us": (C("close_time") - C("open_time")).dt.total_microseconds(),
    "ofi": per(C("buy_volume") - C("sell_volume"), C("buy_volume") + C("sell_volume")),
    "vwap_close_deviation": per(C("close") - C("vwap"), C("high") - C("low")),
    "price_impact": per((C("close") - C("open")).abs(), C("volume")),
    "kyle_lambda_proxy": per((C("close") - C("open")) / C("open"), C("ofi")),
    "trade_intensity": per(C("individual_trade_count"), C("duration_us") / 1e6),
    "volume_per_trade": C("volume") / C("individual_trade_count"),
    "aggression_ratio": pl.when(C("sell_trade_count") > 0)
    .then((C("buy_trade_count") / C("sell_trade_count")).clip(upper_bound=100.0))
    .when(C("buy_trade_count") > 0)
    .then(100.0),
    "aggregation_density": C("individual_trade_count") / C("agg_record_count"),
    "turnover_imbalance": per(
        C("buy_turnover") - C("sell_turnover"), C("buy_turnover") + C("sell_turnover")
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_feature_is_its_formula_over_the_columns_of_the_bars(name: str) -> None:
    bars = rb.bars(walk(3_000), 100, include_microstructure=True, include_incomplete=True)
    assert bars.height > 100

    formula = bars.select(FORMULAS[name].alias(name).cast(bars.schema[name]))

    assert_frame_equal(bars.select(name), formula, rel_tol=1e-9, abs_tol=1e-12)


def test_a_buy_alone_is_as_aggressive_as_it_gets() -> None:
    frame = trades([100, 100], sold=[False, None])

    assert frame.select(rb.features.aggression_ratio()).item() == 100.0


def test_durations_of_nanoseconds_are_cut_to_whole_microseconds() -> None:
    frame = trades([100, 100], [-1, 1_998], unit="ns")

    assert frame.select(rb.features.duration_us()).item() == 1


NOTHING = trades([100, 100], [5, 5], quantity=0.0, sold=[None, None])
UNDEFINED = [name for name in FEATURES if name not in {"duration_us", "volume_per_trade"}]


@pytest.mark.parametrize("name", UNDEFINED)
def test_a_feature_that_is_not_defined_is_null(name: str) -> None:
    value = NOTHING.select(getattr(rb.features, name)())

    assert value.schema == pl.Schema({name: pl.Float64()})
    assert value.item() is None


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_of_no_trade_is_null(name: str) -> None:
    assert walk(2).clear().select(getattr(rb.features, name)()).item() is None


@pytest.mark.parametrize("name", ["ofi", "aggression_ratio", "turnover_imbalance"])
def test_a_feature_of_sides_is_null_without_the_column(name: str) -> None:
    frame = trades([100, 101])

    assert frame.select(getattr(rb.features, name)()).item() is None


def test_opposite_flows_of_one_size_leave_no_price_for_it() -> None:
    frame = trades([100, 101], sold=[True, False])

    assert frame.select(rb.features.ofi()).item() == 0.0
    assert frame.select(rb.features.kyle_lambda_proxy()).item() is None


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_the_same_in_every_setting(name: str) -> None:
    frame = walk(300).with_columns(group=pl.int_range(300) // 100)
    feature = getattr(rb.features, name)()
    by_group = [part.select(feature).item() for part in frame.partition_by("group")]

    grouped = frame.group_by("group", maintain_order=True).agg(feature)
    spread = frame.select("group", feature.over("group")).unique(maintain_order=True)
    windows = frame.group_by_dynamic("timestamp", every="100s").agg(feature)
    planned = frame.lazy().group_by("group").agg(feature).sort("group").collect(engine="streaming")

    for actual in (grouped, spread, windows, planned):
        assert actual[name].to_list() == by_group


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_reads_what_the_table_of_columns_says(name: str) -> None:
    (reads,) = (output.reads for output in rb.schema.COLUMNS if output.name == name)
    frame = walk(50)

    whole = frame.select(getattr(rb.features, name)())

    assert_same(whole, frame.select(reads).select(getattr(rb.features, name)()))


def test_a_feature_takes_columns_of_other_names() -> None:
    frame = trades([100, 101], quantity=2.0).rename({"quantity": "size"})

    impact = rb.features.price_impact(rb.TradeColumns(quantity="size"))

    assert frame.select(impact).item() == 0.25
