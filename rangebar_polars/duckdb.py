"""SQL over stored bars and cached trades, in a DuckDB connection of ours or of yours.

A view is a lazy frame: it is computed when a query reads it, and receives the columns and
conditions of the query. DuckDB stores nothing.
"""

import os
from typing import TYPE_CHECKING, Any, Final

from rangebar_polars._argument_names import named
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._extras import extra, install
from rangebar_polars._sql.descriptions import VIEWS, comments
from rangebar_polars._sql.functions import MACROS, create_fold, macros
from rangebar_polars._sql.views import views
from rangebar_polars.store import BarStore, address_of

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

_NEEDED: Final = ("pyarrow", "numpy", "duckdb")
"""The packages, in the order in which they are looked for."""


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

    The views:

    bars
        The stored bars of all chains, as in `BarStore.scan_bars`: ``source``, ``market``,
        ``symbol``, ``rule``, ``threshold_decimal_bps``, ``prevent_same_timestamp_close``,
        ``reset``, ``max_gap``, ``features``, ``origin``; then the columns of bars, with
        microstructure; the statistics, NULL where a chain does not store them; and
        ``is_complete``.
    ticks
        The cached trades of all series: ``source``, ``market``, ``symbol``, ``day`` (DATE, of the
        file); ``timestamp``, ``price``, ``quantity``, ``is_buyer_maker``, ``agg_trade_id``,
        ``first_trade_id``, ``last_trade_id``. Rows are not compared with what was written to the
        files: `archive_quality` does that.
    quality
        A row for each cached day of each series: ``source``, ``market``, ``symbol``, and the
        columns of `archive_quality`. It shows the reports in the files; a file with an
        unreadable report has the status ``damaged`` and a ``message``.

    The functions:

    range_bars(trades, rule)
        The bars of a list of trades, as a list of structs with the columns of `bars` with
        ``include_microstructure=True``, and ``is_complete``. Trades are structs with the seven
        columns of trades, matched by name, in order of time. The rule is a threshold in decimal
        basis points, or the text of another rule, such as ``'dollar-1000000'``. The result is NULL
        for a NULL list, and ``[]`` for an empty list. Turn a table of trades into such a
        list with ``list({timestamp: timestamp, ...} ORDER BY ...)``. DuckDB reads times without a
        zone in the time zone of the connection.
    bars_of(table, rule)
        A table macro: the bars of the trades of one symbol in a table, a view or a common table
        expression, as rows. Trades are sorted by ``timestamp``, ``agg_trade_id`` and
        ``first_trade_id``; ties stay in the order of the table. All of them are in memory at
        once. Times without a zone are UTC. The last four columns of trades may be absent and are
        then NULL, and the sums by side are 0.
    bars_by_symbol(table, rule)
        The same for the trades of several symbols: the bars of each ``source``, ``market`` and
        ``symbol``, which lead the columns and are NULL where the table has none. The rows of one
        symbol are in order, and the symbols in none.

    Each function takes ``reset := 'day'`` (or ``'week'``, ``'month'``, ``'year'``, or the text of
    a `TradingDay`, ``'17:00@America/New_York'``; NULL by default), ``max_gap := '30m'`` (NULL by
    default) and ``include_incomplete := true`` (false by default), as in `bars`. A NULL rule is an
    error. The two macros of tables also take, as in `bars`:

    features
        ``['intra_kaufman_er']`` (empty by default): the names of statistics, whose columns come
        before ``is_complete`` in the order of `schema.INTRA` and `schema.LOOKBACK`.
    lookback
        ``200`` or ``'5m'`` (NULL by default): the statistics of the trades before each bar, all of
        them or those of ``features``.
    vpin
        ``'10-50'`` (NULL by default): ``lookback_vpin`` of the last 50 buckets of a volume of 10.
    footprint
        ``'0.5-70-300'`` (NULL by default): the columns of a `Footprint` of this tick, value area
        and imbalance; ``footprint`` is a list of structs.

    Views, columns and functions have descriptions: ``comment`` in ``duckdb_views()``,
    ``duckdb_columns()`` and ``duckdb_functions()``.

    Parameters
    ----------
    store
        A `BarStore`, or an argument of `open_store`; by default ``RANGEBAR_STORE``, or else
        Parquet files beside the trades.
    cache_dir
        The cache folder, or one in a bucket: ``"s3://bucket/prefix"``, ``"gs://..."``,
        ``"az://..."``. By default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.

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
        A query fails when it runs: bad trades, a text of no rule, or a file that cannot be
        read. The error contains the message.

    Notes
    -----
    ``connection.sql(query).pl()`` returns a Polars frame, and ``register`` makes any other frame,
    lazy or not, a view; both need pyarrow. SUM of a BIGINT column is a HUGEINT, which
    Polars has as Decimal(38, 0): cast it to BIGINT. ``fetchall`` of times needs pytz.

    Examples
    --------
    >>> import datetime as dt
    >>> import tempfile
    >>> import polars as pl
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
    duckdb = _installed()
    frames = _frames(store, cache_dir)
    connection: DuckDBPyConnection = duckdb.connect()
    # Global, because cursors are separate connections.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    for name, frame in frames.items():
        connection.register(name, frame)
    _define(connection, "")
    return connection


