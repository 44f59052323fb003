"""The catalog: trades and bars of one source and market, cached, downloaded or computed."""

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Literal, Self, SupportsIndex

import polars as pl

from rangebar_polars._argument_names import named_methods
from rangebar_polars._catalog.bars import load_bars
from rangebar_polars._catalog.chain_end import processor_after
from rangebar_polars._catalog.chains import check_options
from rangebar_polars._catalog.last_bars import last_bars
from rangebar_polars._catalog.populate import Unit, populate
from rangebar_polars._catalog.settings import Settings, check_symbols
from rangebar_polars._catalog.status import Kind, cache_clear, cache_status
from rangebar_polars._catalog.symbols import SYMBOL, Symbols, joined
from rangebar_polars._catalog.trades import (
    Strictness,
    check_strictness,
    load_trades,
    warn_of_unverified,
)
from rangebar_polars._core.arguments import (
    SingleThreshold,
    Threshold,
    TimeUnit,
    check_count,
    check_flags,
)
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._days import day_range, utc_day
from rangebar_polars._progress import Progress
from rangebar_polars._series import Series
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars._ticks.import_sources import Trades
from rangebar_polars._ticks.import_trades import import_days
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.archive import ARCHIVES, Archive
from rangebar_polars.archive.binance_csv import AggTradesFile
from rangebar_polars.store import BarStore, Store, address_of, open_store


