"""A user's own trades, put into the tick cache.

They pass the same cleaning as an archive's, are cut into the same UTC days, and are read by
the same `scan_ticks`, so nothing after the cache knows where they are from. An import is
checked to its end before its first day is written: one that is refused changes nothing.
"""

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as _replace
from pathlib import Path
from typing import Literal

import polars as pl
import polars.selectors as cs

from rangebar_polars._internal import read_table
from rangebar_polars.batches import batches
from rangebar_polars.cache_root import cache_root, local_path
from rangebar_polars.caller import warn_caller
from rangebar_polars.errors import CacheError, QualityError
from rangebar_polars.exclusive import exclusive, spill_folder
from rangebar_polars.fingerprint import fingerprint
from rangebar_polars.import_times import CUT, Times, times_of
from rangebar_polars.options import TimeUnit, check_time_unit
from rangebar_polars.quality import clean
from rangebar_polars.report import DayReport, DayStatus, Origin, quality_frame, told
from rangebar_polars.schema import TRADE_SCHEMA, ArrowStream, TradeColumns, is_arrow_stream
from rangebar_polars.spill import Spill, split_by_day
from rangebar_polars.ticks import TickCache, check_names

# Weekends and holidays inside an import are days without trades; a longer pause is a hole.
LONGEST_PAUSE_DAYS = 7
REQUIRED = ("timestamp", "price", "quantity")


