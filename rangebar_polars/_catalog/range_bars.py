"""Bars of days in one call: as a frame or as a lazy frame."""

import datetime as dt
import os
from collections.abc import Sequence
from typing import Literal

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._catalog.symbols import Symbols
from rangebar_polars._core.arguments import Threshold
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import Lookback
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.spans import MaxGap
from rangebar_polars._core.vpin import Vpin
from rangebar_polars._days import day_range
from rangebar_polars._progress import Progress
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars.archive import Archive
from rangebar_polars.store import Store


@named
def get_range_bars(
    symbol: Symbols,
    start_date: str | dt.date,
    end_date: str | dt.date,
    threshold_decimal_bps: Threshold | None = None,
    *,
    rule: Rule | Sequence[Rule] | None = None,
    source: str = "binance",
    market: str = "spot",
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
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Return the bars of a symbol over UTC days, and store them for the next call.

    The bars form one chain: the first trade of `start_date` opens the first bar. Another
    `start_date` begins another chain with different bars, until both close at the same trade, or a
    `TradingDay` begins. With a UTC period of `reset` each period is its own chain, computed from
    its border, so the bars do not depend on `start_date`; bars that closed before `start_date` are
    left out.

    Stored bars are used only if each day matches its trades and the state before it. Other bars are
    computed from the tick cache, which fetches missing trades, and are then stored: with a later
    `end_date` only the new days are read. If the trades of a day are replaced, or with another
    `start_date`, bars are computed until they are those of a stored chain of the rule; the trades
    of later days are not needed. Bars do not become stale when their trades leave the cache.

    Parameters
    ----------
    symbol
        As the source spells it: ``"BTCUSDT"``. With several symbols, the bars of each follow
        those of the one before, with a leading column ``symbol``.
    start_date, end_date
        UTC days, both included: ``"YYYY-MM-DD"`` or a date.
    threshold_decimal_bps
        1 to 100,000 decimal basis points of 0.001 %, so that 250 is 0.25 %. Several take one
        pass over the trades, and add a leading column ``threshold_decimal_bps``. None is 250, or
        what ``rule`` says.
    rule
        Another rule for when a bar ends, such as ``DollarRule(1e6)``, or several, which add a
        leading column ``rule`` with their texts. Each rule has its own stored chain, so a rule of
        an expression cannot be stored: `bars` makes its bars of the trades of `scan_ticks`.
    source
        ``"binance"``, or the source that you named in `import_trades`.
    market
        For Binance ``"spot"``, ``"um"`` or ``"cm"`` (also ``"futures-um"``, ``"futures-cm"``); for
        other sources the market you imported.
    include_microstructure
        Add sums, counts, ids and the features. Stored bars have them either way.
    include_incomplete
        Add bars that were cut off, at the end the bar that is still open after `end_date`, and the
        column ``is_complete``.
    features
        Names of columns to add, in this order: sums, features or statistics, as in `bars`. Those
        that are computed from sums are in every stored chain. With a statistic that needs the
        trades (such as ``intra_kaufman_er``, not ``intra_delta``) the bars are those of a chain of
        its own, which stores the statistics with them.
    footprint
        Add the footprint of each bar, as in `bars`: such as ``footprint=Footprint(tick=0.5)``. Its
        tick, value area and imbalance are part of the chain, which stores all six columns.
    lookback, vpin
        Add statistics of the trades before each bar's first one, as in `bars`: such as
        ``lookback=200``, ``lookback="5m"`` or ``vpin=Vpin(10.0, 50)``. Each is part of the chain,
        which stores every column of ``lookback``. Nothing before the first trade of `start_date`
        counts, so bars from another `start_date` meet a stored chain when their window is full,
        and with ``vpin`` they do not. A span must be a whole number of microseconds.
    prevent_same_timestamp_close
        Whether a trade at the opening time of a bar cannot close it; None is True. A rule has its
        own.
    reset
        ``"day"``, ``"week"`` (from Monday), ``"month"`` or ``"year"``: a new chain at each UTC
        border. A `TradingDay`: bars begin anew at a time of day in a zone. An expression is
        refused, since it has no lasting name by which stored bars could be found.
    max_gap
        A length of time such as "30m", or a timedelta: a trade more than that after the one before
        does not join the open bar, which is cut off.
    use_cache
        Whether stored bars are used and new bars are stored. Trades are always cached.
    validate
        Whether bars are checked by `validate_tier1`, unless all of them were stored before.
    fetch_if_missing
        Whether to fetch trades that are needed and not cached.
    store
        Where bars are stored: a `BarStore`, or an argument of `open_store`. By default
        ``RANGEBAR_STORE``, or Parquet files beside the trades.
    cache_dir
        The cache folder, or one in a bucket: ``"s3://bucket/prefix"``, ``"gs://..."``,
        ``"az://..."``. By default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.
    cache_compression
        How days are written: ``"lz4"``, or ``"uncompressed"``, which takes several times the space
        and is read faster. By default ``RANGEBAR_CACHE_COMPRESSION``, or ``"lz4"``. A cache may
        have days of both kinds.
    archive
        The base URL of a mirror, or an `Archive`; by default ``RANGEBAR_BINANCE_URL``, or
        Binance's own archive.
    progress
        A callable that receives each `FetchProgress`, or ``"tqdm"`` for a progress bar.

    Returns
    -------
    DataFrame
        One row for each bar, as from `bars` over the trades of these days. Times are
        Datetime(us, UTC).

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    ArchiveError, ChecksumError, CacheError
        Trades are not available, as in `scan_ticks`; or the file of a cached day was changed.
    QualityError
        Trades of a day are invalid; the error names the day.
    StoreError
        The store cannot be reached, read or written.

    Warns
    -----
    RangeBarWarning
        Days or records of the range are missing, so bars run over a gap, or files of days had no
        published checksum. Stored bars warn too. Or bars fail a check of `validate_tier1`, which
        means a fault of this package: report it.

    Notes
    -----
    Besides the returned bars, one month of bars is in memory until it is stored, however long the
    range is. `scan_range_bars` returns the bars month by month.

    The chain of a UTC period is computed from the files of its days. If the last file has trades of
    the next day (`archive_quality` counts them in ``outside_day``), these form a separate bar at
    the end of the period, which is cut off.

    Examples
    --------
    ``get_range_bars("BTCUSDT", "2024-01-01", "2024-06-30")`` fetches trades and stores the bars of
    half a year.
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
        cache_compression=cache_compression,
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
            rule=rule,
            include_microstructure=include_microstructure,
            include_incomplete=include_incomplete,
            features=features,
            footprint=footprint,
            lookback=lookback,
            vpin=vpin,
            prevent_same_timestamp_close=prevent_same_timestamp_close,
            reset=reset,
            max_gap=max_gap,
            use_cache=use_cache,
            validate=validate,
        )


