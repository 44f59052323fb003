"""Bars from stores: the cost of a second call compared with reading only the file or query.

    PYTHONPATH=tests python benches/stores.py

First, the first call: 10 M made trades of five days give the bars of ten thresholds, which are
stored, at so many times the processor time of one pass over the same days with all features.

A month of 2 M made trades gives about 50,000 bars at one threshold and 1 M at another. The bare
read is `pl.read_parquet` of the stored file, or the raw Arrow query of the stored columns of the
same batch; both alternate in one process, and the median of the differences and ratios counts. The
bars are compared with those of one pass over all trades first. ClickHouse is that of
`CLICKHOUSE_URL`, or a server out of the chdb-core wheel. Exits with 1 where a figure is above what
is promised.
"""

import datetime as dt
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import polars as pl
from plans import ONE, TEN
from support.clickhouse_server import ClickHouseServer, new_database
from walks import Walk

import rangebar_polars as rb
from rangebar_polars._days import month_days
from rangebar_polars.store import ParquetStore
from rangebar_polars.store.stored_bars import stored_columns

DAYS = month_days(dt.date(2024, 1, 1))
TRADES = 65_000 * len(DAYS)
OWN: dict[str, Any] = {"symbol": "WALK", "source": "mine"}
FEW, MANY = 57, 1
"""Decimal basis points that give about 50,000 bars, and a bar for two trades."""
ROUNDS = 15
MILLISECONDS = 50
RATIO = 1.3
COLD = Walk(10_000_000)
COLD_ROUNDS = 7
COLD_RATIO = 1.2


def walk() -> pl.DataFrame:
    """Return a month of a price that moves a hundredth of a percent with every trade."""
    steps = random.Random(1).choices([1, -1], k=TRADES)  # noqa: S311 - the same month every time
    every = len(DAYS) * 86_400_000_000 // TRADES
    start = pl.lit(dt.datetime.combine(DAYS[0], dt.time())).cast(pl.Datetime("us"))
    return pl.select(
        timestamp=(start.to_physical() + pl.int_range(TRADES) * every).cast(pl.Datetime("us")),
        price=60_000 * pl.lit(1.0001).pow(pl.lit(pl.Series(steps)).cum_sum()),
        quantity=pl.lit(1.5),
        is_buyer_maker=pl.int_range(TRADES) % 3 == 0,
        agg_trade_id=pl.int_range(TRADES),
    )


