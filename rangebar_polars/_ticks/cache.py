"""The tick cache: one Parquet file per UTC day, which says itself what it was made from.

    ticks/source=binance/market=spot/symbol=BTCUSDT/2024-08-08.parquet

A day is covered if its file is there, and by nothing else: files appear whole, and hold the
`DayReport` of their rows in their own metadata, with no clock time in it, so equal archives give
equal bytes. A file that cannot be read, or is not what its place says, is an error with its name;
nothing here deletes or replaces it on its own.

Files lie in a folder (`DiskTickCache`) or in a bucket (`ObjectTickCache`), under the same names.
"""

import contextlib
import datetime as dt
import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar, Final
from urllib.parse import quote

import polars as pl

from rangebar_polars._days import days_named
from rangebar_polars._disk.cache_root import CacheRoot, local_folder
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.fingerprint import TableHash
from rangebar_polars._disk.locked_file import LockedFile, locked, remove_abandoned
from rangebar_polars._disk.path_names import to_name
from rangebar_polars._series import Series
from rangebar_polars._ticks.day_file import DEFAULT, Compression, write_day
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import TRADE_SCHEMA

TICKS: Final = "ticks"
"""The folder of a cache in which the folders of its series are."""

IMPORT_AGAIN = "give all trades of the day to import_trades, with replace=True"
LAYOUT_VERSION = "3"
SUFFIX: Final = ".parquet"


