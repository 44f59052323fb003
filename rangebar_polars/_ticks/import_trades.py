"""A user's own trades, put into the tick cache.

They pass the same cleaning as an archive's, are cut into the same UTC days, and are read by
the same `scan_ticks`, so nothing after the cache knows where they are from. An import is
checked to its end before its first day is written: one that is refused changes nothing.
"""

import csv
import dataclasses
import datetime as dt
import functools
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Literal

import polars as pl
import polars.selectors as cs

from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.options import TimeUnit, check_time_unit
from rangebar_polars._disk.cache_root import local_path
from rangebar_polars._disk.disk_error import reason_of
from rangebar_polars._disk.fingerprint import fingerprint
from rangebar_polars._disk.locked_file import spill_folder
from rangebar_polars._disk.regular_file import RefusedFileError, open_to_read
from rangebar_polars._internal import read_table
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.import_order import TimeOrder
from rangebar_polars._ticks.import_times import CUT, NUMBER, Times, times_of
from rangebar_polars._ticks.import_values import Values
from rangebar_polars._ticks.report import DayReport, DayStatus, Origin, describe, quality_frame
from rangebar_polars._ticks.spill import ROW, Spill, split_by_day
from rangebar_polars.errors import CacheError, QualityError
from rangebar_polars.schema import TRADE_SCHEMA, ArrowStream, TradeColumns, is_arrow_stream

# Weekends and holidays inside an import are days without trades; a longer pause is a hole.
LONGEST_PAUSE_DAYS = 7
LONGEST_LEAP = dt.timedelta(days=366)
REQUIRED = ("timestamp", "price", "quantity")
_FRAME = "the trades"


Trades = pl.DataFrame | pl.LazyFrame | ArrowStream | str | os.PathLike[str]
"""What trades may be given as: a frame, a plan, a table of another library, a file."""


def import_days(
    trades: Trades,
    cache: TickCache,
    *,
    by_symbol: bool,
    columns: TradeColumns | None,
    time_unit: TimeUnit | None,
    replace: bool,
    strictness: Literal["report", "raise"],
) -> pl.DataFrame:
    """Put trades into the tick cache, all of them or none, and return the report of their days.

    Parameters
    ----------
    trades
        The trades.
    cache
        Where their days go; with `by_symbol`, its symbol is the name of the column of symbols.
    by_symbol
        Whether the trades are of several symbols.
    columns, time_unit, replace, strictness
        As in `rangebar_polars.import_trades`.

    Returns
    -------
    DataFrame
        A row a day; with `by_symbol` a leading column ``symbol``.
    """
    if time_unit is not None:
        check_time_unit(time_unit)
    named, series = columns or TradeColumns(), cache.series
    what = str(trades) if isinstance(trades, str | os.PathLike) else _FRAME
    file = None if what is _FRAME else Path(what).expanduser()
    is_text = file is not None and file.suffix == ".csv"
    frame = _read(trades, named, series.symbol if by_symbol else None)
    parts = [(series, frame, what)]
    if by_symbol:
        parts = [
            (
                dataclasses.replace(series, symbol=symbol),
                frame.filter(cs.by_name(series.symbol).as_expr() == symbol),
                f"{what} of symbol {symbol!r}",
            )
            for symbol in _symbols(frame, series.symbol, what, file)
        ]
    with ExitStack() as stack:
        prepared = []
        for of_series, of_frame, of_what in parts:
            cache = dataclasses.replace(cache, series=of_series)
            lock = stack.enter_context(cache.unfinished_file("import"))
            spill = stack.enter_context(Spill(spill_folder(lock.path)))
            with _reading(file):
                trades_of = _trades(of_frame, named, time_unit, of_what, is_text=is_text)
            cut = _spilled(*trades_of, spill, file)
            reports = [
                dataclasses.replace(report, times_cut=cut[report.day])
                for report in _cleaned(spill, cache, replace=replace)
            ]
            if strictness == "raise":
                _refuse_defects(reports, cache)
            prepared.append((cache, spill, reports))
        for cache, spill, reports in prepared:
            for report in reports:
                cache.write(spill.rows(report.day), report)
    frames = list[pl.DataFrame]()
    for cache, _, reports in prepared:
        cache.remove_abandoned()
        _warn_of(reports, cache)
        entries = [DayStatus(report.day, "ok", report) for report in reports]
        shown = quality_frame(entries, contiguous_ids=False)
        if by_symbol:
            shown = shown.select(pl.lit(cache.series.symbol).alias("symbol"), pl.all())
        frames.append(shown)
    return pl.concat(frames) if frames else _no_days()


def _no_days() -> pl.DataFrame:
    """Return the report of no symbol."""
    return quality_frame([], contiguous_ids=False).select(
        pl.lit(None, pl.String).alias("symbol"), pl.all()
    )


