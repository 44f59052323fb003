"""From the archive's files to days in the tick cache.

A job is one file of the archive and the days wanted from it. Its download is a locked,
unfinished file that is removed when the days are written; whoever waited for the lock looks
again at what is still due. So any number of processes may fill the same days, and a killed
one loses at most the file it was at. Which file a day is taken from depends on the archive,
on what is asked for and on what is cached, never on who was interrupted where.
"""

import datetime as dt
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import polars as pl

from rangebar_polars._days import month_days
from rangebar_polars._disk.locked_file import CancelledError, Claim, exclusive, spill_folder
from rangebar_polars._progress import FetchProgress, Progress
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.report import DayReport, Origin
from rangebar_polars._ticks.spill import Spill, split_by_day
from rangebar_polars.archive.binance import ArchiveFile, BinanceArchive, is_published
from rangebar_polars.archive.binance_csv import AggTradesFile, empty_trades
from rangebar_polars.archive.http import Client
from rangebar_polars.errors import ArchiveError, CacheError, DownloadError, QualityError

Failure = ArchiveError | QualityError
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """A file of the archive, and the days wanted from it."""

    file: ArchiveFile
    days: tuple[dt.date, ...]


@dataclass
class Taken:
    """What became of a job: days without trades in the archive, and days that failed."""

    absent: list[dt.date] = field(default_factory=list)
    failed: dict[dt.date, Failure] = field(default_factory=dict)


def plan(cache: TickCache, days: Iterable[dt.date], today: dt.date) -> list[Job]:
    """Choose the files that `days` are taken from.

    A month's file takes the place of its days' files where more than half of the month is
    wanted, or where some of its days are from it already, so that an interrupted fetch goes
    on as it began. Days that the month's file is known not to hold are asked for one by one.
    """
    jobs = []
    for _, group in groupby(sorted(days), key=lambda day: (day.year, day.month)):
        wanted = list(group)
        month = ArchiveFile(
            cache.series.market, cache.series.symbol, wanted[0].replace(day=1), monthly=True
        )
        held = _held_by_month(cache, month)
        from_month = [day for day in wanted if held is None or day.day in held]
        many = held is not None or 2 * len(from_month) > len(month.days)
        if many and from_month and is_published(month, today):
            jobs.append(Job(month, tuple(from_month)))
        else:
            from_month = []
        jobs += [_daily(month, day) for day in wanted if day not in from_month]
    return jobs


def _daily(file: ArchiveFile, day: dt.date) -> Job:
    return Job(replace(file, day=day, monthly=False), (day,))


def _held_by_month(cache: TickCache, month: ArchiveFile) -> tuple[int, ...] | None:
    """Return the days that a month's file holds, where a cached day from it knows them."""
    for day in month_days(month.day):
        report = _readable_report(cache, day)
        if report is not None and report.origin.archive == month.name:
            return report.origin.archive_days
    return None


def _readable_report(cache: TickCache, day: dt.date) -> DayReport | None:
    """Return a day's report where one can be read; what cannot is about to be replaced."""
    try:
        return cache.report(day)
    except CacheError:
        return None


def plan_refresh(cache: TickCache, days: Iterable[dt.date], today: dt.date) -> list[Job]:
    """Choose the files to compare `days` with: those they came from, or as `plan` does."""
    files: dict[str, tuple[ArchiveFile, list[dt.date]]] = {}
    others = []
    for day in sorted(days):
        report = _readable_report(cache, day)
        if report is None:
            others.append(day)
            continue
        file = ArchiveFile(cache.series.market, cache.series.symbol, day)
        if report.origin.archive != file.name:
            file = replace(file, day=day.replace(day=1), monthly=True)
        files.setdefault(file.name, (file, []))[1].append(day)
    known = [Job(file, tuple(wanted)) for file, wanted in files.values()]
    return known + plan(cache, others, today)


# Bytes that came, and jobs that ended.
Events = queue.SimpleQueue["int | Future[Taken]"]


