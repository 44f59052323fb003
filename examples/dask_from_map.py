"""Bars of many symbols on Dask: a partition for each symbol, made of the files of its folder.

A chain of bars runs from file to file, so the unit of work is a folder. The `read_parquet` of Dask
makes a partition of each file, in which bars would begin again. Needs ``pip install
'dask[dataframe]'``.
"""

import tempfile
from pathlib import Path

import pandas as pd
import polars as pl
from hive_trades import THRESHOLD, bars_of, bars_of_one_pass, scan_hive, write_hive

import rangebar_polars as rb


def pandas_bars_of(folder: Path) -> pd.DataFrame:
    """Return the bars of a symbol, as Dask keeps them."""
    return bars_of(folder).to_pandas()


def main() -> None:
    """Compute the bars of each folder on Dask, and compare them with those of one pass."""
    import dask.dataframe as dd  # noqa: PLC0415 - it may be absent

    with tempfile.TemporaryDirectory() as name:
        folders = write_hive(Path(name))
        trades = scan_hive(Path(name)).collect_schema()
        meta = rb.bar_schema(trades, THRESHOLD, by="symbol").to_frame().to_pandas()
        on_dask = dd.from_map(pandas_bars_of, folders, meta=meta)
        by_symbol = on_dask.groupby("symbol").volume.agg(["count", "mean"]).compute()
        bars = pl.from_pandas(on_dask.compute())
        one_pass = bars_of_one_pass(Path(name))

    print(f"{bars.height} bars in {on_dask.npartitions} partitions of Dask:")
    print(by_symbol.sort_index())
    print(f"the same as in one pass: {bars.equals(one_pass)}")


if __name__ == "__main__":
    main()
