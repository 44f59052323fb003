"""One zip of the archive, read to the trade schema.

Header, time unit and spelling of booleans changed over the years, and old files were partly
rewritten, so each file is asked, never its date: a first line that does not begin with a
digit is a header, and a time's size is its unit. The text is read in pieces that end with
a line, so a day needs little memory beside its columns. Numbers are parsed to the nearest
f64 and to whole i64; a line that does not parse is an error with its number.
"""

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from rangebar_polars.archive.zip_text import Piece, read_text
from rangebar_polars.errors import ArchiveError

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

_NO_NUMBER: Final = re.compile(rb"^[^\d\n][^\n]*\n?", re.MULTILINE)
"""A line that does not begin with a digit."""


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
    piece_bytes
        How much text is parsed at a time.
    max_csv_bytes
        How much text the file may hold.

    """

    path: Path
    name: str
    _: KW_ONLY
    piece_bytes: int = 1 << 23
    max_csv_bytes: int = 1 << 32
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
            The zip cannot be read, is damaged or holds anything but its one csv, the csv is empty
            or longer than it may be, its header is unknown, or a line is not a trade.

        """
        layout: tuple[str, ...] = ()
        pieces = read_text(
            self.path, self.name, piece_bytes=self.piece_bytes, most_bytes=self.max_csv_bytes
        )
        for each in pieces:
            piece = each
            if not layout:
                first, _, after = piece.text.partition(b"\n")
                layout, self.header = self._layout(first)
                if self.header:
                    piece = Piece(2, piece.lines - 1, after)
            if piece.text:
                yield self._trades(piece, layout)
        if not layout:
            raise ArchiveError(
                f"{self.name} holds an empty csv (fetch it again; if it stays so, the archive "
                "has no trades for it)",
            )

    def _layout(self, first: bytes) -> tuple[tuple[str, ...], bool]:
        if first[:1].isdigit():
            fields = first.count(b",") + 1
            known = [layout for layout in LAYOUTS if len(layout) == fields]
            if not known:
                raise ArchiveError(
                    f"line 1 of {self.name} has {fields} fields: expected 7 (futures) or 8 "
                    f"(spot) of aggTrades, got {_shown(first)}",
                )
            return known[0], False
        layout = _columns(first)
        if layout not in LAYOUTS:
            raise ArchiveError(
                f"line 1 of {self.name} is no header of aggTrades: expected agg_trade_id, price, "
                "quantity, first_trade_id, last_trade_id, transact_time, is_buyer_maker, "
                f"got {_shown(first)}",
            )
        return layout, True

    def _trades(self, piece: Piece, layout: tuple[str, ...]) -> pl.DataFrame:
        rows = _parsed(piece.text, layout, piece.lines)
        if rows is None:
            kept, headers = _without_headers(piece.text, layout)
            rows = _parsed(kept, layout)
            if rows is None:
                index, text = _first_wrong(kept, layout)
                for header in headers:
                    index += header <= index
                raise self._refusal(text, layout, piece.line + index)
            self.repeated_headers += len(headers)
        return self._typed(rows)

    def _refusal(self, text: bytes, layout: tuple[str, ...], number: int) -> ArchiveError:
        cells = text.decode("utf-8", "backslashreplace").rstrip("\r\n").split(",")
        fault = _fault(cells, layout) or f"got {_shown(text)}"
        return ArchiveError(f"line {number} of {self.name} is no trade: {fault}")

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


def _parsed(body: bytes, layout: tuple[str, ...], lines: int | None = None) -> pl.DataFrame | None:
    """Return the rows of lines, counted if need be; None where one of them is no trade."""
    if not body:
        return pl.DataFrame(schema={name: DTYPES[name] for name in layout})
    if lines is None:
        lines = body.count(b"\n") + (not body.endswith(b"\n"))
    # Polars passes over what a line has too many, depending on its version and on the other lines,
    # and a row of nulls for each empty line takes much memory.
    if body.count(b",") != lines * (len(layout) - 1):
        return None
    try:
        rows = pl.read_csv(
            body,
            has_header=False,
            schema={name: DTYPES[name] for name in layout},
            quote_char=None,
        )
    except pl.exceptions.PolarsError:
        return None
    if rows.height != lines:
        return None
    is_right = rows.select(
        pl.sum_horizontal(pl.all().null_count()) == 0,
        finite=pl.all_horizontal(pl.col("price", "quantity").is_finite().all()),
        time=pl.col("time").min() >= 0,
    ).row(0)
    return rows if all(is_right) else None


def _without_headers(body: bytes, layout: tuple[str, ...]) -> tuple[bytes, list[int]]:
    """Return the lines that are no header, and the indices of those that are."""
    kept, headers = [], []
    index = end = counted = 0
    for found in _NO_NUMBER.finditer(body):
        if _columns(found[0]) == layout:
            index += body.count(b"\n", counted, found.start())
            counted = found.start()
            headers.append(index)
            kept.append(body[end : found.start()])
            end = found.end()
    return b"".join([*kept, body[end:]]), headers


def _columns(line: bytes) -> tuple[str, ...]:
    """Return the columns that a header names, by our names where it is one."""
    cells = line.decode("utf-8", "backslashreplace").rstrip("\r\n").split(",")
    return tuple(ALIASES.get(cell.strip(), cell.strip()) for cell in cells)


def _first_wrong(body: bytes, layout: tuple[str, ...]) -> tuple[int, bytes]:
    """Return the first line that is no trade, of lines that do not parse, and its index.

    Each half is parsed in turn, because to look at line after line takes Python for ever.
    """
    low, high = 0, len(body)
    while True:
        middle = (low + high) // 2
        cut = body.find(b"\n", middle, high - 1) + 1 or body.rfind(b"\n", low, middle) + 1
        if not cut:
            return body.count(b"\n", 0, low), body[low:high]
        if _parsed(body[low:cut], layout) is None:
            high = cut
        else:
            low = cut


def _fault(cells: list[str], layout: tuple[str, ...]) -> str | None:
    """Say why a line is no trade, or None where it is one."""
    if len(cells) != len(layout):
        return f"expected {len(layout)} fields, got {len(cells)}"
    for name, cell in zip(layout, cells, strict=True):
        column = {"time": "transact_time", "side": "is_buyer_maker"}.get(name, name)
        number = pl.Series([cell]).str.strip_chars().replace("", None)
        if DTYPES[name] == pl.Boolean:
            expected, valid = "true or false", cell.lower() in {"true", "false"}
        elif DTYPES[name] == pl.Int64:
            value = number.cast(pl.Int64(), strict=False).item()
            least = 0 if name == "time" else value
            expected, valid = "a whole number", value is not None and value >= least
        else:
            value = number.cast(pl.Float64(), strict=False).item()
            expected, valid = "a number", value is not None and math.isfinite(value)
        if not valid:
            return f"expected {column} to be {expected}, got {_shown(cell)}"
    return None


def _shown(text: bytes | str) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    limit = 120
    return repr(text[:limit]) + "…" * (len(text) > limit)
