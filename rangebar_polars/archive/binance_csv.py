"""One zip of the archive, read to the trade schema.

Header, time unit and spelling of booleans changed over the years, and old files were partly
rewritten, so each file is asked, never its date: a first line that does not begin with a
digit is a header, and a time's size is its unit. The text is read in pieces that end with
a line, so a day needs little memory beside its columns. Numbers are parsed to the nearest
f64 and to whole i64; a line that does not parse is an error with its number.
"""

import datetime as dt
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import polars as pl

from rangebar_polars.errors import ArchiveError

PIECE_BYTES = 1 << 23

FIELDS = ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "time", "side")
ALIASES = {
    "transact_time": "time",
    "timestamp": "time",
    "is_buyer_maker": "side",
    "a": "agg_trade_id",
    "p": "price",
    "q": "quantity",
    "f": "first_trade_id",
    "l": "last_trade_id",
    "T": "time",
    "m": "side",
    "M": "is_best_match",
}
LAYOUTS: tuple[tuple[str, ...], ...] = (FIELDS, (*FIELDS, "is_best_match"))
DTYPES = {
    "agg_trade_id": pl.Int64(),
    "price": pl.Float64(),
    "quantity": pl.Float64(),
    "first_trade_id": pl.Int64(),
    "last_trade_id": pl.Int64(),
    "time": pl.Int64(),
    "side": pl.Boolean(),
    "is_best_match": pl.Boolean(),
}
# 13, 16 and 19 digits: each bound lies a thousand years from the times of the next unit.
MILLISECONDS_BELOW = 10**14
MICROSECONDS_BELOW = 10**17


