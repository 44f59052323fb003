"""The last completed bars of a symbol, of as few days as have so many."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import polars as pl

from rangebar_polars._catalog.bars import StoredBars, chains_of, has_months, load_bars
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._catalog.trades import CachedTrades, last_published_day
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.options import Options
from rangebar_polars._days import day_range
from rangebar_polars.errors import RangeBarError
from rangebar_polars.schema import Series
from rangebar_polars.store import BarStore

_DAY: Final = dt.timedelta(days=1)


def last_bars(  # noqa: PLR0917 - the arguments of Catalog.last_bars, checked
    settings: Settings,
    series: Series,
    count: int,
    options: Options,
    store: BarStore | None,
    *,
    end: dt.date | None,
    max_lookback_days: int,
    allow_fewer: bool,
) -> pl.DataFrame:
    """Return exactly the last so many completed bars.

    Parameters
    ----------
    settings
        Where trades are kept and fetched from.
    series
        Whose trades.
    count
        How many bars.
    options
        What bars.
    store
        Where bars are kept; None: nowhere.
    end
        The last day; None: the last that has trades.
    max_lookback_days
        The most days that are looked at.
    allow_fewer
        Whether fewer bars are warned of, and no error.

    Raises
    ------
    ValueError
        There are not so many days before the last one.
    RangeBarError
        There are fewer bars.
    ArchiveError, ChecksumError, QualityError, CacheError, StoreError
        As `load_bars`.
    """
    last, most, days = end or _last_day(settings, series), max_lookback_days, 1
    if most > (last - dt.date.min).days:
        raise ValueError(f"max_lookback_days is {most}: expected a day that the calendar has")
    while True:
        days = min(days, most)
        wanted = day_range(last - (days - 1) * _DAY, last)
        bars = _load(settings, series, wanted, options, store, allow_empty=days < most)
        found, rows = bars.tail(count)
        if found == count or days == most:
            break
        days *= 2
    bars.warn_of_missing()
    if found < count:
        text = (
            f"{series.label} has {found} completed bars of {options.thresholds[0]} decimal basis "
            f"points in the {most} days up to {last}: expected {count}"
        )
        if not allow_fewer:
            raise RangeBarError(
                f"{text} (raise max_lookback_days, lower the threshold, or give allow_fewer=True)"
            )
        warn_caller(text)
    return rows


def _load(  # noqa: PLR0917
    settings: Settings,
    series: Series,
    days: Sequence[dt.date],
    options: Options,
    store: BarStore | None,
    *,
    allow_empty: bool,
) -> StoredBars:
    """Return the bars of some days, stored only where their chain is stored already."""
    if store is not None and options.reset is None:
        keys = chains_of(series, days[0], options)
        store = store if has_months(store, keys, days[0]) else None
    return load_bars(settings, series, days, options, store, allow_empty=allow_empty)


def _last_day(settings: Settings, series: Series) -> dt.date:
    """Return the last day that has trades, or will have them when they are fetched."""
    if settings.archive is not None and settings.fetch_if_missing:
        return last_published_day(settings.archive, series)
    cache = settings.cache(series)
    days = cache.days()
    if not days:
        CachedTrades(cache, (), settings.archive).raise_if_empty()
    return days[-1]
