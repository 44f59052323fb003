"""The last completed bars of a symbol, from as few days as possible."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import polars as pl

from rangebar_polars._catalog.bars import StoredBars, load_bars
from rangebar_polars._catalog.chains import chains_of, has_months, stored_chains
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._catalog.trades import CachedTrades, last_published_day
from rangebar_polars._core.borders import utc_period
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.options import Options
from rangebar_polars._days import LONGEST_RANGE, day_range
from rangebar_polars._series import Series
from rangebar_polars.errors import RangeBarError
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
    warn_if_fewer: bool | None,
) -> pl.DataFrame:
    """Return exactly the last `count` completed bars.

    Parameters
    ----------
    settings
        The cache and the archive of the trades.
    series
        The source, market and symbol.
    count
        The number of bars.
    options
        The options of the bars.
    store
        The store of the bars; None: bars are not stored.
    end
        The last day; None: the last day that has trades.
    max_lookback_days
        The largest number of days to search.
    warn_if_fewer
        What happens if there are fewer bars. None: an error. True: a warning. False: nothing.

    Raises
    ------
    ValueError
        The calendar has fewer days before the last one.
    RangeBarError
        There are fewer bars, and ``warn_if_fewer`` is None.
    ArchiveError, ChecksumError, QualityError, CacheError, StoreError
        As in `load_bars`.
    """
    last, most, days = end or last_day(settings, series), max_lookback_days, 1
    if most > min(LONGEST_RANGE, (last - dt.date.min).days):
        raise ValueError(
            f"max_lookback_days is {most}: expected at most {LONGEST_RANGE}, and days that the "
            "calendar has"
        )
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
            f"{series.label} has {found} completed bars of {options.rules[0]} in the {most} days "
            f"up to {last}: expected {count}"
        )
        if warn_if_fewer is None:
            raise RangeBarError(
                f"{text} (raise max_lookback_days, give a rule of shorter bars, or give "
                "warn_if_fewer=True)"
            )
        if warn_if_fewer:
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
    keeps_bars = True
    if store is not None and utc_period(options.reset) is None:
        keys = stored_chains(store, chains_of(series, days[0], options), days[0])
        keeps_bars = has_months(store, keys, days[0])
        # Bars of other chains of the rule are read where the chain meets them.
        store = store if keeps_bars or any(map(store.siblings, keys)) else None
    return load_bars(
        settings, series, days, options, store, keeps_bars=keeps_bars, allow_empty=allow_empty
    )


def last_day(settings: Settings, series: Series) -> dt.date:
    """Return the last day that has trades, or will have them when they are fetched."""
    if settings.archive is not None and settings.fetch_if_missing:
        return last_published_day(settings.archive, series)
    cache = settings.cache(series)
    days = cache.days()
    if not days:
        CachedTrades(cache, (), settings.archive).raise_if_empty()
    return days[-1]
