"""Trades of a file or of standard input, as a plan that reads them batch by batch.

The values of a CSV are read as text first, as an import does, so that one which is no number, time
or side is refused with its row and never becomes another one.
"""

import csv
import gzip
import os
import re
import select
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TextIO, cast

import click
import polars as pl
import polars.selectors as cs

from rangebar_polars._cli.formats import STANDARD, Format, format_by_content, format_of
from rangebar_polars._cli.remedies import one_line
from rangebar_polars._core.arguments import TimeUnit
from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._ticks.import_times import CUT, NUMBER, Times, times_of
from rangebar_polars._ticks.import_trades import REQUIRED
from rangebar_polars._ticks.import_values import Values
from rangebar_polars._ticks.spill import ROW
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.errors import RangeBarError
from rangebar_polars.schema import BAR_SCHEMA, TRADE_SCHEMA

_GZIP: Final = b"\x1f\x8b"
_MAGIC_BYTES: Final = 8
_COPIED_BYTES: Final = 1 << 20
_SECONDS_OF_WAIT: Final = 0.1
_OF_BARS: Final = {name: dtype for name, dtype in BAR_SCHEMA.items() if dtype != pl.Datetime}
_OTHER: Final = "rangebar other "
_DIGITS: Final = {"ms": 3, "us": 6}


@dataclass(frozen=True)
class TradesFile:
    """A file of trades.

    Attributes
    ----------
    path
        Where it is.
    format
        How it is written.
    label
        What messages call it.
    separator, header
        Of a CSV: what stands between two fields, and the names of the columns of a file without a
        first line that has them.
    """

    path: Path
    format: Format
    label: str
    separator: str = ","
    header: Sequence[str] | None = None

    def plan(self, columns: TradeColumns, time_unit: TimeUnit | None) -> pl.LazyFrame:
        """Return the trades, with times and values that bars take, and all their other columns.

        Parameters
        ----------
        columns
            What the columns are called; the plan has the same names.
        time_unit
            The unit of times that are whole numbers.

        Raises
        ------
        TypeError
            The times need a unit, or are no times.
        RangeBarError
            The file cannot be read.
        """
        with self.named_errors():
            rows = self._rows()
            schema = rows.collect_schema()
        names = {role: name for role, name in columns.names().items() if name in schema}
        if self.format == "csv":
            self._check_header(schema, columns)
        if "timestamp" not in names:
            return rows
        time = names.pop("timestamp")
        if columns.side is not None:
            # Bars read sides that are text.
            names.pop("is_buyer_maker", None)
        text = {role: name for role, name in names.items() if schema[name] == pl.String}
        times = None
        if not isinstance(schema[time], pl.Datetime):
            is_text = schema[time] == pl.String
            times = times_of(rows, time, time_unit, what=self.label, is_text=is_text)
        elif not text:
            return rows
        typed = _Typed(self, rows, schema, times, text)
        return lazy_source(typed.frames, typed.typed_schema)

    def table(self) -> pl.LazyFrame:
        """Return rows that are no trades, with the dtypes that those of a CSV seem to have."""
        with self.named_errors():
            rows = self._rows()
            if self.format == "csv":
                known = {
                    name: dtype for name, dtype in _OF_BARS.items() if name in rows.collect_schema()
                }
                rows = pl.scan_csv(self.path, glob=False, schema_overrides=known)
            schema = rows.collect_schema()
        times = [name for name in schema if name.endswith("_time") and schema[name] == pl.String]
        return rows.with_columns(
            pl.col(times).str.to_datetime(time_unit=self._precision(rows, times), time_zone="UTC")
        )

    @staticmethod
    def _precision(rows: pl.LazyFrame, times: list[str]) -> Literal["ms", "us", "ns"]:
        """Return the coarsest unit that has the digits of the first time."""
        if not times:
            return "us"
        first = rows.select(times[0]).head(1).collect()
        text = str(first.item()) if first.height else ""
        digits = len(re.sub(r"[+-]\d{2}:?\d{2}$|Z$", "", text.partition(".")[2]))
        return "ns" if digits > _DIGITS["us"] else "us" if digits > _DIGITS["ms"] else "ms"

    def _rows(self) -> pl.LazyFrame:
        if not self.path.is_file():
            what = "it is a folder" if self.path.is_dir() else "it is not there"
            raise RangeBarError(f"{self.label} cannot be read: {what} (is it the right path?)")
        if self.path.stat().st_size == 0:
            raise RangeBarError(f"{self.label} cannot be read: it is empty (is it the whole file?)")
        if self.format == "parquet":
            return pl.scan_parquet(self.path, glob=False, hive_partitioning=False)
        if self.format == "ipc":
            return pl.scan_ipc(self.path, glob=False, hive_partitioning=False)
        return pl.scan_csv(
            self.path,
            separator=self.separator,
            glob=False,
            infer_schema=False,
            has_header=self.header is None,
            new_columns=self.header,
        )

    def _check_header(self, schema: pl.Schema, columns: TradeColumns) -> None:
        """Refuse a CSV whose first line cannot be the names of its columns."""
        names = columns.names()
        if all(names[role] in schema for role in REQUIRED if role in names):
            return
        if any(_is_number(name) for name in schema):
            line = re.sub(r"_duplicated_\d+", "", ", ".join(schema))
            raise RangeBarError(
                f"{self.label} has no header: its first line is {line} (name its "
                "columns, in their order: --header timestamp,price,quantity)"
            )
        if len(schema) == 1:
            raise RangeBarError(
                f"{self.label} has one column, {next(iter(schema))!r} (is there another separator? "
                "give --separator)"
            )

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Name the file in what Polars says of it."""
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            why = self._ragged_line() or f"{one_line(error)} (is it the right file, and whole?)"
            raise RangeBarError(f"{self.label} cannot be read: {why}") from error

    def _ragged_line(self) -> str | None:
        """Return which line of a CSV has more fields than the first one."""
        if self.format != "csv":
            return None
        with self.path.open("rb") as start:
            opened = gzip.open if start.read(2) == _GZIP else open
        with opened(self.path, "rt", encoding="utf-8", errors="replace", newline="") as file:
            lines = csv.reader(cast("TextIO", file), delimiter=self.separator)
            try:
                fields = len(next(lines, []))
                for cells in lines:
                    if len(cells) > fields:
                        return (
                            f"line {lines.line_num} has {len(cells)} fields, expected {fields} as "
                            "in the first line (repair the line)"
                        )
            except (csv.Error, EOFError, OSError):
                return None
        return None


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class _Typed:
    """Trades of which some columns are read as others: text, and times that are whole numbers.

    Attributes
    ----------
    file
        The file.
    rows
        Its trades as they are.
    schema
        Their columns.
    times
        How the times are read; None where they are times.
    text
        The columns of text that should be numbers or sides, by role.
    """

    file: TradesFile
    rows: pl.LazyFrame
    schema: pl.Schema
    times: Times | None
    text: dict[str, str]

    @property
    def typed_schema(self) -> pl.Schema:
        """The columns of the trades, typed."""
        read: dict[str, pl.DataType] = {
            name: TRADE_SCHEMA[role] for role, name in self.text.items()
        }
        if self.times is not None:
            read[self.times.name] = pl.Datetime(self._unit, "UTC")
        return pl.Schema(dict(self.schema) | read)

    @property
    def _unit(self) -> Literal["ms", "us", "ns"]:
        """The unit of the times that are read, which keeps whole numbers whole."""
        times = self.times
        if times is not None and times.dtype.is_integer() and times.unit != "s":
            return times.unit
        return "us"

    def frames(self, wanted: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
        """Yield the trades, batch by batch."""
        wanted = list(self.schema) if wanted is None else wanted
        text = {role: name for role, name in self.text.items() if name in wanted}
        # Columns that are read are called by their roles, so another may have the name of a role.
        roles = text if self.times is None else text | {"timestamp": self.times.name}
        others = [name for name in wanted if name not in roles.values()]
        plan = self.rows.with_row_index(ROW).select(
            *(cs.by_name(name).as_expr().alias(role) for role, name in roles.items()),
            *(cs.by_name(name).as_expr().alias(_OTHER + name) for name in others),
            # A bare column of numbers would come first on Polars before 2.0.
            pl.col(ROW).cast(pl.Int64),
        )
        with self.file.named_errors():
            read = batches(plan, plan.collect_schema())
            if self.times is not None:
                read = self._timed(self.times, read)
            for batch in Values(self.rows, text, self.file.label).converted(read):
                columns = {name: batch[_OTHER + name] for name in others}
                columns |= {name: batch[role] for role, name in roles.items()}
                yield pl.DataFrame({name: columns[name] for name in wanted})

    def _timed(self, times: Times, read: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Read the times of trades, and warn of the first that is cut."""
        unit = self._unit
        is_warned = unit == "ns"
        for batch in times.in_microseconds(read):
            if not is_warned and batch[CUT].any():
                is_warned = True
                first = batch[ROW][int(batch[CUT].arg_true()[0])]
                warn_caller(
                    f"times of {self.file.label} have nanoseconds, the first at row {first}, which "
                    "are cut to microseconds (give whole numbers and time_unit='ns' to keep them)"
                )
            if unit != "us":
                of_unit = batch[NUMBER].cast(pl.Datetime(unit)).dt.replace_time_zone("UTC")
                batch = batch.with_columns(of_unit.alias("timestamp"))  # noqa: PLW2901 - the same
            yield batch


