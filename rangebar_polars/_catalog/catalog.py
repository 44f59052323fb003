"""The catalog: trades and bars of one source and market, from wherever they have to come."""

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace as _replace
from types import TracebackType
from typing import Final, Literal, Self, SupportsIndex

import polars as pl

from rangebar_polars._catalog.bars import (
    StoredBars,
    chains_of,
    check_options,
    has_months,
    load_bars,
)
from rangebar_polars._catalog.populate import populate
from rangebar_polars._catalog.settings import Settings, check_symbols
from rangebar_polars._catalog.status import Kind, cache_clear, cache_status
from rangebar_polars._catalog.trades import CachedTrades, last_published_day, load_trades
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._core.options import (
    Options,
    Reset,
    Threshold,
    TimeUnit,
    check_count,
    check_flags,
    check_threshold,
)
from rangebar_polars._days import LONGEST_RANGE, day_range, utc_day
from rangebar_polars._progress import Progress
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.import_trades import Trades, import_days
from rangebar_polars._ticks.report import DayStatus, describe
from rangebar_polars.archive import ARCHIVES, Archive
from rangebar_polars.errors import CacheError, QualityError, RangeBarError
from rangebar_polars.schema import Series, TradeColumns
from rangebar_polars.store import BarStore, Store, open_store

SYMBOL: Final = "symbol"
Symbols = str | Sequence[str]
"""One symbol, or several, whose rows then have a leading column ``symbol``."""
Strictness = Literal["report", "raise"]
_DAY: Final = dt.timedelta(days=1)


