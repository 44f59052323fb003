"""Trades of many symbols in hive folders of Parquet: ``symbol=BTCUSDT/2024-08-08.parquet``.

The sample is of one symbol, so two more are made of it here: one that moves half as much, and one
that moves twice as much. The examples for Dask, DuckDB, Ray and Spark import this file.
"""

import tempfile
from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
MOVES = {"BTCUSDT": 1.0, "HALF": 0.5, "TWICE": 2.0}
THRESHOLD = 25


def write_hive(root: Path) -> list[Path]:
    """Write a file for each symbol and day; return the folders of the symbols."""
    first, price = pl.col("price").first(), pl.col("price")
    folders = []
    for symbol, power in MOVES.items():
        moved = (first * (price / first) ** power).round(2)
        trades = pl.read_parquet(SAMPLE).with_columns(moved.alias("price"))
        folders.append(root / f"symbol={symbol}")
        folders[-1].mkdir(parents=True)
        for (day,), of_day in trades.group_by(pl.col("timestamp").dt.date(), maintain_order=True):
            of_day.write_parquet(folders[-1] / f"{day}.parquet")
    return folders


def scan_hive(root: Path) -> pl.LazyFrame:
    """Return the trades of all folders, with a column ``symbol``; files in the order of names."""
    return pl.scan_parquet(root / "*/*.parquet", hive_partitioning=True)


def bars_of(folder: Path, files: str = "*.parquet") -> pl.DataFrame:
    """Return the bars of a symbol's folder, whose files are read as a stream."""
    symbol = pl.lit(folder.name.removeprefix("symbol=")).alias("symbol")
    trades = pl.scan_parquet(folder / files, hive_partitioning=False)
    return rb.bars(trades, THRESHOLD).select(symbol, pl.all()).collect()


def bars_of_one_pass(root: Path) -> pl.DataFrame:
    """Return the bars of all folders, made in one pass: by symbol, in the order of time."""
    bars = rb.bars(scan_hive(root), THRESHOLD, by="symbol").collect()
    return bars.sort("symbol", maintain_order=True)


def main() -> None:
    """Compute the bars folder by folder, and compare them with those of one pass."""
    with tempfile.TemporaryDirectory() as name:
        folders = write_hive(Path(name))
        bars = pl.concat(bars_of(folder) for folder in folders)
        by_file = [bars_of(folder, file.name) for folder in folders for file in folder.iterdir()]
        one_pass = bars_of_one_pass(Path(name))

    same = bars.equals(one_pass)
    print(f"{bars.height} bars of {len(folders)} folders, the same as in one pass: {same}")
    print(f"of each file alone: {sum(frame.height for frame in by_file)} bars")


if __name__ == "__main__":
    main()