@contextmanager
def open_trades(name: str, given: str | None, **form: Any) -> Iterator[TradesFile]:  # noqa: ANN401
    """Give the file of a name, or a copy of standard input that lives as long.

    Parameters
    ----------
    name
        The name, or ``-``.
    given
        A format that the user gave; by default that of the suffix, or of the first bytes.
    form
        ``separator`` and ``header`` of `TradesFile`.
    """
    if name != STANDARD:
        if Path(name).is_dir():
            raise click.BadParameter(f"{name!r} is a folder (give a file)", param_hint="IN")
        yield TradesFile(Path(name), format_of(name, given, "IN", "--in-format"), name, **form)
        return
    if sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal (give a file, or pipe trades in)")
    # A file by its path: not every system opens a temporary file twice.
    with tempfile.TemporaryDirectory(prefix="rangebar-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "trades"
        with path.open("w+b") as copy:
            copy.writelines(_pieces(sys.stdin.buffer))
            copy.seek(0)
            start = copy.read(_MAGIC_BYTES)
        format_ = cast("Format", given) if given else format_by_content(start)
        yield TradesFile(path, format_, "standard input", **form)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what comes from a pipe; Ctrl-C is seen in between, since no read waits."""
    while True:
        if os.name == "posix":
            while not select.select([stream], [], [], _SECONDS_OF_WAIT)[0]:
                pass
        # Not by the stream, whose buffer select does not see.
        piece = os.read(stream.fileno(), _COPIED_BYTES)
        if not piece:
            return
        yield piece
