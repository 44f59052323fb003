"""A user's own trades, put into the tick cache.

They pass the same cleaning as an archive's, are cut into the same UTC days, and are read by
the same `scan_ticks`, so nothing after the cache knows where they are from. An import is
checked to its end before its first day is written: one that is refused changes nothing.
"""

import datetime as dt
import os
from collections.abc import Iterator
from typing import Literal

import polars as pl

from rangebar_polars.batches import batches
from rangebar_polars.cache_root import cache_root, local_path
from rangebar_polars.errors import CacheError, QualityError
from rangebar_polars.exclusive import exclusive, spill_folder
from rangebar_polars.fingerprint import fingerprint
from rangebar_polars.quality import clean
from rangebar_polars.report import DayReport, DayStatus, Origin, quality_frame, told
from rangebar_polars.schema import TRADE_SCHEMA, TradeColumns
from rangebar_polars.spill import Spill, split_by_day
from rangebar_polars.ticks import TickCache, check_names

# Weekends and holidays inside an import are days without trades; a longer pause is a hole.
LONGEST_PAUSE_DAYS = 7
REQUIRED = ("timestamp", "price", "quantity")

TimeUnit = Literal["s", "ms", "us", "ns"]


def import_trades(
    trades: pl.DataFrame | pl.LazyFrame | str | os.PathLike[str],
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
        A frame, a lazy frame, or the path of a ``.parquet`` or ``.csv`` file with a header.
    symbol, source, market
        What to call them. ``"binance"`` is taken.
    columns
        What they call their columns. timestamp, price and quantity are required; the others
        are null where absent. A timestamp without a zone is UTC.
    time_unit
        The unit of a timestamp that is a whole number, since 1970.
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
        The trades cannot be put in order.
    CacheError
        A day is cached with other trades.

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
    plan = _trades(_read(trades), columns or TradeColumns(), time_unit)
    cache = TickCache(cache_root(cache_dir), source, market, symbol)
    with (
        exclusive(cache.unfinished("import")) as claim,
        Spill(spill_folder(claim.path)) as spill,
    ):
        for batch in _batches(plan):
            for day, rows in split_by_day(batch):
                spill.add(day, rows)
        reports = list(_cleaned(spill, cache, replace=replace))
        if strictness == "raise":
            _refuse_defects(reports, cache)
        for report in reports:
            cache.write(spill.rows(report.day), report)
    cache.sweep()
    entries = [DayStatus(report.day, "ok", report) for report in reports]
    return quality_frame(entries, contiguous_ids=False)


def _read(trades: pl.DataFrame | pl.LazyFrame | str | os.PathLike[str]) -> pl.LazyFrame:
    if isinstance(trades, pl.DataFrame | pl.LazyFrame):
        return trades.lazy()
    if not isinstance(trades, str | os.PathLike):
        raise TypeError(f"trades is a {type(trades).__name__} (give a frame or a path)")
    path = local_path(trades, "trades", remedy='give a frame: pl.scan_parquet("s3://...")')
    if path.suffix == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if path.suffix == ".csv":
        return pl.scan_csv(path, glob=False, try_parse_dates=True)
    raise ValueError(f"{path} is neither a .parquet nor a .csv file (read it, and give the frame)")


def _trades(frame: pl.LazyFrame, columns: TradeColumns, time_unit: TimeUnit | None) -> pl.LazyFrame:
    """Select the trade schema from a frame, or say what it lacks."""
    schema = frame.collect_schema()
    standard = TradeColumns()
    selected = []
    for field, dtype in TRADE_SCHEMA.items():
        name = getattr(columns, field)
        if name is None:
            column = pl.lit(None, dtype)
        elif name in schema:
            column = _column(name, schema[name], dtype, time_unit)
        elif field in REQUIRED or name != getattr(standard, field):
            raise ValueError(
                f"the trades have no column {name!r} for {field} (they have "
                f"{', '.join(schema.names())}; name it with columns=TradeColumns({field}=...))",
            )
        else:
            column = pl.lit(None, dtype)
        selected.append(column.alias(field))
    return frame.select(selected)


def _column(
    name: str, got: pl.DataType, expected: pl.DataType, time_unit: TimeUnit | None
) -> pl.Expr:
    column = pl.col(name)
    if isinstance(expected, pl.Datetime):
        return _time(name, got, time_unit)
    fits = {
        pl.Float64(): got.is_numeric(),
        pl.Int64(): got.is_integer() or got == pl.Null,
        pl.Boolean(): got in {pl.Boolean(), pl.Null()},
    }
    if not fits[expected]:
        raise TypeError(f"column {name!r} is {got}, expected {expected} (cast it first)")
    return column.cast(expected)


def _time(name: str, got: pl.DataType, time_unit: TimeUnit | None) -> pl.Expr:
    column = pl.col(name)
    if got.is_integer() and time_unit is not None:
        factor = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
        if time_unit not in factor:
            raise ValueError(f"time_unit is {time_unit!r} (give 's', 'ms', 'us' or 'ns')")
        micros = column.cast(pl.Int64) * factor[time_unit]
        micros = micros // 1_000 if time_unit == "ns" else micros
        return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if not isinstance(got, pl.Datetime):
        remedy = "give time_unit" if got.is_integer() else "parse it first"
        raise TypeError(f"column {name!r} is {got}, expected a Datetime ({remedy})")
    utc = column.dt.convert_time_zone("UTC") if got.time_zone else column
    return utc.dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def _batches(plan: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    return batches(plan, TRADE_SCHEMA)


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
