"""Your own trades in the tick cache, in one call."""

import os
from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from rangebar_polars._argument_names import named
from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars._ticks.import_sources import Trades
from rangebar_polars._trade_columns import TradeColumns


@named
def import_trades(
    trades: Trades,
    *,
    symbol: str | None = None,
    source: str,
    market: str = "spot",
    columns: TradeColumns | None = None,
    time_unit: TimeUnit | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_compression: Compression | None = None,
    replace: bool = False,
    strictness: Literal["report", "raise"] = "report",
) -> pl.DataFrame:
    """Put your own trades into the tick cache, and return the report of their days.

    Read them with ``scan_ticks(symbol, start, end, source=source, market=market)``. Rows are
    sorted by agg_trade_id, or else by trade ids; without ids they stay in the given order. In
    that order time must not go back. Repetitions and prices of zero or less are dropped and
    counted in the report, like those of an archive.

    Parameters
    ----------
    trades
        A frame, a lazy frame, anything with ``__arrow_c_stream__`` (pandas, pyarrow, DuckDB), a
        narwhals frame; or files, by a path or a list of paths: ``.parquet``, ``.csv``, ``.csv.gz``
        or ``.csv.zst`` with a header, or ``.zip`` of aggTrades as Binance's archive has them. A
        pattern (``"days/*.csv.gz"``) or a folder stands for its files, sorted by name, numbers in
        it by their value; those of a list stay in its order. Of ``s3://``, ``gs://``, ``az://`` and
        ``https://`` Polars reads CSV and Parquet.
    symbol
        The symbol of the trades. Without it the trades must have a column ``symbol``, and each
        symbol is imported under its name. Either all symbols are imported or none.
    source, market
        Your names for the source and the market. The source cannot be ``"binance"``.
    columns
        The names of the columns. timestamp, price and quantity are required; the others are null
        if absent. A timestamp without a zone is UTC. Not for zips, which have their own.
    time_unit
        The unit of timestamps that are whole numbers since 1970. They must lie from 1990 to 2100.
    storage_options
        Of URLs: keys, region and endpoint, as in ``pl.scan_parquet``; by default those of your
        environment.
    cache_dir
        The cache folder, or one in a bucket: ``"s3://bucket/prefix"``, ``"gs://..."``,
        ``"az://..."``. By default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.
    cache_compression
        How days are written: ``"lz4"``, or ``"uncompressed"``, which takes several times the space
        and is read faster. By default ``RANGEBAR_CACHE_COMPRESSION``, or ``"lz4"``. A cache may
        have days of both kinds.
    replace
        Whether a day that is cached with other trades is replaced; otherwise it is an error. The
        whole day is replaced, so give all of its trades.
    strictness
        With ``"raise"``, any defect is a QualityError, and nothing is imported.

    Returns
    -------
    DataFrame
        A row for each day from the first trade to the last; see `archive_quality`. Days
        without trades, up to a week of them in a row, count as days of the import. Without `symbol`
        there is a leading column ``symbol``.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, or a column is absent or has a wrong dtype.
    QualityError
        The trades cannot be put in order, or a value is missing or invalid; the error names the
        line of a CSV on this machine, and else the row, counted from 0.
    CacheError
        A day is cached with other trades.

    Warns
    -----
    RangeBarWarning
        Times have nanoseconds: the cache stores microseconds, so trades with different times may
        get the same one. `bars` of the frame itself uses the nanoseconds. Also if more than a year
        lies between two trades, because the time of one may be wrong.

    Notes
    -----
    Days are taken from the times of the trades, so a time in a wrong year adds a day: check the
    first and the last day of the report.

    Examples
    --------
    >>> import tempfile
    >>> trades = pl.DataFrame(
    ...     {
    ...         "when": [1_723_075_200_000, 1_723_075_201_000],
    ...         "px": [61_800.3, 61_800.2],
    ...         "size": [0.5, 0.25],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = import_trades(
    ...         trades,
    ...         symbol="BTC-USD",
    ...         source="mine",
    ...         columns=TradeColumns(timestamp="when", price="px", quantity="size"),
    ...         time_unit="ms",
    ...         cache_dir=folder,
    ...     )
    >>> report.select("day", "status", "rows_after").rows()
    [(datetime.date(2024, 8, 8), 'ok', 2)]

    """
    with Catalog(
        source, market, cache_dir=cache_dir, cache_compression=cache_compression
    ) as catalog:
        return catalog.import_trades(
            trades,
            symbol,
            columns=columns,
            time_unit=time_unit,
            storage_options=storage_options,
            replace=replace,
            strictness=strictness,
        )