@named
def register(
    connection: "DuckDBPyConnection",
    schema: str = "rangebar",
    *,
    store: BarStore | str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> "DuckDBPyConnection":
    """Add the views and functions of `connect` to a DuckDB connection of your own.

    They are in an attached in-memory database of the name ``schema``: ``FROM rangebar.bars``,
    ``FROM rangebar.bars_of(trades, 250)``. Your tables, and the settings of your connection, are
    unchanged, and nothing is written to your file, which may be read-only. So call it again after
    each ``duckdb.connect(file)``, and for each ``cursor()``, since views over Python objects belong
    to one connection.

    Parameters
    ----------
    connection
        A connection to a file or to memory, outside of a transaction.
    schema
        The name before those of the views and functions. Another call with the same name replaces
        them; two names may stand for two stores.
    store, cache_dir
        As in `connect`.

    Returns
    -------
    DuckDBPyConnection
        The same connection.

    Raises
    ------
    ModuleNotFoundError, ImportError, StoreError
        As in `connect`.
    TypeError
        An argument has a wrong type.
    ValueError
        The connection has a database or schema of that name, or is in a transaction, or the store
        is wrong as in `open_store`.

    Notes
    -----
    Times are TIMESTAMPTZ, which DuckDB shows, and compares with text, in the time zone of the
    connection: ``SET TimeZone = 'UTC'`` makes days those of UTC. A view or macro of your own over
    these views works where they are registered; if it is kept in a file, register them after
    opening the file, with the same ``schema``.

    Examples
    --------
    >>> import duckdb
    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> with tempfile.TemporaryDirectory() as folder, duckdb.connect() as mine:
    ...     own = {"symbol": "BTC-USD", "source": "mine", "cache_dir": folder}
    ...     _ = rb.import_trades("examples/btcusdt-trades.parquet", **own)
    ...     _ = register(mine, cache_dir=folder)
    ...     query = "FROM rangebar.bars_by_symbol('rangebar.ticks', 25, include_incomplete := true)"
    ...     mine.sql(
    ...         f"SELECT symbol, is_complete, count(*) {query} GROUP BY ALL ORDER BY 3"
    ...     ).fetchall()
    [('BTC-USD', False, 1), ('BTC-USD', True, 100)]
    """
    duckdb = _installed()
    is_connection: bool = isinstance(connection, duckdb.DuckDBPyConnection)
    if not is_connection:
        raise TypeError(
            f"connection is a {type(connection).__name__}: expected a connection of DuckDB "
            '(duckdb.connect("my.duckdb"))'
        )
    if not isinstance(schema, str):
        raise TypeError(f"schema is {schema!r}: expected a name")
    frames = _frames(store, cache_dir)
    at = _identifier(schema) + "."
    try:
        connection.begin()
    except duckdb.TransactionException as error:
        raise ValueError(
            "the connection is in a transaction, which cannot change another database (commit it "
            "or roll it back first)"
        ) from error
    try:
        _attach(connection, schema)
        for name, frame in frames.items():
            # A view in a schema cannot be one over a Python object; it may read such a view.
            connection.register(f"{schema}.{name}", frame)
            connection.execute(
                f"CREATE OR REPLACE VIEW {at}{name} AS "
                f"FROM temp.main.{_identifier(f'{schema}.{name}')}"
            )
        _define(connection, at)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return connection


def _installed() -> Any:  # noqa: ANN401 - the module
    """Return the module of DuckDB."""
    for name in _NEEDED:
        module = extra(name, needed_by="rangebar_polars.duckdb", name="duckdb")
    if int(module.__version__.partition(".")[0]) < 2:  # noqa: PLR2004 - its version
        raise ImportError(
            f"duckdb is {module.__version__}: expected 2.0 or later, as older ones give wrong rows "
            f"where times are filtered ({install('duckdb')})",
            name="duckdb",
        )
    return module


def _frames(
    store: BarStore | str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> "dict[str, pl.LazyFrame]":
    address, root = address_of(store, cache_dir), cache_root(cache_dir)
    with address.opened():
        pass  # A store that cannot be opened fails here instead of in the first query.
    return views(address, root)


def _attach(connection: "DuckDBPyConnection", schema: str) -> None:
    """Attach the database of the views, if it is not there.

    Raises
    ------
    ValueError
        There is a database or schema of that name, and it is not ours.
    """
    if not schema:
        raise ValueError("schema is empty (give a name)")
    ours = connection.execute(
        "SELECT count(*) FROM duckdb_views() WHERE lower(database_name) = lower(?) AND comment = ?",
        [schema, VIEWS["bars"]],
    ).fetchall()
    taken = connection.execute(
        """
        SELECT database_name || '.' || schema_name FROM duckdb_schemas()
        WHERE lower(schema_name) = lower($name)
            OR (lower(database_name) = lower($name) AND NOT $ours)
        """,
        {"name": schema, "ours": ours != [(0,)]},
    ).fetchall()
    if taken:
        raise ValueError(
            f"schema is {schema!r}: the connection has {taken[0][0]} already (give another name)"
        )
    # Without this an attached database is read-only where the connection is.
    connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {_identifier(schema)} (READ_WRITE)")


def _define(connection: "DuckDBPyConnection", at: str) -> None:
    """Create the functions, and describe them and the views."""
    create_fold(connection)
    statements = macros(at)
    for view in VIEWS:
        statements += comments(view, at)
    for name, text in MACROS.items():
        kind = "MACRO" if name == "range_bars" else "MACRO TABLE"
        statements.append(f"COMMENT ON {kind} {at}{name} IS '{text}'")
    for statement in statements:
        connection.execute(statement)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
