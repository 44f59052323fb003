"""A user's own trades, put into the tick cache.

They pass the same cleaning as an archive's, are cut into the same UTC days, and are read by
the same `scan_ticks`, so nothing after the cache knows where they are from. An import is
checked to its end before its first day is written: one that is refused changes nothing.
"""

import csv
import datetime as dt
import functools
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as _replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import polars as pl
import polars.selectors as cs

from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.options import TimeUnit, check_time_unit
from rangebar_polars._disk.cache_root import cache_root, local_path
from rangebar_polars._disk.fingerprint import fingerprint
from rangebar_polars._disk.locked_file import exclusive, spill_folder
from rangebar_polars._internal import read_table
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.import_order import TimeOrder
from rangebar_polars._ticks.import_times import CUT, NUMBER, Times, times_of
from rangebar_polars._ticks.import_values import Values
from rangebar_polars._ticks.report import DayReport, DayStatus, Origin, quality_frame, told
from rangebar_polars._ticks.spill import ROW, Spill, split_by_day
from rangebar_polars.errors import CacheError, QualityError
from rangebar_polars.schema import TRADE_SCHEMA, ArrowStream, Series, TradeColumns, is_arrow_stream

# Weekends and holidays inside an import are days without trades; a longer pause is a hole.
LONGEST_PAUSE_DAYS = 7
LONGEST_LEAP = dt.timedelta(days=366)
REQUIRED = ("timestamp", "price", "quantity")
_FRAME = "the trades"


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
    series = Series(source, market, symbol).check()
    if source == "binance":
        raise ValueError("source 'binance' is the archive's own (give your trades another name)")
    if strictness not in {"report", "raise"}:
        raise ValueError(f"strictness is {strictness!r} (give 'report' or 'raise')")
    if time_unit is not None:
        check_time_unit(time_unit)
    named = columns or TradeColumns()
    what = str(trades) if isinstance(trades, str | os.PathLike) else _FRAME
    is_text = what is not _FRAME and Path(what).suffix == ".csv"
    frame = _read(trades, named)
    plan, times, values = _trades(frame, named, time_unit, what, is_text=is_text)
    cache = TickCache(cache_root(cache_dir), series)
    with (
        exclusive(cache.unfinished("import")) as claim,
        Spill(spill_folder(claim.path)) as spill,
    ):
        cut = _spilled(plan, times, values, spill)
        reports = [
            _replace(report, times_cut=cut[report.day])
            for report in _cleaned(spill, cache, replace=replace)
        ]
        if strictness == "raise":
            _refuse_defects(reports, cache)
        for report in reports:
            cache.write(spill.rows(report.day), report)
    cache.sweep()
    _warn_of_leaps(reports, cache)
    if cut.total():
        warn_caller(
            f"{cut.total()} times of {cache.label} have nanoseconds, which the cache cuts to "
            "microseconds: trades may share a time that had none in common (bars of the frame "
            "itself have the nanoseconds)"
        )
    entries = [DayStatus(report.day, "ok", report) for report in reports]
    return quality_frame(entries, contiguous_ids=False)


def _spilled(plan: pl.LazyFrame, times: Times, values: Values, spill: Spill) -> Counter[dt.date]:
    """Put the trades into a spill by day; return how many times of each day were cut."""
    cut, offset = Counter[dt.date](), 0
    order = TimeOrder(times.what, times.name, is_file=times.what is not _FRAME)
    try:
        rows = batches(plan, plan.collect_schema())
        for batch in values.converted(times.in_microseconds(rows)):
            numbered = batch.with_row_index(ROW, offset).with_columns(pl.col(ROW).cast(pl.Int64))
            offset += batch.height
            order.check(numbered)
            for day, part in split_by_day(numbered):
                cut[day] += int(part[CUT].sum())
                spill.add(day, part.drop(CUT, NUMBER))
    except (pl.exceptions.PolarsError, OSError) as error:
        if times.what is _FRAME:
            raise
        raise _unreadable(Path(times.what), error) from error
    order.end()
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
    if path.is_dir():
        raise ValueError(f"{path} is a folder (give one file, or the frame)")
    try:
        if path.suffix == ".parquet":
            plan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            plan.collect_schema()
            return plan
        return _read_csv(path, columns)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_csv(path: Path, columns: TradeColumns) -> pl.LazyFrame:
    """Scan a file as text: the first lines do not say what the others are."""
    plan = pl.scan_csv(path, glob=False, infer_schema=False)
    if plan.head(1).collect().is_empty():
        raise QualityError(f"{path} has a header and no trades (is it the whole file?)")
    there = plan.collect_schema()
    for name in columns.names().values():
        if name in there and f"{name}_duplicated_0" in there:
            raise QualityError(f"{path} has two columns {name!r} (rename one of them)")
    return plan