def import_trades(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream | str | os.PathLike[str],
    *,
    symbol: str,
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
    symbol, source, market
        What to call them. ``"binance"`` is taken.
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
        without trades, up to a week of them in a row, count as days of the import.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong, or a column is absent or of a dtype that is no trade's.
    QualityError
        The trades cannot be put in order, or a time is missing or no time; the error names the row,
        counted from 0.
    CacheError
        A day is cached with other trades.

    Warns
    -----
    RangeBarWarning
        Where times have nanoseconds: the cache keeps microseconds, so that trades may share a time
        that had none in common. `bars` of the frame itself has the nanoseconds.

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
    check_names(source, market, symbol)
    if source == "binance":
        raise ValueError("source 'binance' is the archive's own (give your trades another name)")
    if strictness not in {"report", "raise"}:
        raise ValueError(f"strictness is {strictness!r} (give 'report' or 'raise')")
    if time_unit is not None:
        check_time_unit(time_unit)
    named = columns or TradeColumns()
    what = str(trades) if isinstance(trades, str | os.PathLike) else "the trades"
    plan, times = _trades(_read(trades, named), named, time_unit, what)
    cache = TickCache(cache_root(cache_dir), source, market, symbol)
    with (
        exclusive(cache.unfinished("import")) as claim,
        Spill(spill_folder(claim.path)) as spill,
    ):
        cut = _spilled(plan, times, spill, trades)
        reports = [
            _replace(report, times_cut=cut[report.day])
            for report in _cleaned(spill, cache, replace=replace)
        ]
        if strictness == "raise":
            _refuse_defects(reports, cache)
        for report in reports:
            cache.write(spill.rows(report.day), report)
    cache.sweep()
    if cut.total():
        warn_caller(
            f"{cut.total()} times of {cache.label} have nanoseconds, which the cache cuts to "
            "microseconds: trades may share a time that had none in common (bars of the frame "
            "itself have the nanoseconds)"
        )
    entries = [DayStatus(report.day, "ok", report) for report in reports]
    return quality_frame(entries, contiguous_ids=False)


def _spilled(plan: pl.LazyFrame, times: Times, spill: Spill, trades: object) -> Counter[dt.date]:
    """Put the trades into a spill by day; return how many times of each day were cut."""
    cut = Counter[dt.date]()
    try:
        for batch in times.in_microseconds(_batches(plan, times)):
            for day, rows in split_by_day(batch):
                cut[day] += int(rows[CUT].sum())
                spill.add(day, rows.drop(CUT))
    except (pl.exceptions.PolarsError, OSError) as error:
        if not isinstance(trades, str | os.PathLike):
            raise
        raise QualityError(f"{times.what} cannot be read: {error} (repair the file)") from error
    return cut


def _read(
    trades: pl.DataFrame | pl.LazyFrame | ArrowStream | str | os.PathLike[str],
    columns: TradeColumns,
) -> pl.LazyFrame:
    native = getattr(trades, "to_native", None)
    if native is not None and hasattr(trades, "implementation"):
        return _read(native(), columns)
    if isinstance(trades, pl.DataFrame | pl.LazyFrame):
        return trades.lazy()
    if is_arrow_stream(trades):
        return read_table(trades, [*columns.names().values()]).lazy()
    if not isinstance(trades, str | os.PathLike):
        raise TypeError(
            f"trades is a {type(trades).__name__} (give a frame, an object with "
            "__arrow_c_stream__, or a path)"
        )
    path = local_path(trades, "trades", remedy='give a frame: pl.scan_parquet("s3://...")')
    if path.suffix not in {".parquet", ".csv"}:
        raise ValueError(
            f"{path} is neither a .parquet nor a .csv file (read it, and give the frame)"
        )
    try:
        if path.suffix == ".parquet":
            plan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            plan.collect_schema()
            return plan
        return _read_csv(path, columns)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise QualityError(f"{path} cannot be read: {error} (is it the right file?)") from error


def _read_csv(path: Path, columns: TradeColumns) -> pl.LazyFrame:
    """Scan a file of which only the times are guessed from what its first lines look like."""
    header = pl.scan_csv(path, glob=False, infer_schema=False)
    if header.head(1).collect().is_empty():
        raise QualityError(f"{path} has a header and no trades (is it the whole file?)")
    there = header.collect_schema()
    numbers = {
        name: TRADE_SCHEMA[role]
        for role, name in columns.names().items()
        if name in there and TRADE_SCHEMA[role] in {pl.Float64(), pl.Int64()}
    }
    return pl.scan_csv(path, glob=False, try_parse_dates=True, schema_overrides=numbers)


def _trades(
    frame: pl.LazyFrame, columns: TradeColumns, time_unit: TimeUnit | None, what: str
) -> tuple[pl.LazyFrame, "Times"]:
    """Select the trade schema from a frame, with its own times, or say what it lacks."""
    schema = frame.collect_schema()
    standard = TradeColumns()
    selected, times = [], None
    for field, dtype in TRADE_SCHEMA.items():
        name = getattr(columns, field)
        if name is None:
            column = pl.lit(None, dtype)
        elif name in schema:
            column = cs.by_name(name).as_expr()
            if field == "timestamp":
                times = times_of(frame, name, time_unit, what=what)
            else:
                column = _column(column, name, schema[name], dtype)
        elif field in REQUIRED or name != getattr(standard, field):
            raise ValueError(
                f"the trades have no column {name!r} for {field} (they have "
                f"{', '.join(schema.names())}; name it with columns=TradeColumns({field}=...))",
            )
        else:
            column = pl.lit(None, dtype)
        selected.append(column.alias(field))
    if times is None:
        raise ValueError("columns names no timestamp (every trade has one)")
    return frame.select(selected), times


def _column(column: pl.Expr, name: str, got: pl.DataType, expected: pl.DataType) -> pl.Expr:
    fits = {
        pl.Float64(): got.is_numeric(),
        pl.Int64(): got.is_integer() or got == pl.Null,
        pl.Boolean(): got in {pl.Boolean(), pl.Null()},
    }
    if not fits[expected]:
        remedy = "cast it first"
        if expected == pl.Boolean():
            value = '"sell"' if got == pl.String else "-1"
            remedy = (
                f"true is where the aggressor sold: pl.col({name!r}) == {value}, with what the "
                "column has for a seller"
            )
        raise TypeError(f"column {name!r} is {got}, expected {expected} ({remedy})")
    return column.cast(expected)


def _batches(plan: pl.LazyFrame, times: Times) -> Iterator[pl.DataFrame]:
    return batches(plan, pl.Schema(TRADE_SCHEMA | {"timestamp": times.dtype}))


def _cleaned(spill: Spill, cache: TickCache, *, replace: bool) -> Iterator[DayReport]:
    """Clean every day of the spill in its place; yield the reports, ascending."""
    previous: dt.date | None = None
    for day in spill.days():
        pause = [] if previous is None else _between(previous, day)
        for empty in pause if len(pause) <= LONGEST_PAUSE_DAYS else []:
            nothing = pl.DataFrame(schema=TRADE_SCHEMA)
            report = DayReport(day=empty, fingerprint=fingerprint(nothing))
            yield _accepted(report, cache, replace=replace)
        rows, report = clean(
            spill.rows(day),
            day,
            Origin(),
            name=f"{cache.label} {day}",
            contiguous_ids=False,
        )
        spill.put(day, rows)
        yield _accepted(report, cache, replace=replace)
        previous = day


def _between(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=n) for n in range(1, (last - first).days)]


def _accepted(report: DayReport, cache: TickCache, *, replace: bool) -> DayReport:
    cached = None if replace else cache.report(report.day)
    if cached is not None and cached.digest != report.digest:
        raise CacheError(
            f"{cache.path(report.day)} holds other trades of {report.day} than those given "
            f"({cached.rows_after} rows, got {report.rows_after}; replace=True replaces the day)",
        )
    return report


def _refuse_defects(reports: list[DayReport], cache: TickCache) -> None:
    wrong = {report.day: report.defects() for report in reports if report.defects()}
    if wrong:
        raise QualityError(
            f"{cache.label} has defects: {told(wrong)} (strictness='report' accepts them)",
        )
