"""What holds of every frame of bars, whatever the trades."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.entry_points import Asked, assert_same, frame_of
from support.reference import cuts, fx
from support.strategies import asked, frames
from support.trades import rows, trades

import rangebar_polars as rb

some = settings(max_examples=60, deadline=None)


def fixed(series: pl.Series) -> list[int]:
    """Return the integers at scale 1e8 that a column stands for."""
    return [fx(value) for value in series.to_list()]


@some
@given(st.data(), asked())
def test_every_trade_is_counted_once(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    assert options.through("eager", frame)["agg_record_count"].sum() == frame.height


@some
@given(st.data(), asked())
def test_what_is_left_out_is_the_open_bar_alone(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))

    everything = options.through("eager", frame)
    complete = replace(options, include_incomplete=False).through("eager", frame)

    assert_same(everything.filter("is_complete").drop("is_complete"), complete)
    assert (~everything["is_complete"]).sum() <= 1
    assert everything["is_complete"].head(-1).all()


@some
@given(st.data(), asked())
def test_small_volumes_turnovers_and_counts_are_conserved_in_integers(
    data: st.DataObject, options: Asked
) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    # Below 2^53 a sum at scale 1e8 survives its way through f64.
    frame = frame.with_columns(
        pl.col("price").clip(1e-8, 1_000).round(2) + 0.01, pl.col("quantity").clip(0, 100).round(2)
    )

    bars = options.through("eager", frame)

    for column in ("volume", "buy_volume", "sell_volume"):
        side = {"buy_volume": False, "sell_volume": True}.get(column)
        kept = [t for t in rows(frame) if side is None or t.is_buyer_maker is side]
        expected = sum(fx(trade.quantity) for trade in kept)
        if bars[column].null_count() == 0:
            assert sum(round(value * 1e8) for value in bars[column]) == expected
    if bars["turnover"].sum() < 2**53 / 1e4:
        turnover = sum(fx(t.price) // 10**6 * (fx(t.quantity) // 10**6) for t in rows(frame))
        assert sum(round(value * 1e4) for value in bars["turnover"]) == turnover


@some
@given(st.data(), asked())
def test_counts_by_side_never_exceed_the_whole(data: st.DataObject, options: Asked) -> None:
    bars = options.through("eager", data.draw(frames(options.threshold_decimal_bps)))

    for whole, buy, sell in (
        ("individual_trade_count", "buy_trade_count", "sell_trade_count"),
        ("volume", "buy_volume", "sell_volume"),
        ("turnover", "buy_turnover", "sell_turnover"),
    ):
        parts = bars.filter(pl.max_horizontal(buy, sell) > pl.col(whole))
        assert parts.is_empty()


@some
@given(st.data(), asked())
def test_the_four_prices_are_in_order(data: st.DataObject, options: Asked) -> None:
    bars = options.through("eager", data.draw(frames(options.threshold_decimal_bps)))

    assert (bars["low"] <= bars.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (bars["high"] >= bars.select(pl.max_horizontal("open", "close")).to_series()).all()


@some
@given(st.data(), st.sampled_from([1, 250, 1_000]))
def test_with_prevent_same_timestamp_close_bars_last_and_close_later_and_later(
    data: st.DataObject, threshold: int
) -> None:
    bars = rb.bars(data.draw(frames(threshold)), threshold)

    assert (bars["close_time"] > bars["open_time"]).all()
    assert (bars["close_time"].diff().drop_nulls().dt.total_nanoseconds() > 0).all()


@some
@given(st.data(), asked())
def test_every_trade_before_the_last_is_inside_or_shares_the_opening_time(
    data: st.DataObject, options: Asked
) -> None:
    threshold, prevented = options.threshold_decimal_bps, options.prevent_same_timestamp_close
    frame = data.draw(frames(threshold))
    frame = frame.with_columns(bar=rb.bar_id(threshold, prevent_same_timestamp_close=prevented))

    for bar in frame.partition_by("bar", maintain_order=True):
        prices, times = fixed(bar["price"]), bar["timestamp"].to_physical().to_list()
        far = max(1, -(-prices[0] * threshold // 100_000))
        inside = [
            abs(price - prices[0]) < far or (prevented and time == times[0])
            for price, time in zip(prices, times, strict=True)
        ]
        assert all(inside[:-1])


@some
@given(st.data(), asked())
def test_later_trades_never_change_an_earlier_bar(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    shown = data.draw(st.integers(0, frame.height))
    options = replace(options, include_incomplete=False)

    early = options.through("eager", frame.head(shown))

    assert_same(early, options.through("eager", frame).head(early.height))


@some
@given(st.data(), asked())
def test_other_quantities_leave_the_cuts_unchanged(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps))
    kept = ["open_time", "close_time", "open", "high", "low", "close", "agg_record_count"]

    halved = options.through("eager", frame.with_columns(pl.col("quantity") * 0.5))

    assert_same(options.through("eager", frame).select(kept), halved.select(kept))


@some
@given(st.data(), asked())
def test_any_integers_for_ids_give_the_same_bars(data: st.DataObject, options: Asked) -> None:
    frame = data.draw(frames(options.threshold_decimal_bps)).drop("agg_trade_id", strict=False)
    frame = frame.with_row_index("agg_trade_id")
    dtype = data.draw(st.sampled_from([pl.UInt8, pl.Int16, pl.UInt64, pl.Int128]))

    assert_same(
        options.through("eager", frame),
        options.through("eager", frame.cast({"agg_trade_id": dtype})),
    )


@pytest.mark.parametrize("dtype", [pl.Int32, pl.UInt64, pl.Float32, pl.Decimal(12, 2), pl.Int128])
def test_prices_and_quantities_of_any_number_are_taken_as_float64(dtype: pl.DataType) -> None:
    frame = trades([100, 101, 99, 103, 104], quantity=[1.0, 2.0, 3.0, 4.0, 5.0])

    bars = rb.bars(frame.cast({"price": dtype, "quantity": dtype}), include_microstructure=True)

    assert_same(rb.bars(frame, include_microstructure=True), bars)


@pytest.mark.parametrize("columns", [["is_buyer_maker"], ["agg_trade_id", "last_trade_id"]])
def test_a_column_of_dtype_null_counts_as_absent(columns: list[str]) -> None:
    frame = trades([100, 101], sold=[True, False], ids=[1, 2], counted=[(1, 5), (6, 6)])

    nulls = frame.with_columns(pl.lit(None, pl.Null).alias(column) for column in columns)

    assert_same(
        rb.bars(frame.drop(columns), include_microstructure=True),
        rb.bars(nulls, include_microstructure=True),
    )


def test_a_column_named_none_is_not_read() -> None:
    frame = trades([100, 101], sold=[True, False], ids=[1, 2], counted=[(1, 5), (6, 6)])
    columns = rb.TradeColumns(
        is_buyer_maker=None, agg_trade_id=None, first_trade_id=None, last_trade_id=None
    )

    assert_same(
        rb.bars(trades([100, 101]), include_microstructure=True),
        rb.bars(frame, include_microstructure=True, columns=columns),
    )


def test_columns_may_have_any_names() -> None:
    frame = trades([100, 101], sold=[True, False], ids=[1, 2], counted=[(1, 5), (6, 6)])
    names: dict[str, Any] = {name: f"my {name}" for name in frame.columns}

    renamed = rb.bars(
        frame.rename(names), include_microstructure=True, columns=rb.TradeColumns(**names)
    )

    assert_same(rb.bars(frame, include_microstructure=True), renamed)


def test_raw_trades_may_name_one_column_for_both_trade_ids() -> None:
    frame = trades([100, 101], ids=[7, 8])
    columns = rb.TradeColumns(first_trade_id="agg_trade_id", last_trade_id="agg_trade_id")

    bars = rb.bars(frame, include_microstructure=True, columns=columns)

    assert bars.select("individual_trade_count", "aggregation_density").row(0) == (2, 1.0)


def test_sides_that_are_null_all_through_a_bar_sum_to_0() -> None:
    frame = trades([100, 101], sold=[None, None])

    bars = rb.bars(frame, include_microstructure=True)

    sums = ["buy_volume", "sell_volume", "buy_turnover", "sell_turnover"]
    assert bars.select(*sums, "buy_trade_count", "sell_trade_count").row(0) == (0, 0, 0, 0, 0, 0)


def test_other_columns_of_the_frame_are_ignored() -> None:
    frame = trades([100, 101])
    others = frame.with_columns(
        symbol=pl.lit("A").cast(pl.Categorical),
        nested=pl.struct(a=pl.concat_list("price")),
        python=pl.Series([object(), object()], dtype=pl.Object),
        wide=pl.lit(1, pl.Int128),
    )

    assert_same(rb.bars(frame), rb.bars(others))


def test_the_oracle_itself_finds_the_bars_of_a_hand_worked_chain() -> None:
    frame = trades([100, 100.2, 100.25, 99, 98.7], quantity=[1.0, 2.0, 3.0, 4.0, 5.0])

    chain = rows(frame)

    assert cuts(chain, 250) == [2, 4]
    bars = frame_of([chain[:3], chain[3:]], frame.schema)
    assert bars.select("open", "high", "low", "close", "volume", "turnover").rows() == [
        (100.0, 100.25, 100.0, 100.25, 6.0, 601.15),
        (99.0, 99.0, 98.7, 98.7, 9.0, 889.5),
    ]
