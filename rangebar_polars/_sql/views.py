"""The views of SQL as lazy frames: stored bars, cached trades and their quality."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from rangebar_polars._catalog.settings import every_cache
from rangebar_polars._catalog.trades import CachedTrades
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._pruning import kept, may_hold
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.report import QUALITY_SCHEMA, DayStatus
from rangebar_polars.archive import ARCHIVES
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import SERIES_SCHEMA, TRADE_SCHEMA
from rangebar_polars.store import StoreAddress
from rangebar_polars.store.bar_key import CHAIN_BAR_SCHEMA

TICKS: Final = pl.Schema({**SERIES_SCHEMA, "day": pl.Date(), **TRADE_SCHEMA})
"""The columns of the view of trades."""

QUALITY: Final = pl.Schema({**SERIES_SCHEMA, **QUALITY_SCHEMA})
"""The columns of the view of days."""


def views(address: StoreAddress, root: Path) -> dict[str, pl.LazyFrame]:
    """Return the views by name.

    Parameters
    ----------
    address
        The store of bars.
    root
        The cache folder.
    """
    return {"bars": _stored_bars(address), "ticks": _ticks(root), "quality": _quality(root)}


def _stored_bars(address: StoreAddress) -> pl.LazyFrame:
    def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        with address.opened() as store:
            yield from store.frames(columns, predicate)

    return lazy_source(frames, CHAIN_BAR_SCHEMA)


def _ticks(root: Path) -> pl.LazyFrame:
    """Return the trades of every day of every series in a cache."""

    def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        wanted = list(TICKS) if columns is None else columns
        passes = pl.lit(value=True) if predicate is None else predicate
        for cache in _series_kept(root, predicate):
            of_days = pl.DataFrame({"day": cache.days()}, schema={"day": pl.Date()})
            keys = of_days.with_columns(_literals(cache.series.values))
            for day in kept(of_days["day"].to_list(), keys, predicate):
                opened = cache.open(day)
                if opened is None:
                    # It was removed after the folder was listed.
                    continue
                report, trades = opened
                times = report.first_time, report.last_time
                if may_hold({"timestamp": times}, predicate):
                    rows = trades.with_columns(_literals({**cache.series.values, "day": day}))
                    yield rows.filter(passes).select(wanted).collect()

    return lazy_source(frames, TICKS)


def _quality(root: Path) -> pl.LazyFrame:
    """Return a quality report of every day of every series in a cache."""

    def frames(_: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        # Only whole series are left out: a day's row depends on the days before it.
        for cache in _series_kept(root, predicate):
            statuses = (_status(cache, day) for day in cache.days())
            days = tuple(status for status in statuses if status is not None)
            archive = ARCHIVES.get(cache.series.source)
            found = (
                CachedTrades(cache, days, archive)
                .quality()
                .with_columns(_literals(cache.series.values))
            )
            yield found.select(*QUALITY)

    return lazy_source(frames, QUALITY)


def _status(cache: TickCache, day: dt.date) -> DayStatus | None:
    try:
        report = cache.report(day)
    except CacheError as error:
        return DayStatus(day, "damaged", error=error)
    return None if report is None else DayStatus(day, "ok", report)


def _series_kept(root: Path, predicate: pl.Expr | None) -> list[TickCache]:
    every = every_cache(root)
    names = pl.DataFrame([cache.series.values for cache in every], schema=SERIES_SCHEMA)
    return kept(every, names, predicate)


def _literals(values: Mapping[str, object]) -> list[pl.Expr]:
    return [pl.lit(value, TICKS[name]).alias(name) for name, value in values.items()]
