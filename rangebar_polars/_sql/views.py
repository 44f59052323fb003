"""The views of SQL as lazy frames: stored bars, cached trades and their quality."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from rangebar_polars._catalog.settings import every_cache
from rangebar_polars._catalog.trades import CachedTrades
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._disk.cache_root import CacheRoot
from rangebar_polars._pruning import kept, may_hold
from rangebar_polars._series import SERIES_SCHEMA
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.report import QUALITY_SCHEMA, DayReport, DayStatus
from rangebar_polars.archive import ARCHIVES
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import TRADE_SCHEMA
from rangebar_polars.store import StoreAddress
from rangebar_polars.store.bar_key import CHAIN_BAR_SCHEMA

TICKS: Final = pl.Schema({**SERIES_SCHEMA, "day": pl.Date(), **TRADE_SCHEMA})
"""The columns of the view of trades."""

QUALITY: Final = pl.Schema({**SERIES_SCHEMA, **QUALITY_SCHEMA})
"""The columns of the view of days."""


def views(address: StoreAddress, root: CacheRoot) -> dict[str, pl.LazyFrame]:
    """Return the views by name.

    Parameters
    ----------
    address
        The store of bars.
    root
        Where the cache is.
    """
    return {"bars": _stored_bars(address), "ticks": _ticks(root), "quality": _quality(root)}


def _stored_bars(address: StoreAddress) -> pl.LazyFrame:
    def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        with address.opened() as store:
            yield from store.frames(columns, predicate)

    return lazy_source(frames, CHAIN_BAR_SCHEMA)


def _ticks(root: CacheRoot) -> pl.LazyFrame:
    """Return the trades of every day of every series in a cache."""

    def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        wanted = list(TICKS) if columns is None else columns
        passes = pl.lit(value=True) if predicate is None else predicate
        for cache in _series_kept(root, predicate):
            of_days = pl.DataFrame({"day": cache.days()}, schema={"day": pl.Date()})
            keys = of_days.with_columns(_literals(cache.series.values))
            for day in kept(of_days["day"].to_list(), keys, predicate):
                # First what the file says of itself, which is all that many days need.
                report = cache.report(day)
                times = (None, None) if report is None else (report.first_time, report.last_time)
                if report is None or not may_hold({"timestamp": times}, predicate):
                    continue
                opened = cache.open(day)
                # A day may have been removed after the folder was listed.
                if opened is not None:
                    named = _literals({**cache.series.values, "day": day})
                    yield opened[1].with_columns(named).filter(passes).select(wanted).collect()

    return lazy_source(frames, TICKS)


def _quality(root: CacheRoot) -> pl.LazyFrame:
    """Return a quality report of every day of every series in a cache."""

    def frames(_: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        # Only whole series are left out: a day's row depends on the days before it.
        for cache in _series_kept(root, predicate):
            reports = cache.reports(cache.days(), listed=True)
            days = tuple(_status(day, report) for day, report in reports.items())
            archive = ARCHIVES.get(cache.series.source)
            found = (
                CachedTrades(cache, days, archive)
                .quality()
                .with_columns(_literals(cache.series.values))
            )
            yield found.select(*QUALITY)

    return lazy_source(frames, QUALITY)


def _status(day: dt.date, report: DayReport | CacheError) -> DayStatus:
    if isinstance(report, CacheError):
        return DayStatus(day, "damaged", error=report)
    return DayStatus(day, "ok", report)


def _series_kept(root: CacheRoot, predicate: pl.Expr | None) -> list[TickCache]:
    every = every_cache(root)
    names = pl.DataFrame([cache.series.values for cache in every], schema=SERIES_SCHEMA)
    return kept(every, names, predicate)


def _literals(values: Mapping[str, object]) -> list[pl.Expr]:
    return [pl.lit(value, TICKS[name]).alias(name) for name, value in values.items()]