@dataclass
class AggTradesFile:
    """An aggTrades zip: iterate over its pieces, then ask what was seen.

    Attributes
    ----------
    header
        Whether the first line named the columns; known after the first piece.
    units
        The time units met so far.
    repeated_headers
        Header lines met after the first line, and left out.
    times_cut
        How many times of each day had nanoseconds, which a trade does not keep.

    """

    path: Path
    name: str
    header: bool = False
    units: set[str] = field(default_factory=set)
    repeated_headers: int = 0
    times_cut: Counter[dt.date] = field(default_factory=Counter)

    @property
    def unit(self) -> str | None:
        """The time unit of the file; several joined by a plus sign."""
        return "+".join(sorted(self.units)) or None

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the trades in the order of the file.

        Raises
        ------
        ArchiveError
            The zip is damaged or holds anything but its one csv, the csv is empty, its
            header is unknown, or a line is not a trade.

        """
        layout: tuple[str, ...] = ()
        line = 1
        for text in _texts(self.path, self.name):
            body = text
            if not layout:
                first, _, after = text.partition(b"\n")
                layout, self.header = self._layout(first)
                body = after if self.header else text
                line += self.header
            if body:
                yield self._trades(body, layout, line)
                line += body.count(b"\n")
        if not layout:
            raise ArchiveError(
                f"{self.name} holds an empty csv (fetch it again; if it stays so, the archive "
                "has no trades for it)",
            )

    def _layout(self, first: bytes) -> tuple[tuple[str, ...], bool]:
        cells = first.decode("utf-8", "backslashreplace").rstrip("\r").split(",")
        if cells[0][:1].isdigit():
            known = [layout for layout in LAYOUTS if len(layout) == len(cells)]
            if not known:
                raise ArchiveError(
                    f"line 1 of {self.name} has {len(cells)} fields: expected 7 (futures) or 8 "
                    f"(spot) of aggTrades, got {_shown(first)}",
                )
            return known[0], False
        layout = tuple(ALIASES.get(cell.strip(), cell.strip()) for cell in cells)
        if layout not in LAYOUTS:
            raise ArchiveError(
                f"line 1 of {self.name} is no header of aggTrades: expected agg_trade_id, price, "
                "quantity, first_trade_id, last_trade_id, transact_time, is_buyer_maker, "
                f"got {_shown(first)}",
            )
        return layout, True

    def _trades(self, body: bytes, layout: tuple[str, ...], line: int) -> pl.DataFrame:
        try:
            rows = _parsed(body, layout)
        except pl.exceptions.PolarsError:
            # Line by line, either a header that came again is found, or the fault.
            body = self._without_headers(body, layout, line)
            rows = self._parsed_again(body, layout, line)
        if sum(rows.null_count().row(0)):
            self._without_headers(body, layout, line)
            raise ArchiveError(f"{self.name} has a value missing at line {line} or after it")
        return self._typed(rows)

    def _parsed_again(self, body: bytes, layout: tuple[str, ...], line: int) -> pl.DataFrame:
        if not body:
            return pl.DataFrame(schema={name: DTYPES[name] for name in FIELDS})
        try:
            return _parsed(body, layout)
        except pl.exceptions.PolarsError as error:
            raise ArchiveError(
                f"{self.name} is no csv of trades at line {line} or after it: {error}",
            ) from error

    def _without_headers(self, body: bytes, layout: tuple[str, ...], line: int) -> bytes:
        """Leave out repeated headers; raise at the first line that is no trade."""
        kept = []
        for number, text in enumerate(body.splitlines(keepends=True), line):
            cells = text.decode("utf-8", "backslashreplace").rstrip("\r\n").split(",")
            if tuple(ALIASES.get(cell, cell) for cell in cells) == layout:
                self.repeated_headers += 1
                continue
            fault = _fault(cells, layout)
            if fault:
                raise ArchiveError(f"line {number} of {self.name} is no trade: {fault}")
            kept.append(text)
        return b"".join(kept)

    def _typed(self, rows: pl.DataFrame) -> pl.DataFrame:
        time = pl.col("time")
        is_ms, is_ns = time < MILLISECONDS_BELOW, time >= MICROSECONDS_BELOW
        some = rows.select(ms=is_ms.any(), us=(~is_ms & ~is_ns).any(), ns=is_ns.any())
        units = {unit for unit, found in some.row(0, named=True).items() if found}
        self.units |= units
        micros = {"ms": time * 1000, "us": time, "ns": time // 1000}
        if len(units) == 1:
            as_micros = micros[units.pop()]
        else:
            as_micros = (
                pl.when(is_ms).then(micros["ms"]).when(is_ns).then(micros["ns"]).otherwise(time)
            )
        trades = rows.select(
            as_micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("timestamp"),
            "price",
            "quantity",
            pl.col("side").alias("is_buyer_maker"),
            "agg_trade_id",
            "first_trade_id",
            "last_trade_id",
        )
        if some["ns"].item():
            is_cut = rows.select(is_ns & (time % 1000 != 0)).to_series()
            self.times_cut.update(trades.filter(is_cut)["timestamp"].dt.date())
        return trades


def _texts(path: Path, name: str) -> Iterator[bytes]:
    """Yield the one member's text in pieces that end with a line."""
    rest = b""
    try:
        with (
            zipfile.ZipFile(path) as archive,
            _member(archive, name) as member,
            ThreadPoolExecutor(1) as ahead,
        ):
            # Inflating takes one core at best; meanwhile the piece before is parsed.
            coming = ahead.submit(member.read, PIECE_BYTES)
            while piece := coming.result():
                coming = ahead.submit(member.read, PIECE_BYTES)
                end = piece.rfind(b"\n") + 1
                if end:
                    yield rest + piece[:end]
                    rest = piece[end:]
                else:
                    rest += piece
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(
            f"{name} is no whole zip: {str(error) or type(error).__name__} (fetch it again)",
        ) from error
    if rest:
        yield rest


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    held, expected = archive.namelist(), name.removesuffix(".zip") + ".csv"
    if held != [expected]:
        raise ArchiveError(f"{name} holds {held}, expected only {expected!r}")
    return archive.open(expected)


def _parsed(body: bytes, layout: tuple[str, ...]) -> pl.DataFrame:
    return pl.read_csv(
        body,
        has_header=False,
        schema={name: DTYPES[name] for name in layout},
        columns=list(range(len(FIELDS))),
        quote_char=None,
    )


def _fault(cells: list[str], layout: tuple[str, ...]) -> str | None:
    """Say why a line is no trade, or None where it is one."""
    if len(cells) != len(layout):
        return f"expected {len(layout)} fields, got {len(cells)}"
    for name, cell in zip(layout, cells, strict=True):
        parsed = pl.Series([cell]).str.strip_chars().replace("", None)
        if DTYPES[name] == pl.Boolean:
            valid = cell.lower() in {"true", "false"}
        else:
            valid = parsed.cast(DTYPES[name], strict=False).null_count() == 0
        if not valid:
            what = {pl.Boolean(): "true or false", pl.Int64(): "a whole number"}
            column = {"time": "transact_time", "side": "is_buyer_maker"}.get(name, name)
            return f"expected {column} to be {what.get(DTYPES[name], 'a number')}, got {cell!r}"
    return None


def _shown(text: bytes) -> str:
    limit = 120
    return repr(text[:limit].decode("utf-8", "backslashreplace")) + "…" * (len(text) > limit)
