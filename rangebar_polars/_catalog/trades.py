"""Trades of a range of days: the missing days are fetched, and the tick cache then has them.

`load_trades` is where archive and cache meet: the days that are asked for are compared with those
that are cached, and the missing ones are fetched. The `CachedTrades` that it returns have the
report of each day, so that a caller knows what the trades depend on.
"""

import contextlib
import datetime as dt
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from rangebar_polars._catalog.fetch import (
    Failure,
    Fetch,
    FetchResult,
    choose_files,
    choose_files_to_refresh,
)
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._core.forks import use_threads
from rangebar_polars._days import spans
from rangebar_polars._progress import reporter
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.report import DayStatus, joined, quality_frame
from rangebar_polars.archive import Archive
from rangebar_polars.errors import ArchiveError, CacheError, DownloadError, QualityError
from rangebar_polars.schema import Series

SEARCHED_DAYS = 14
LONG_FETCH = 31
"""Days, of more than which a symbol is looked for before each is: a name may be misspelt."""
MISSING: Final = {
    "hole": "days the archive has no file for",
    "not published": "days not published yet",
    "not cached": "days not cached",
    "empty": "days whose file has no trades",
    "missing_ids": "",
    "overlaps_previous": "days that begin before the day before them ends",
}
"""What messages call the defects that mean missing trades."""


