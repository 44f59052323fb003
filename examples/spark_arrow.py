"""Bars of many symbols on Spark: rows in order, folded as a stream of Arrow batches.

`mapInArrow` gives each partition to Python batch by batch, so all trades of a symbol must be in one
partition, and in order: `repartition` and `sortWithinPartitions`. Without them a partition is a
part of a file, in which bars would begin again. Needs ``pip install pyspark`` and Java 17.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it has no stubs
from hive_trades import THRESHOLD, bars_of_one_pass, write_hive

import rangebar_polars as rb

SETTINGS = {
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("open_time", pa.timestamp("us", "UTC")),
        ("close_time", pa.timestamp("us", "UTC")),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
    ]
)
COLUMNS = "symbol string, open_time timestamp, close_time timestamp, " + ", ".join(
    f"{name} double" for name in SCHEMA.names[3:]
)


def bars_of_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the bars of a partition, which may be empty; its trades are read batch by batch."""
    for first in batches:
        trades = pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))
        bars = rb.bars(trades, THRESHOLD, by="symbol")
        table = bars.to_arrow(compat_level=pl.CompatLevel.oldest())
        # Spark takes exactly the types of its columns.
        yield from table.cast(SCHEMA).to_batches()


def main() -> None:
    """Compute the bars of all folders on Spark, and compare them with those of one pass."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - it may be absent

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = SparkSession.builder.master("local[2]").config(map=SETTINGS).getOrCreate()
    with tempfile.TemporaryDirectory() as name:
        folders = write_hive(Path(name))
        trades = spark.read.parquet(name).repartition("symbol")
        in_order = trades.sortWithinPartitions("symbol", "timestamp", "first_trade_id")
        bars = pl.DataFrame(in_order.mapInArrow(bars_of_partition, COLUMNS).toArrow())
        one_pass = bars_of_one_pass(Path(name))
    spark.stop()

    # Partitions come in any order.
    same = bars.sort("symbol", maintain_order=True).equals(one_pass)
    print(f"{bars.height} bars of {len(folders)} folders, the same as in one pass: {same}")


if __name__ == "__main__":
    main()
