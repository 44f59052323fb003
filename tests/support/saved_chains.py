"""Processors of several chains that several test files save and restore."""

from typing import Any

import polars as pl

import rangebar_polars as rb
from support.trades import walk


def keyed(keys: Any, rows: int = 60) -> pl.DataFrame:  # noqa: ANN401 - values of any dtype
    """Return trades of which every second one has the second key, each with ids of its own."""
    of_rows = pl.Series("key", keys).gather([row % 2 for row in range(rows)])
    ids = pl.Series("agg_trade_id", [row // 2 for row in range(rows)])
    return walk(rows).with_columns(of_rows, ids)


def processor(frame: pl.DataFrame, thresholds: Any = (20, 60)) -> rb.RangeBarProcessor:  # noqa: ANN401
    """Return a processor that has taken trades."""
    one = rb.RangeBarProcessor(thresholds, "BTCUSDT", by="key", reset="day")
    one.process_trades(frame)
    return one


FRAME = keyed(["A", "B"])
ONE = processor(FRAME)
BYTES = ONE.create_checkpoint()
