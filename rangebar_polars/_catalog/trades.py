"""A range of days of trades: asking for it, and what the tick cache then has of it.

`TickRequest.fulfil` is where the archive and the cache meet: days asked for are compared
with those cached, and the missing ones fetched. The `TickRange` it returns knows each day's
report, so that whoever builds on the trades can tell what they depend on.
"""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from rangebar_polars._catalog.fetch import Intake, Taken, plan, plan_refresh
from rangebar_polars._core.forks import use_threads
from rangebar_polars._days import day_range, spans
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._progress import Progress, check_progress, reporter
from rangebar_polars._ticks.cache import BINANCE, TickCache
from rangebar_polars._ticks.report import DayStatus, joined, quality_frame
from rangebar_polars.archive.binance import (
    ArchiveFile,
    BinanceArchive,
    check_market,
    check_symbol,
    is_published,
    near_names,
    symbols,
)
from rangebar_polars.archive.http import Client
from rangebar_polars.errors import ArchiveError, CacheError, DownloadError, QualityError
from rangebar_polars.schema import Series

SEARCHED_DAYS = 14
MISSING: Final = {
    "hole": "days the archive has no file for",
    "not published": "days not published yet",
    "not cached": "days not cached",
    "empty": "days whose file has no trades",
    "missing_ids": "",
    "overlaps_previous": "days that begin before the day before them ends",
}
"""What is told of the defects that mean missing trades."""


@dataclass(frozen=True)
class TickRange:
    """The days of a range, as the tick cache has them.

    Attributes
    ----------
    cache
        The series.
    days
        Every day asked for, ascending, with its report where it is cached.

    """

    cache: TickCache
    days: tuple[DayStatus, ...]

    @property
    def contiguous_ids(self) -> bool:
        """Whether a jump of agg_trade_id means missing records."""
        return self.cache.series.source == BINANCE

    def covered(self) -> list[dt.date]:
        """Return the days that are cached."""
        return [entry.day for entry in self.days if entry.report is not None]

    def digests(self) -> dict[dt.date, str]:
        """Return what each cached day depends on: equal digests, equal trades."""
        return {e.day: e.report.digest for e in self.days if e.report is not None}

    def quality(self) -> pl.DataFrame:
        """Return a row for each day; see `archive_quality`."""
        return quality_frame(self.days, contiguous_ids=self.contiguous_ids)

    def scan(self) -> pl.LazyFrame:
        """Return the trades of the covered days."""
        return self.cache.scan(self.covered())

    def incomplete(self) -> str | None:
        """Say what is missing from the range, or return None where nothing is."""
        return incomplete(self.defects())

    def refuse_errors(self) -> None:
        """Raise what is wrong with the first day that could not be had whole.

        Raises
        ------
        ArchiveError, QualityError, CacheError
            The error of the day.

        """
        for entry in self.days:
            if entry.error is not None:
                raise entry.error

    def refuse_nothing(self) -> None:
        """Raise if no day of the range is covered.

        Raises
        ------
        CacheError
            Nothing is cached, and nothing was asked for.
        ArchiveError
            The archive has nothing.

        """
        if self.covered():
            return
        asked = spans([entry.day for entry in self.days]) or "any day"
        if not self.days or any(entry.status == "not cached" for entry in self.days):
            own = self.cache.series.source != BINANCE
            remedy = (
                "import_trades puts them there" if own else "fetch_if_missing=True fetches them"
            )
            raise CacheError(
                f"no trades of {self.cache.label} are cached for {asked} in {self.cache.root} "
                f"({remedy})",
            )
        if all(entry.status == "not published" for entry in self.days):
            raise ArchiveError(
                f"no file of {self.cache.label} is published yet for {asked} "
                "(a day's file appears on the next day, some days later at times)",
            )
        raise ArchiveError(
            f"the archive has no file of {self.cache.label} for {asked} "
            "(check the symbol, the market and when it was traded)",
        )

    def defects(self) -> dict[dt.date, dict[str, int]]:
        """Return what is wrong with each day, by name, without the days that are right."""
        wrong: dict[dt.date, dict[str, int]] = {}
        for entry, overlaps in joined(self.days, contiguous_ids=self.contiguous_ids):
            found: dict[str, int] = {entry.status: 1} if entry.report is None else {}
            if entry.report is not None:
                found |= entry.report.defects()
            if overlaps:
                found["overlaps_previous"] = 1
            if found:
                wrong[entry.day] = found
        return wrong


def incomplete(defects: Mapping[dt.date, Mapping[str, int]]) -> str | None:
    """Say which trades the defects of days mean to be missing, or return None for none."""
    parts = []
    for name, what in MISSING.items():
        days = [day for day, found in defects.items() if found.get(name)]
        if name == "missing_ids" and days:
            missing = sum(found.get(name, 0) for found in defects.values())
            parts.append(f"{missing} agg_trade_ids are missing: {spans(days)}")
        elif days:
            parts.append(f"{what}: {spans(days)}")
    return "; ".join(parts) or None


