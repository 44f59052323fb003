"""How wide should a bar be? Four thresholds in one pass over the trades, compared.

The bars of all thresholds come in one frame, in the order in which they close; the column
``threshold_decimal_bps`` distinguishes them.
"""

from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
THRESHOLDS = [10, 25, 50, 100]

REVERSALS = (
    (pl.col("close") > pl.col("open")) != (pl.col("close") > pl.col("open")).shift()
).mean()


def main() -> None:
    """Print the longest bars of each threshold, then a line for each to compare them."""
    trades = pl.scan_parquet(SAMPLE)
    bars = (
        rb.bars(trades, THRESHOLDS, include_microstructure=True)
        .with_columns(seconds=pl.col("duration_us") / 1e6)
        .collect()
    )

    for (threshold,), of_one in bars.group_by("threshold_decimal_bps", maintain_order=True):
        print(f"{threshold} decimal basis points, the three longest of {of_one.height} bars:")
        print(of_one.select("open_time", "seconds", "open", "close", "ofi").top_k(3, by="seconds"))
    print("side by side:")
    print(
        bars.group_by("threshold_decimal_bps")
        .agg(
            pl.len().alias("bars"),
            pl.col("seconds").median().alias("median_seconds"),
            pl.col("volume").mean().alias("mean_volume"),
            REVERSALS.alias("reversals"),
        )
        .sort("threshold_decimal_bps")
    )


if __name__ == "__main__":
    with pl.Config(float_precision=3, tbl_width_chars=100, tbl_hide_dataframe_shape=True):
        main()
