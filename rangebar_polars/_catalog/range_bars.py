"""Range bars of days in one call: eager, lazy, or the last so many."""

import datetime as dt
import os
from typing import Literal, SupportsIndex

import polars as pl

from rangebar_polars._catalog.catalog import Catalog, Symbols
from rangebar_polars._core.options import Reset, Threshold
from rangebar_polars._days import day_range, utc_day
from rangebar_polars._progress import Progress
from rangebar_polars.archive import Archive
from rangebar_polars.store import Store


def get_range_bars(
    symbol: Symbols,
    start_date: str | dt.date,
    end_date: str | dt.date,
    threshold_decimal_bps: Threshold = 250,
    *,
    source: str = "binance",
    market: str = "spot",
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    use_cache: bool = True,
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Return the range bars of a symbol over UTC days; the second call finds them stored.

    The bars are one chain: the first trade of `start_date` opens the first. Another first day is
    another chain with other bars, until both happen to close on one trade. With `reset` every
    period is a chain of its own, read from its border, so that bars do not depend on `start_date`;
    what closed before `start_date` is left out.

    What is stored counts only where it is proven to be made of the trades of every day from the
    first on. What is missing is made from the tick cache, which fetches what it lacks, and is
    stored in turn: with a later `end_date` only the new days are read. A day that was replaced
    makes the bars from it on stale, and no others. Trades that are no longer cached do not.

    Parameters
    ----------
    symbol
        As the source spells it: ``"BTCUSDT"``. Several give a leading column ``symbol``, and their
        bars one symbol after another.
    start_date, end_date
        UTC days, both included: ``"YYYY-MM-DD"`` or a date.
    threshold_decimal_bps
        1 to 100,000 decimal basis points of 0.001 %, so that 250 is 0.25 %. Several give a leading
        column ``threshold_decimal_bps``, in one pass over the trades.
    source
        ``"binance"``, or the source named to `import_trades`.
    market
        ``"spot"``, ``"um"`` or ``"cm"`` of Binance; of other sources whatever was imported.
    include_microstructure
        Add sums, counts, ids and the ten features. They are stored in any case.
    include_incomplete
        Add bars that a reset cut off and, last, the bar still open after `end_date`, and the
        column ``is_complete``.
    prevent_same_timestamp_close
        Let no trade of a bar's opening time close it.
    reset
        ``"day"``, ``"week"`` (from Monday), ``"month"`` or ``"year"``: a new chain at each UTC
        border.
    use_cache
        Whether stored bars are used, and bars that were made are stored. Trades are cached in any
        case.
    fetch_if_missing
        Whether days of trades that are needed and not cached are fetched.
    store
        Where bars are stored: a `BarStore`, or what `open_store` takes. By default
        ``RANGEBAR_STORE``, or Parquet files in the cache folder.
    cache_dir
        The cache folder; by default ``RANGEBAR_CACHE_DIR``, or the platform's.
    archive
        A mirror's base URL, or an `Archive`; by default ``RANGEBAR_BINANCE_URL``, or
        Binance's own.
    progress
        A callable that is given each `FetchProgress`, or ``"tqdm"`` for a bar.

    Returns
    -------
    DataFrame
        One row a bar, as `bars` gives of the trades of these days: times are Datetime(us, UTC).

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    ArchiveError, ChecksumError, CacheError
        Trades cannot be had, as of `scan_ticks`; or a cached day is not as it was written.
    QualityError
        Trades of a day are not what trades must be; the error names the day.
    StoreError
        The store cannot be reached, read or written.

    Warns
    -----
    RangeBarWarning
        Where days or records of the range are missing, so that bars run over a gap, and where
        files had no published checksum; of stored bars too.

    Notes
    -----
    A month of bars is held in memory until it is stored, whatever the length of the range, beside
    the bars that are returned. `scan_range_bars` returns them month by month.

    With `reset`, a chain is made of the files of the days of its period. Where a file holds trades
    of the day after (`archive_quality` counts them in ``outside_day``) at the end of a period,
    those are a bar of their own there, cut off.

    Examples
    --------
    ``get_range_bars("BTCUSDT", "2024-01-01", "2024-06-30")`` fetches, makes and stores half a year.
    With your own trades:

    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [50_000.0, 50_100.0, 50_125.0],
    ...         "quantity": [1.0, 2.0, 0.5],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     bars = rb.get_range_bars("BTC-USD", "1970-01-01", "1970-01-01", **own)
    >>> bars.select("open", "close", "volume").rows()
    [(50000.0, 50125.0, 3.5)]
    """
    days = day_range(start_date, end_date, names=("start_date", "end_date"))
    with Catalog(
        source,
        market,
        cache_dir=cache_dir,
        store=store,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    ) as catalog:
        return catalog.bars(
            symbol,
            days[0],
            days[-1],
            threshold_decimal_bps,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            use_cache=use_cache,
        )


def scan_range_bars(
    symbol: Symbols,
    start_date: str | dt.date,
    end_date: str | dt.date,
    threshold_decimal_bps: Threshold = 250,
    *,
    source: str = "binance",
    market: str = "spot",
    include_microstructure: bool = False,
    include_incomplete: bool = False,
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    use_cache: bool = True,
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.LazyFrame:
    """Return the range bars of a symbol over UTC days as a lazy frame.

    Missing days of trades are fetched when this is called; the bars are read, or made and stored,
    when the plan runs, month by month. A plan that stops early makes no more months than it needs.

    Parameters
    ----------
    symbol, start_date, end_date, threshold_decimal_bps, source, market
        As in `get_range_bars`.
    include_microstructure, include_incomplete, prevent_same_timestamp_close, reset
        As in `get_range_bars`.
    use_cache, fetch_if_missing, store, cache_dir, archive, progress
        As in `get_range_bars`.

    Returns
    -------
    LazyFrame
        The bars of `get_range_bars`. Only the columns that the plan uses are read.

    Raises
    ------
    ValueError, TypeError, ArchiveError, ChecksumError, CacheError
        As `get_range_bars`, when called.
    QualityError, StoreError
        As `get_range_bars`, when called or when the plan runs.

    Warns
    -----
    RangeBarWarning
        As `get_range_bars`, when called.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0, 100.0, 99.0],
    ...         "quantity": [1.0, 2.0, 0.5, 4.0],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     bars = rb.scan_range_bars("BTC-USD", "1970-01-01", "1970-01-01", **own)
    ...     bars.filter(pl.col("close") < pl.col("open")).select("open", "close").collect().rows()
    [(100.0, 99.0)]
    """
    days = day_range(start_date, end_date, names=("start_date", "end_date"))
    catalog = Catalog(
        source,
        market,
        cache_dir=cache_dir,
        store=store,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    )
    return catalog.scan_bars(
        symbol,
        days[0],
        days[-1],
        threshold_decimal_bps,
        include_microstructure=include_microstructure,
        include_incomplete=include_incomplete,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        use_cache=use_cache,
    )


def get_n_range_bars(
    symbol: str,
    n_bars: SupportsIndex,
    threshold_decimal_bps: SupportsIndex = 250,
    *,
    end_date: str | dt.date | None = None,
    max_lookback_days: SupportsIndex = 90,
    allow_fewer: bool = False,
    source: str = "binance",
    market: str = "spot",
    include_microstructure: bool = False,
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    use_cache: bool = True,
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Return exactly the last so many completed bars of a symbol.

    Where a chain begins decides its bars, so the beginning is fixed by rule: the chain is that of
    the last 1, 2, 4, 8, ... days, `end_date` being the first of them, and at last that of
    `max_lookback_days`; the first that has enough bars. Equal arguments give equal bars, but a
    larger `n_bars` may be of an earlier beginning. With `reset` bars do not depend on it: they are
    the last of the periods up to `end_date`, in the days that `max_lookback_days` allows.

    Parameters
    ----------
    symbol
        As the source spells it.
    n_bars
        How many.
    threshold_decimal_bps
        As in `get_range_bars`; one.
    end_date
        The last UTC day, included. By default the last one published; of other sources than
        Binance, and with ``fetch_if_missing=False``, the last one cached.
    max_lookback_days
        How many days are looked at, at most.
    allow_fewer
        Whether fewer bars are a warning, not an error.
    source, market, include_microstructure, prevent_same_timestamp_close, reset
        As in `get_range_bars`.
    use_cache
        As in `get_range_bars`. Without `reset`, bars are only stored if the chain is stored
        already, so that asking again day by day does not store a chain for each day.
    fetch_if_missing, store, cache_dir, archive, progress
        As in `get_range_bars`.

    Returns
    -------
    DataFrame
        `n_bars` rows, as `get_range_bars` gives them, the latest last.

    Raises
    ------
    RangeBarError
        There are fewer bars; the error says how many.
    ValueError, TypeError, ArchiveError, ChecksumError, CacheError, QualityError, StoreError
        As `get_range_bars`.

    Warns
    -----
    RangeBarWarning
        As `get_range_bars`, of the days of the chain; and for fewer bars, if allowed.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 101.0, 100.0, 99.0],
    ...         "quantity": [1.0, 2.0, 0.5, 4.0],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     rb.get_n_range_bars("BTC-USD", 1, **own)["close"].to_list()
    [99.0]
    """
    end = None if end_date is None else utc_day(end_date, "end_date")
    with Catalog(
        source,
        market,
        cache_dir=cache_dir,
        store=store,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    ) as catalog:
        return catalog.last_bars(
            symbol,
            n_bars,
            threshold_decimal_bps,
            end=end,
            max_lookback_days=max_lookback_days,
            allow_fewer=allow_fewer,
            include_microstructure=include_microstructure,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            use_cache=use_cache,
        )
