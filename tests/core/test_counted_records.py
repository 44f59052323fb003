"""Trades without quantities: each record counts as a quantity of 1."""

import datetime as dt
from functools import partial
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.entry_points import ENTRY_POINTS, assert_same
from support.trades import walk

import rangebar_polars as rb

WALK = walk(300)
QUOTES = WALK.drop("quantity")
ON: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
COUNTED = rb.TradeColumns(quantity=None)
ONES = WALK.with_columns(quantity=pl.lit(1.0))
EXPECTED = rb.bars(ONES, 20, **ON)


@pytest.mark.parametrize("frame", [QUOTES, WALK], ids=["without", "with a column that is not read"])
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_records_are_counted_through_every_entry_point(name: str, frame: pl.DataFrame) -> None:
    bars = ENTRY_POINTS[name](frame, threshold_decimal_bps=20, columns=COUNTED, **ON)

    assert_same(EXPECTED, bars)
    assert bars["volume"].to_list() == bars["agg_record_count"].to_list()


def test_records_of_keys_are_counted() -> None:
    keyed = QUOTES.with_columns(key=pl.lit("A"))

    assert_same(EXPECTED, rb.bars(keyed, 20, by="key", columns=COUNTED, **ON).drop("key"))


@pytest.mark.parametrize("name", rb.features.__all__)
def test_every_feature_counts_records(name: str) -> None:
    feature = getattr(rb.features, name)
    feature = partial(feature, 0.5) if name == "footprint" else feature
    groups = pl.int_range(pl.len()) // 50

    expected = ONES.group_by(groups, maintain_order=True).agg(feature())
    assert_same(
        expected, QUOTES.group_by(groups, maintain_order=True).agg(feature(columns=COUNTED))
    )
    assert_same(ONES.select(feature()), QUOTES.select(feature(columns=COUNTED)))
    assert_same(ONES.clear().select(feature()), QUOTES.clear().select(feature(columns=COUNTED)))


def test_dicts_are_counted_and_continue_from_a_checkpoint() -> None:
    zoned = [
        {**row, "timestamp": row["timestamp"].replace(tzinfo=dt.UTC)} for row in QUOTES.to_dicts()
    ]
    processor = rb.RangeBarProcessor(20, columns=COUNTED, include_microstructure=True)
    first = processor.process_trades(zoned[:150])
    restored = rb.RangeBarProcessor.from_checkpoint(processor.create_checkpoint(), columns=COUNTED)
    second = restored.process_trades(zoned[150:])

    expected = rb.bars(
        ONES.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC")),
        20,
        include_microstructure=True,
    )
    assert_same(expected, pl.concat([first, second]))


def test_counted_records_do_not_continue_quantities() -> None:
    _, state = rb.bars_with_state(WALK.head(100), 20)
    _, counted = rb.bars_with_state(WALK.head(100), 20, columns=COUNTED)

    for checkpoint, columns in ((state, COUNTED), (counted, None)):
        with pytest.raises(rb.RangeBarError, match=r"^this batch of trades differs from the first"):
            rb.bars_with_state(WALK.tail(200), 20, state=checkpoint, columns=columns)
    trade = {"timestamp": dt.datetime(2024, 8, 8, tzinfo=dt.UTC), "price": 1.0}
    processor = rb.RangeBarProcessor(20, columns=COUNTED)
    processor.process_trades(trade)
    other = rb.RangeBarProcessor.from_checkpoint(processor.create_checkpoint())
    with says(
        rb.RangeBarError,
        "quantity is 1.0 at row 1: expected no such key, as in the first trade (give it from the "
        "first trade on, or leave it out: columns=TradeColumns(quantity=None))",
    ):
        other.process_trades(trade | {"quantity": 1.0})


def test_a_feature_that_counts_needs_a_price_to_count_by() -> None:
    with pytest.raises(pl.exceptions.ComputeError, match=r'no column "price" among the trades'):
        QUOTES.drop("price").select(rb.features.volume_per_trade(COUNTED))


def test_counted_records_pass_the_validation_with_their_trades() -> None:
    bars = rb.bars(QUOTES, 20, columns=COUNTED, include_microstructure=True)

    report = rb.validate_tier1(bars, QUOTES, threshold_decimal_bps=20, columns=COUNTED)

    report.raise_if_failed()