@dataclass(frozen=True)
class TickCache(ABC):
    """The cached days of a series.

    Attributes
    ----------
    root
        Where the cache is.
    series
        Whose trades.
    remedy
        How a file is made again that is not what it should be.
    compression
        How days are written; they are read however they were written.
    """

    root: CacheRoot
    series: Series
    remedy: str = field(default=IMPORT_AGAIN, compare=False)
    compression: Compression = field(default=DEFAULT, compare=False)

    # What is different in a folder and in a bucket

    writers: ClassVar[int]
    """How many days a fetch may hold in memory, so that one is cleaned while others are written."""

    @abstractmethod
    def place(self, day: dt.date) -> str:
        """Return the path or the URL of a day's file, whether it exists or not."""

    @abstractmethod
    def days(self) -> list[dt.date]:
        """Return the days that are cached, ascending.

        Raises
        ------
        CacheError
            The folder may not be read.
        """

    @abstractmethod
    def missing(self, days: Sequence[dt.date]) -> list[dt.date]:
        """Return those of some days that are not cached, in whatever state.

        Raises
        ------
        CacheError
            The folder may not be looked into.
        """

    @abstractmethod
    def sizes(self) -> dict[dt.date, int]:
        """Return the cached days, ascending, and how many bytes each takes.

        Raises
        ------
        CacheError
            The folder may not be looked into.
        """

    @abstractmethod
    def scan(self, days: Iterable[dt.date]) -> pl.LazyFrame:
        """Return the trades of cached days, in the order given."""

    @abstractmethod
    def clear(self) -> None:
        """Remove every day, and what killed processes left unfinished. Nothing is read for it.

        Raises
        ------
        CacheError
            A file cannot be removed.
        """

    @abstractmethod
    def _reading(self, day: dt.date) -> AbstractContextManager[None]:
        """Raise what is wrong with a day's file as a CacheError that names it."""

    @abstractmethod
    def _opened(self, day: dt.date, *, whole: bool) -> AbstractContextManager[BinaryIO | None]:
        """Open a day's file, or at least its end with all of its metadata; None if it is absent."""

    @abstractmethod
    def _put(
        self,
        day: dt.date,
        write: Callable[[BinaryIO], None],
        stop: threading.Event | None,
        *,
        replace: bool,
    ) -> bool:
        """Give a day the file that `write` writes to a handle, whole or not at all.

        Returns False, and changes nothing, if the day is cached and not to be replaced.
        """

    @abstractmethod
    def reports(
        self, days: Iterable[dt.date], *, listed: bool = False
    ) -> dict[dt.date, DayReport | CacheError]:
        """Return what is known of each of some days that is cached, or why it cannot be read.

        Parameters
        ----------
        days
            The days.
        listed
            Whether they were just listed, so that all of them are likely to be cached.
        """

    @abstractmethod
    def _remove_abandoned(self, *, strict: bool) -> None:
        """Remove what killed processes left unfinished beside the days."""

    # What is the same

    @property
    def folder_name(self) -> str:
        """The folder of the days, below the root."""
        return f"{TICKS}/{self.series.path}"

    @property
    def label(self) -> str:
        """What messages call the series."""
        return self.series.label

    def report(self, day: dt.date) -> DayReport | None:
        """Return what is known of a day, or None where it is not cached.

        Raises
        ------
        CacheError
            The file cannot be read, has other columns than trades, or is of another series, day
            or version.
        """
        with self._reading(day), self._opened(day, whole=False) as handle:
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
        with self._reading(day), self._opened(day, whole=True) as handle:
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

    def write(
        self,
        rows: pl.DataFrame,
        report: DayReport,
        stop: threading.Event | None = None,
        *,
        replace: bool = True,
    ) -> bool:
        """Put a cleaned day in its place, whole or not at all.

        Parameters
        ----------
        rows
            Its trades.
        report
            Its report.
        stop
            Ends a wait for another writer with a CancelledError.
        replace
            Whether a file of the day that is there is replaced.

        Returns
        -------
        bool
            Whether the day was written. False: it is there, from another writer, and was not to be
            replaced.

        Raises
        ------
        CacheError
            It cannot be written: the disk is full, or may not be written.
        """
        text = report.to_json()
        metadata = {
            "rangebar.version": LAYOUT_VERSION,
            "rangebar.series": self.label,
            "rangebar.report": text,
            "rangebar.report.sha256": _sha256(text),
        }
        write = partial(write_day, rows=rows, compression=self.compression, metadata=metadata)
        return self._put(report.day, write, stop, replace=replace)

    def unfinished(self, name: str) -> Path:
        """Return where a file lies on this machine until the days in it are written."""
        # No part has a comma, so two series share no file.
        parts = [*map(to_name, self.series.values, self.series.values.values())]
        name = f"{','.join([*parts, quote(name, safe='')])}.part"
        return local_folder(self.root) / "downloads" / name

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

    def remove_abandoned(self, *, strict: bool = False) -> None:
        """Remove what killed processes left unfinished, except what this user may not remove.

        Parameters
        ----------
        strict
            Whether what this user may not remove is an error.

        Raises
        ------
        CacheError
            The disk fails.
        """
        self._remove_abandoned(strict=strict)
        every = self.unfinished("")
        with disk_errors(CacheError, every.parent, doing="cleared"):
            remove_abandoned(every.parent, f"{every.stem}*.part", strict=strict)

    def _report(self, day: dt.date, handle: BinaryIO) -> DayReport:
        place, metadata = self.place(day), pl.read_parquet_metadata(handle)
        damaged = f"{place} cannot be read: what it says of itself is damaged ({self.remedy})"
        got = metadata.get("rangebar.version")
        if got != LAYOUT_VERSION:
            raise CacheError(
                f"{place} has layout version {got}, expected {LAYOUT_VERSION} ({self.remedy})",
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
                f"{place} holds {series} of {report.day}, expected {self.label} of {day} "
                "(the file was moved: move it back, or delete it)",
            )
        handle.seek(0)
        if pl.read_parquet_schema(handle) != TRADE_SCHEMA:
            raise self._other_trades(day)
        return report

    def _other_trades(self, day: dt.date) -> CacheError:
        return CacheError(
            f"{self.place(day)} holds other trades than were written to it ({self.remedy})"
        )

    def _report_or_error(self, day: dt.date) -> DayReport | CacheError | None:
        try:
            return self.report(day)
        except CacheError as error:
            return error


def file_name(day: dt.date) -> str:
    """Return the name of the file of a day.

    >>> file_name(dt.date(2024, 8, 8))
    '2024-08-08.parquet'
    """
    return f"{day}{SUFFIX}"


def days_of(names: Iterable[str]) -> list[dt.date]:
    """Return the days whose files have these names, ascending.

    >>> days_of(["2024-08-08.parquet", ".2024-08-09.parquet.part", "notes.parquet"])
    [datetime.date(2024, 8, 8)]
    """
    return days_named(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
