"""SQL over stored bars and cached trades: a DuckDB connection whose views are lazy frames.

A view is a lazy frame: it is computed when a query reads it, and receives the columns and
conditions of the query. DuckDB stores nothing.
"""

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rangebar_polars._arguments import named
from rangebar_polars._catalog.settings import every_cache
from rangebar_polars._catalog.trades import CachedTrades
from rangebar_polars._core.bars import bars
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._extras import extra, install
from rangebar_polars._pruning import kept, may_hold
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.report import QUALITY_SCHEMA, DayStatus
from rangebar_polars.archive import ARCHIVES
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import BAR_SCHEMA, IS_COMPLETE, SERIES_SCHEMA, TRADE_SCHEMA, ArrowStream
from rangebar_polars.store import BarStore, StoreAddress, address_of
from rangebar_polars.store.chain import CHAIN_BAR_SCHEMA

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NEEDED: Final = ("duckdb", "pyarrow", "numpy")

_TICKS: Final = pl.Schema({**SERIES_SCHEMA, "day": pl.Date(), **TRADE_SCHEMA})
_QUALITY: Final = pl.Schema({**SERIES_SCHEMA, **QUALITY_SCHEMA})
_BARS: Final = pl.Schema({n: dtype for n, dtype in BAR_SCHEMA.items() if n != IS_COMPLETE})

_SQL_TYPES: Final[dict[pl.DataType, str]] = {
    TRADE_SCHEMA["timestamp"]: "TIMESTAMPTZ",
    pl.Float64(): "DOUBLE",
    pl.Int64(): "BIGINT",
    pl.Boolean(): "BOOLEAN",
}
_OPTIONAL: Final = ("is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id")
_SEVERAL: Final = (
    "bars_of was given trades of more than one symbol, market or source (give it those of one, or "
    "group by symbol and call range_bars)"
)


@named
def connect(
    store: BarStore | str | os.PathLike[str] | None = None,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
) -> "DuckDBPyConnection":
    """Return a connection to an in-memory DuckDB with stored bars and cached trades as views.

    Views are computed when a query runs: they show what is stored at that moment and read only the
    columns that the query uses. Files are skipped if conditions on the key columns, or comparisons
    of ``timestamp`` (ticks), ``close_time`` and ``open_time`` (bars) with constants, rule them out.
    All rows that a query reads are in memory at once. Times are TIMESTAMPTZ, and the time zone of
    the connection is UTC.

    Views
    -----
    bars
        The stored bars of all chains, as in `BarStore.scan_bars`: ``source``, ``market``,
        ``symbol``, ``threshold_decimal_bps``, ``prevent_same_timestamp_close``, ``reset``,
        ``origin``; then the columns of bars, with microstructure, and ``is_complete``.
    ticks
        The cached trades of all series: ``source``, ``market``, ``symbol``, ``day`` (DATE, of the
        file); ``timestamp``, ``price``, ``quantity``, ``is_buyer_maker``, ``agg_trade_id``,
        ``first_trade_id``, ``last_trade_id``. Rows are not compared with what was written to the
        files: `archive_quality` does that.
    quality
        A row for each cached day of each series: ``source``, ``market``, ``symbol``, and the
        columns of `archive_quality`. It shows the reports in the files; a file with an
        unreadable report has the status ``damaged`` and a ``message``.

    Functions
    ---------
    range_bars(trades, threshold_decimal_bps)
        The bars of a list of trades, as a list of structs with the columns of `bars` with
        ``include_microstructure=True``. Trades are structs with the seven columns of trades,
        matched by name, in order of time. The result is NULL for a NULL list or threshold, and
        ``[]`` for an empty list. Turn a table of trades into such a list with
        ``list({timestamp: timestamp, ...} ORDER BY ...)``.
    bars_of(table, threshold_decimal_bps)
        A table macro: the bars of the trades of one symbol in a table, a view or a common table
        expression, as rows. Trades are sorted by ``timestamp``, ``agg_trade_id`` and
        ``first_trade_id``; ties stay in the order of the table. All of them are in memory at
        once. The last four columns of trades may be absent and are then NULL, and the sums by side
        are 0. There are no rows for a NULL threshold.

    Parameters
    ----------
    store
        A `BarStore`, or an argument of `open_store`; by default ``RANGEBAR_STORE``, or else
        Parquet in the cache folder.
    cache_dir
        The cache folder; by default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.

    Returns
    -------
    DuckDBPyConnection
        Close it with ``close()``, or use it as a context manager. It is for one thread: each thread
        needs its own, because a ``cursor()`` has the functions but not the views. Each query opens
        the store and closes it, unless you passed an open store.

    Raises
    ------
    ModuleNotFoundError
        DuckDB, pyarrow or NumPy is not installed.
    ImportError
        DuckDB is older than 2.0.
    TypeError, ValueError, StoreError
        As in `open_store`.
    duckdb.Error
        A query fails when it runs: bad trades, a threshold out of range, or a file that cannot be
        read. The error contains the message.

    Notes
    -----
    ``connection.sql(query).pl()`` returns a Polars frame, and ``register`` makes any other frame,
    lazy or not, a view; both need pyarrow. SUM of a BIGINT column is a HUGEINT, which
    Polars has as Decimal(38, 0): cast it to BIGINT. ``fetchall`` of times needs pytz.

    Examples
    --------
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": [dt.datetime(2024, 8, 8, hour) for hour in range(4)],
    ...         "price": [50000.0, 50125.0, 50500.0, 50300.0],
    ...         "quantity": [1.0, 2.0, 0.5, 0.25],
    ...     }
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = rb.import_trades(trades, symbol="BTC-USD", source="mine", cache_dir=folder)
    ...     with connect(cache_dir=folder) as connection:
    ...         connection.sql("SELECT symbol, day, max(price) FROM ticks GROUP BY ALL").pl().row(0)
    ...         query = "WITH mine AS (FROM ticks WHERE symbol = 'BTC-USD') FROM bars_of(mine, 250)"
    ...         connection.sql(query).pl().select("close_time", "open", "close", "volume")
    ('BTC-USD', datetime.date(2024, 8, 8), 50500.0)
    shape: (2, 4)
    ┌─────────────────────────┬─────────┬─────────┬────────┐
    │ close_time              ┆ open    ┆ close   ┆ volume │
    │ ---                     ┆ ---     ┆ ---     ┆ ---    │
    │ datetime[μs, UTC]       ┆ f64     ┆ f64     ┆ f64    │
    ╞═════════════════════════╪═════════╪═════════╪════════╡
    │ 2024-08-08 01:00:00 UTC ┆ 50000.0 ┆ 50125.0 ┆ 3.0    │
    │ 2024-08-08 03:00:00 UTC ┆ 50500.0 ┆ 50300.0 ┆ 0.75   │
    └─────────────────────────┴─────────┴─────────┴────────┘
    """
    _check_installed()
    import duckdb  # noqa: PLC0415 - an extra
    from duckdb.func import ARROW  # noqa: PLC0415 - an extra

    address, root = address_of(store, cache_dir), cache_root(cache_dir)
    with address.opened():
        pass  # A store that cannot be opened fails here instead of in the first query.
    connection = duckdb.connect()
    # Global, because cursors are separate connections.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.register("bars", _stored_bars(address))
    connection.register("ticks", _ticks(root))
    connection.register("quality", _quality(root))
    of_trades, of_bars = f"{_struct(TRADE_SCHEMA)}[]", f"{_struct(_BARS)}[]"
    connection.create_function(
        "range_bars", _range_bars, [of_trades, "BIGINT"], of_bars, type=ARROW
    )
    connection.execute(_bars_of())
    return connection


