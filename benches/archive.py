"""From zip to Parquet: a clean day of 5 M trades against the steps that it needs at least.

    python benches/archive.py [rows]

The bare steps are inflating the zip, `pl.read_csv` with an explicit schema, and
`write_parquet`; the package reads, checks, cleans, reports, and writes durably. Both run in
fresh processes, in turn, and the best of five counts; the cached day is compared with the bare
frame first. Exits with 1 where the ratio or the peak memory is above what is promised.
"""

import datetime as dt
import hashlib
import os
import random
import sys
import tempfile
import zipfile
from pathlib import Path

import polars as pl
from fresh import report, run

from rangebar_polars._catalog.fetch import Fetch, Job
from rangebar_polars._disk.locked_file import locked
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars._ticks.report import Origin
from rangebar_polars.archive.binance import BinanceArchive, BinanceFile

ROWS = 5_000_000
ROUNDS = 5
RATIO = 1.3
PEAK_MB = 500
FILE = BinanceFile("um", "BTCUSDT", dt.date(2024, 8, 8))
HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
SCHEMA = {
    "agg_trade_id": pl.Int64,
    "price": pl.Float64,
    "quantity": pl.Float64,
    "first_trade_id": pl.Int64,
    "last_trade_id": pl.Int64,
    "transact_time": pl.Int64,
    "is_buyer_maker": pl.Boolean,
}


def make_zip(path: Path, rows: int) -> None:
    """Write a futures day: a random walk in steps of one tick, with several fills a record."""
    state = random.Random(8)  # noqa: S311 - the same day every time
    midnight, fill, price = 1_723_075_200_000, 5_266_583_935, 618_003
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(FILE.name.replace(".zip", ".csv"), "w") as member,
    ):
        member.write(f"{HEADER}\n".encode())
        for start in range(0, rows, 100_000):
            lines = []
            for row in range(start, min(start + 100_000, rows)):
                bits = state.getrandbits(32)
                price += (bits & 1) - (bits >> 1 & 1)
                last = fill + (bits >> 2 & 3)
                time_ = midnight + row * 86_400_000 // rows
                quantity = (bits >> 4 & 4095) / 1000 + 0.001
                side = "true" if bits >> 16 & 1 else "false"
                lines.append(
                    f"{2_300_000_000 + row},{price // 10}.{price % 10}0,{quantity:.3f},"
                    f"{fill},{last},{time_},{side}\n",
                )
                fill = last + 1
            member.write("".join(lines).encode())


def bare(source: Path, folder: Path) -> None:
    """Do only the necessary steps."""
    with zipfile.ZipFile(source) as archive:
        text = archive.read(archive.namelist()[0])
    rows = pl.read_csv(text, schema=SCHEMA)
    rows.write_parquet(folder / "bare.parquet")


def package(source: Path, folder: Path) -> None:
    """Do what a fetch does after the download."""
    cache = DiskTickCache(folder, Series("binance", FILE.market, FILE.symbol))
    fetch = Fetch(cache, BinanceArchive())
    with source.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    with locked(folder / "bench.part") as file:
        file.path.unlink()
        os.link(source, file.path)
        origin = Origin(archive=FILE.name, sha256=sha256, verified=True)
        fetch.convert(file, Job(FILE, (FILE.day,)), origin)


def check(folder: Path, rows: int) -> None:
    """Compare the cached day with the bare frame, value by value."""
    got = (
        DiskTickCache(folder, Series("binance", FILE.market, FILE.symbol))
        .scan([FILE.day])
        .collect()
    )
    expected = pl.read_parquet(folder / "bare.parquet").select(
        (pl.col("transact_time") * 1000)
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
        .alias("timestamp"),
        *got.columns[1:],
    )
    assert got.height == rows
    assert got.equals(expected)


def main(rows: int) -> int:
    """Print the figures; return 1 if they are worse than promised."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / FILE.name
        make_zip(source, rows)
        runs = {what: [run(__file__, what, source, folder)] for what in ("bare", "package")}
        check(folder, rows)
        for _ in range(ROUNDS - 1):
            for what, results in runs.items():
                results.append(run(__file__, what, source, folder))
    best = {what: min(seconds for seconds, _ in results) for what, results in runs.items()}
    peak = {what: max(peak for _, peak in results) for what, results in runs.items()}
    spread = {what: max(seconds for seconds, _ in results) for what, results in runs.items()}
    for what in runs:
        print(f"{what:8} {best[what]:6.2f} s  (to {spread[what]:.2f})  {peak[what]:6.0f} MB")
    ratio = best["package"] / best["bare"]
    print(f"ratio    {ratio:6.2f}    (promised {RATIO} and {PEAK_MB} MB)")
    return int(ratio > RATIO or peak["package"] > PEAK_MB)


if __name__ == "__main__":
    if len(sys.argv) == 4:  # noqa: PLR2004 - this script's own call of itself
        side = {"bare": bare, "package": package}[sys.argv[1]]
        report(lambda: side(Path(sys.argv[2]), Path(sys.argv[3])))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
