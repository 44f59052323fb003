"""Trades of days in one call, as a plan or as a report of their quality."""

import datetime as dt
import os
from typing import Literal

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._catalog.symbols import Symbols
from rangebar_polars._progress import Progress
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars.archive import Archive


@named
def scan_ticks(
    symbol: Symbols,
    start: str | dt.date,
    end: str | dt.date,
    *,
    market: str = "spot",
    source: str = "binance",
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    fetch_if_missing: bool = True,
    refresh: bool = False,
    strictness: Literal["report", "raise"] = "report",
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.LazyFrame:
    """Return the trades of a symbol over UTC days, from the tick cache, as a lazy frame.

    Columns: timestamp Datetime(us, UTC), price and quantity Float64, is_buyer_maker Boolean,
    agg_trade_id, first_trade_id, last_trade_id Int64. Rows are in the order of agg_trade_id.
    A plan reads only the files of the wanted days, and only the columns that it uses. So the rows
    are not compared with what was written to the files: `archive_quality` does that.

    Parameters
    ----------
    symbol
        As the source spells it: ``"BTCUSDT"``. With several symbols, the trades of each follow
        those of the one before, with a leading column ``symbol``.
    start, end
        UTC days, both included: ``"YYYY-MM-DD"`` or a date.
    market
        For Binance ``"spot"``, ``"um"`` or ``"cm"`` (also ``"futures-um"``, ``"futures-cm"``); for
        other sources the market you imported.
    source
        ``"binance"``, or the source that you named in `import_trades`.
    cache_dir
        The cache folder, or one in a bucket: ``"s3://bucket/prefix"``, ``"gs://..."``,
        ``"az://..."``. By default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.
    cache_compression
        How days are written: ``"lz4"``, or ``"uncompressed"``, which takes several times the space
        and is read faster. By default ``RANGEBAR_CACHE_COMPRESSION``, or ``"lz4"``. A cache may
        have days of both kinds.
    fetch_if_missing
        Whether days that are not cached are fetched first. Imported sources have no archive to
        fetch from.
    refresh
        Compare cached days with the published checksums and with what was written to their files,
        and replace those whose archive was replaced or whose file is damaged.
    strictness
        With ``"raise"``, any defect found in the range is a QualityError.
    archive
        The base URL of a mirror, or an `Archive`; by default ``RANGEBAR_BINANCE_URL``, or
        Binance's own archive.
    progress
        A callable that receives each `FetchProgress`, or ``"tqdm"`` for a progress bar.

    Returns
    -------
    LazyFrame
        One row for each record. Each day is streamed from its own file.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    ArchiveError
        No day of the range is available, or a file of the archive is invalid.
    ChecksumError
        A file does not have the published checksum.
    QualityError
        The trades of a day cannot be put in order, or `strictness` is ``"raise"``.
    CacheError
        A cached day cannot be read, or nothing is cached and nothing may be fetched.

    Warns
    -----
    RangeBarWarning
        Once, if days or records of the range are missing, and once, if the files of days had no
        published checksum.

    Examples
    --------
    ``scan_ticks("BTCUSDT", "2024-08-01", "2024-08-31", market="um")`` fetches the days that
    are not cached. Your own trades need no fetch:

    >>> import tempfile
    >>> from rangebar_polars import import_trades
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": [dt.datetime(2024, 8, 8), dt.datetime(2024, 8, 9)],
    ...         "price": [61_800.3, 61_750.0],
    ...         "quantity": [0.5, 0.25],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     names = {"symbol": "BTC-USD", "source": "mine", "cache_dir": folder}
    ...     report = import_trades(trades, **names)
    ...     ticks = scan_ticks(start="2024-08-09", end="2024-08-09", **names)
    ...     ticks.select("timestamp", "price").collect().rows()
    [(datetime.datetime(2024, 8, 9, 0, 0, tzinfo=...), 61750.0)]

    """
    catalog = Catalog(
        source,
        market,
        cache_dir=cache_dir,
        cache_compression=cache_compression,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    )
    return catalog.trades(symbol, start, end, refresh=refresh, strictness=strictness)


@named
def archive_quality(
    symbol: Symbols,
    start: str | dt.date,
    end: str | dt.date,
    *,
    market: str = "spot",
    source: str = "binance",
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    fetch_if_missing: bool = True,
    refresh: bool = False,
    strictness: Literal["report", "raise"] = "report",
    archive: Archive | str | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Return a quality report of the trades of a symbol, one row for each UTC day.

    Each wanted day has a row, whether it is cached, absent or refused. Cached files are read to
    their end and compared with what was written to them.

    The columns:

    day
        The UTC day.
    status
        ``"ok"``: cached; ``"hole"``: the archive has no file; ``"not published"``: not yet;
        ``"not cached"``: nothing was fetched; ``"refused"``: the trades cannot be put in
        order; ``"unreadable"``: the archive's file is invalid; ``"damaged"``: the cache file
        was changed after it was written.
    archive, sha256, verified
        The file of the archive, its checksum, and whether that equals the published one; false
        if none is published. Null for imported trades.
    unit, header
        The unit of the file's times, and whether its first line named the columns.
    rows_before, rows_after
        Rows before and after cleaning.
    out_of_order, interleaved
        Rows with an id below that of the row before, which were sorted; and whether the file
        interleaved two sorted halves.
    duplicates, tombstones, nonpositive_prices, repeated_trades, repeated_headers
        Dropped rows: exact repetitions; deleted records; other prices of zero or less; records
        whose trades were part of an earlier record; header lines after the first.
    zero_quantities, off_market, outside_day, times_cut
        Unchanged rows: a quantity of zero; a price more than 1 % above, or below, both
        neighbours; a time outside the day by at most an hour; a time whose nanoseconds were cut.
    missing_ids, gaps
        Ids that are missing between neighbouring records, within the day and since the last
        earlier day of the range that has trades: `after_id`, `after_time`, `before_id`,
        `before_time`, `missing`. Only for sources whose ids rise by one.
    overlaps_previous
        Whether the day begins before the end of the previous day, by id or by time.
    first_agg_trade_id, last_agg_trade_id, first_time, last_time
        The ids and times of its first and last record.
    message
        The text of the error of a day without trades.

    Parameters
    ----------
    symbol, start, end, market, source, cache_dir, cache_compression, fetch_if_missing, refresh
        As in `scan_ticks`.
    archive, progress
        As in `scan_ticks`.
    strictness
        With ``"raise"``, an error or any defect of a day is raised.

    Returns
    -------
    DataFrame
        One row for each day, with the columns above.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    ArchiveError
        There is no such symbol, or the server cannot be reached (DownloadError).
    QualityError
        A defect was found, and `strictness` is ``"raise"``.

    Examples
    --------
    ``archive_quality("BTCUSDT", "2021-05-01", "2021-05-31", market="um")`` examines a month of
    Binance's trades. A day of your own trades, with a price far off the market:

    >>> import tempfile
    >>> from rangebar_polars import import_trades
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": [dt.datetime(2024, 8, 8, hour) for hour in range(3)],
    ...         "price": [61_800.3, 63_120.0, 61_799.9],
    ...         "quantity": [0.5, 0.0, 0.25],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     names = {"symbol": "BTC-USD", "source": "mine", "cache_dir": folder}
    ...     report = import_trades(trades, **names)
    ...     found = archive_quality(start="2024-08-08", end="2024-08-08", **names)
    >>> found.select("status", "rows_after", "zero_quantities", "off_market").rows()
    [('ok', 3, 1, 1)]

    """
    catalog = Catalog(
        source,
        market,
        cache_dir=cache_dir,
        cache_compression=cache_compression,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=progress,
    )
    return catalog.quality(symbol, start, end, refresh=refresh, strictness=strictness)