@dataclass(frozen=True)
class CachedTrades:
    """The days of a range, as the tick cache has them.

    Attributes
    ----------
    cache
        The series.
    days
        Every day asked for, ascending, with its report where it is cached.
    archive
        What the days come from; None where they are imported.
    """

    cache: TickCache
    days: tuple[DayStatus, ...]
    archive: Archive | type[Archive] | None

    @property
    def contiguous_ids(self) -> bool:
        """Whether a jump of agg_trade_id means missing records."""
        return self.archive is not None and self.archive.contiguous_ids

    def covered(self) -> list[dt.date]:
        """Return the days that are cached."""
        return [entry.day for entry in self.days if entry.report is not None]

    def quality(self) -> pl.DataFrame:
        """Return a row for each day; see `archive_quality`."""
        return quality_frame(self.days, contiguous_ids=self.contiguous_ids)

    def scan(self) -> pl.LazyFrame:
        """Return the trades of the covered days."""
        return self.cache.scan(self.covered())

    def incomplete(self) -> str | None:
        """Return what is missing from the range, in words; None where nothing is."""
        return incomplete(self.defects())

    def raise_first_error(self) -> None:
        """Raise the error of the first day that has one.

        Raises
        ------
        ArchiveError, QualityError, CacheError
            The error of the day.

        """
        for entry in self.days:
            if entry.error is not None:
                raise entry.error

    def raise_if_empty(self) -> None:
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
            remedy = (
                "import_trades puts them there"
                if self.archive is None
                else "fetch_if_missing=True fetches them"
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
    """Return which trades the defects of days mean to be missing, in words; None for none."""
    parts = []
    for name, what in MISSING.items():
        days = [day for day, found in defects.items() if found.get(name)]
        if name == "missing_ids" and days:
            missing = sum(found.get(name, 0) for found in defects.values())
            parts.append(f"{missing} agg_trade_ids are missing: {spans(days)}")
        elif days:
            parts.append(f"{what}: {spans(days)}")
    return "; ".join(parts) or None


def load_trades(
    settings: Settings, series: Series, days: Sequence[dt.date], *, refresh: bool = False
) -> CachedTrades:
    """Fetch what is missing and return what there is, day by day.

    What is wrong with a day is in its entry; nothing is raised for it.

    Parameters
    ----------
    settings
        Where trades are kept and fetched from.
    series
        Whose trades.
    days
        The days, ascending.
    refresh
        Whether cached days are compared with the archive, and replaced where they differ.

    Raises
    ------
    ValueError
        `refresh` is asked of a source without an archive.
    ArchiveError
        There is no such symbol, or the archive cannot be reached.
    """
    archive, cache = settings.archive, settings.cache(series)
    if refresh and archive is None:
        raise ValueError(
            f"refresh compares with an archive, and source {series.source!r} has none "
            "(import_trades with replace=True replaces days)",
        )
    use_threads()
    result, today = FetchResult(), _today()
    if archive is not None and (settings.fetch_if_missing or refresh):
        result = _fetch(settings, archive, cache, days, today, refresh=refresh)
    absent = frozenset(result.absent)
    entries = tuple(
        _failed(day, result.failed[day])
        if day in result.failed
        else _entry(archive, cache, day, today, is_absent=day in absent)
        for day in days
    )
    if archive is not None and result.absent and not cache.days():
        try:
            _raise_if_unknown(archive, series)
        except DownloadError as error:
            raise ArchiveError(
                f"no file of {series.label} was found, and whether there is such a symbol is not "
                f"known: {error}",
            ) from error
    return CachedTrades(cache, entries, archive)


def _fetch(  # noqa: PLR0917
    settings: Settings,
    archive: Archive,
    cache: TickCache,
    days: Sequence[dt.date],
    today: dt.date,
    *,
    refresh: bool,
) -> FetchResult:
    past = [day for day in days if archive.first_day <= day < today]
    if refresh:
        jobs = choose_files_to_refresh(archive, cache, past, today)
    else:
        missing = [day for day in past if not cache.has(day)]
        if len(missing) > LONG_FETCH and not cache.days():
            _raise_if_misspelt(archive, cache.series, missing[-1])
        jobs = choose_files(archive, cache, missing, today)
    result = FetchResult()
    if jobs:
        with reporter(settings.progress) as progress:
            result = Fetch(cache, archive, refresh=refresh).run(jobs, progress)
    result.absent += [day for day in days if not archive.first_day <= day < today]
    cache.remove_abandoned()
    return result


def _failed(day: dt.date, failure: Failure) -> DayStatus:
    refused = isinstance(failure, QualityError)
    return DayStatus(day, "refused" if refused else "unreadable", error=failure)


def _entry(
    archive: Archive | None, cache: TickCache, day: dt.date, today: dt.date, *, is_absent: bool
) -> DayStatus:
    try:
        report = cache.report(day)
    except CacheError as error:
        return DayStatus(day, "damaged", error=error)
    if report is not None:
        return DayStatus(day, "ok", report)
    if archive is None or not is_absent:
        return DayStatus(day, "not cached")
    is_final = archive.is_published(archive.day_file(cache.series, day), today)
    return DayStatus(day, "hole" if is_final else "not published")


def last_published_day(archive: Archive, series: Series) -> dt.date:
    """Return the newest day that the archive has a checksum of, by asking for it day by day.

    Raises
    ------
    ArchiveError
        The last days have none: the symbol is delisted or unknown, or the mirror has no
        checksums.
    """
    connection = archive.connect()
    today = _today()
    days = [today - dt.timedelta(days=n) for n in range(1, SEARCHED_DAYS + 1)]
    try:
        for day in days:
            if connection.checksum(archive.day_file(series, day)) is not None:
                return day
    finally:
        connection.close()
    raise ArchiveError(
        f"{series.label} has no file of the days from {days[-1]} to {days[0]} "
        "(give the end of the range)",
    )


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _raise_if_misspelt(archive: Archive, series: Series, day: dt.date) -> None:
    """Raise if a recent day has no file, and the archive does not know the symbol.

    Raises
    ------
    ArchiveError
        It does not know it.
    """
    connection = archive.connect()
    try:
        if connection.checksum(archive.day_file(series, day)) is not None:
            return
    except ArchiveError:
        # Whatever it is, the fetch of this day reports it.
        return
    finally:
        connection.close()
    # Without the list, each day is asked for.
    with contextlib.suppress(DownloadError):
        _raise_if_unknown(archive, series)


def _raise_if_unknown(archive: Archive, series: Series) -> None:
    """Raise if the archive has a list of its symbols, and it does not know the symbol.

    Raises
    ------
    ArchiveError
        It does not know it.
    DownloadError
        The list cannot be had.
    """
    connection = archive.connect()
    try:
        known = connection.symbols(series.market)
    finally:
        connection.close()
    if known is not None and series.symbol not in known:
        near = near_names(series.symbol, known)
        remedy = f"near names: {', '.join(near)}" if near else f"it has {len(known)} others"
        raise ArchiveError(
            f"{series.source} {series.market} has no symbol {series.symbol} ({remedy})"
        )


def near_names(symbol: str, known: list[str]) -> list[str]:
    """Return the known symbols most like one that is not known.

    Examples
    --------
    >>> near_names("BTCUSD", ["BTCUSDT", "ETHUSDT", "BTCUSDC"])
    ['BTCUSDT', 'BTCUSDC']

    """
    return difflib.get_close_matches(symbol, known, n=3, cutoff=0.75)
