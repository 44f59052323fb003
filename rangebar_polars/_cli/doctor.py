"""``doctor``: whether this installation works here, and with what."""

import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

import click
import polars as pl

import rangebar_polars as rb
from rangebar_polars import _internal
from rangebar_polars._cli import options
from rangebar_polars._cli.console import Console
from rangebar_polars._cli.remedies import one_line
from rangebar_polars._cli.verb import FAILED, Verb
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._objects.address import ObjectAddress
from rangebar_polars._series import Series
from rangebar_polars._ticks.caches import cached_series
from rangebar_polars.archive import BinanceArchive, archive_of

Result = Literal["ok", "failed", "skipped"]
_ARCHIVE_SECONDS: Final = 10.0
_OLD_DAY: Final = dt.date(2021, 1, 1)
_MARKS: Final[dict[Result, str]] = {"ok": "ok", "failed": "FAILED", "skipped": "skipped"}

_TRADES: Final = {
    "timestamp": [0, 1_000, 2_000, 3_000, 3_000, 4_000, 9_000, 10_000],
    "price": [50_000.0, 50_100.0, 50_125.0, 50_500.0, 50_400.0, 50_373.75, 50_000.0, 49_000.0],
    "quantity": [1.0, 2.0, 0.5, 0.25, 1.5, 4.0, 8.0, 0.125],
    "is_buyer_maker": [False, False, True, True, False, False, True, True],
}
_KNOWN: Final = [
    (50_000.0, 50_125.0, 50_000.0, 50_125.0, 3.5, 3.0, 0.5),
    (50_500.0, 50_500.0, 50_373.75, 50_373.75, 5.75, 5.5, 0.25),
    (50_000.0, 50_000.0, 49_000.0, 49_000.0, 8.125, 0.0, 8.125),
]
"""Their bars of 250, by hand: open, high, low, close, volume, and that of buyers and sellers."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    result: Result
    detail: str


@click.command(cls=Verb)
@options.cache_dir
@options.store
@options.archive
@click.option("--offline", is_flag=True, help="Do not ask the archive.")
@options.as_json
@click.pass_obj
def doctor(
    console: Console,
    *,
    cache_dir: str | None,
    store: str | None,
    archive: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    r"""Check that the installation works here.

    The checks are of versions, platform, bars that are known, cache, store and archive. The exit
    code is 1 if a check fails.

    \b
    rangebar-polars doctor
    rangebar-polars doctor --json
    """
    checks: dict[str, Callable[[], str] | None] = {
        "versions": _versions,
        "platform": _platform,
        "bars": _bars,
        "cache": lambda: _cache(cache_dir),
        "store": lambda: _store(store, cache_dir),
        "archive": None if offline else lambda: _archive(archive),
    }
    findings = list[Finding]()
    for finding in _found(checks, console):
        findings.append(finding)
        if not as_json:
            console.clear()
            click.echo(f"{_MARKS[finding.result]:<8} {finding.check:<9} {finding.detail}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    if any(finding.result == "failed" for finding in findings):
        click.get_current_context().exit(FAILED)


def _found(checks: dict[str, Callable[[], str] | None], console: Console) -> Iterator[Finding]:
    for name, check in checks.items():
        console.show(f"{name} ...")
        if check is None:
            yield Finding(name, "skipped", "--offline")
            continue
        try:
            yield Finding(name, "ok", check())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            yield Finding(name, "failed", one_line(error))


def _versions() -> str:
    python = f"{platform.python_version()} ({platform.python_implementation()})"
    return f"rangebar-polars {rb.__version__}, Polars {pl.__version__}, Python {python}"


def _platform() -> str:
    return (
        f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} "
        f"processors, {pl.thread_pool_size()} threads of Polars; {sys.executable}; "
        f"{_internal.__file__}"
    )


def _bars() -> str:
    """Compare bars with known ones: of a frame, of a plan, and of a processor trade by trade."""
    times = pl.col("timestamp").cast(pl.Datetime("ms"))
    trades = pl.DataFrame(_TRADES).with_columns(times)
    processor = rb.RangeBarProcessor(250, include_microstructure=True)
    made = {
        "a frame": rb.bars(trades, 250, include_microstructure=True),
        "a plan": rb.bars(trades.lazy(), 250, include_microstructure=True).collect(),
        "a processor": pl.concat([processor.process_trades(row) for row in trades.iter_slices(1)]),
    }
    for what, bars in made.items():
        got = bars.select(
            "open", "high", "low", "close", "volume", "buy_volume", "sell_volume"
        ).rows()
        if got != _KNOWN:
            raise rb.RangeBarError(
                f"the bars of {what} are {got}: expected {_KNOWN} (install the package again)"
            )
    return f"{len(_KNOWN)} bars of {', '.join(made)} are the known ones"


def _cache(cache_dir: str | None) -> str:
    root = cache_root(cache_dir)
    if isinstance(root, ObjectAddress):
        started = time.perf_counter()
        series = len(cached_series(root))
        return f"{root}: {series:,} series of trades, in {time.perf_counter() - started:.2f} s"
    where = root
    while not where.exists():
        where = where.parent
    if not os.access(where, os.W_OK):
        raise rb.CacheError(
            f"{root}: {where} cannot be written to (choose another with --cache-dir)"
        )
    files = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    return f"{root}: {len(files):,} files, {sum(files) / 1e6:,.1f} MB"


def _store(store: str | None, cache_dir: str | None) -> str:
    started = time.perf_counter()
    with rb.open_store(store, cache_dir=cache_dir) as opened:
        chains = len(opened.keys())
        # The address of a server has the password in it, its URL has not.
        where = getattr(opened, "url", opened.address)
    return f"{where}: {chains:,} chains of bars, in {time.perf_counter() - started:.2f} s"


def _archive(url: str | None) -> str:
    """Ask the archive for a checksum that is there for good."""
    archive = archive_of("binance", url)
    if not isinstance(archive, BinanceArchive):
        raise rb.ArchiveError("there is no archive of binance")
    brief = replace(archive, attempts=2, timeout=_ARCHIVE_SECONDS)
    connection, started = brief.connect(), time.perf_counter()
    try:
        file = brief.day_file(Series("binance", "spot", "BTCUSDT"), _OLD_DAY)
        is_there = connection.checksum(file) is not None
    finally:
        connection.close()
    answer = "answers" if is_there else f"answers, without the checksum of {file.name}"
    return f"{archive.url} {answer}, in {time.perf_counter() - started:.2f} s"