def _next(events: Events) -> "int | Future[Taken]":
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
class Intake:
    """One call's fetch: its cache, its connections, and what it is to do again."""

    cache: TickCache
    archive: BinanceArchive
    refresh: bool = False

    def __post_init__(self) -> None:
        """Open the connections."""
        self.client = Client(self.archive)
        # Reading and cleaning hold a day in memory and use every core: one at a time.
        self._reading = threading.Lock()

    def run(self, jobs: list[Job], progress: Progress) -> Taken:
        """Do the jobs; return what could not be had, and leave the rest in the cache.

        However it ends, no thread of it goes on and nothing half-written is left.
        """
        taken = Taken()
        events: Events = queue.SimpleQueue()
        seen = FetchProgress(self.cache.label, 0, sum(len(job.days) for job in jobs), 0)
        started: dict[Future[Taken], Job] = {}
        with ThreadPoolExecutor(self.archive.threads) as pool:

            def start(job: Job) -> None:
                future = pool.submit(self._take_in, job, events.put)
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
                        again = _days_instead(job, result)
                        for daily in again:
                            start(daily)
                        if not again:
                            taken.absent += result.absent
                            taken.failed |= result.failed
                        done = seen.days_done + len(job.days) - len(again)
                        seen = replace(seen, days_done=done)
                    progress(seen)
            except BaseException:
                self.client.cancel()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self.client.close()
        return taken

    def _take_in(self, job: Job, tell: Callable[[int], None]) -> Taken:
        part = self.cache.unfinished(job.file.name)
        with exclusive(part, self.client.stop) as claim:
            due = list(job.days)
            try:
                due = self._due(job)
                if not due:
                    return Taken()
                got = self.client.download(job.file, claim.handle, tell)
                if got is None:
                    return Taken(absent=due)
                origin = Origin(archive=job.file.name, sha256=got[0], verified=got[1])
                with self._reading:
                    return self.convert(claim, Job(job.file, tuple(due)), origin)
            except DownloadError:
                raise
            except (ArchiveError, QualityError) as error:
                return Taken(failed=dict.fromkeys(due, error))

    def _due(self, job: Job) -> list[dt.date]:
        """Return the days that still want this file, now that nobody else is at it."""
        if not self.refresh:
            return [day for day in job.days if not self.cache.path(day).exists()]
        published = self.client.checksum(job.file)
        return [day for day in job.days if not self._is_current(day, job.file.name, published)]

    def _is_current(self, day: dt.date, name: str, published: str | None) -> bool:
        report = _readable_report(self.cache, day)
        if report is None or published is None:
            return False
        made_of = report.origin
        is_same = (made_of.archive, made_of.sha256, made_of.verified) == (name, published, True)
        with self._reading:
            return is_same and self.cache.damage(day) is None

    def convert(self, claim: Claim, job: Job, origin: Origin) -> Taken:
        """Write the days of a job from its file, which is whole."""
        source = AggTradesFile(claim.path, job.file.name)
        if job.file.monthly:
            return self._split(source, job, origin, spill_folder(claim.path))
        rows = pl.concat([*self._pieces(source)] or [empty_trades()])
        cut = source.times_cut.total()
        self._write(rows, job.file.day, _read_as(source, origin), times_cut=cut)
        return Taken()

    def _split(self, source: AggTradesFile, job: Job, origin: Origin, folder: Path) -> Taken:
        """Cut a month's file into days by way of the disk, since it may exceed memory."""
        month, taken, held = job.file.days, Taken(), set()
        with Spill(folder) as spill:
            for piece in self._pieces(source):
                for of, rows in split_by_day(piece):
                    day = _nearest(of, month)
                    held.add(day.day)
                    if day in job.days:
                        spill.add(day, rows)
            origin = replace(_read_as(source, origin), archive_days=tuple(sorted(held)))
            cut = Counter[dt.date]()
            for of, count in source.times_cut.items():
                cut[_nearest(of, month)] += count
            for day in job.days:
                if day.day not in held:
                    taken.absent.append(day)
                    continue
                try:
                    self._write(spill.rows(day), day, origin, times_cut=cut[day])
                except QualityError as error:
                    taken.failed[day] = error
        return taken

    def _pieces(self, source: AggTradesFile) -> Iterator[pl.DataFrame]:
        for piece in source.pieces():
            if self.client.stop.is_set():
                raise CancelledError
            yield piece

    def _write(self, rows: pl.DataFrame, day: dt.date, origin: Origin, *, times_cut: int) -> None:
        name = f"{self.cache.label} {day} ({origin.archive})"
        cleaned, report = clean(rows, day, origin, name=name)
        self.cache.write(cleaned, replace(report, times_cut=times_cut), self.client.stop)


def _nearest(day: dt.date, month: Sequence[dt.date]) -> dt.date:
    """Return the day of a month that a trade a moment outside of it stays with."""
    return min(max(day, month[0]), month[-1])


def _read_as(source: AggTradesFile, origin: Origin) -> Origin:
    return replace(
        origin,
        header=source.header,
        unit=source.unit,
        repeated_headers=source.repeated_headers,
    )


def _days_instead(job: Job, result: Taken) -> list[Job]:
    """Return jobs for what a month's file did not give: its days may have files of their own."""
    days = sorted([*result.absent, *result.failed]) if job.file.monthly else []
    return [_daily(job.file, day) for day in days]
