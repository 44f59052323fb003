"""Your own features for each bar: any Polars aggregation, in two ways with equal results.

With ``aggs`` they follow the built-in columns. ``bar_id`` gives the bar that each trade belongs
to, for whatever else is to be grouped by it. The ten features of the package are aggregations too,
and run over any group, here over minutes.
"""

from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
THRESHOLD = 25

returns = pl.col("price").log().diff()
REALISED = (returns.pow(2).sum().sqrt() * 1e4).alias("realised_bps")
LARGEST = (pl.col("quantity").max() / pl.col("quantity").sum()).alias("largest_share")


def main() -> None:
    """Print bars with two more features, and compare them with those of the other way."""
    trades = pl.scan_parquet(SAMPLE)

    bars = rb.bars(trades, THRESHOLD, aggs=[REALISED, LARGEST]).collect()
    grouped = (
        trades.group_by(rb.bar_id(THRESHOLD), maintain_order=True)
        .agg(REALISED, LARGEST)
        .head(bars.height)  # the trades after the last bar have an id too
        .collect()
    )
    minutes = (
        trades.group_by_dynamic("timestamp", every="1m")
        .agg(rb.features.ofi(), rb.features.trade_intensity())
        .collect()
    )

    print("the bars in which one trade counted most:")
    columns = ["open_time", "open", "close", "volume", "realised_bps", "largest_share"]
    print(bars.select(columns).top_k(3, by="largest_share"))
    print("two of the ten features, by minute:")
    print(minutes.head(3))
    same = bars.select("realised_bps", "largest_share").equals(grouped.drop("bar_id"))
    print(f"{bars.height} bars; aggs and bar_id give the same: {same}")


if __name__ == "__main__":
    with pl.Config(float_precision=3, tbl_width_chars=100, tbl_hide_dataframe_shape=True):
        main()
