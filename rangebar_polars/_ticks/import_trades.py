"""A user's own trades, put into the tick cache.

They pass the same cleaning as an archive's, are cut into the same UTC days, and are read by
the same `scan_ticks`, so nothing after the cache knows where they are from. An import is
checked to its end before its first day is written: one that is refused changes nothing.
"""

import dataclasses
import datetime as dt
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import polars.selectors as cs

from rangebar_polars._core.arguments import TimeUnit, check_time_unit
from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._disk.fingerprint import fingerprint
from rangebar_polars._disk.locked_file import spill_folder
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars._ticks.cleaning import clean
from rangebar_polars._ticks.import_order import TimeOrder
from rangebar_polars._ticks.import_source import OpenZip, Source
from rangebar_polars._ticks.import_sources import ROW_BITS, Sources, Trades, sources_of
from rangebar_polars._ticks.import_times import CUT, NUMBER, Times, times_of
from rangebar_polars._ticks.import_values import Values
from rangebar_polars._ticks.report import DayReport, DayStatus, Origin, describe, quality_frame
from rangebar_polars._ticks.spill import ROW, Spill, split_by_day
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.errors import CacheError, QualityError
from rangebar_polars.schema import TRADE_SCHEMA

if TYPE_CHECKING:
    from rangebar_polars._series import Series

# Weekends and holidays inside an import are days without trades; a longer pause is a hole.
LONGEST_PAUSE_DAYS = 7
LONGEST_LEAP = dt.timedelta(days=366)
REQUIRED = ("timestamp", "price", "quantity")


