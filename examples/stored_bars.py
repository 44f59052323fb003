"""Bars that are computed once: fill a store, read it, extend a range, and list its contents.

The sample is imported as your own trades. For Binance leave out ``source``, and missing days are
fetched. The example removes its cache at the end; your own cache is ``~/.cache/rangebar-polars`` or
``RANGEBAR_CACHE_DIR``. For bars that a team shares:
``store="clickhouse://user:password@host:8123/database"``.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
FIRST, LAST = "2024-08-08", "2024-08-09"


def main(folder: str) -> None:
    """Run each step with the sample."""
    own: dict[str, Any] = {"source": "sample", "cache_dir": folder}
    rb.import_trades(SAMPLE, symbol="BTCUSDT", **own)

    first_day = rb.get_range_bars("BTCUSDT", FIRST, FIRST, 25, **own)
    both_days = rb.get_range_bars("BTCUSDT", FIRST, LAST, 25, **own)  # continues the first
    print(f"{first_day.height} bars of the first day, {both_days.height} of both")

    began = time.perf_counter()
    again = rb.get_range_bars("BTCUSDT", FIRST, LAST, 25, **own)
    milliseconds = (time.perf_counter() - began) * 1e3
    print(f"the same from the store: {again.equals(both_days)}, in {milliseconds:.0f} ms")

    report = rb.populate("BTCUSDT", FIRST, LAST, [10, 25, 50], **own)
    print(report.select("threshold_decimal_bps", "status", "days", "stored", "made", "bars"))

    with rb.open_store(folder) as store:
        longest = (
            store.scan_bars()
            .group_by("threshold_decimal_bps")
            .agg(pl.len().alias("bars"), pl.col("duration_us").max() / 1e6)
            .sort("threshold_decimal_bps")
        )
        print(longest.rename({"duration_us": "longest, seconds"}).collect())

    last = rb.get_n_range_bars("BTCUSDT", 5, 25, **own)
    print(f"the last five bars close at {last['close'].to_list()}")
    print(rb.cache_status(cache_dir=folder).select("kind", "symbol", "days", "rows", "bytes"))


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as cache,
        pl.Config(tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True),
    ):
        main(cache)
