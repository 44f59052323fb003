"""Trades that are imported, as they are given: frames, and files by their paths or URLs.

Each source knows what messages call it and where a row of it is: of a CSV that is a line.
"""

import csv
import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast
from urllib.parse import urlsplit

import polars as pl

from rangebar_polars._disk.disk_error import reason_of
from rangebar_polars._disk.regular_file import RefusedFileError, open_to_read
from rangebar_polars._ticks.spill import row_place
from rangebar_polars._trade_columns import TradeColumns
from rangebar_polars.errors import QualityError
from rangebar_polars.schema import TRADE_SCHEMA

KINDS: Final[Mapping[str, str]] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.zst": "csv",
    ".zip": "zip",
}
"""What a file is by its suffix. A zip is one of an archive that this package knows."""

_SHOWN: Final = ", ".join(KINDS)
_SCHEMES: Final = frozenset(
    ["abfs", "abfss", "adl", "az", "azure", "gcs", "gs", "hf", "http", "https", "s3", "s3a"]
)


class ZippedTrades(Protocol):
    """A zip of an archive."""

    times_cut: Counter[Any]
    """How many times of each day had nanoseconds, which a trade does not keep."""

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the trades in the order of the file."""


OpenZip = Callable[[Path], ZippedTrades]
"""Opens a zip of an archive."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Trades that are imported.

    Attributes
    ----------
    what
        What messages call them.
    frame
        The trades; of a zip, whose trades come from `zipped`, only their columns.
    path
        The file on this machine that they are of; None for others.
    is_file
        Whether they are of a file or a URL.
    is_text
        Whether they are a CSV, of which no column has a dtype.
    zipped
        The zip that they are of.
    """

    what: str
    frame: pl.LazyFrame
    path: Path | None = None
    is_file: bool = False
    is_text: bool = False
    zipped: ZippedTrades | None = None

    def lacks(self, what: str, remedy: str) -> str:
        """Return the message about columns that are not there."""
        they = f"{self.what} has", "it has"
        if not self.is_file:
            they = f"{self.what} have", "they have"
        names = ", ".join(self.frame.collect_schema().names())
        return f"{they[0]} {what} ({they[1]} {names}; {remedy})"

    def place(self, row: int) -> str:
        """Say where a row is: in which line, if it is one of a CSV on this machine."""
        line = None
        if self.is_text and self.path is not None:
            with suppress(OSError, EOFError, csv.Error):
                line = _line_of(self.path, row)
        return row_place(row) if line is None else f"line {line}"

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say what is wrong with a file; errors of a plan that was given are its owner's."""
        try:
            yield
        except RefusedFileError as error:
            reason = f"{error.reason} (give one file, or the frame)"
            raise ValueError(f"{self.what} cannot be read: {reason}") from error
        except (pl.exceptions.PolarsError, OSError) as error:
            if not self.is_file:
                raise
            raise _unreadable(self.what, self.path, error) from error


def kind_of(name: str) -> str | None:
    """Return what a file is by its name, or None for a file of no such kind.

    Examples
    --------
    >>> kind_of("trades.CSV.gz"), kind_of("trades.json")
    ('csv', None)
    """
    return next((kind for suffix, kind in KINDS.items() if name.lower().endswith(suffix)), None)


def url_of(trades: object) -> str | None:
    """Return a URL that Polars reads, or None for what is none.

    Examples
    --------
    >>> url_of("s3://bucket/trades.parquet"), url_of("trades.parquet")
    ('s3://bucket/trades.parquet', None)
    """
    if isinstance(trades, str) and urlsplit(trades).scheme in _SCHEMES and "://" in trades:
        return trades
    return None


def source_of_file(path: Path, columns: TradeColumns, open_zip: OpenZip) -> Source:
    """Return the trades of a file.

    Raises
    ------
    ValueError
        It is no file of trades, or `columns` is given for a zip.
    QualityError
        It cannot be read.
    """
    kind = kind_of(path.name)
    if kind is None:
        raise ValueError(f"{path} is none of {_SHOWN} (read it, and give the frame)")
    nothing = Source(what=str(path), frame=pl.LazyFrame(), path=path, is_file=True)
    with nothing.reading():
        open_to_read(path).close()
        if kind == "zip":
            if columns != TradeColumns():
                raise ValueError(
                    f"columns is given for {path}, which has the columns of the archive (leave "
                    "columns out, or unpack it)"
                )
            frame = pl.LazyFrame(schema=TRADE_SCHEMA)
            return Source(
                what=str(path), frame=frame, path=path, is_file=True, zipped=open_zip(path)
            )
        if kind == "parquet":
            frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            frame.collect_schema()
        else:
            frame = _read_csv(pl.scan_csv(path, glob=False, infer_schema=False), columns, str(path))
    return Source(what=str(path), frame=frame, path=path, is_file=True, is_text=kind == "csv")


