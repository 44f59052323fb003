"""From the archive's files to days in the tick cache.

A job is one file of the archive and the days wanted from it. Its download is a locked,
unfinished file that is removed when the days are written; a process that waited for the lock looks
again at what is still due. So any number of processes may fill the same days, and a killed
one loses at most the file it was at. Which file a day is taken from depends on the archive,
on what is asked for and on what is cached, never on who was interrupted where.
"""

import datetime as dt
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import polars as pl

from rangebar_polars._disk.disk_error import UNREADABLE
from rangebar_polars._disk.locked_file import CancelledError, LockedFile, spill_folder
from rangebar_polars._log import LOG
from rangebar_polars._progress import FetchProgress, Progress
from rangebar_polars._series import Series
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.report import DayReport, Origin
from rangebar_polars._ticks.spill import Spill, split_by_day
from rangebar_polars.archive import Archive, ArchiveFile, TradeFile
from rangebar_polars.errors import ArchiveError, DownloadError, QualityError
from rangebar_polars.schema import TRADE_SCHEMA

Failure = ArchiveError | QualityError
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """A file of the archive, and the days wanted from it."""

    file: ArchiveFile
    days: tuple[dt.date, ...]


@dataclass
class FetchResult:
    """What became of a job.

    Attributes
    ----------
    absent
        Days without trades in the archive.
    failed
        Days that failed, and why.
    written
        Days that were written, and their reports. Other days may have been written meanwhile by
        another process.
    """

    absent: list[dt.date] = field(default_factory=list)
    failed: dict[dt.date, Failure] = field(default_factory=dict)
    written: dict[dt.date, DayReport] = field(default_factory=dict)


def choose_files(
    archive: Archive, cache: TickCache, days: Iterable[dt.date], today: dt.date
) -> list[Job]:
    """Choose the files that days are taken from.

    A month comes as one file where all of it is wanted and its file is published. A day that the
    month's file then turns out to lack is asked for by its own file.
    """
    jobs = []
    for _, group in groupby(sorted(days), key=lambda day: (day.year, day.month)):
        wanted = list(group)
        month = archive.month_file(cache.series, wanted[0].replace(day=1))
        if month is not None and wanted == month.days and archive.is_published(month, today):
            jobs.append(Job(month, tuple(wanted)))
        else:
            jobs += [Job(archive.day_file(cache.series, day), (day,)) for day in wanted]
    return jobs


def choose_files_to_refresh(
    archive: Archive, cache: TickCache, days: Iterable[dt.date], today: dt.date
) -> list[Job]:
    """Choose the files to compare days with: those they came from, or as `choose_files` does."""
    files: dict[str, tuple[ArchiveFile, list[dt.date]]] = {}
    wanted, others = sorted(days), []
    reports = cache.reports(wanted)
    for day in wanted:
        report = reports.get(day)
        if isinstance(report, DayReport):
            file = _file_of(archive, cache.series, report)
            files.setdefault(file.name, (file, []))[1].append(day)
        else:
            # It is not cached, or what cannot be read is about to be replaced.
            others.append(day)
    known = [Job(file, tuple(held)) for file, held in files.values()]
    return known + choose_files(archive, cache, others, today)


def _file_of(archive: Archive, series: Series, report: DayReport) -> ArchiveFile:
    """Return the file that a cached day came from."""
    month = archive.month_file(series, report.day.replace(day=1))
    if month is not None and report.origin.archive == month.name:
        return month
    return archive.day_file(series, report.day)


# Bytes that came, and jobs that ended.
Events = queue.SimpleQueue["int | Future[FetchResult]"]


def _next(events: Events) -> "int | Future[FetchResult]":
    """Wait for an event, and for the keyboard.

    Once Polars is loaded, a signal does not end a wait for a lock: only between short waits
    does this thread see it.
    """
    while True:
        try:
            return events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue


@dataclass
class Fetch:
    """One call's fetch: its cache, its connections, and what it is to do again."""

    cache: TickCache
    archive: Archive
    refresh: bool = False

    def __post_init__(self) -> None:
        """Open the connections."""
        self.client = self.archive.connect()
        # Reading and cleaning use every core: one at a time.
        self._reading = threading.Lock()
        # Each conversion holds a day in memory until it is written.
        self._held = threading.Semaphore(self.cache.writers)

    def run(self, jobs: list[Job], progress: Progress) -> FetchResult:
        """Do the jobs; return what could not be had, and leave the rest in the cache.

        However it ends, no thread of it continues and nothing half-written is left.
        """
        total = FetchResult()
        events: Events = queue.SimpleQueue()
        seen = FetchProgress(self.cache.label, 0, sum(len(job.days) for job in jobs), 0)
        started: dict[Future[FetchResult], Job] = {}
        with ThreadPoolExecutor(self.archive.threads) as pool:

            def start(job: Job) -> None:
                future = pool.submit(self._fetch_file, job, events.put)
                started[future] = job
                future.add_done_callback(events.put)

            try:
                for job in jobs:
                    start(job)
                while started:
                    event = _next(events)
                    if isinstance(event, int):
                        seen = replace(seen, bytes_done=seen.bytes_done + event)
                    else:
                        job, result = started.pop(event), event.result()
                        again = self._days_instead(job, result)
                        for daily in again:
                            start(daily)
                        total.written |= result.written
                        if not again:
                            total.absent += result.absent
                            total.failed |= result.failed
                        done = seen.days_done + len(job.days) - len(again)
                        seen = replace(seen, days_done=done)
                    progress(seen)
            except BaseException:
                self.client.cancel()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self.client.close()
        return total

    def _days_instead(self, job: Job, result: FetchResult) -> list[Job]:
        """Return jobs for the days that a month's file did not give."""
        if len(job.file.days) == 1:
            return []
        days = sorted([*result.absent, *result.failed])
        return [Job(self.archive.day_file(self.cache.series, day), (day,)) for day in days]

    def _fetch_file(self, job: Job, report: Callable[[int], None]) -> FetchResult:
        began = time.monotonic()
        with self.cache.unfinished_file(job.file.name, self.client.stop) as file:
            due = list(job.days)
            try:
                due = self._due(job)
                if not due:
                    return FetchResult()
                got = self.client.download(job.file, file.handle, report)
                if got is None:
                    return FetchResult(absent=due)
                origin = Origin(archive=job.file.name, sha256=got[0], verified=got[1])
                with self._held:
                    result = self.convert(file, Job(job.file, tuple(due)), origin)
            except DownloadError:
                raise
            except (ArchiveError, QualityError) as error:
                return FetchResult(failed=dict.fromkeys(due, error))
            self._log(job.file.name, result, file, began)
            return result

    def _log(self, name: str, result: FetchResult, file: LockedFile, began: float) -> None:
        """Log the days that a file gave. Its address may have a login, so it is not named."""
        size, seconds = os.fstat(file.handle.fileno()).st_size, time.monotonic() - began
        for day, report in result.written.items():
            LOG.info(
                "%s %s: %d trades from %s (%d bytes), %.1f s after the begin of its download",
                self.cache.label,
                day,
                report.rows_after,
                name,
                size,
                seconds,
            )

    def _due(self, job: Job) -> list[dt.date]:
        """Return the days that still want this file, now that nobody else is at it."""
        if not self.refresh:
            return self.cache.missing(job.days)
        published = self.client.checksum(job.file)
        return [day for day in job.days if not self._is_current(day, job.file.name, published)]

    def _is_current(self, day: dt.date, name: str, published: str | None) -> bool:
        report = self.cache.reports([day]).get(day)
        if not isinstance(report, DayReport) or published is None:
            return False
        made_of = report.origin
        is_same = (made_of.archive, made_of.sha256, made_of.verified) == (name, published, True)
        with self._reading:
            return is_same and self.cache.damage(day) is None

    def convert(self, file: LockedFile, job: Job, origin: Origin) -> FetchResult:
        """Write the days of a job from its file, which is whole."""
        source = self.archive.open(file.path, job.file)
        if len(job.file.days) > 1:
            return self._split(source, job, origin, spill_folder(file.path))
        with self._reading:
            pieces = self._pieces(source, job.file.name)
            rows = pl.concat([pl.DataFrame(schema=TRADE_SCHEMA), *pieces])
        cut, result = source.times_cut.total(), FetchResult()
        self._write(rows, job.file.days[0], _read_as(source, origin), result, times_cut=cut)
        return result

    def _split(self, source: TradeFile, job: Job, origin: Origin, folder: Path) -> FetchResult:
        """Cut a month's file into days by way of the disk, since it may exceed memory."""
        month, result, held = job.file.days, FetchResult(), set[dt.date]()
        with Spill(folder) as spill:
            with self._reading:
                for piece in self._pieces(source, job.file.name):
                    for of, rows in split_by_day(piece):
                        day = _nearest(of, month)
                        held.add(day)
                        if day in job.days:
                            spill.add(day, rows)
            origin = _read_as(source, origin)
            cut = Counter[dt.date]()
            for of, count in source.times_cut.items():
                cut[_nearest(of, month)] += count
            for day in job.days:
                if day not in held:
                    result.absent.append(day)
                    continue
                try:
                    self._write(spill.rows(day), day, origin, result, times_cut=cut[day])
                except QualityError as error:
                    result.failed[day] = error
        return result

    def _pieces(self, source: TradeFile, name: str) -> Iterator[pl.DataFrame]:
        """Yield the trades of a file of any archive, which may be what it should not be."""
        try:
            for piece in source.pieces():
                if self.client.stop.is_set():
                    raise CancelledError
                if piece.schema != TRADE_SCHEMA:
                    wanted = ", ".join(f"{key} {dtype}" for key, dtype in TRADE_SCHEMA.items())
                    got = ", ".join(f"{key} {dtype}" for key, dtype in piece.schema.items())
                    raise ArchiveError(
                        f"{name} gives other columns than trades: expected {wanted}, got {got} "
                        "(its archive is to give these, in this order)"
                    )
                yield piece
        except UNREADABLE as error:
            if isinstance(error, OSError):
                raise
            raise ArchiveError(
                f"{name} cannot be read: {error} (is it what the archive should have?)"
            ) from error

    def _write(
        self,
        rows: pl.DataFrame,
        day: dt.date,
        origin: Origin,
        result: FetchResult,
        *,
        times_cut: int,
    ) -> None:
        name = f"{self.cache.label} {day} ({origin.archive})"
        contiguous = self.archive.contiguous_ids
        with self._reading:
            cleaned, report = clean(rows, day, origin, name=name, contiguous_ids=contiguous)
        report = replace(report, times_cut=times_cut)
        if self.cache.write(cleaned, report, self.client.stop, replace=self.refresh):
            result.written[day] = report


def _nearest(day: dt.date, month: Sequence[dt.date]) -> dt.date:
    """Return the day of a month that a trade a moment outside of it stays with."""
    return min(max(day, month[0]), month[-1])


def _read_as(source: TradeFile, origin: Origin) -> Origin:
    return replace(
        origin,
        header=source.header,
        unit=source.unit,
        repeated_headers=source.repeated_headers,
    )
