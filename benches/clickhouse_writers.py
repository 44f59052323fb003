"""Many processes that write months of bars into one ClickHouse, and what queries then read.

    PYTHONPATH=tests python benches/clickhouse_writers.py [months]

Four processes write chain-months of 12,500 bars of trades through the store, into a server out of
the chdb-core wheel, or into that of `CLICKHOUSE_URL`. Afterwards the bars that the view shows are
counted, before anything is printed.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl
from scale import day_of
from stores import database
from support.clickhouse_server import ask, rows_read

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._series import Series
from rangebar_polars.schema import STORED_SCHEMA
from rangebar_polars.store import ParquetStore

WRITERS, MONTHS, BARS = 4, 800, 12_500
_TWO_DAYS = "close_time >= '2024-01-10' AND close_time < '2024-01-12'"
QUESTIONS: Final = {
    "one symbol, two days": f" WHERE symbol = 'W1N7' AND {_TWO_DAYS}",
    "one symbol, all time": " WHERE symbol = 'W1N7'",
    "all symbols, two days": f" WHERE {_TWO_DAYS}",
}


def month_of_bars(folder: Path) -> ParquetStore:
    """Return a store with one month of about as many bars as are wanted."""
    days, store = day_range("2024-01-01", "2024-01-31"), ParquetStore(folder)
    trades = 60_000
    own: dict[str, Any] = {"source": "mine", "cache_dir": folder}
    columns = ["id", "price", "quantity", "first", "last", "time", "maker", "best"]
    for day in days:
        frame = pl.read_csv(day_of(day, trades, "C"), has_header=False, new_columns=columns)
        times = pl.col("time").cast(pl.Datetime("ms"))
        maker = pl.col("maker") == "True"
        named = frame.select("price", "quantity", timestamp=times, is_buyer_maker=maker)
        rb.import_trades(named, symbol="C", **own)
    rb.get_range_bars("C", days[0], days[-1], 1, store=store, **own)
    return store


def write_months(folder: Path, url: str, writer: int, count: int) -> None:
    """Write a month of bars for many symbols, and print how long each took."""
    source = ParquetStore(folder)
    (key,) = source.keys()
    (month,) = source.find(key).values()
    bars = source.read(key, month, list(STORED_SCHEMA))
    assert bars is not None
    assert bars.height >= BARS
    bars, links = bars[:BARS], month.links
    kept = replace(links[0], bar_count=bars.height)
    month = replace(month, links=(kept, *(replace(link, bar_count=0) for link in links[1:])))
    with rb.open_store(url) as store:
        for number in range(count):
            series = Series(key.series.source, key.series.market, f"W{writer}N{number}")
            began = time.perf_counter()
            store.write(replace(key, series=series), month, bars)
            print(time.perf_counter() - began, bars.height, flush=True)


def print_clickhouse(folder: Path, months: int) -> None:
    """Write from several processes, and print how fast it was."""
    month_of_bars(folder)
    with database() as url:
        rb.open_store(url).close()
        began = time.perf_counter()
        writers = [
            subprocess.Popen(  # noqa: S603 - this script
                [sys.executable, __file__, "write", folder, url, str(n), str(months // WRITERS)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(WRITERS)
        ]
        parts = list[int]()
        with ThreadPoolExecutor(WRITERS) as readers:
            outputs = [readers.submit(writer.communicate) for writer in writers]
            while not all(each.done() for each in outputs):
                sql = (
                    "SELECT count() FROM system.parts WHERE active AND table = 'bars' AND "
                    "database = currentDatabase()"
                )
                parts.append(int(ask(url, sql)[0][0]))
                time.sleep(0.5)
        elapsed = time.perf_counter() - began
        lines = [line.split() for each in outputs for line in each.result()[0].splitlines()]
        seconds, rows = [float(line[0]) for line in lines], sum(int(line[1]) for line in lines)
        (counted,) = ask(url, "SELECT count() FROM current_bars")[0]
        assert counted == rows, (counted, rows)
        assert len(lines) == months // WRITERS * WRITERS
        for what, condition in QUESTIONS.items():
            query = f"SELECT count(), sum(volume) FROM current_bars{condition}"  # noqa: S608 - ours
            began = time.perf_counter()
            ask(url, query)
            seconds_of_query = time.perf_counter() - began
            read = rows_read(url, query)
            print(f"| {what} | {read:,} of {rows:,} rows | {seconds_of_query * 1e3:.0f} ms |")
        size = int(ask(url, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active")[0][0])
        print(
            f"\nClickHouse, {WRITERS} writers: {len(lines)} chain-months, {rows / 1e6:.1f} M bars "
            f"in {elapsed:.0f} s: {rows / elapsed / 1e3:.0f} k bars/s, {len(lines) / elapsed:.1f} "
            f"months/s; a write {statistics.median(seconds):.2f} s (median), at most {max(parts)} "
            f"active parts, {size / rows:.0f} bytes a bar; the model's 12,000 months are "
            f"{12_000 / (len(lines) / elapsed) / 60:.0f} minutes"
        )


if __name__ == "__main__":
    os.environ["no_proxy"] = "*"
    match sys.argv[1:]:
        case ["write", source, url, writer, count]:
            write_months(Path(source), url, int(writer), int(count))
        case given:
            with tempfile.TemporaryDirectory() as name:
                print_clickhouse(Path(name), int(given[0]) if given else MONTHS)