@named
def scan_range_bars(
    symbol: Symbols,
    start_date: str | dt.date,
    end_date: str | dt.date,
    threshold_decimal_bps: Threshold | None = None,
    *,
    rule: Rule | Sequence[Rule] | None = None,
    source: str = "binance",
    market: str = "spot",
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
    fetch_if_missing: bool = True,
    store: Store = None,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.LazyFrame:
    """Return the bars of a symbol over UTC days as a lazy frame.

    This call fetches the days of trades of which no bars are stored. When the plan runs, bars are
    read, or computed and stored, month by month, and trades are fetched of days whose stored bars
    turn out to be of another chain. A plan that stops early computes only the months that it needs.

    Parameters
    ----------
    symbol, start_date, end_date, threshold_decimal_bps, rule, source, market
        As in `get_range_bars`.
    include_microstructure, include_incomplete, features, footprint, lookback, vpin
        As in `get_range_bars`.
    prevent_same_timestamp_close, reset, max_gap
        As in `get_range_bars`.
    use_cache, fetch_if_missing, store, cache_dir, cache_compression, archive, progress
        As in `get_range_bars`.

    Returns
    -------
    LazyFrame
        The bars of `get_range_bars`. Only the columns that the plan uses are read.

    Raises
    ------
    ValueError, TypeError, ArchiveError, ChecksumError, CacheError
        As in `get_range_bars`; raised by the call.
    QualityError, StoreError
        As in `get_range_bars`; raised by the call or when the plan runs. The others are too, if the
        plan fetches trades.

    Warns
    -----
    RangeBarWarning
        As in `get_range_bars`, by the call; and by the plan, if it finds other trades missing.

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
        cache_compression=cache_compression,
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
        rule=rule,
        include_microstructure=include_microstructure,
        include_incomplete=include_incomplete,
        features=features,
        footprint=footprint,
        lookback=lookback,
        vpin=vpin,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
        max_gap=max_gap,
        use_cache=use_cache,
    )
