"""The tick cache: one Parquet file per UTC day, which says itself what it was made from.

    <root>/ticks/source=binance/market=spot/symbol=BTCUSDT/2024-08-08.parquet

A day is covered if its file is there, and by nothing else: files appear whole, under a lock,
and hold the `DayReport` of their rows in their own metadata, with no clock time in it, so
equal archives give equal bytes. A file that cannot be read, or is not what its place says,
is an error with its name; nothing here deletes or replaces it on its own.
"""

import datetime as dt
import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import polars as pl

from rangebar_polars.errors import CacheError
from rangebar_polars.exclusive import exclusive, sweep
from rangebar_polars.report import DayReport
from rangebar_polars.schema import TRADE_SCHEMA

LAYOUT_VERSION = "1"
# Fixed, so that a file's bytes do not depend on the pieces its rows were read in.
ROW_GROUP_ROWS = 1 << 18
SLICE_ROWS = 1 << 18

REMEDY = "delete the file, or call scan_ticks with refresh=True, to have it made again"


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder: the argument, ``RANGEBAR_CACHE_DIR``, or the platform's own."""
    chosen = cache_dir or os.environ.get("RANGEBAR_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "rangebar-polars"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rangebar-polars"


@dataclass(frozen=True)
class TickCache:
    """The cached days of one symbol of one market of one source.

    Examples
    --------
    >>> TickCache(Path("cache"), "binance", "um", "BTCUSDT").path(dt.date(2024, 8, 8)).as_posix()
    'cache/ticks/source=binance/market=um/symbol=BTCUSDT/2024-08-08.parquet'

    """

    root: Path
    source: str
    market: str
    symbol: str

    @property
    def folder(self) -> Path:
        """Where the days lie."""
        parts = {"source": self.source, "market": self.market, "symbol": self.symbol}
        names = [f"{key}={quote(value, safe='')}" for key, value in parts.items()]
        return self.root.joinpath("ticks", *names)

    def unfinished(self, name: str) -> Path:
        """Return where a file lies until the days in it are written."""
        parts = (self.source, self.market, self.symbol, name)
        return self.root / "downloads" / f"{'-'.join(quote(p, safe='') for p in parts)}.part"

    @property
    def label(self) -> str:
        """What messages call the series."""
        return f"{self.source} {self.market} {self.symbol}"

    def path(self, day: dt.date) -> Path:
        """Return where a day's file is, or would be."""
        return self.folder / f"{day}.parquet"

    def days(self) -> list[dt.date]:
        """Return the days that are cached, ascending."""
        return sorted(
            dt.date.fromisoformat(path.stem) for path in self.folder.glob("????-??-??.parquet")
        )

    def report(self, day: dt.date) -> DayReport | None:
        """Return what is known of a day, or None where it is not cached.

        Raises
        ------
        CacheError
            The file cannot be read, or is of another series, day or version.

        """
        metadata = self._metadata(day)
        return None if metadata is None else DayReport.from_json(metadata["rangebar.report"])

    def write(
        self,
        rows: pl.DataFrame,
        report: DayReport,
        stop: threading.Event | None = None,
    ) -> None:
        """Put a cleaned day in its place, whole or not at all."""
        target = self.path(report.day)
        metadata = {
            "rangebar.version": LAYOUT_VERSION,
            "rangebar.series": self.label,
            "rangebar.fingerprint": fingerprint(rows),
            "rangebar.report": report.to_json(),
        }
        with exclusive(target.with_name(f".{target.name}.part"), stop) as claim:
            claim.handle.truncate(0)
            rows.write_parquet(
                claim.handle,
                compression="zstd",
                row_group_size=ROW_GROUP_ROWS,
                metadata=metadata,
            )
            claim.publish(target)

    def damage(self, day: dt.date) -> str | None:
        """Read a day's file to the end and say what is wrong with it, or return None.

        Parquet pages carry no checksum here, so flipped bits would be read as trades.
        """
        metadata = self._metadata(day)
        if metadata is None:
            return None
        path = self.path(day)
        try:
            rows = pl.read_parquet(path, hive_partitioning=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            return f"{path} cannot be read: {error} ({REMEDY})"
        if fingerprint(rows) == metadata["rangebar.fingerprint"]:
            return None
        return f"{path} holds other trades than were written to it ({REMEDY})"

    def scan(self, days: Iterable[dt.date]) -> pl.LazyFrame:
        """Return the trades of cached days, in the order given."""
        paths = [self.path(day) for day in days]
        if not paths:
            return pl.LazyFrame(schema=TRADE_SCHEMA)
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False)

    def sweep(self) -> None:
        """Remove what killed processes left unfinished."""
        sweep(self.folder, ".*.parquet.part")
        every = self.unfinished("")
        sweep(every.parent, f"{every.stem}*.part")

    def _metadata(self, day: dt.date) -> dict[str, str] | None:
        path = self.path(day)
        try:
            with path.open("rb") as handle:
                metadata = pl.read_parquet_metadata(handle)
        except FileNotFoundError:
            return None
        except (pl.exceptions.PolarsError, OSError) as error:
            raise CacheError(f"{path} cannot be read: {error} ({REMEDY})") from error
        got = metadata.get("rangebar.version")
        if got != LAYOUT_VERSION:
            raise CacheError(
                f"{path} has layout version {got}, expected {LAYOUT_VERSION} ({REMEDY})",
            )
        series, of_day = metadata["rangebar.series"], json.loads(metadata["rangebar.report"])["day"]
        if (series, of_day) != (self.label, f"{day}"):
            raise CacheError(
                f"{path} holds {series} of {of_day}, expected {self.label} of {day} "
                "(the file was moved: move it back, or delete it)",
            )
        return metadata


def check_names(source: str, market: str, symbol: str) -> None:
    """Refuse names that no folder can be called by."""
    for name, value in (("source", source), ("market", market), ("symbol", symbol)):
        if not isinstance(value, str):
            raise TypeError(f"{name} is {value!r} (give a name)")
        if not value:
            raise ValueError(f"{name} is empty (give a name)")


def series(root: Path) -> list[TickCache]:
    """Return every series that has a folder in the cache, in order."""
    folders = sorted((root / "ticks").glob("source=*/market=*/symbol=*"))
    parts = [[unquote(part.partition("=")[2]) for part in path.parts[-3:]] for path in folders]
    return [TickCache(root, *part) for part in parts]


def fingerprint(rows: pl.DataFrame) -> str:
    """Return a digest of the values of a frame of trades, whatever its chunks.

    Sums of the columns' bits, modulo 2^64: cheap enough to be taken of every day, and a
    flipped bit changes its column's sum.
    """
    sums = [0] * rows.width
    for part in rows.iter_slices(SLICE_ROWS):
        found = part.select(bits()).sum().row(0)
        sums = [(total + (more or 0)) % 2**64 for total, more in zip(sums, found, strict=True)]
    nulls = rows.null_count().row(0)
    return hashlib.sha256(json.dumps([rows.height, sums, nulls]).encode()).hexdigest()


def bits() -> list[pl.Expr]:
    """Return the columns of a trade as whole numbers that keep every bit."""
    return [
        pl.col("timestamp").to_physical(),
        pl.col("price", "quantity").reinterpret(dtype=pl.Int64),
        pl.col("is_buyer_maker").cast(pl.Int64),
        pl.col("agg_trade_id", "first_trade_id", "last_trade_id"),
    ]
