"""Range bars with their features from eleven minutes of real trades: what ``make demo`` runs.

Reads the sample, computes bars of 0.025 %, prints the first ones and the time of each step, and
writes the bars to a Parquet file.
"""

import sys
import time
from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")


def main(target: Path) -> pl.DataFrame:
    """Write the bars of the sample to ``target`` and return them."""
    # The package imports its parts where they are first used: here, so that it is not timed.
    bars_of = rb.bars
    start = time.perf_counter()
    trades = pl.read_parquet(SAMPLE)
    read = time.perf_counter()
    bars = bars_of(trades, 25, include_microstructure=True)
    cut = time.perf_counter()
    bars.write_parquet(target)
    written = time.perf_counter()

    with pl.Config(
        tbl_cols=-1, tbl_width_chars=100, float_precision=3, tbl_hide_dataframe_shape=True
    ):
        print(
            f"{trades.height:,} trades of BTCUSDT, {bars.height} bars of 0.025 %; the first five:"
        )
        print(bars.select("open_time", "open", "high", "low", "close", "volume").head())
        print("and some of their microstructure:")
        print(bars.select("duration_us", "ofi", "trade_intensity", "price_impact", "vwap").head())
    print(
        f"read {(read - start) * 1e3:.1f} ms, bars {(cut - read) * 1e3:.1f} ms, "
        f"write {(written - cut) * 1e3:.1f} ms"
    )
    print(f"all {bars.width} columns are in {target}")
    return bars


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-bars.parquet"))
