"""Bars of hive folders with DuckDB: read in order, and written as hive folders again.

DuckDB finds the files and the column of the folders' names. Rows of several files come in any
order, and bars need that of time and id, so a query has an ORDER BY; without it the trades are
refused, or those of one time are in a wrong order. DuckDB sorts on the disk what is larger than
memory, and its result is read batch by batch. Needs ``pip install 'rangebar-polars[duckdb]'``.
"""

import tempfile
from pathlib import Path

import polars as pl
from hive_trades import THRESHOLD, bars_of_one_pass, write_hive

import rangebar_polars as rb

TRADES = "read_parquet('{}/*/*.parquet', hive_partitioning := true)"


def main() -> None:
    """Compute bars of a query and in SQL, write them, and compare them with those of one pass."""
    with tempfile.TemporaryDirectory() as name, rb.duckdb.connect() as connection:
        trades, written = Path(name, "trades"), Path(name, "bars")
        write_hive(trades)
        rows = connection.sql(f"FROM {TRADES.format(trades)}")

        of_query = rb.bars(rows.order("timestamp, first_trade_id"), THRESHOLD, by="symbol")
        rows.order("symbol, timestamp, first_trade_id").create_view("trades")
        in_sql = connection.sql(f"FROM bars_by_symbol('trades', {THRESHOLD})")
        in_sql.write_parquet(str(written), partition_by=["symbol"])
        one_pass = bars_of_one_pass(trades)
        read = pl.scan_parquet(written / "*/*.parquet", hive_partitioning=True).collect()

    print(of_query.group_by("symbol").len("bars").sort("symbol"))
    for made, bars in {"a query": of_query, "SQL, written and read": read}.items():
        same = bars.select(one_pass.columns).sort("symbol", maintain_order=True).equals(one_pass)
        print(f"of {made}: the same as in one pass: {same}")


if __name__ == "__main__":
    with pl.Config(tbl_hide_dataframe_shape=True):
        main()