def _unreadable(path: Path, error: Exception) -> QualityError:
    """Say what is wrong with a file, in the words of Polars only where there are no others."""
    if not path.exists():
        return QualityError(f"{path} cannot be read: it is not there (is it the right path?)")
    if path.stat().st_size == 0:
        return QualityError(f"{path} cannot be read: it is empty (is it the whole file?)")
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines = csv.reader(file)
            fields = len(next(lines, []))
            for cells in lines:
                if len(cells) > fields:
                    return QualityError(
                        f"{path} cannot be read: line {lines.line_num} has {len(cells)} fields, "
                        f"expected {fields} as in the header (repair the line)"
                    )
    text = str(error).partition("\n")[0]
    return QualityError(f"{path} cannot be read: {text} (is it the right file?)")


def _trades(
    frame: pl.LazyFrame,
    columns: TradeColumns,
    time_unit: TimeUnit | None,
    what: str,
    *,
    is_text: bool,
) -> tuple[pl.LazyFrame, Times, Values]:
    """Select the columns of trades from a frame, as they are there, or say what it lacks."""
    schema, names, standard = frame.collect_schema(), columns.names(), TradeColumns()
    for role, name in names.items():
        if name not in schema and (role in REQUIRED or name != getattr(standard, role)):
            raise ValueError(
                f"the trades have no column {name!r} for {role} (they have "
                f"{', '.join(schema.names())}; {_remedy(schema, role, is_text=is_text)})",
            )
    there = {role: name for role, name in names.items() if name in schema}
    times = times_of(frame, there.pop("timestamp"), time_unit, what=what, is_text=is_text)
    values = Values(frame, dict(there), what)
    for role, name in there.items():
        values.check(role, schema[name], is_text=is_text)
    there["timestamp"] = times.name
    selected = [
        (cs.by_name(there[role]).as_expr() if role in there else pl.lit(None, dtype)).alias(role)
        for role, dtype in TRADE_SCHEMA.items()
    ]
    return frame.select(selected), times, values


def _remedy(schema: pl.Schema, role: str, *, is_text: bool) -> str:
    if is_text and any(sign in name for name in schema for sign in "\0\ufffd"):
        return "a file that is no text in UTF-8: convert it, if it is the right file"
    if is_text and any(_is_number(name) for name in schema):
        return "a file without a header: give the frame, pl.scan_csv(..., has_header=False, ...)"
    if is_text and len(schema) == 1:
        return "a file with another separator: give the frame, pl.scan_csv(..., separator=...)"
    return f"name it with columns=TradeColumns({role}=...)"


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


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
            row_numbers=functools.partial(spill.row_numbers, day),
        )
        spill.put(day, rows)
        yield _accepted(report, cache, replace=replace)
        previous = day


def _warn_of_leaps(reports: list[DayReport], cache: TickCache) -> None:
    """Warn of years without trades: a time may be wrong, and bars would run over the leap."""
    days = [report.day for report in reports if report.rows_after]
    for before, after in pairwise(days):
        if after - before > LONGEST_LEAP:
            warn_caller(
                f"trades of {cache.label} leap from {before} to {after}, with none in between (is "
                "a time wrong? bars over the leap are one chain)"
            )


def _between(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=n) for n in range(1, (last - first).days)]


def _accepted(report: DayReport, cache: TickCache, *, replace: bool) -> DayReport:
    cached = None if replace else cache.report(report.day)
    if cached is not None and cached.digest != report.digest:
        raise CacheError(
            f"{cache.path(report.day)} holds other trades of {report.day} than those given "
            f"({cached.rows_after} rows, got {report.rows_after}; give all trades of the day "
            "together, with replace=True)",
        )
    return report


def _refuse_defects(reports: list[DayReport], cache: TickCache) -> None:
    wrong = {report.day: report.defects() for report in reports if report.defects()}
    if wrong:
        raise QualityError(
            f"{cache.label} has defects: {told(wrong)} (strictness='report' accepts them)",
        )
