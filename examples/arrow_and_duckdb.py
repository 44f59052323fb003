"""Trades that are not a Polars frame: a pyarrow table, a DuckDB query, and bars in SQL.

Anything with ``__arrow_c_stream__`` can be read directly. Needs ``pip install pyarrow duckdb``.
"""

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no stubs

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
THRESHOLD = 25


def main() -> None:
    """Compute the bars of one file in three ways and query them with DuckDB."""
    bars = rb.bars(pl.read_parquet(SAMPLE), THRESHOLD)
    of_arrow = rb.bars(pq.read_table(SAMPLE), THRESHOLD)

    with duckdb.connect() as connection:
        # Times of a query are in the zone of the connection.
        connection.execute("SET TimeZone = 'UTC'")
        query = connection.sql(
            f"SELECT timestamp, price, quantity FROM '{SAMPLE}' ORDER BY timestamp, first_trade_id"  # noqa: S608 - our own file
        )
        of_query = rb.bars(query, THRESHOLD)
        connection.register("bars", bars)
        by_minute = connection.sql(
            "SELECT date_trunc('minute', close_time) AS minute, count(*) AS bars, "
            "max(high) - min(low) AS range FROM bars GROUP BY minute ORDER BY minute LIMIT 3"
        ).pl()

    print(f"{bars.height} bars from a Polars frame")
    print(f"the same from a pyarrow table: {of_arrow.equals(bars)}")
    print(f"the same from a DuckDB query: {of_query.equals(bars)}")
    print("and asked about in SQL:")
    print(by_minute)


if __name__ == "__main__":
    with pl.Config(float_precision=2, tbl_width_chars=100, tbl_hide_dataframe_shape=True):
        main()
