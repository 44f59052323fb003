"""A column that is named in TradeColumns must be there, whether the output needs it or not."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from trades import trades

import rangebar_polars as rb

FRAME = trades([100, 101, 100, 101])
NAMED = rb.TradeColumns(is_buyer_maker="sold")
MEAN = pl.col("price").mean().alias("mean")
CALLS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "eager": lambda frame: rb.bars(frame, columns=NAMED),
    "arrow": lambda frame: rb.bars(frame.to_arrow(), columns=NAMED),
    "lazy": lambda frame: rb.bars(frame.lazy(), columns=NAMED).collect(),
    "lazy, one column": lambda frame: rb.bars(frame.lazy(), columns=NAMED).select("open").collect(),
    "aggs": lambda frame: rb.bars(frame, columns=NAMED, aggs=MEAN),
    "lazy aggs": lambda frame: rb.bars(frame.lazy(), columns=NAMED, aggs=MEAN).collect(),
    "expression": lambda frame: frame.select(rb.bars_expr(columns=NAMED)),
    "bar_id": lambda frame: frame.select(rb.bar_id(columns=NAMED)),
    "processor": lambda frame: rb.RangeBarProcessor(250, columns=NAMED).process_trades(frame),
    "processor of a plan": lambda frame: rb.RangeBarProcessor(250, columns=NAMED).process_trades(
        frame.lazy()
    ),
    "chunked": lambda frame: [*rb.process_trades_chunked([frame], columns=NAMED)],
    "with state": lambda frame: rb.bars_with_state(frame, columns=NAMED),
}
TEXT = (
    'no column "sold" among the trades: they have [timestamp: datetime[ms], price: f64, quantity: '
    'f64] (say which it is: columns=TradeColumns(is_buyer_maker="..."))'
)


@pytest.mark.parametrize("rows", [0, 4])
@pytest.mark.parametrize("name", CALLS)
def test_a_named_column_that_is_not_there_is_an_error(name: str, rows: int) -> None:
    with pytest.raises((pl.exceptions.ComputeError, rb.RangeBarError)) as caught:
        CALLS[name](FRAME.head(rows))

    # Expressions see the columns of the trades alone, and Polars puts its own words around.
    assert TEXT in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_a_named_column_that_is_there_and_not_needed_does_no_harm(name: str) -> None:
    CALLS[name](FRAME.with_columns(sold=pl.lit(value=True)))


@pytest.mark.parametrize("name", ["open", "close_time"])
def test_a_plan_that_needs_fewer_columns_reads_no_more(name: str) -> None:
    plan = FRAME.with_columns(sold=pl.lit(value=True)).lazy()

    bars = rb.bars(plan, columns=NAMED).select(name).collect()

    assert bars.height == 2