class Catalog:
    """Trades and bars of a source and market, with the settings that calls have in common.

    Every call of a catalog is also a function: `get_range_bars`, `scan_range_bars`,
    `get_n_range_bars`, `scan_ticks`, `archive_quality`, `import_trades`, `populate`,
    `cache_status`, `cache_clear`. A catalog keeps its store open from the first call that needs it
    until `close`, so use it as a context manager.

    Parameters
    ----------
    source
        ``"binance"``, or the source named to `import_trades`.
    market
        ``"spot"``, ``"um"`` or ``"cm"`` of Binance; of other sources whatever was imported.
    cache_dir
        The cache folder; by default ``RANGEBAR_CACHE_DIR``, or the platform's.
    store
        Where bars are stored: a `BarStore`, which stays open, or what `open_store` takes. By
        default ``RANGEBAR_STORE``, or Parquet files in the cache folder.
    archive
        A mirror's base URL, or an `Archive`; by default ``RANGEBAR_BINANCE_URL``, or Binance's own.
    fetch_if_missing
        Whether days that are not cached are fetched first. Imported sources have nowhere to fetch
        from.
    progress
        A callable that is given each `FetchProgress`, or ``"tqdm"`` for a bar.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.

    Examples
    --------
    ``Catalog(market="um").bars(["BTCUSDT", "ETHUSDT"], "2024-01-01", "2024-01-31", 250)`` fetches a
    month of two symbols of Binance's futures. With your own trades:

    >>> import tempfile
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 0, 1000, 1000]).cast(pl.Datetime("ms")),
    ...         "symbol": ["A", "B", "A", "B"],
    ...         "price": [100.0, 20.0, 101.0, 19.0],
    ...         "quantity": [1.0, 2.0, 0.5, 4.0],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder, Catalog("mine", cache_dir=folder) as mine:
    ...     report = mine.import_trades(trades)
    ...     mine.bars(["A", "B"], "1970-01-01", "1970-01-01", 250).select("symbol", "close").rows()
    [('A', 101.0), ('B', 19.0)]
    """

    def __init__(
        self,
        source: str = "binance",
        market: str = "spot",
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        store: Store = None,
        archive: Archive | str | None = None,
        fetch_if_missing: bool = True,
        progress: Progress | Literal["tqdm"] | None = None,
    ) -> None:
        self._settings = Settings.check(
            source=source,
            market=market,
            cache_dir=cache_dir,
            archive=archive,
            fetch_if_missing=fetch_if_missing,
            progress=progress,
        )
        self._given_store = store
        self._own_store: BarStore | None = None

    def __repr__(self) -> str:
        return f"Catalog({self._settings.source!r}, {self._settings.market!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store, if the catalog has opened it. The next call opens it again."""
        if self._own_store is not None:
            self._own_store.close()
            self._own_store = None

    @property
    def store(self) -> BarStore:
        """The store of bars, which is open.

        Raises
        ------
        StoreError
            It cannot be opened.
        """
        if isinstance(self._given_store, BarStore):
            return self._given_store
        if self._own_store is None:
            self._own_store = self._open_store()
        return self._own_store

    def _open_store(self) -> BarStore:
        if isinstance(self._given_store, BarStore):
            return self._given_store
        return open_store(self._given_store, cache_dir=self._settings.root)

    def trades(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        *,
        refresh: bool = False,
        strictness: Strictness = "report",
    ) -> pl.LazyFrame:
        """Return trades over UTC days, from the tick cache, as a lazy frame.

        Parameters
        ----------
        symbols
            As the source spells it. Several give a leading column ``symbol``, and their trades one
            symbol after another.
        start, end, refresh, strictness
            As in `scan_ticks`.

        Returns
        -------
        LazyFrame
            As of `scan_ticks`, which also says what is raised and warned of.
        """
        days = day_range(start, end)
        check_strictness(strictness)
        check_flags(refresh=refresh)
        every, plans = self._series(symbols), []
        for series in every:
            trades = load_trades(self._settings, series, days, refresh=refresh)
            trades.raise_first_error()
            trades.raise_if_empty()
            if strictness == "raise":
                _raise_defects(trades)
            incomplete = trades.incomplete()
            if incomplete:
                warn_caller(
                    f"trades of {series.label} are missing: {incomplete} (see archive_quality)"
                )
            plans.append(trades.scan())
        return _joined(every, plans, alone=isinstance(symbols, str))

    def quality(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        *,
        refresh: bool = False,
        strictness: Strictness = "report",
    ) -> pl.DataFrame:
        """Return what is known of each UTC day of trades.

        Parameters
        ----------
        symbols
            As in `trades`.
        start, end, refresh, strictness
            As in `archive_quality`.

        Returns
        -------
        DataFrame
            As of `archive_quality`, which also says what is raised.
        """
        days = day_range(start, end)
        check_strictness(strictness)
        check_flags(refresh=refresh)
        every, frames = self._series(symbols), []
        for series in every:
            trades = load_trades(self._settings, series, days, refresh=refresh)
            entries = tuple(_examined(trades.cache, entry) for entry in trades.days)
            trades = CachedTrades(trades.cache, entries, trades.archive)
            if strictness == "raise":
                trades.raise_first_error()
                _raise_defects(trades)
            frames.append(trades.quality().lazy())
        return _joined(every, frames, alone=isinstance(symbols, str)).collect()

    def bars(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        threshold_decimal_bps: Threshold = 250,
        *,
        include_microstructure: bool = False,
        include_incomplete: bool = False,
        prevent_same_timestamp_close: bool = True,
        reset: Reset | None = None,
        use_cache: bool = True,
    ) -> pl.DataFrame:
        """Return range bars over UTC days; the second call finds them stored.

        Parameters
        ----------
        symbols
            As in `trades`.
        start, end
            UTC days, both included; the first trade of `start` opens the first bar.
        threshold_decimal_bps, include_microstructure, include_incomplete
            As in `get_range_bars`.
        prevent_same_timestamp_close, reset, use_cache
            As in `get_range_bars`.

        Returns
        -------
        DataFrame
            As of `get_range_bars`, which also says what is raised and warned of.
        """
        days = day_range(start, end)
        options = check_options(
            threshold_decimal_bps,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
        )
        check_flags(use_cache=use_cache)
        every = self._series(symbols)
        store = self.store if use_cache else None
        loaded = self._load(every, days, options, store)
        plans = [pl.concat(bars.frames()).lazy() for bars in loaded]
        return _joined(every, plans, alone=isinstance(symbols, str)).collect()

    def scan_bars(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        threshold_decimal_bps: Threshold = 250,
        *,
        include_microstructure: bool = False,
        include_incomplete: bool = False,
        prevent_same_timestamp_close: bool = True,
        reset: Reset | None = None,
        use_cache: bool = True,
    ) -> pl.LazyFrame:
        """Return range bars over UTC days as a lazy frame.

        Parameters
        ----------
        symbols
            As in `trades`.
        start, end, threshold_decimal_bps, include_microstructure, include_incomplete
            As in `bars`.
        prevent_same_timestamp_close, reset, use_cache
            As in `bars`.

        Returns
        -------
        LazyFrame
            As of `scan_range_bars`, which also says what is raised and warned of. The plan has a
            connection of its own to the store, so that it may run after `close`.
        """
        days = day_range(start, end)
        options = check_options(
            threshold_decimal_bps,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
        )
        check_flags(use_cache=use_cache)
        every = self._series(symbols)
        store = self._open_store() if use_cache else None
        plans = [_scan(bars) for bars in self._load(every, days, options, store)]
        return _joined(every, plans, alone=isinstance(symbols, str))

    def _load(
        self,
        every: Sequence[Series],
        days: Sequence[dt.date],
        options: Options,
        store: BarStore | None,
    ) -> Iterator[StoredBars]:
        """Yield the bars of one series after another, and warn of what each lacks."""
        for series in every:
            bars = load_bars(self._settings, series, days, options, store)
            _warn_of_missing(bars)
            yield bars

    def last_bars(
        self,
        symbol: str,
        n_bars: SupportsIndex,
        threshold_decimal_bps: SupportsIndex = 250,
        *,
        end: str | dt.date | None = None,
        max_lookback_days: SupportsIndex = 90,
        allow_fewer: bool = False,
        include_microstructure: bool = False,
        prevent_same_timestamp_close: bool = True,
        reset: Reset | None = None,
        use_cache: bool = True,
    ) -> pl.DataFrame:
        """Return exactly the last so many completed bars of a symbol.

        Parameters
        ----------
        symbol
            As the source spells it.
        n_bars, threshold_decimal_bps, max_lookback_days, allow_fewer
            As in `get_n_range_bars`.
        end
            The last UTC day, included, as ``end_date`` in `get_n_range_bars`.
        include_microstructure, prevent_same_timestamp_close, reset, use_cache
            As in `get_n_range_bars`.

        Returns
        -------
        DataFrame
            As of `get_n_range_bars`, which also says what is raised and warned of.
        """
        count = check_count(n_bars, "n_bars")
        most = check_count(max_lookback_days, "max_lookback_days")
        check_flags(allow_fewer=allow_fewer, use_cache=use_cache)
        options = check_options(
            check_threshold(threshold_decimal_bps),
            include_microstructure=include_microstructure,
            include_incomplete=False,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
        )
        series = self._settings.series(symbol)
        last = self._last_day(series) if end is None else utc_day(end, "end")
        if most > min(LONGEST_RANGE, (last - dt.date.min).days):
            raise ValueError(
                f"max_lookback_days is {most}: expected at most {LONGEST_RANGE}, and days that the "
                "calendar has"
            )
        store, days = self.store if use_cache else None, 1
        while True:
            days = min(days, most)
            wanted = day_range(last - (days - 1) * _DAY, last)
            bars = self._load_kept(series, wanted, options, store, allow_empty=days < most)
            found, rows = bars.tail(count)
            if found == count or days == most:
                break
            days *= 2
        _warn_of_missing(bars)
        if found < count:
            text = (
                f"{series.label} has {found} completed bars of {options.thresholds[0]} decimal "
                f"basis points in the {most} days up to {last}: expected {count}"
            )
            if not allow_fewer:
                raise RangeBarError(
                    f"{text} (raise max_lookback_days, lower the threshold, or give "
                    "allow_fewer=True)"
                )
            warn_caller(text)
        return rows

    def _load_kept(
        self,
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
        return load_bars(self._settings, series, days, options, store, allow_empty=allow_empty)

    def _last_day(self, series: Series) -> dt.date:
        """Return the last day that has trades, or will have them when they are fetched."""
        settings = self._settings
        if settings.archive is not None and settings.fetch_if_missing:
            return last_published_day(settings.archive, series)
        cache = settings.cache(series)
        days = cache.days()
        if not days:
            CachedTrades(cache, (), settings.archive).raise_if_empty()
        return days[-1]

    def import_trades(
        self,
        trades: Trades,
        symbol: str | None = None,
        *,
        columns: TradeColumns | None = None,
        time_unit: TimeUnit | None = None,
        replace: bool = False,
        strictness: Strictness = "report",
    ) -> pl.DataFrame:
        """Put your own trades into the tick cache, and return the report of their days.

        Parameters
        ----------
        trades
            As in `rangebar_polars.import_trades`.
        symbol
            What to call them. None: the trades have a column ``symbol``, and those of each are
            imported under it.
        columns, time_unit, replace, strictness
            As in `rangebar_polars.import_trades`.

        Returns
        -------
        DataFrame
            As of `rangebar_polars.import_trades`, which also says what is raised and warned of.
            Without `symbol` it has a leading column ``symbol``.
        """
        source = self._settings.source
        if source in ARCHIVES:
            raise ValueError(
                f"source {source!r} is the archive's own (give your trades another name)"
            )
        check_strictness(strictness)
        return import_days(
            trades,
            self._settings.root,
            Series(source, self._settings.market, SYMBOL if symbol is None else symbol).check(),
            by_symbol=symbol is None,
            columns=columns,
            time_unit=time_unit,
            replace=replace,
            strictness=strictness,
        )

    def populate(
        self,
        symbols: str | Iterable[str],
        start: str | dt.date,
        end: str | dt.date,
        threshold_decimal_bps: Threshold = 250,
        *,
        prevent_same_timestamp_close: bool = True,
        reset: Reset | None = None,
        processes: SupportsIndex | None = None,
        executor: Executor | None = None,
    ) -> pl.DataFrame:
        """Fill the caches with trades and bars of many symbols.

        Parameters
        ----------
        symbols, start, end, threshold_decimal_bps
            As in `rangebar_polars.populate`.
        prevent_same_timestamp_close, reset, processes, executor
            As in `rangebar_polars.populate`.

        Returns
        -------
        DataFrame
            As of `rangebar_polars.populate`, which also says what is raised and warned of.
        """
        settings = self._settings
        return populate(
            symbols,
            start,
            end,
            threshold_decimal_bps,
            source=settings.source,
            market=settings.market,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            fetch_if_missing=settings.fetch_if_missing,
            store=self._given_store,
            cache_dir=settings.root,
            archive=settings.archive,
            processes=processes,
            executor=executor,
            progress=settings.progress,
        )

    def status(
        self, symbol: str | None = None, threshold_decimal_bps: SupportsIndex | None = None
    ) -> pl.DataFrame:
        """Return what is cached of the source and market.

        Parameters
        ----------
        symbol, threshold_decimal_bps
            As in `cache_status`.

        Returns
        -------
        DataFrame
            As of `cache_status`, which also says what is raised.
        """
        return cache_status(
            source=self._settings.source,
            market=self._settings.market,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            store=self.store,
            cache_dir=self._settings.root,
        )

    def clear(
        self,
        kind: Kind,
        symbol: str | None = None,
        threshold_decimal_bps: SupportsIndex | None = None,
    ) -> pl.DataFrame:
        """Remove trades or bars of the source and market from the cache.

        Parameters
        ----------
        kind, symbol, threshold_decimal_bps
            As in `cache_clear`.

        Returns
        -------
        DataFrame
            As of `cache_clear`, which also says what is raised.
        """
        return cache_clear(
            kind,
            source=self._settings.source,
            market=self._settings.market,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            # Trades can be cleared while the store cannot be reached.
            store=self.store if kind == "bars" else None,
            cache_dir=self._settings.root,
        )

    def _series(self, symbols: Symbols) -> list[Series]:
        return [self._settings.series(symbol) for symbol in check_symbols(symbols)]


def check_strictness(strictness: str) -> None:
    """Refuse what is no strictness.

    Raises
    ------
    ValueError
        Naming what it may be.
    """
    if strictness not in {"report", "raise"}:
        raise ValueError(f"strictness is {strictness!r} (give 'report' or 'raise')")


def _raise_defects(trades: CachedTrades) -> None:
    wrong = trades.defects()
    if wrong:
        raise QualityError(
            f"{trades.cache.label} has defects: {describe(wrong)} "
            "(archive_quality shows them, strictness='report' accepts them)",
        )


def _warn_of_missing(bars: StoredBars) -> None:
    missing = bars.missing()
    if missing:
        warn_caller(
            f"bars of {bars.series.label} run over missing trades: {missing} (see archive_quality)"
        )


def _scan(bars: StoredBars) -> pl.LazyFrame:
    def frames(columns: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        return bars.frames(columns, refresh=True)

    return lazy_source(frames, bars.schema)


def _joined(every: Sequence[Series], plans: Sequence[pl.LazyFrame], *, alone: bool) -> pl.LazyFrame:
    """Put the rows of several symbols one after another, each with its symbol."""
    if alone:
        return plans[0]
    named = [
        plan.select(pl.lit(series.symbol).alias(SYMBOL), pl.all())
        for series, plan in zip(every, plans, strict=True)
    ]
    return pl.concat(named)


def _examined(cache: TickCache, entry: DayStatus) -> DayStatus:
    """Read a day to its end, and say so where it is damaged."""
    damage = None if entry.report is None else cache.damage(entry.day)
    return entry if damage is None else _replace(entry, status="damaged", error=CacheError(damage))