def import_days(
    trades: Trades,
    cache: TickCache,
    *,
    by_symbol: bool,
    columns: TradeColumns | None,
    time_unit: TimeUnit | None,
    storage_options: Mapping[str, Any] | None,
    open_zip: OpenZip,
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
    open_zip
        Opens a zip of an archive.
    columns, time_unit, storage_options, replace, strictness
        As in `rangebar_polars.import_trades`.

    Returns
    -------
    DataFrame
        A row a day; with `by_symbol` a leading column ``symbol``.
    """
    if time_unit is not None:
        check_time_unit(time_unit)
    named, series = columns or TradeColumns(), cache.series
    symbols = series.symbol if by_symbol else None
    sources = sources_of(trades, named, symbols, storage_options, open_zip)
    parts: list[tuple[Series, str | None, str]] = [(series, None, "")]
    if by_symbol:
        parts = [
            (dataclasses.replace(series, symbol=symbol), symbol, f" of symbol {symbol!r}")
            for symbol in _symbols(sources, series.symbol)
        ]
    with ExitStack() as stack:
        prepared = []
        for of_series, symbol, of_symbol in parts:
            cache = dataclasses.replace(cache, series=of_series)
            lock = stack.enter_context(cache.unfinished_file("import"))
            spill = stack.enter_context(Spill(spill_folder(lock.path)))
            only = None
            if symbol is not None:
                only = cs.by_name(series.symbol).as_expr().cast(pl.String) == symbol
            cut = _spilled(sources, named, time_unit, spill, only, of_symbol)
            reports = [
                dataclasses.replace(report, times_cut=cut[report.day])
                for report in _cleaned(spill, cache, sources, replace=replace)
            ]
            if strictness == "raise":
                _refuse_defects(reports, cache)
            prepared.append((cache, spill, reports))
        for cache, spill, reports in prepared:
            for report in reports:
                _write(spill.rows(report.day), report, cache, replace=replace)
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


def _symbols(sources: Sources, name: str) -> list[str]:
    """Return the symbols of trades, in the order in which they first appear.

    Raises
    ------
    ValueError, TypeError
        There is no such column, or it holds no names.
    """
    names = dict[str, None]()
    for source in sources.sources:
        with source.reading():
            schema = source.frame.collect_schema()
        if name not in schema:
            raise ValueError(
                source.lacks(f"no column {name!r}", "give symbol='...', if they are all of one")
            )
        if schema[name] not in {pl.String(), pl.Categorical()} and not isinstance(
            schema[name], pl.Enum
        ):
            raise TypeError(f"column {name!r} is {schema[name]}, expected String (cast it first)")
        column = cs.by_name(name).as_expr().cast(pl.String)
        with source.reading():
            found = source.frame.select(column).unique(maintain_order=True)
            of_source: list[str | None] = found.collect(engine="streaming").to_series().to_list()
        if None in of_source or "" in of_source:
            raise QualityError(
                f"column {name!r} of {source.what} is missing or empty in some rows (drop such "
                "rows)"
            )
        names |= dict.fromkeys(each for each in of_source if each is not None)
    return list(names)


def _spilled(  # noqa: PLR0917 - the parts of one import
    sources: Sources,
    columns: TradeColumns,
    time_unit: TimeUnit | None,
    spill: Spill,
    only: pl.Expr | None,
    of_symbol: str,
) -> Counter[dt.date]:
    """Put the trades into a spill by day; return how many times of each day were cut."""
    cut = Counter[dt.date]()
    order = TimeOrder(
        f"{sources.what}{of_symbol}", columns.timestamp, sources.place, sources.given, ROW_BITS
    )
    for number, source in enumerate(sources.sources):
        what = f"{source.what}{of_symbol}"
        with source.reading():
            plan, times, values = _trades(source, columns, time_unit, what, only)
            rows = batches(plan, plan.collect_schema())
            if source.zipped is not None:
                rows = _numbered(source.zipped.pieces())
            for batch in values.converted(times.in_microseconds(rows)):
                placed = batch.with_columns(pl.col(ROW) + (number << ROW_BITS))
                order.check(placed)
                for day, part in split_by_day(placed):
                    cut[day] += int(part[CUT].sum())
                    spill.add(day, part.drop(CUT, NUMBER))
        if source.zipped is not None:
            cut.update(source.zipped.times_cut)
    order.end()
    return cut


def _numbered(pieces: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield pieces of trades with the numbers of their rows."""
    offset = 0
    for piece in pieces:
        yield piece.with_columns(pl.int_range(offset, offset + pl.len()).alias(ROW))
        offset += piece.height


def _trades(  # noqa: PLR0917 - the parts of one import
    source: Source,
    columns: TradeColumns,
    time_unit: TimeUnit | None,
    what: str,
    only: pl.Expr | None,
) -> tuple[pl.LazyFrame, Times, Values]:
    """Select the columns of trades from a frame, as they are there, or say what it lacks."""
    schema, names, standard = source.frame.collect_schema(), columns.names(), TradeColumns()
    absent = {
        role: name
        for role, name in names.items()
        if name not in schema and (role in REQUIRED or name != getattr(standard, role))
    }
    if absent:
        raise ValueError(_missing(source, schema, absent, columns))
    there = {role: name for role, name in names.items() if name in schema}
    frame = source.frame if only is None else source.frame.filter(only)
    times = times_of(
        frame,
        there.pop("timestamp"),
        time_unit,
        what=what,
        is_text=source.is_text,
        place=source.place,
    )
    values = Values(frame, dict(there), what, columns, source.place)
    for role, name in there.items():
        values.check(role, schema[name], is_text=source.is_text)
    there["timestamp"] = times.name
    absent_values = {role: pl.lit(None, dtype) for role, dtype in TRADE_SCHEMA.items()}
    if columns.quantity is None:
        absent_values["quantity"] = pl.lit(1.0)
    selected = [
        (cs.by_name(there[role]).as_expr() if role in there else absent_values[role]).alias(role)
        for role in TRADE_SCHEMA
    ]
    numbered = source.frame.with_row_index(ROW)
    if only is not None:
        numbered = numbered.filter(only)
    return numbered.select(*selected, pl.col(ROW).cast(pl.Int64)), times, values


def _missing(
    source: Source, schema: pl.Schema, absent: Mapping[str, str], columns: TradeColumns
) -> str:
    """Return the message about columns that are absent, by their roles."""
    arguments = {
        "side" if role == "is_buyer_maker" and columns.side is not None else role: name
        for role, name in absent.items()
    }
    listed = ", ".join(f"{name!r} for {argument}" for argument, name in arguments.items())
    column = "column" if len(absent) == 1 else "columns"
    remedy = _remedy(schema, arguments, is_text=source.is_text)
    return source.lacks(f"no {column} {listed}", remedy)


def _remedy(schema: pl.Schema, arguments: Mapping[str, str], *, is_text: bool) -> str:
    if is_text and any(sign in name for name in schema for sign in "\0\ufffd"):
        return "a file that is no text in UTF-8: convert it, if it is the right file"
    if is_text and any(_is_number(name) for name in schema):
        return "a file without a header: give the frame, pl.scan_csv(..., has_header=False, ...)"
    if is_text and len(schema) == 1:
        return "a file with another separator: give the frame, pl.scan_csv(..., separator=...)"
    given = ", ".join(f"{argument}=..." for argument in arguments)
    what = "it" if len(arguments) == 1 else "them"
    return f"name {what} with columns=TradeColumns({given})"


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _cleaned(
    spill: Spill, cache: TickCache, sources: Sources, *, replace: bool
) -> Iterator[DayReport]:
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
            place=sources.place,
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
            f"{cache.place(report.day)} holds other trades of {report.day} than those given "
            f"({cached.rows_after} rows, got {report.rows_after}; give all trades of the day "
            "together, with replace=True)",
        )
    return report


def _write(rows: pl.DataFrame, report: DayReport, cache: TickCache, *, replace: bool) -> None:
    if not cache.write(rows, report, replace=replace):
        # It was there before, or another process has written it since.
        _accepted(report, cache, replace=False)


def _refuse_defects(reports: list[DayReport], cache: TickCache) -> None:
    wrong = {report.day: report.defects() for report in reports if report.defects()}
    if wrong:
        raise QualityError(
            f"{cache.label} has defects: {describe(wrong)} (strictness='report' accepts them)",
        )
