"""How long a large archive takes on 1, 8 and 64 workers: a model of costs measured on the spot.

    PYTHONPATH=tests python benches/scale.py

Processor time of each step is measured for days of two sizes, which come from a server on this
machine, and of months that are joined; the bars are compared with those of one pass first. The
model multiplies these for 100 symbols of 60 months and says what limits each number of workers.
Then `populate` fills a small part by symbols and by months, with processes, and its processor time
is compared with what the model says of that part. What ClickHouse takes is measured by
`clickhouse_writers.py`. The model knows neither retries nor a slow archive.
"""

import datetime as dt
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import polars as pl
from support.archive_server import ArchiveServer

import rangebar_polars as rb
from rangebar_polars._catalog.bars import StoredBars
from rangebar_polars._catalog.tick_day import TickDay
from rangebar_polars._days import day_range
from rangebar_polars.archive.binance import BinanceFile

THRESHOLDS: Final = [100, 250]
SMALL, LARGE = 20_000, 400_000
"""Trades of a day, between which a cost for each day and one for each trade are separated."""
MEASURED: Final = day_range("2024-01-30", "2024-02-02")
PART: Final = day_range("2024-01-16", "2024-03-15")
"""The days of the real run: three months of one larger symbol, and of smaller ones."""
PART_SIZES: Final = {"LARGEUSDT": 40_000, "AUSDT": 4_000, "BUSDT": 4_000}
WORKERS: Final = (1, 8, 64)
MONTHS: Final = 60
DAYS: Final = 30.4
SYMBOLS: Final = {1_200_000: 5, 300_000: 20, 50_000: 75}
"""The archive of the model: how many symbols have so many trades a day."""
LINE: Final = 125e6
"""Bytes a second of one line of 1 Gbit/s."""


def day_of(day: dt.date, trades: int, symbol: str) -> bytes:
    """Return a day of a spot symbol as the archive writes it: one price in five moves."""
    number = (day - dt.date(2024, 1, 1)).days
    chance = np.random.default_rng([number, trades, *symbol.encode()])
    moves = chance.standard_t(3, trades) * 12 * (chance.random(trades) < 0.2)  # noqa: PLR2004
    cents = np.round(6_000_000 + np.cumsum(moves)).astype(np.int64)
    start = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000
    ids = 1 + trades * number + np.arange(trades)
    frame = pl.DataFrame(
        {
            "id": ids,
            "price": cents / 100,
            "quantity": chance.integers(1, 100_000, trades) / 100_000,
            "first": 2 * ids,
            "last": 2 * ids + 1,
            "time": start + np.arange(trades) * 86_400_000 // trades,
            "maker": pl.Series(np.where(chance.random(trades) < 0.5, "True", "False")),  # noqa: PLR2004
            "best": pl.Series(["True"]).new_from_index(0, trades),
        }
    )
    return frame.write_csv(include_header=False, float_precision=8).encode()


