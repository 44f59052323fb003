"""Trades of a range of days: the missing days are fetched, and the tick cache then has them.

`load_trades` is where archive and cache meet: it finds the wanted days that are not cached and
fetches them. The `CachedTrades` that it returns have the report of each day, so that a caller
knows what the trades depend on.
"""

import datetime as dt
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import polars as pl

from rangebar_polars._catalog.fetch import (
    Failure,
    Fetch,
    FetchResult,
    choose_files,
    choose_files_to_refresh,
)
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._days import spans
from rangebar_polars._forks import use_threads
from rangebar_polars._progress import reporter
from rangebar_polars._series import Series
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.report import DayReport, DayStatus, describe, joined, quality_frame
from rangebar_polars.archive import Archive
from rangebar_polars.errors import ArchiveError, CacheError, QualityError

Strictness = Literal["report", "raise"]
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
"""The text in messages for each defect that means missing trades."""


@dataclass(frozen=True)
class CachedTrades:
    """The days of a range in the tick cache.

    Attributes
    ----------
    cache
        The cached days of the series.
    days
        Every wanted day, ascending, with its report if it is cached.
    archive
        The archive of the days; None if they are imported.
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
        """Return what is missing from the range, in words; None if nothing is."""
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
            Nothing is cached, and nothing was fetched.
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
        """Return the defects of each day that has any, by name."""
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

    def examined(self) -> "CachedTrades":
        """Read the files of the days to their ends, and return the days, damaged ones marked."""

        def examine(entry: DayStatus) -> DayStatus:
            damage = None if entry.report is None else self.cache.damage(entry.day)
            if damage is None:
                return entry
            return replace(entry, status="damaged", error=CacheError(damage))

        return replace(self, days=tuple(map(examine, self.days)))

    def raise_defects(self) -> None:
        """Raise if any day has a defect.

        Raises
        ------
        QualityError
            The error names the days.
        """
        wrong = self.defects()
        if wrong:
            raise QualityError(
                f"{self.cache.label} has defects: {describe(wrong)} "
                "(archive_quality shows them, strictness='report' accepts them)",
            )


def check_strictness(strictness: str) -> None:
    """Refuse an unknown strictness.

    Raises
    ------
    ValueError
        The error names the allowed values.
    """
    if strictness not in {"report", "raise"}:
        raise ValueError(f"strictness is {strictness!r} (give 'report' or 'raise')")


def incomplete(defects: Mapping[dt.date, Mapping[str, int]]) -> str | None:
    """Return which trades are missing according to defects, in words; None if none are."""
    parts = []
    for name, what in MISSING.items():
        days = [day for day, found in defects.items() if found.get(name)]
        if name == "missing_ids" and days:
            missing = sum(found.get(name, 0) for found in defects.values())
            parts.append(f"{missing} agg_trade_ids are missing: {spans(days)}")
        elif days:
            parts.append(f"{what}: {spans(days)}")
    return "; ".join(parts) or None


def warn_of_unverified(defects: Mapping[dt.date, Mapping[str, int]], series: Series) -> None:
    """Warn the caller of days whose files had no published checksum when they were fetched."""
    days = spans([day for day, found in defects.items() if found.get("unverified")])
    if days:
        warn_caller(
            f"trades of {series.label} are not verified, since their files had no published "
            f"checksum: {days} (fetch them from an archive that has checksums, with refresh=True)"
        )


def load_trades(
    settings: Settings, series: Series, days: Sequence[dt.date], *, refresh: bool = False
) -> CachedTrades:
    """Fetch the missing days, and return every day.

    The error of a day is in its entry and is not raised.

    Parameters
    ----------
    settings
        The cache and the archive of the trades.
    series
        The source, market and symbol.
    days
        The days, ascending.
    refresh
        Whether cached days are compared with the archive, and replaced where they differ.

    Raises
    ------
    ValueError
        `refresh` is wanted for a source without an archive.
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
    reports = result.written | cache.reports(
        [day for day in days if day not in result.failed and day not in result.written]
    )
    entries = tuple(
        _failed(day, result.failed[day])
        if day in result.failed
        else _entry(archive, cache.series, day, reports.get(day), today, is_absent=day in absent)
        for day in days
    )
    # Of days to come there is no file of any symbol, so that none need be looked for.
    if archive is not None and any(day < today for day in result.absent) and not cache.days():
        try:
            known = _symbols(archive, series)
        except ArchiveError as error:
            raise ArchiveError(
                f"no file of {series.label} was found, and whether there is such a symbol is not "
                f"known: {error}",
            ) from error
        _raise_if_unknown(series, known)
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
        missing = cache.missing(past)
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


def _entry(  # noqa: PLR0917
    archive: Archive | None,
    series: Series,
    day: dt.date,
    known: DayReport | CacheError | None,
    today: dt.date,
    *,
    is_absent: bool,
) -> DayStatus:
    if isinstance(known, CacheError):
        return DayStatus(day, "damaged", error=known)
    if known is not None:
        return DayStatus(day, "ok", known)
    if archive is None or not is_absent:
        return DayStatus(day, "not cached")
    is_final = archive.is_published(archive.day_file(series, day), today)
    return DayStatus(day, "hole" if is_final else "not published")


def last_published_day(archive: Archive, series: Series) -> dt.date:
    """Return the newest day for which the archive has a checksum, by trying one day after another.

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
    try:
        known = _symbols(archive, series)
    except ArchiveError:
        # Without the list, the server is asked for each day.
        return
    _raise_if_unknown(series, known)


def _symbols(archive: Archive, series: Series) -> list[str] | None:
    connection = archive.connect()
    try:
        return connection.symbols(series.market)
    finally:
        connection.close()


def _raise_if_unknown(series: Series, known: list[str] | None) -> None:
    """Raise if the archive lists its symbols, and the symbol is not in the list.

    Raises
    ------
    ArchiveError
        It is not in the list.
    """
    if known is not None and series.symbol not in known:
        near = near_names(series.symbol, known)
        remedy = f"near names: {', '.join(near)}" if near else f"it has {len(known)} others"
        raise ArchiveError(
            f"{series.source} {series.market} has no symbol {series.symbol} ({remedy})"
        )


def near_names(symbol: str, known: list[str]) -> list[str]:
    """Return the known symbols that are most similar to an unknown one.

    Examples
    --------
    >>> near_names("BTCUSD", ["BTCUSDT", "ETHUSDT", "BTCUSDC"])
    ['BTCUSDT', 'BTCUSDC']

    """
    return difflib.get_close_matches(symbol, known, n=3, cutoff=0.75)