@dataclass(frozen=True, kw_only=True)
class TickRequest:
    """Which trades are wanted, and how they may be had; the arguments of `scan_ticks`."""

    symbol: str
    start: str | dt.date
    end: str | dt.date
    market: str = "spot"
    source: str = BINANCE
    cache_dir: str | os.PathLike[str] | None = None
    fetch_if_missing: bool = True
    refresh: bool = False
    archive: BinanceArchive | str | None = None
    progress: Progress | Literal["tqdm"] | None = None

    def fulfil(self) -> TickRange:
        """Fetch what is missing and return what there is, day by day.

        What is wrong with a day is in its entry; nothing is raised for it.
        """
        days, cache, archive = self.check()
        use_threads()
        taken, today = Taken(), _today()
        if self.source == BINANCE and (self.fetch_if_missing or self.refresh):
            taken = self._fetch(cache, archive, days, today)
        entries = tuple(self._entry(cache, day, taken, today) for day in days)
        if taken.absent and not cache.days():
            _refuse_unknown_symbol(cache, archive)
        return TickRange(cache, entries)

    def check(self) -> tuple[list[dt.date], TickCache, BinanceArchive]:
        """Return what the arguments mean, or raise ValueError or TypeError."""
        days = day_range(self.start, self.end)
        if self.source == BINANCE:
            check_market(self.market)
            check_symbol(self.symbol)
        elif self.refresh:
            raise ValueError(
                f"refresh compares with an archive, and source {self.source!r} has none "
                "(import_trades with replace=True replaces days)",
            )
        series = Series(self.source, self.market, self.symbol).check()
        check_progress(self.progress)
        cache = TickCache(cache_root(self.cache_dir), series)
        return days, cache, BinanceArchive.of(self.archive)

    def _fetch(
        self,
        cache: TickCache,
        archive: BinanceArchive,
        days: list[dt.date],
        today: dt.date,
    ) -> Taken:
        past = [day for day in days if day < today]
        if self.refresh:
            jobs = plan_refresh(cache, past, today)
        else:
            jobs = plan(cache, [day for day in past if not cache.path(day).exists()], today)
        taken = Taken()
        if jobs:
            with reporter(self.progress) as progress:
                taken = Intake(cache, archive, refresh=self.refresh).run(jobs, progress)
        taken.absent += [day for day in days if day >= today]
        cache.sweep()
        return taken

    def _entry(self, cache: TickCache, day: dt.date, taken: Taken, today: dt.date) -> DayStatus:
        failure = taken.failed.get(day)
        if failure is not None:
            refused = isinstance(failure, QualityError)
            return DayStatus(day, "refused" if refused else "unreadable", error=failure)
        try:
            report = cache.report(day)
        except CacheError as error:
            return DayStatus(day, "damaged", error=error)
        if report is not None:
            return DayStatus(day, "ok", report)
        if day not in taken.absent:
            return DayStatus(day, "not cached")
        file = ArchiveFile(self.market, self.symbol, day)
        return DayStatus(day, "hole" if is_published(file, today) else "not published")


def last_published_day(
    symbol: str,
    market: str = "spot",
    *,
    archive: BinanceArchive | str | None = None,
) -> dt.date:
    """Return the newest day that the archive has a checksum of, by asking for it day by day.

    Raises
    ------
    ArchiveError
        The last days have none: the symbol is delisted or unknown, or the mirror has no
        checksums.

    """
    check_market(market)
    check_symbol(symbol)
    client = Client(BinanceArchive.of(archive))
    today = _today()
    days = [today - dt.timedelta(days=n) for n in range(1, SEARCHED_DAYS + 1)]
    try:
        for day in days:
            if client.checksum(ArchiveFile(market, symbol, day)) is not None:
                return day
    finally:
        client.close()
    raise ArchiveError(
        f"binance {market} {symbol} has no file of the days from {days[-1]} to {days[0]} "
        "(give the end of the range)",
    )


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _refuse_unknown_symbol(cache: TickCache, archive: BinanceArchive) -> None:
    """Raise if a listing can be had and does not know the symbol."""
    if archive.listing_url is None:
        return
    client = Client(archive)
    try:
        known = symbols(archive, cache.series.market, client.get_listing)
    except DownloadError as error:
        raise ArchiveError(
            f"no file of {cache.label} was found, and whether there is such a symbol cannot be "
            f"told: {error}",
        ) from error
    finally:
        client.close()
    symbol, market = cache.series.symbol, cache.series.market
    if symbol not in known:
        near = near_names(symbol, known)
        remedy = f"near names: {', '.join(near)}" if near else f"it has {len(known)} others"
        raise ArchiveError(f"binance {market} has no symbol {symbol} ({remedy})")
