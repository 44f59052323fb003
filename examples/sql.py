"""SQL over trades and bars: DuckDB reads the cache and lazy frames of bars, and computes bars.

A cache of its own is filled with the sample, and removed at the end; your own is that of
`rb.duckdb.connect()`. Needs ``pip install 'rangebar-polars[duckdb]'``.
"""

import tempfile
from pathlib import Path

import polars as pl

import rangebar_polars as rb

SAMPLE = Path(__file__).with_name("btcusdt-trades.parquet")
THRESHOLD = 25

BY_MINUTE = """
    WITH trades AS (
        SELECT
            date_trunc('minute', timestamp) AS minute,
            count(*) AS trades,
            sum(quantity) AS volume
        FROM ticks WHERE symbol = 'BTCUSDT' AND timestamp >= '2024-08-09'
        GROUP BY minute
    ),
    closed AS (
        SELECT date_trunc('minute', close_time) AS minute, count(*) AS bars, avg(ofi) AS mean_ofi
        FROM mine GROUP BY minute
    )
    SELECT * FROM trades JOIN closed USING (minute) ORDER BY minute
"""


def main() -> None:
    """Query cached days, join a plan of bars with trades, and compute the same bars in SQL."""
    plan = pl.scan_parquet(SAMPLE).rangebar.bars(THRESHOLD, include_microstructure=True)  # type: ignore[attr-defined]  # a namespace

    with tempfile.TemporaryDirectory() as folder:
        rb.import_trades(SAMPLE, symbol="BTCUSDT", source="sample", cache_dir=folder)
        with rb.duckdb.connect(cache_dir=folder) as connection:
            connection.register("mine", plan)
            days = connection.sql("SELECT symbol, day, status, rows_after FROM quality").pl()
            by_minute = connection.sql(BY_MINUTE).pl()
            in_sql = connection.sql(f"FROM bars_of(ticks, {THRESHOLD})").pl()

    print("the days of the cache:")
    print(days)
    print("its trades of the second day, joined with the bars of a plan:")
    print(by_minute)
    same = in_sql.drop("is_complete").equals(plan.collect())
    print(f"{in_sql.height} bars made in SQL, the same as the plan's: {same}")


if __name__ == "__main__":
    with pl.Config(float_precision=3, tbl_width_chars=100, tbl_hide_dataframe_shape=True):
        main()
