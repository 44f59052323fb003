"""The tick cache: one Parquet file per UTC day, which says itself what it was made from.

    <root>/ticks/source=binance/market=spot/symbol=BTCUSDT/2024-08-08.parquet

A day is covered if its file is there, and by nothing else: files appear whole, under a lock,
and hold the `DayReport` of their rows in their own metadata, with no clock time in it, so
equal archives give equal bytes. A file that cannot be read, or is not what its place says,
is an error with its name; nothing here deletes or replaces it on its own.
"""

import contextlib
import datetime as dt
import errno
import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import polars as pl

from rangebar_polars._days import days_named
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.fingerprint import TableHash
from rangebar_polars._disk.locked_file import LockedFile, locked, remove_abandoned
from rangebar_polars._disk.path_names import to_name
from rangebar_polars._disk.regular_file import entries, has_file, open_to_read, subfolders
from rangebar_polars._ticks.day_file import DEFAULT, Compression, write_day
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import SERIES_SCHEMA, TRADE_SCHEMA, Series

IMPORT_AGAIN = "give all trades of the day to import_trades, with replace=True"
LAYOUT_VERSION = "3"
# ENOENT: it has no folder, and so no days.
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT})


@dataclass(frozen=True)
class TickCache:
    """The cached days of a series.

    Attributes
    ----------
    root
        The cache folder.
    series
        Whose trades.
    remedy
        How a file is made again that is not what it should be.
    compression
        How days are written; they are read however they were written.

    Examples
    --------
    >>> cache = TickCache(Path("cache"), Series("binance", "um", "BTCUSDT"))
    >>> cache.path(dt.date(2024, 8, 8)).as_posix()
    'cache/ticks/source=binance/market=um/symbol=BTCUSDT/2024-08-08.parquet'

    """

    root: Path
    series: Series
    remedy: str = field(default=IMPORT_AGAIN, compare=False)
    compression: Compression = field(default=DEFAULT, compare=False)

    @cached_property
    def folder(self) -> Path:
        """Where the days lie."""
        return self.root / "ticks" / self.series.path

    def unfinished(self, name: str) -> Path:
        """Return where a file lies until the days in it are written."""
        # No part has a comma, so two series share no file.
        parts = [*map(to_name, self.series.values, self.series.values.values())]
        return self.root / "downloads" / f"{','.join([*parts, quote(name, safe='')])}.part"

    @property
    def label(self) -> str:
        """What messages call the series."""
        return self.series.label

    def path(self, day: dt.date) -> Path:
        """Return where a day's file is, or would be."""
        return self.folder / f"{day}.parquet"

    def days(self) -> list[dt.date]:
        """Return the days that are cached, ascending.

        Raises
        ------
        CacheError
            The folder may not be read.

        """
        with disk_errors(CacheError, self.folder, doing="read"):
            return days_named(path.stem for path in entries(self.folder, "????-??-??.parquet"))

    def has(self, day: dt.date) -> bool:
        """Return whether a day is cached, in whatever state.

        Raises
        ------
        CacheError
            The folder may not be looked into.

        """
        path = self.path(day)
        with disk_errors(CacheError, path, doing="read"):
            return has_file(path)

    def report(self, day: dt.date) -> DayReport | None:
        """Return what is known of a day, or None where it is not cached.

        Raises
        ------
        CacheError
            The file cannot be read, has other columns than trades, or is of another series, day
            or version.

        """
        with self._opened(day) as handle:
            return None if handle is None else self._report(day, handle)

    def open(self, day: dt.date) -> tuple[DayReport, pl.LazyFrame] | None:
        """Return a day's report and its trades, or None where it is not cached.

        Both are of one file, which the plan holds open: the trades stay those of the report
        when the day is replaced, and many days at a time are many open files. The trades are
        not compared with what was written: `proven` does that while they are read.

        Raises
        ------
        CacheError
            The file cannot be read, has other columns than trades, or is of another series, day
            or version.

        """
        with self._opened(day) as handle:
            if handle is None:
                return None
            report = self._report(day, handle)
            handle.seek(0)
            return report, pl.scan_parquet(handle)

    def proven(self, report: DayReport, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield the trades of an open day, and refuse them after the last if they are others.

        Polars verifies no checksums of Parquet pages, so flipped bits would be read as trades.

        Parameters
        ----------
        report
            The report of the day.
        batches
            Its trades, with all of their columns.

        Raises
        ------
        CacheError
            The file cannot be read to its end, or holds other trades than were written to it.

        """
        hashed = TableHash(TRADE_SCHEMA.to_frame())
        with self._reading(report.day):
            for batch in batches:
                hashed.push(batch)
                yield batch
                del batch  # or it would live on while the next one is made
        if hashed.hexdigest() != report.fingerprint:
            raise self._other_trades(report.day)

    def _other_trades(self, day: dt.date) -> CacheError:
        return CacheError(
            f"{self.path(day)} holds other trades than were written to it ({self.remedy})"
        )

    def _reading(self, day: dt.date) -> contextlib.AbstractContextManager[None]:
        return disk_errors(CacheError, self.path(day), doing="read", remedy=self.remedy)

    @contextlib.contextmanager
    def _opened(self, day: dt.date) -> Iterator[BinaryIO | None]:
        with self._reading(day):
            try:
                handle = open_to_read(self.path(day))
            except FileNotFoundError:
                handle = None
            with handle or contextlib.nullcontext():
                yield handle

    @contextlib.contextmanager
    def unfinished_file(
        self, name: str, stop: threading.Event | None = None
    ) -> Iterator[LockedFile]:
        """Hold the file that lies where `unfinished` says, as `locked` does.

        Raises
        ------
        CacheError
            It cannot be made or written.

        """
        path = self.unfinished(name)
        with disk_errors(CacheError, path, doing="written"), locked(path, stop) as file:
            yield file

    def write(
        self,
        rows: pl.DataFrame,
        report: DayReport,
        stop: threading.Event | None = None,
    ) -> None:
        """Put a cleaned day in its place, whole or not at all.

        Raises
        ------
        CacheError
            It cannot be written: the disk is full, or may not be written.

        """
        target = self.path(report.day)
        text = report.to_json()
        metadata = {
            "rangebar.version": LAYOUT_VERSION,
            "rangebar.series": self.label,
            "rangebar.report": text,
            "rangebar.report.sha256": _sha256(text),
        }
        part = target.with_name(f".{target.name}.part")
        with disk_errors(CacheError, target, doing="written"), locked(part, stop) as file:
            with file.written() as handle:
                write_day(handle, rows, self.compression, metadata)
            file.move_to(target)

    def damage(self, day: dt.date) -> str | None:
        """Read a day's file to the end and say what is wrong with it, or return None."""
        try:
            opened = self.open(day)
            if opened is not None:
                report, trades = opened
                for _ in self.proven(report, map(pl.LazyFrame.collect, [trades])):
                    pass
        except CacheError as error:
            return str(error)
        return None

    def scan(self, days: Iterable[dt.date]) -> pl.LazyFrame:
        """Return the trades of cached days, in the order given."""
        paths = [self.path(day) for day in days]
        if not paths:
            return pl.LazyFrame(schema=TRADE_SCHEMA)
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False)

    def size(self) -> int:
        """Return how many bytes the days take.

        Raises
        ------
        CacheError
            The folder may not be looked into.

        """
        size = 0
        with disk_errors(CacheError, self.folder, doing="read"):
            for path in entries(self.folder, "*.parquet"):
                with contextlib.suppress(FileNotFoundError):
                    size += path.stat().st_size
        return size

    def clear(self) -> None:
        """Remove every day, and what killed processes left unfinished. Nothing is read for it.

        Raises
        ------
        CacheError
            A file cannot be removed.

        """
        with disk_errors(CacheError, self.folder, doing="cleared"):
            paths = entries(self.folder, "*.parquet")
        for path in paths:
            with disk_errors(CacheError, path, doing="removed"):
                path.unlink(missing_ok=True)
        with disk_errors(CacheError, self.folder, doing="cleared"):
            self._remove_abandoned(strict=True)
            try:
                self.folder.rmdir()
            except OSError as error:
                # Another process has added a day, or a user a file of their own.
                if error.errno not in _NOT_EMPTY:
                    raise

    def remove_abandoned(self) -> None:
        """Remove what killed processes left unfinished, except what this user may not remove.

        Raises
        ------
        CacheError
            The disk fails.

        """
        with disk_errors(CacheError, self.folder, doing="cleared"):
            self._remove_abandoned(strict=False)

    def _remove_abandoned(self, *, strict: bool) -> None:
        remove_abandoned(self.folder, ".*.parquet.part", strict=strict)
        every = self.unfinished("")
        remove_abandoned(every.parent, f"{every.stem}*.part", strict=strict)

    def _report(self, day: dt.date, handle: BinaryIO) -> DayReport:
        path, metadata = self.path(day), pl.read_parquet_metadata(handle)
        damaged = f"{path} cannot be read: what it says of itself is damaged ({self.remedy})"
        got = metadata.get("rangebar.version")
        if got != LAYOUT_VERSION:
            raise CacheError(
                f"{path} has layout version {got}, expected {LAYOUT_VERSION} ({self.remedy})",
            )
        try:
            series, text = metadata["rangebar.series"], metadata["rangebar.report"]
            report = DayReport.from_json(text)
            is_whole = metadata["rangebar.report.sha256"] == _sha256(text)
        except (KeyError, ValueError) as error:
            raise CacheError(damaged) from error
        if not is_whole:
            raise CacheError(damaged)
        if (series, report.day) != (self.label, day):
            raise CacheError(
                f"{path} holds {series} of {report.day}, expected {self.label} of {day} "
                "(the file was moved: move it back, or delete it)",
            )
        handle.seek(0)
        if pl.read_parquet_schema(handle) != TRADE_SCHEMA:
            raise self._other_trades(day)
        return report


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def caches(root: Path, names: Mapping[str, str] | None = None) -> list[TickCache]:
    """Return the cache of every series that has a folder, in order.

    Parameters
    ----------
    root
        The cache folder.
    names
        Only series of these, by column. Folders of others are not looked into.

    Raises
    ------
    CacheError
        A folder may not be read.

    """
    top, asked = root / "ticks", names or {}
    try:
        written = {key: to_name(key, name) for key, name in asked.items()}
    except UnicodeEncodeError:
        # No folder has half a character in its name.
        return []
    patterns = [f"{key}={written.get(key, '*')}" for key in SERIES_SCHEMA]
    with disk_errors(CacheError, top, doing="read"):
        folders = subfolders(top, patterns)
    every = (Series.from_path(folder.relative_to(top).as_posix()) for folder in folders)
    return [TickCache(root, series) for series in every if series is not None]
