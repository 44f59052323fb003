"""Rows put aside on disk by their day, for input that comes in any order and exceeds memory."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import remove_folder
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import TRADE_SCHEMA

ROW: Final = "rangebar row"
"""The column that says which row of the input a row is, from 0 on."""


def row_place(row: int) -> str:
    """Say where a row is.

    Examples
    --------
    >>> row_place(7)
    'row 7'
    """
    return f"row {row}"


@dataclass
class Spill:
    """A folder of rows, kept in the order in which they were added; a context manager.

    The folder belongs to its caller, who holds a lock on its name, and is empty at first
    whatever an earlier process left there.
    """

    folder: Path
    _parts: dict[dt.date, list[Path]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Begin with an empty folder."""
        with disk_errors(CacheError, self.folder, doing="written"):
            remove_folder(self.folder)
            self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the folder."""
        with disk_errors(CacheError, self.folder, doing="removed"):
            remove_folder(self.folder)

    def days(self) -> list[dt.date]:
        """Return the days that have rows, ascending."""
        return sorted(self._parts)

    def add(self, day: dt.date, rows: pl.DataFrame) -> None:
        """Put rows after those of the same day; with `ROW`, if they have it."""
        parts = self._parts.setdefault(day, [])
        path = self.folder / f"{day}-{len(parts):06}.arrow"
        # A new file: another user of a shared folder may have put a link there.
        with disk_errors(CacheError, path, doing="written"), path.open("xb") as handle:
            rows.write_ipc(handle, compression="lz4")
        parts.append(path)

    def rows(self, day: dt.date) -> pl.DataFrame:
        """Return a day's rows; none where nothing was added."""
        return self._read(day, TRADE_SCHEMA)

    def row_numbers(self, day: dt.date) -> pl.Series:
        """Return which rows of the input a day's rows are."""
        return self._read(day, pl.Schema({ROW: pl.Int64()})).to_series()

    def _read(self, day: dt.date, schema: pl.Schema) -> pl.DataFrame:
        parts = self._parts.get(day, [])
        # Not `read_ipc`: old versions of Polars say on stderr that they cannot map the file.
        read = [pl.DataFrame(schema=schema)]
        for path in parts:
            with disk_errors(CacheError, path, doing="read", remedy="call again"):
                read.append(pl.scan_ipc(path).select(schema.names()).collect())
        return pl.concat(read)

    def put(self, day: dt.date, rows: pl.DataFrame) -> None:
        """Replace a day's rows."""
        for path in self._parts.pop(day):
            with disk_errors(CacheError, path, doing="removed"):
                path.unlink()
        self.add(day, rows)


def split_by_day(rows: pl.DataFrame) -> list[tuple[dt.date, pl.DataFrame]]:
    """Cut trades at UTC midnights. Times before and after all days are of the first or the last."""
    day = pl.col("timestamp").dt.date().clip(dt.date.min, dt.date.max)
    groups = rows.group_by(day, maintain_order=True)
    return [(key[0], part) for key, part in groups]
