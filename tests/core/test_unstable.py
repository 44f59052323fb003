"""Users of this package are not warned of the unstable functions of Polars that it calls."""

from support.subprocesses import run

ENTRY_POINTS = """
import datetime as dt
import tempfile
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import rangebar_polars as rb

day = dt.datetime(2024, 8, 8, tzinfo=dt.UTC)
frame = pl.DataFrame(
    {
        "timestamp": [day + dt.timedelta(seconds=n) for n in range(4)],
        "price": [100.0, 101.0, 100.0, 101.0],
        "quantity": [1.0] * 4,
        "symbol": ["A", "B"] * 2,
    }
)
mean = pl.col("price").mean().alias("mean")

def everything(folder):
    own = {"source": "mine", "cache_dir": folder}
    rb.bars(frame)
    rb.bars(frame, aggs=mean)
    rb.bars(frame.lazy(), [250, 500]).collect()
    rb.bars(frame.lazy(), by="symbol", aggs=mean).collect()
    frame.lazy().rangebar.bars(250).filter(pl.col("open") > 0).head(1).collect(engine="streaming")
    frame.select(rb.bars_expr(250))
    frame.group_by(rb.bar_id(250)).agg(rb.features.price_impact())
    rb.process_trades_polars(frame.lazy())
    rb.bars_with_state(frame.lazy())
    rb.RangeBarProcessor(250).process_trades(frame.lazy())
    rb.import_trades(frame.drop("symbol"), symbol="S", **own)
    rb.scan_ticks("S", "2024-08-08", "2024-08-08", **own).collect()
    rb.archive_quality("S", "2024-08-08", "2024-08-08", **own)
    rb.get_range_bars("S", "2024-08-08", "2024-08-08", **own)
    rb.scan_range_bars("S", "2024-08-08", "2024-08-08", **own).collect()
    with rb.open_store(cache_dir=folder) as store:
        store.scan_bars().collect()
    with rb.duckdb.connect(cache_dir=folder) as connection:
        assert connection.sql("SELECT count(*) FROM bars").fetchall() == [(2,)]

with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(everything, [one, two]))

try:
    pl.LazyFrame().collect_batches()
except pl.exceptions.UnstableWarning:
    print("a user's own call is warned of")
"""


def test_no_call_of_the_package_is_warned_of_as_unstable() -> None:
    code = f"import warnings\nwarnings.simplefilter('error')\n{ENTRY_POINTS}"

    printed = run(code, POLARS_WARN_UNSTABLE="1")

    assert printed == "a user's own call is warned of\n"