@named_methods()
class Catalog:
    """Trades and bars of a source and market, with settings that all calls share.

    Every call of a catalog is also a function: `get_range_bars`, `scan_range_bars`,
    `get_n_range_bars`, `resume_range_bars`, `scan_ticks`, `archive_quality`, `import_trades`,
    `populate`, `cache_status`, `cache_clear`. A catalog keeps its store open from the first call
    that needs it until `close`, so use it as a context manager.

    Parameters
    ----------
    source
        ``"binance"``, or the source that you named in `import_trades`.
    market
        For Binance ``"spot"``, ``"um"`` or ``"cm"`` (also ``"futures-um"``, ``"futures-cm"``); for
        other sources the market you imported.
    cache_dir
        The cache folder, or one in a bucket: ``"s3://bucket/prefix"``, ``"gs://..."``,
        ``"az://..."``. By default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.
    cache_compression
        How days are written: ``"lz4"``, or ``"uncompressed"``, which takes several times the space
        and is read faster. By default ``RANGEBAR_CACHE_COMPRESSION``, or ``"lz4"``. A cache may
        have days of both kinds.
    store
        Where bars are stored: a `BarStore`, which stays open, or an argument of `open_store`. By
        default ``RANGEBAR_STORE``, or Parquet files beside the trades.
    archive
        The base URL of a mirror, or an `Archive`; by default ``RANGEBAR_BINANCE_URL``, or
        Binance's own archive.
    fetch_if_missing
        Whether days that are not cached are fetched first. Imported sources have no archive to
        fetch from.
    progress
        A callable that receives each `FetchProgress`, or ``"tqdm"`` for a progress bar.

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
        cache_compression: Compression | None = None,
        store: Store = None,
        archive: Archive | str | None = None,
        fetch_if_missing: bool = True,
        progress: Progress | Literal["tqdm"] | None = None,
    ) -> None:
        self._settings = Settings.check(
            source=source,
            market=market,
            cache_dir=cache_dir,
            cache_compression=cache_compression,
            archive=archive,
            fetch_if_missing=fetch_if_missing,
            progress=progress,
        )
        self._address = address_of(store, self._settings.cache_dir)
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
        """The open store of bars.

        Raises
        ------
        StoreError
            It cannot be opened.
        """
        given = self._address.given
        if isinstance(given, BarStore):
            return given
        if self._own_store is None:
            self._own_store = open_store(given, cache_dir=self._settings.cache_dir)
        return self._own_store

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
            As the source spells it. With several symbols, the trades of each follow those of the
            one before, with a leading column ``symbol``.
        start, end, refresh, strictness
            As in `scan_ticks`.

        Returns
        -------
        LazyFrame
            As in `scan_ticks`, which also documents errors and warnings.
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
                trades.raise_defects()
            incomplete = trades.incomplete()
            if incomplete:
                warn_caller(
                    f"trades of {series.label} are missing: {incomplete} (see archive_quality)"
                )
            warn_of_unverified(trades.defects(), series)
            plans.append(trades.scan())
        return joined(every, plans, alone=isinstance(symbols, str))

    def quality(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        *,
        refresh: bool = False,
        strictness: Strictness = "report",
    ) -> pl.DataFrame:
        """Return a quality report of trades, one row for each UTC day.

        Parameters
        ----------
        symbols
            As in `trades`.
        start, end, refresh, strictness
            As in `archive_quality`.

        Returns
        -------
        DataFrame
            As in `archive_quality`, which also documents errors.
        """
        days = day_range(start, end)
        check_strictness(strictness)
        check_flags(refresh=refresh)
        every, frames = self._series(symbols), []
        for series in every:
            trades = load_trades(self._settings, series, days, refresh=refresh)
            trades = trades.examined()
            if strictness == "raise":
                trades.raise_first_error()
                trades.raise_defects()
            frames.append(trades.quality().lazy())
        return joined(every, frames, alone=isinstance(symbols, str)).collect()

    def bars(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        threshold_decimal_bps: Threshold | None = None,
        *,
        rule: Rule | Sequence[Rule] | None = None,
        include_microstructure: bool = False,
        include_incomplete: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        prevent_same_timestamp_close: bool | None = None,
        reset: NamedBorders | None = None,
        max_gap: MaxGap | None = None,
        use_cache: bool = True,
        validate: bool = True,
    ) -> pl.DataFrame:
        """Return bars over UTC days, and store them for the next call.

        Parameters
        ----------
        symbols
            As in `trades`.
        start, end
            UTC days, both included; the first trade of `start` opens the first bar.
        threshold_decimal_bps, rule, include_microstructure, include_incomplete
            As in `get_range_bars`.
        features, footprint, lookback, vpin, prevent_same_timestamp_close, reset, max_gap
            As in `get_range_bars`.
        use_cache, validate
            As in `get_range_bars`.

        Returns
        -------
        DataFrame
            As in `get_range_bars`, which also documents errors and warnings.
        """
        days = day_range(start, end)
        options = check_options(
            threshold_decimal_bps,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            rule=rule,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
        )
        check_flags(use_cache=use_cache, validate=validate)
        every = self._series(symbols)
        store = self.store if use_cache else None
        plans = list[pl.LazyFrame]()
        for series in every:
            bars = load_bars(self._settings, series, days, options, store)
            plans.append(bars.collect(validate=validate).lazy())
            bars.warn_of_missing()
        return joined(every, plans, alone=isinstance(symbols, str)).collect()

    def scan_bars(
        self,
        symbols: Symbols,
        start: str | dt.date,
        end: str | dt.date,
        threshold_decimal_bps: Threshold | None = None,
        *,
        rule: Rule | Sequence[Rule] | None = None,
        include_microstructure: bool = False,
        include_incomplete: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        prevent_same_timestamp_close: bool | None = None,
        reset: NamedBorders | None = None,
        max_gap: MaxGap | None = None,
        use_cache: bool = True,
    ) -> pl.LazyFrame:
        """Return bars over UTC days as a lazy frame.

        Parameters
        ----------
        symbols
            As in `trades`.
        start, end, threshold_decimal_bps, rule, include_microstructure, include_incomplete
            As in `bars`.
        features, footprint, lookback, vpin, prevent_same_timestamp_close, reset, max_gap, use_cache
            As in `bars`.

        Returns
        -------
        LazyFrame
            As in `scan_range_bars`, which also documents errors and warnings. Each run opens
            the store and closes it, so that a plan may run after `close`.
        """
        days = day_range(start, end)
        options = check_options(
            threshold_decimal_bps,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            rule=rule,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
        )
        check_flags(use_cache=use_cache)
        every = self._series(symbols)
        address = self._address if use_cache else None
        with nullcontext() if address is None else address.opened() as store:
            plans = list[pl.LazyFrame]()
            for series in every:
                bars = load_bars(self._settings, series, days, options, store)
                bars.warn_of_missing()
                plans.append(bars.scan(address))
        return joined(every, plans, alone=isinstance(symbols, str))

    def last_bars(
        self,
        symbol: str,
        n_bars: SupportsIndex,
        threshold_decimal_bps: SingleThreshold | None = None,
        *,
        rule: Rule | None = None,
        end: str | dt.date | None = None,
        max_lookback_days: SupportsIndex = 90,
        warn_if_fewer: bool | None = None,
        include_microstructure: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        prevent_same_timestamp_close: bool | None = None,
        reset: NamedBorders | None = None,
        max_gap: MaxGap | None = None,
        use_cache: bool = True,
    ) -> pl.DataFrame:
        """Return exactly the last `n_bars` completed bars of a symbol.

        Parameters
        ----------
        symbol
            As the source spells it.
        n_bars, threshold_decimal_bps, rule, max_lookback_days, warn_if_fewer
            As in `get_n_range_bars`.
        end
            The last UTC day, included, as ``end_date`` in `get_n_range_bars`.
        include_microstructure, features, footprint, lookback, vpin, prevent_same_timestamp_close
            As in `get_range_bars`.
        reset, max_gap, use_cache
            As in `get_n_range_bars`.

        Returns
        -------
        DataFrame
            As in `get_n_range_bars`, which also documents errors and warnings.
        """
        count = check_count(n_bars, "n_bars")
        most = check_count(max_lookback_days, "max_lookback_days")
        check_flags(use_cache=use_cache)
        if warn_if_fewer is not None:
            check_flags(warn_if_fewer=warn_if_fewer)
        options = check_options(
            threshold_decimal_bps,
            rule=rule,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
            include_microstructure=include_microstructure,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            one="the last bars are",
        )
        return last_bars(
            self._settings,
            self._settings.series(symbol),
            count,
            options,
            self.store if use_cache else None,
            end=None if end is None else utc_day(end, "end"),
            max_lookback_days=most,
            warn_if_fewer=warn_if_fewer,
        )

    def resume(
        self,
        symbol: str,
        start: str | dt.date,
        threshold_decimal_bps: SingleThreshold | None = None,
        *,
        rule: Rule | None = None,
        end: str | dt.date | None = None,
        include_microstructure: bool = False,
        include_incomplete: bool = False,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        prevent_same_timestamp_close: bool | None = None,
        reset: NamedBorders | None = None,
        max_gap: MaxGap | None = None,
        columns: TradeColumns | None = None,
        time_unit: TimeUnit = "ms",
        use_cache: bool = True,
    ) -> RangeBarProcessor:
        """Return a processor that continues the bars of days with the trades of a live feed.

        Parameters
        ----------
        symbol
            As the source spells it.
        start, threshold_decimal_bps, rule, end, columns, time_unit, use_cache
            As in `resume_range_bars`.
        include_microstructure, include_incomplete, features, footprint, lookback, vpin, reset
            As in `resume_range_bars`.
        max_gap, prevent_same_timestamp_close
            As in `resume_range_bars`.

        Returns
        -------
        RangeBarProcessor
            As in `resume_range_bars`, which also documents errors and warnings.
        """
        options = check_options(
            threshold_decimal_bps,
            rule=rule,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            one="a feed continues bars",
        )
        check_flags(use_cache=use_cache)
        return processor_after(
            self._settings,
            self._settings.series(symbol),
            utc_day(start, "start"),
            None if end is None else utc_day(end, "end"),
            options,
            self.store if use_cache else None,
            columns=columns,
            time_unit=time_unit,
        )

    def import_trades(
        self,
        trades: Trades,
        symbol: str | None = None,
        *,
        columns: TradeColumns | None = None,
        time_unit: TimeUnit | None = None,
        storage_options: Mapping[str, Any] | None = None,
        replace: bool = False,
        strictness: Strictness = "report",
    ) -> pl.DataFrame:
        """Put your own trades into the tick cache, and return the report of their days.

        Parameters
        ----------
        trades
            As in `rangebar_polars.import_trades`.
        symbol
            The symbol of the trades. None: they must have a column ``symbol``, and each symbol is
            imported under its name.
        columns, time_unit, storage_options, replace, strictness
            As in `rangebar_polars.import_trades`.

        Returns
        -------
        DataFrame
            As in `rangebar_polars.import_trades`, which also documents errors and warnings.
            Without `symbol` it has a leading column ``symbol``.
        """
        source = self._settings.source
        if source in ARCHIVES:
            raise ValueError(
                f"source {source!r} is the archive's own (give your trades another name)"
            )
        check_strictness(strictness)
        settings = self._settings
        series = Series(source, settings.market, SYMBOL if symbol is None else symbol).check()
        return import_days(
            trades,
            settings.cache(series),
            by_symbol=symbol is None,
            columns=columns,
            time_unit=time_unit,
            storage_options=storage_options,
            open_zip=lambda path: AggTradesFile(path, path.name),
            replace=replace,
            strictness=strictness,
        )

    def populate(
        self,
        symbols: str | Iterable[str],
        start: str | dt.date,
        end: str | dt.date,
        threshold_decimal_bps: Threshold | None = None,
        *,
        rule: Rule | Sequence[Rule] | None = None,
        prevent_same_timestamp_close: bool | None = None,
        reset: NamedBorders | None = None,
        max_gap: MaxGap | None = None,
        features: Sequence[str] | None = None,
        footprint: Footprint | None = None,
        lookback: Lookback | None = None,
        vpin: Vpin | None = None,
        unit: Unit = "symbol",
        processes: SupportsIndex | None = None,
        executor: Executor | None = None,
    ) -> pl.DataFrame:
        """Fill the caches with trades and bars of many symbols.

        Parameters
        ----------
        symbols, start, end, threshold_decimal_bps, rule
            As in `rangebar_polars.populate`.
        prevent_same_timestamp_close, reset, max_gap, features, footprint, lookback, vpin
            As in `rangebar_polars.populate`.
        unit, processes, executor
            As in `rangebar_polars.populate`.

        Returns
        -------
        DataFrame
            As in `rangebar_polars.populate`, which also documents errors and warnings.
        """
        settings = self._settings
        return populate(
            symbols,
            start,
            end,
            threshold_decimal_bps,
            source=settings.source,
            market=settings.market,
            rule=rule,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            fetch_if_missing=settings.fetch_if_missing,
            store=self._address.given,
            cache_dir=settings.cache_dir,
            cache_compression=settings.compression,
            archive=settings.archive,
            unit=unit,
            processes=processes,
            executor=executor,
            progress=settings.progress,
        )

    def status(
        self,
        symbol: str | None = None,
        threshold_decimal_bps: SingleThreshold | None = None,
        *,
        rule: Rule | None = None,
    ) -> pl.DataFrame:
        """Return the cached trades and stored bars of the source and market.

        Parameters
        ----------
        symbol, threshold_decimal_bps, rule
            As in `cache_status`.

        Returns
        -------
        DataFrame
            As in `cache_status`, which also documents errors.
        """
        return cache_status(
            source=self._settings.source,
            market=self._settings.market,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            rule=rule,
            store=self.store,
            cache_dir=self._settings.cache_dir,
        )

    def clear(
        self,
        kind: Kind,
        symbol: str | None = None,
        threshold_decimal_bps: SingleThreshold | None = None,
        *,
        rule: Rule | None = None,
    ) -> pl.DataFrame:
        """Remove trades or bars of the source and market from the cache.

        Parameters
        ----------
        kind, symbol, threshold_decimal_bps, rule
            As in `cache_clear`.

        Returns
        -------
        DataFrame
            As in `cache_clear`, which also documents errors.
        """
        return cache_clear(
            kind,
            source=self._settings.source,
            market=self._settings.market,
            symbol=symbol,
            threshold_decimal_bps=threshold_decimal_bps,
            rule=rule,
            # Trades can be cleared while the store cannot be reached.
            store=self.store if kind == "bars" else None,
            cache_dir=self._settings.cache_dir,
        )

    def _series(self, symbols: Symbols) -> list[Series]:
        return [self._settings.series(symbol) for symbol in check_symbols(symbols)]