def _symbols(frame: pl.LazyFrame, name: str, what: str, file: Path | None) -> list[str]:
    """Return the symbols of trades, in the order in which they first appear.

    Raises
    ------
    ValueError, TypeError
        There is no such column, or it holds no names.
    """
    schema = frame.collect_schema()
    if name not in schema:
        raise ValueError(
            f"the trades have no column {name!r} (they have {', '.join(schema.names())}; give "
            "symbol='...', if they are all of one)"
        )
    if schema[name] not in {pl.String(), pl.Categorical()} and not isinstance(
        schema[name], pl.Enum
    ):
        raise TypeError(f"column {name!r} is {schema[name]}, expected String (cast it first)")
    column = cs.by_name(name).as_expr().cast(pl.String)
    with _reading(file):
        found = frame.select(column).unique(maintain_order=True).collect(engine="streaming")
    names: list[str | None] = found.to_series().to_list()
    if None in names or "" in names:
        raise QualityError(
            f"column {name!r} of {what} is missing or empty in some rows (drop such rows)"
        )
    return [each for each in names if each is not None]


def _spilled(  # noqa: PLR0917
    plan: pl.LazyFrame, times: Times, values: Values, spill: Spill, file: Path | None
) -> Counter[dt.date]:
    """Put the trades into a spill by day; return how many times of each day were cut."""
    cut, offset = Counter[dt.date](), 0
    order = TimeOrder(times.what, times.name, is_file=file is not None)
    with _reading(file):
        rows = batches(plan, plan.collect_schema())
        for batch in values.converted(times.in_microseconds(rows)):
            numbered = batch.with_row_index(ROW, offset).with_columns(pl.col(ROW).cast(pl.Int64))
            offset += batch.height
            order.check(numbered)
            for day, part in split_by_day(numbered):
                cut[day] += int(part[CUT].sum())
                spill.add(day, part.drop(CUT, NUMBER))
    order.end()
    return cut


def _read(trades: Trades, columns: TradeColumns, symbol: str | None) -> pl.LazyFrame:
    native = getattr(trades, "to_native", None)
    if native is not None and hasattr(trades, "implementation"):
        return _read(native(), columns, symbol)
    if isinstance(trades, pl.DataFrame | pl.LazyFrame):
        return trades.lazy()
    if is_arrow_stream(trades):
        wanted = [*columns.names().values(), *([] if symbol is None else [symbol])]
        return read_table(trades, wanted).lazy()
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
    with _reading(path):
        open_to_read(path).close()
        if path.suffix == ".parquet":
            plan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            plan.collect_schema()
            return plan
        return _read_csv(path, columns)


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


@contextmanager
def _reading(file: Path | None) -> Iterator[None]:
    """Say what is wrong with a file; errors of a plan that was given are its owner's."""
    try:
        yield
    except RefusedFileError as error:
        reason = f"{error.reason} (give one file, or the frame)"
        raise ValueError(f"{file} cannot be read: {reason}") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        if file is None:
            raise
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: Exception) -> QualityError:
    """Say what is wrong with a file, in the words of Polars only where there are no others."""
    size = None
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return QualityError(f"{path} cannot be read: it is not there (is it the right path?)")
    except OSError as hidden:
        error = hidden
    of_disk = reason_of(error, path)
    if of_disk is not None:
        return QualityError(f"{path} cannot be read: {of_disk[0]} ({of_disk[1]})")
    if size == 0:
        return QualityError(f"{path} cannot be read: it is empty (is it the whole file?)")
    if path.suffix == ".csv":
        # A line may be none of csv at all, of which Polars says more.
        with (
            suppress(csv.Error),
            path.open(encoding="utf-8", errors="replace", newline="") as file,
        ):
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
        for empty in [] if previous is None else _pause(previous, day):
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


def _warn_of(reports: list[DayReport], cache: TickCache) -> None:
    """Warn of cut times, and of years without trades: a time may be wrong there."""
    if cut := sum(report.times_cut for report in reports):
        warn_caller(
            f"{cut} times of {cache.label} have nanoseconds, which the cache cuts to "
            "microseconds: trades may share a time that had none in common (bars of the frame "
            "itself have the nanoseconds)"
        )
    days = [report.day for report in reports if report.rows_after]
    for before, after in pairwise(days):
        if after - before > LONGEST_LEAP:
            warn_caller(
                f"trades of {cache.label} leap from {before} to {after}, with none in between (is "
                "a time wrong? bars over the leap are one chain)"
            )


def _pause(first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the days between two days; none where they are more than a pause has."""
    days = (last - first).days - 1
    if days > LONGEST_PAUSE_DAYS:
        return []
    return [first + dt.timedelta(days=n) for n in range(1, days + 1)]


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
            f"{cache.label} has defects: {describe(wrong)} (strictness='report' accepts them)",
        )