def timed(call: Callable[[], object]) -> float:
    """Return the seconds a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compared(bare: Callable[[], object], ours: Callable[[], object]) -> tuple[float, float, float]:
    """Return the median of the bare seconds, of our extra seconds, and of the ratio."""
    pairs = [(timed(bare), timed(ours)) for _ in range(ROUNDS)]
    return (
        statistics.median(few for few, _ in pairs),
        statistics.median(more - few for few, more in pairs),
        statistics.median(more / few for few, more in pairs),
    )


@contextmanager
def database() -> Iterator[str]:
    """Yield the URL of a database on a server."""
    url = os.environ.get("CLICKHOUSE_URL")
    with tempfile.TemporaryDirectory() as folder:
        server = None if url else ClickHouseServer(Path(folder))
        if server is not None:
            server.start()
        yield from new_database(server.url() if server is not None else str(url))
        if server is not None:
            server.stop()


def busy(call: Callable[[], object]) -> float:
    """Return the processor seconds of all threads that a call takes."""
    began = time.process_time()
    call()
    return time.process_time() - began


def cold(folder: Path, thresholds: list[int]) -> float:
    """Return the median ratio of a first call, which stores the bars, to one pass."""
    rb.import_trades(pl.concat(COLD.pieces()), cache_dir=folder, **OWN)
    days = [Path(path).stem for path in sorted(folder.glob("ticks/**/*.parquet"))]
    start, end = min(days), max(days)
    ticks = rb.scan_ticks(OWN["symbol"], start, end, source="mine", cache_dir=folder)
    plan = rb.bars(ticks, thresholds, include_microstructure=True)

    def first_call() -> pl.DataFrame:
        with tempfile.TemporaryDirectory() as store:
            return rb.get_range_bars(
                start_date=start,
                end_date=end,
                threshold_decimal_bps=thresholds,
                include_microstructure=True,
                store=store,
                cache_dir=folder,
                **OWN,
            )

    assert first_call().equals(plan.collect())
    pairs = [(busy(plan.collect), busy(first_call)) for _ in range(COLD_ROUNDS)]
    return statistics.median(ours / bare for bare, ours in pairs)


def asked(store: rb.BarStore, cache: Path, threshold: int, *, all_columns: bool) -> pl.DataFrame:
    """Return the bars of the month."""
    return rb.get_range_bars(
        start_date=DAYS[0],
        end_date=DAYS[-1],
        threshold_decimal_bps=threshold,
        include_microstructure=all_columns,
        store=store,
        cache_dir=cache,
        **OWN,
    )


def raw(url: str, columns: list[str]) -> Callable[[], pl.DataFrame]:
    """Return the bare query of the bars of the largest batch."""
    parts = urlsplit(url)
    client = clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or 8123,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/"),
    )
    batch = client.command("SELECT batch FROM coverage ORDER BY rows DESC LIMIT 1")
    query = f"SELECT {', '.join(columns)} FROM bars WHERE batch = {batch} ORDER BY ordinal"  # noqa: S608 - ours
    # Without this, which the driver leaves out, the query takes longer than ours.
    settings = {"wait_end_of_query": 0}
    return lambda: pl.read_ipc_stream(client.raw_query(query, None, settings, fmt="ArrowStream"))


def main() -> int:
    """Print a line for each question; return 1 if a promise is broken."""
    broken = 0
    for name, thresholds in {"ten thresholds": TEN, "one threshold": [ONE]}.items():
        with tempfile.TemporaryDirectory() as folder:
            ratio = cold(Path(folder), thresholds)
        print(f"first call, {name}: {ratio:.2f} times the processor time of one pass")
        broken += ratio > COLD_RATIO
    with tempfile.TemporaryDirectory() as folder, database() as url, rb.open_store(url) as server:
        cache = Path(folder)
        rb.import_trades(walk(), cache_dir=cache, **OWN)
        ticks = rb.scan_ticks(OWN["symbol"], DAYS[0], DAYS[-1], source="mine", cache_dir=cache)
        files = rb.open_store(cache)
        assert isinstance(files, ParquetStore)
        for threshold in (FEW, MANY):
            for all_columns in (False, True):
                want = rb.bars(ticks, threshold, include_microstructure=all_columns).collect()
                name = f"{want.height:,} bars, {want.width} columns"
                made = timed(partial(asked, files, cache, threshold, all_columns=all_columns))
                every = files.keys()
                key = next(key for key in every if key.rule == rb.RangeRule(threshold))
                ask = partial(asked, files, cache, threshold, all_columns=all_columns)
                assert ask().equals(want)
                path, names = files.path(key, DAYS[0]), stored_columns(want.columns)
                bare, beyond, ratio = compared(partial(pl.read_parquet, path, columns=names), ask)
                print(
                    f"Parquet, {name}: bare read {bare * 1e3:.1f} ms, second call "
                    f"{beyond * 1e3:+.1f} ms, {ratio:.2f} times"
                    + ("" if all_columns else f" (made by the first call in {made:.2f} s)")
                )
                broken += threshold == FEW and beyond * 1e3 > MILLISECONDS
                ask = partial(asked, server, cache, threshold, all_columns=all_columns)
                assert ask().equals(want)
                assert ask().equals(want)
                if threshold == MANY:
                    query = raw(url, names)
                    assert query().height == want.height
                    bare, beyond, ratio = compared(query, ask)
                    print(
                        f"ClickHouse, {name}: raw query {bare * 1e3:.0f} ms, second call "
                        f"{beyond * 1e3:+.0f} ms, {ratio:.2f} times"
                    )
                    broken += ratio > RATIO
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