def _check_installed() -> None:
    for name in _NEEDED:
        module = extra(name, needed_by="rangebar_polars.duckdb", name="duckdb")
        if name == "duckdb" and int(module.__version__.partition(".")[0]) < 2:  # noqa: PLR2004 - its version
            raise ImportError(
                f"duckdb is {module.__version__}: expected 2.0 or later, as older ones give wrong "
                f"rows where times are filtered ({install('duckdb')})",
                name=name,
            )


def _stored_bars(address: StoreAddress) -> pl.LazyFrame:
    def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        with address.opened() as store:
            yield from store.frames(columns, predicate)

    return lazy_source(frames, CHAIN_BAR_SCHEMA)


def _ticks(root: Path) -> pl.LazyFrame:
    """Return the trades of every day of every series in a cache."""

    def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        wanted = list(_TICKS) if columns is None else columns
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

    return lazy_source(frames, _TICKS)


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
            yield found.select(*_QUALITY)

    return lazy_source(frames, _QUALITY)


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
    return [pl.lit(value, _TICKS[name]).alias(name) for name, value in values.items()]


# DuckDB evaluates annotations, so types of pyarrow would have to be imported with this module.
def _range_bars(trades: ArrowStream, thresholds: ArrowStream) -> Any:  # noqa: ANN401 - pyarrow's
    """Return a list of bars for each list of trades; DuckDB does not pass rows with a NULL."""
    import numpy as np  # noqa: PLC0415 - an extra
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    # Times arrive in the current zone of the connection, which a query may have changed.
    lists = pl.Series(trades).cast(pl.List(pl.Struct(TRADE_SCHEMA)))
    found = [
        bars(rows.struct.unnest(), threshold, include_microstructure=True)
        for rows, threshold in zip(lists, pl.Series(thresholds), strict=True)
    ]
    ends = np.cumsum([0, *(frame.height for frame in found)])
    rows = pl.concat([_BARS.to_frame(), *found]).to_struct().to_arrow()
    return pa.LargeListArray.from_arrays(ends, rows)


def _bars_of() -> str:
    """Return the statement that creates the macro."""
    trade = ", ".join(f"{name}: {name}" for name in TRADE_SCHEMA)
    several = " OR ".join(f"min({name}) IS DISTINCT FROM max({name})" for name in SERIES_SCHEMA)
    absent = [f"NULL::{_SQL_TYPES[TRADE_SCHEMA[name]]} AS {name}" for name in _OPTIONAL]
    absent += [f"NULL::VARCHAR AS {name}" for name in SERIES_SCHEMA]
    return f"""
        CREATE MACRO bars_of(tbl, threshold_decimal_bps) AS TABLE
        SELECT unnest(
            range_bars(
                CASE WHEN {several} THEN error('{_SEVERAL}') ELSE list(
                    {{{trade}}}::{_struct(TRADE_SCHEMA)}
                    ORDER BY timestamp, agg_trade_id, first_trade_id, place
                ) END,
                threshold_decimal_bps
            ),
            recursive := true
        )
        FROM (
            SELECT {", ".join([*SERIES_SCHEMA, *TRADE_SCHEMA])}, row_number() OVER () AS place
            FROM (FROM query_table(tbl) UNION ALL BY NAME SELECT {", ".join(absent)} WHERE false)
        )
    """  # noqa: S608 - our own names


def _struct(schema: pl.Schema) -> str:
    fields = (f"{name} {_SQL_TYPES[dtype]}" for name, dtype in schema.items())
    return f"STRUCT({', '.join(fields)})"
