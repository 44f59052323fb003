"""Your own trades in the tick cache, in one call."""

import os
from typing import Literal

import polars as pl

from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._core.options import TimeUnit
from rangebar_polars._ticks.import_trades import Trades
from rangebar_polars.schema import TradeColumns


def import_trades(
    trades: Trades,
    *,
    symbol: str | None = None,
    source: str,
    market: str = "spot",
    columns: TradeColumns | None = None,
    time_unit: TimeUnit | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    replace: bool = False,
    strictness: Literal["report", "raise"] = "report",
) -> pl.DataFrame:
    """Put trades of your own into the tick cache, and return the report of their days.

    They are then at ``scan_ticks(symbol, start, end, source=source, market=market)``. With
    agg_trade_id, or else with trade ids, rows are sorted by them; with neither they stay in
    the order given. In that order time must not go back. Repetitions and prices of zero or
    less are dropped, and counted in the report, as with an archive's trades.

    Parameters
    ----------
    trades
        A frame, a lazy frame, anything with ``__arrow_c_stream__`` (pandas, pyarrow, DuckDB), a
        narwhals frame, or the path of a ``.parquet`` or ``.csv`` file with a header.
    symbol
        What to call them. Without it the trades have a column ``symbol``, and those of each symbol
        are imported under it, in one call: all of them, or none.
    source, market
        What to call where they are from. ``"binance"`` is taken.
    columns
        What they call their columns. timestamp, price and quantity are required; the others
        are null where absent. A timestamp without a zone is UTC.
    time_unit
        The unit of a timestamp that is a whole number, since 1970; from 1990 to 2100.
    cache_dir
        The cache folder; by default ``RANGEBAR_CACHE_DIR``, or the platform's.
    replace
        Whether a day that is cached with other trades is replaced, which is an error
        otherwise. A day is replaced whole: give all of its trades.
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
        An argument is wrong, or a column is absent or of a dtype that is no trade's.
    QualityError
        The trades cannot be put in order, or a value is missing or none of its column's; the error
        names the row, counted from 0.
    CacheError
        A day is cached with other trades.

    Warns
    -----
    RangeBarWarning
        Where times have nanoseconds: the cache keeps microseconds, so that trades may share a time
        that had none in common. `bars` of the frame itself has the nanoseconds. And where more
        than a year lies between two trades, of which one may have a wrong time.

    Notes
    -----
    The times themselves say which days there are, so that a Datetime of a wrong year is a day for
    itself: look at the first and the last day of the report.

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
    with Catalog(source, market, cache_dir=cache_dir) as catalog:
        return catalog.import_trades(
            trades,
            symbol,
            columns=columns,
            time_unit=time_unit,
            replace=replace,
            strictness=strictness,
        )
