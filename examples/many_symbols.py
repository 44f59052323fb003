"""Trades of many symbols in one frame: a chain of bars for each symbol, in one pass.

The rows are interleaved as a recorder writes them; nothing is sorted or partitioned by symbol. The
sample is of one symbol, so two more are made of it here: one that moves half as much, and one that
moves twice as much.
"""

from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
MOVES = {"BTCUSDT": 1.0, "HALF": 0.5, "TWICE": 2.0}


def interleaved() -> pl.DataFrame:
    """Return the trades of all symbols, in the order of time."""
    trades = pl.read_parquet(SAMPLE)
    first, price = pl.col("price").first(), pl.col("price")
    symbols = [
        trades.with_columns(
            (first * (price / first) ** power).round(2).alias("price"),
            pl.lit(symbol).alias("symbol"),
        )
        for symbol, power in MOVES.items()
    ]
    return pl.concat(symbols).sort("timestamp", maintain_order=True)


def main() -> None:
    """Print the first bars and a line for each symbol; check each against its trades alone."""
    trades = interleaved()
    bars = rb.bars(trades, 25, by="symbol", include_microstructure=True)

    print(f"{trades.height:,} trades of {len(MOVES)} symbols; the first bars to close:")
    print(bars.select("symbol", "close_time", "open", "close", "volume", "ofi").head())
    print("of each symbol:")
    print(
        bars.group_by("symbol", maintain_order=True).agg(
            pl.len().alias("bars"),
            (pl.col("duration_us").median() / 1e6).alias("median_seconds"),
            pl.col("volume").mean().alias("mean_volume"),
        )
    )
    for symbol in MOVES:
        is_symbol = pl.col("symbol") == symbol
        alone = rb.bars(trades.filter(is_symbol), 25, include_microstructure=True)
        same = bars.filter(is_symbol).drop("symbol").equals(alone)
        print(f"{symbol}: {alone.height} bars, the same as from its trades alone: {same}")


if __name__ == "__main__":
    with pl.Config(float_precision=3, tbl_width_chars=100, tbl_hide_dataframe_shape=True):
        main()