def source_of_url(
    url: str, columns: TradeColumns, storage_options: Mapping[str, Any] | None
) -> Source:
    """Return the trades of a URL, which Polars reads.

    Raises
    ------
    ValueError
        It is that of no file of trades.
    QualityError
        It cannot be read.
    """
    parts = urlsplit(url)
    kind = kind_of(parts.path)
    if kind not in {"csv", "parquet"}:
        remedy = "download it, and give its path" if kind == "zip" else "give the frame"
        raise ValueError(f"{url} is no URL of .parquet, .csv, .csv.gz or .csv.zst ({remedy})")
    options: dict[str, Any] = {
        "glob": not parts.scheme.startswith("http"),
        "storage_options": None if storage_options is None else dict(storage_options),
    }
    source = Source(what=url, frame=pl.LazyFrame(), is_file=True)
    with source.reading():
        if kind == "parquet":
            frame = pl.scan_parquet(url, hive_partitioning=False, **options)
            frame.collect_schema()
        else:
            frame = _read_csv(pl.scan_csv(url, infer_schema=False, **options), columns, url)
    return Source(what=url, frame=frame, is_file=True, is_text=kind == "csv")


def _read_csv(plan: pl.LazyFrame, columns: TradeColumns, what: str) -> pl.LazyFrame:
    """Check the scan of a CSV, all text: the first lines do not say what the others are."""
    if plan.head(1).collect().is_empty():
        raise QualityError(f"{what} has a header and no trades (is it the whole file?)")
    there = plan.collect_schema()
    for name in columns.names().values():
        if name in there and f"{name}_duplicated_0" in there:
            raise QualityError(f"{what} has two columns {name!r} (rename one of them)")
    return plan


def _opened(path: Path) -> IO[str] | None:
    """Open a CSV as text; None for one that is packed in a way that Python does not read."""
    name = path.name.lower()
    if name.endswith(".zst"):
        return None
    opened = gzip.open if name.endswith(".gz") else open
    return cast("IO[str]", opened(path, "rt", encoding="utf-8", errors="replace", newline=""))


def _line_of(path: Path, row: int) -> int | None:
    """Return the line in which a row of a CSV begins; quoted fields may have lines of their own."""
    file = _opened(path)
    if file is None:
        return None
    with file:
        lines = csv.reader(file)
        # Empty lines before the header are none of the rows, and those after it are.
        next((cells for cells in lines if cells), None)
        before = lines.line_num
        for number, _ in enumerate(lines):
            if number == row:
                return before + 1
            before = lines.line_num
    return None


_NOT_FOUND: Final = "status code: 404"
"""What Polars before 2.0 says of an address where there is nothing."""


def _unreadable(what: str, path: Path | None, error: Exception) -> QualityError:
    """Say what is wrong with a file, in the words of Polars only where there are no others."""
    text = str(error).partition("\n")[0]
    why = f"{text} (is it the right address, and may you read it? else download it)"
    if path is not None:
        why = _why(path, error) or f"{text} (is it the right file, and whole?)"
    elif isinstance(error, FileNotFoundError) or _NOT_FOUND in text:
        why = "it is not there (is it the right address?)"
    return QualityError(f"{what} cannot be read: {why}")


def _why(path: Path, error: Exception) -> str | None:
    """Say what is wrong with a file on this machine, if that is known."""
    size = None
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "it is not there (is it the right path?)"
    except OSError as hidden:
        error = hidden
    of_disk = reason_of(error, path)
    if of_disk is not None:
        return f"{of_disk[0]} ({of_disk[1]})"
    if size == 0:
        return "it is empty (is it the whole file?)"
    return _ragged_line(path) if kind_of(path.name) == "csv" else None


def _ragged_line(path: Path) -> str | None:
    """Return which line of a CSV has more fields than its header."""
    # A line may be none of csv at all, of which Polars says more.
    with suppress(csv.Error, EOFError, OSError):
        file = _opened(path)
        if file is None:
            return None
        with file:
            lines = csv.reader(file)
            fields = len(next(lines, []))
            for cells in lines:
                if len(cells) > fields:
                    return (
                        f"line {lines.line_num} has {len(cells)} fields, expected {fields} as in "
                        "the header (repair the line)"
                    )
    return None


def is_path(trades: object) -> bool:
    """Return whether trades are given as a path or a URL."""
    return isinstance(trades, str | os.PathLike)