def publish(folder: Path, days: Sequence[dt.date], sizes: dict[str, int]) -> int:
    """Write the files of symbols as an archive has them; return the bytes of the zips."""
    server, received = ArchiveServer(), 0
    for symbol, trades in sizes.items():
        for day in days:
            file = BinanceFile("spot", symbol, day)
            server.publish(file, day_of(day, trades, symbol))
            received += len(server.files[file.path])
    for name, body in server.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return received


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Yield the URL of a server of a folder, in a process of its own."""
    with subprocess.Popen(  # noqa: S603 - this script
        [sys.executable, __file__, "serve", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        # It ends with its standard input, so that its time is no part of that of the children.
        assert server.stdin is not None
        server.stdin.close()


def serve(folder: Path) -> None:
    """Serve the files of a folder until standard input ends."""
    with ArchiveServer() as server:
        server.add_folder(folder)
        print(server.url, flush=True)
        sys.stdin.read()


def busy(call: Callable[[], object]) -> float:
    """Return the processor seconds of all threads that a call takes."""
    began = time.process_time()
    call()
    return time.process_time() - began


@dataclass(frozen=True)
class Line:
    """A cost of each day and one of each trade."""

    day: float
    trade: float

    @classmethod
    def through(cls, small: float, large: float) -> "Line":
        """Return the line through the costs of a small and of a large day."""
        trade = (large - small) / (LARGE - SMALL)
        return cls(max(0.0, small - SMALL * trade), trade)

    def of(self, days: float, trades: float) -> float:
        """Return the cost of days with so many trades each."""
        return days * (self.day + trades * self.trade)


@dataclass(frozen=True)
class Costs:
    """Processor seconds of each step, and bytes of a trade."""

    fetch: Line
    bars: Line
    again: float
    joined_month: float
    met_after: float
    zipped: float
    cached: float

    @property
    def fetched_share(self) -> tuple[float, float]:
        """Return the share of fetching for days of two sizes."""
        shares = []
        for trades in (50_000, 1_200_000):
            fetching, computing = self.fetch.of(1, trades), self.bars.of(1, trades)
            shares.append(fetching / (fetching + computing))
        return shares[0], shares[1]


def measured(folder: Path) -> Costs:
    """Measure each step in this process, after comparing the bars with those of one pass."""
    sizes = {"SMALLUSDT": SMALL, "BIGUSDT": LARGE}
    zips = {
        name: publish(folder / "served", MEASURED, {name: size}) for name, size in sizes.items()
    }
    fetching, computing, again = dict[str, float](), dict[str, float](), 0.0
    with serving(folder / "served") as url:
        archive = rb.BinanceArchive(url, None)
        for symbol in ["SMALLUSDT", *sizes]:  # The first time the modules are loaded.
            own: dict[str, Any] = {"cache_dir": folder / f"cache {len(fetching)} {symbol}"}
            days = symbol, MEASURED[0], MEASURED[-1]
            own |= {"archive": archive}
            fetching[symbol] = busy(partial(rb.archive_quality, *days, **own))
            trades = rb.scan_ticks(*days, **own).collect()
            ask_for = partial(rb.get_range_bars, *days, THRESHOLDS, **own)
            computing[symbol] = busy(ask_for)
            again = busy(ask_for)
            assert ask_for().equals(rb.bars(trades, THRESHOLDS))
            files = list(own["cache_dir"].rglob("ticks/**/*.parquet"))
            kept = sum(path.stat().st_size for path in files)
    count = len(MEASURED)
    joined, met = measured_months(folder)
    return Costs(
        fetch=Line.through(*(fetching[symbol] / count for symbol in sizes)),
        bars=Line.through(*(computing[symbol] / count for symbol in sizes)),
        again=again,
        joined_month=joined,
        met_after=met,
        zipped=zips["BIGUSDT"] / (count * LARGE),
        cached=kept / (count * LARGE),
    )


def measured_months(folder: Path) -> tuple[float, float]:
    """Return what a month costs more as a unit, and after how many trades its chain is met."""
    days, trades = day_range("2024-01-01", "2024-06-30"), 3_000
    own: dict[str, Any] = {"source": "mine", "cache_dir": folder / "months"}
    columns = ["id", "price", "quantity", "first", "last", "time", "maker", "best"]
    for day in days:
        frame = pl.read_csv(day_of(day, trades, "M"), has_header=False, new_columns=columns)
        frame = frame.select(
            timestamp=pl.col("time").cast(pl.Datetime("ms")), price="price", quantity="quantity"
        )
        rb.import_trades(frame, symbol="M", **own)
    opened, original = list[dt.date](), StoredBars.open_day

    def spied(bars: StoredBars, day: dt.date) -> TickDay:
        opened.append(day)
        return original(bars, day)

    seconds, stores = dict[str, float](), [folder / "by symbol", folder / "by month"]
    asked: dict[str, Any] = {"threshold_decimal_bps": 20, **own}
    with ThreadPoolExecutor(1) as threads, patch.object(StoredBars, "open_day", spied):
        for unit, store in zip(("symbol", "month"), stores, strict=True):
            more = {"executor": threads, "store": store, "unit": unit, **asked}
            seconds[unit] = busy(partial(rb.populate, "M", days[0], days[-1], **more))
    want, got = (
        rb.get_range_bars("M", days[0], days[-1], store=store, **asked) for store in stores
    )
    assert got.equals(want)
    months = len({day.month for day in days}) - 1
    more_days = len(opened) - 2 * len(days)
    return (seconds["month"] - seconds["symbol"]) / months, more_days / months * trades


@dataclass(frozen=True)
class Answer:
    """Minutes, and what limits them."""

    minutes: float
    limit: str


def longest(**bounds: float) -> Answer:
    """Return the bound that takes the longest, in seconds."""
    name = max(bounds, key=lambda each: bounds[each])
    return Answer(bounds[name] / 60, name.replace("_", " "))


@dataclass(frozen=True)
class Archive:
    """Symbols by trades a day, over some months."""

    symbols: dict[int, int]
    days: float
    months: float

    def seconds(self, cost: Line) -> float:
        """Return the cost of all."""
        return sum(n * cost.of(self.days, trades) for trades, n in self.symbols.items())

    def largest(self, cost: Line) -> float:
        """Return the cost of the largest symbol."""
        return cost.of(self.days, max(self.symbols))

    @property
    def trades(self) -> float:
        """The number of trades."""
        return sum(n * trades * self.days for trades, n in self.symbols.items())


def by_symbol(costs: Costs, archive: Archive, workers: int) -> Answer:
    """Each symbol on one worker."""
    whole = Line(costs.fetch.day + costs.bars.day, costs.fetch.trade + costs.bars.trade)
    return longest(CPU=archive.seconds(whole) / workers, the_largest_symbol=archive.largest(whole))


def by_month(costs: Costs, archive: Archive, workers: int) -> Answer:
    """Each month on one worker, joined for each symbol."""
    whole = Line(costs.fetch.day + costs.bars.day, costs.fetch.trade + costs.bars.trade)
    joins = sum(archive.symbols.values()) * archive.months * costs.joined_month
    cpu = (archive.seconds(whole) + joins) / workers
    return longest(
        CPU=cpu,
        the_largest_symbol=archive.largest(whole) / archive.months
        + archive.months * costs.joined_month,
    )


def of_line(costs: Costs, archive: Archive, workers: int) -> Answer:
    """All workers share one line."""
    alone = by_month(costs, archive, workers).minutes * 60
    return longest(the_line=archive.trades * costs.zipped / LINE, CPU=alone)


def cached(costs: Costs, archive: Archive, workers: int) -> Answer:
    """Trades are cached already."""
    return longest(
        CPU=archive.seconds(costs.bars) / workers, the_largest_symbol=archive.largest(costs.bars)
    )


def print_model(costs: Costs) -> None:
    """Print costs and minutes as tables."""
    archive = Archive(SYMBOLS, DAYS * MONTHS, MONTHS)
    small, large = costs.fetched_share
    print("| CPU time of a symbol | for each day | for each trade |\n|---|---|---|")
    for name, line in {"fetching": costs.fetch, "bars of two thresholds": costs.bars}.items():
        print(f"| {name} | {line.day * 1e3:.1f} ms | {line.trade * 1e9:.0f} ns |")
    print(f"| the same call again | {costs.again * 1e3:.0f} ms for each call | |")
    print(f"| a month as a unit | {costs.joined_month * 1e3:.0f} ms more for each month | |")
    print(
        f"\nfetching is {small:.0%} of days of 50,000 trades and {large:.0%} of 1.2 million; a "
        f"trade has {costs.zipped:.1f} bytes zipped and {costs.cached:.1f} cached; months met "
        f"after {costs.met_after:,.0f} trades\n{archive.trades / 1e9:.1f} G trades, "
        f"{archive.trades * costs.zipped / 1e9:.0f} GB of zips, "
        f"{archive.trades * costs.cached / 1e9:.0f} GB cached\n"
    )
    print(f"| minutes | {' | '.join(f'{n} workers' for n in WORKERS)} | limited by |")
    print("|---" * (len(WORKERS) + 2) + "|")
    rows: dict[str, Callable[[Costs, Archive, int], Answer]] = {
        "by symbol": by_symbol,
        "by month": by_month,
        "one line of 1 Gbit/s": of_line,
        "trades are cached, by symbol": cached,
    }
    for name, model in rows.items():
        answers = [model(costs, archive, workers) for workers in WORKERS]
        cells = " | ".join(f"{answer.minutes:.1f}" for answer in answers)
        print(f"| {name} | {cells} | {', '.join(answer.limit for answer in answers)} |")


def print_real_run(costs: Costs, folder: Path) -> None:
    """Fill a part with processes, and compare its processor time with that of the model."""
    publish(folder / "part", PART, PART_SIZES)
    days = PART[0], PART[-1]
    print("\n| a real run of the part | CPU, model | CPU, real | elapsed |\n|---|---|---|---|")
    frames = dict[str, list[pl.DataFrame]]()
    with serving(folder / "part") as url:
        for unit in ("symbol", "month"):
            for processes in (1, 2):
                own: dict[str, Any] = {
                    "cache_dir": folder / f"part {unit} {processes}",
                    "archive": rb.BinanceArchive(url, None),
                }
                before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                report = rb.populate(
                    list(PART_SIZES), *days, THRESHOLDS, unit=unit, processes=processes, **own
                )
                elapsed = time.perf_counter() - began
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                assert (report["status"] == "ok").all()
                frames.setdefault(unit, []).extend(
                    rb.get_range_bars(name, *days, THRESHOLDS, **own) for name in PART_SIZES
                )
                real = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                archive = Archive({}, len(PART), len({day.month for day in PART}))
                model = sum(
                    60 * of(costs, replace(archive, symbols={size: 1}), 1).minutes
                    for size in PART_SIZES.values()
                    for of in ([by_symbol] if unit == "symbol" else [by_month])
                )
                print(
                    f"| by {unit}, processes: {processes} | {model:.1f} s | {real:.1f} s | "
                    f"{elapsed:.1f} s |",
                    flush=True,
                )
    for name, place in zip(PART_SIZES, range(len(PART_SIZES)), strict=True):
        ticks = rb.scan_ticks(
            name, *days, cache_dir=folder / "part symbol 1", fetch_if_missing=False
        )
        want = rb.bars(ticks.collect(), THRESHOLDS)
        every = [got for each in frames.values() for got in each[place :: len(PART_SIZES)]]
        assert all(got.equals(want) for got in every)


def main() -> None:
    """Measure, compare, and print."""
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(Path(folder))
        print_model(costs)
        print_real_run(costs, Path(folder))


if __name__ == "__main__":
    os.environ["no_proxy"] = "*"
    match sys.argv[1:]:
        case ["serve", served]:
            serve(Path(served))
        case _:
            main()
