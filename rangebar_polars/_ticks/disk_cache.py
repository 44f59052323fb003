"""The tick cache in a folder, whose files are renamed to their names under a lock."""

import contextlib
import datetime as dt
import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import polars as pl

from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import locked, remove_abandoned
from rangebar_polars._disk.regular_file import entries, has_file, open_to_read, subfolders
from rangebar_polars._series import Series
from rangebar_polars._ticks.cache import TICKS, TickCache, days_of, file_name
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import TRADE_SCHEMA

# ENOENT: it has no folder, and so no days.
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT})


@dataclass(frozen=True)
class DiskTickCache(TickCache):
    """The cached days of a series in a folder.

    Examples
    --------
    >>> cache = DiskTickCache(Path("cache"), Series("binance", "um", "BTCUSDT"))
    >>> cache.path(dt.date(2024, 8, 8)).as_posix()
    'cache/ticks/source=binance/market=um/symbol=BTCUSDT/2024-08-08.parquet'
    """

    root: Path

    writers = 1

    @cached_property
    def folder(self) -> Path:
        """Where the days lie."""
        return self.root / self.folder_name

    def path(self, day: dt.date) -> Path:
        """Return where a day's file is, or would be."""
        return self.folder / file_name(day)

    def place(self, day: dt.date) -> str:
        """Return the path of a day's file; see `TickCache.place`."""
        return str(self.path(day))

    def days(self) -> list[dt.date]:
        """Return the days that are cached; see `TickCache.days`."""
        with disk_errors(CacheError, self.folder, doing="read"):
            return days_of(path.name for path in entries(self.folder))

    def missing(self, days: Sequence[dt.date]) -> list[dt.date]:
        """Return those of some days that are not cached; see `TickCache.missing`."""
        return [day for day in days if not self._has(day)]

    def _has(self, day: dt.date) -> bool:
        path = self.path(day)
        with disk_errors(CacheError, path, doing="read"):
            return has_file(path)

    def sizes(self) -> dict[dt.date, int]:
        """Return the bytes of each day; see `TickCache.sizes`."""
        sizes = dict[dt.date, int]()
        for day in self.days():
            with (
                disk_errors(CacheError, self.folder, doing="read"),
                contextlib.suppress(FileNotFoundError),
            ):
                sizes[day] = self.path(day).stat().st_size
        return sizes

    def reports(
        self,
        days: Iterable[dt.date],
        *,
        listed: bool = False,  # noqa: ARG002 - nothing is saved by it
    ) -> dict[dt.date, DayReport | CacheError]:
        """Return what is known of each day; see `TickCache.reports`."""
        found = {day: self._report_or_error(day) for day in days}
        return {day: report for day, report in found.items() if report is not None}

    def scan(self, days: Iterable[dt.date]) -> pl.LazyFrame:
        """Return the trades of cached days; see `TickCache.scan`."""
        paths = [self.path(day) for day in days]
        if not paths:
            return pl.LazyFrame(schema=TRADE_SCHEMA)
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False)

    def clear(self) -> None:
        """Remove every day, and the folder; see `TickCache.clear`."""
        with disk_errors(CacheError, self.folder, doing="cleared"):
            paths = entries(self.folder, "*.parquet")
        for path in paths:
            with disk_errors(CacheError, path, doing="removed"):
                path.unlink(missing_ok=True)
        self.remove_abandoned(strict=True)
        with disk_errors(CacheError, self.folder, doing="cleared"):
            try:
                self.folder.rmdir()
            except OSError as error:
                # Another process has added a day, or a user a file of their own.
                if error.errno not in _NOT_EMPTY:
                    raise

    def _reading(self, day: dt.date) -> AbstractContextManager[None]:
        return disk_errors(CacheError, self.path(day), doing="read", remedy=self.remedy)

    @contextlib.contextmanager
    def _opened(self, day: dt.date, *, whole: bool) -> Iterator[BinaryIO | None]:  # noqa: ARG002 - a handle is of all of it
        try:
            handle = open_to_read(self.path(day))
        except FileNotFoundError:
            handle = None
        with handle or contextlib.nullcontext():
            yield handle

    def _put(
        self,
        day: dt.date,
        write: Callable[[BinaryIO], None],
        stop: threading.Event | None,
        *,
        replace: bool,
    ) -> bool:
        target = self.path(day)
        part = target.with_name(f".{target.name}.part")
        with disk_errors(CacheError, target, doing="written"), locked(part, stop) as file:
            if not replace and has_file(target):
                return False
            with file.written() as handle:
                write(handle)
            file.move_to(target)
        return True

    def _remove_abandoned(self, *, strict: bool) -> None:
        with disk_errors(CacheError, self.folder, doing="cleared"):
            remove_abandoned(self.folder, ".*.parquet.part", strict=strict)


def series_below(root: Path, patterns: Sequence[str]) -> list[Series]:
    """Return the series that have a folder, in order.

    Parameters
    ----------
    root
        The cache folder.
    patterns
        The patterns of their folders. Folders of others are not looked into.

    Raises
    ------
    CacheError
        A folder may not be read.
    """
    top = root / TICKS
    with disk_errors(CacheError, top, doing="read"):
        folders = subfolders(top, patterns)
    every = (Series.from_path(folder.relative_to(top).as_posix()) for folder in folders)
    return [series for series in every if series is not None]
