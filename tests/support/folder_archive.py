"""A third archive, as a user would add one: a folder with a CSV file for each day of a symbol."""

import datetime as dt
import hashlib
import io
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import polars as pl

from rangebar_polars._series import Series
from rangebar_polars.archive import Archive, ArchiveFile, TradeFile
from rangebar_polars.schema import TRADE_SCHEMA
from support.folder_csv import FolderCsv


@dataclass(frozen=True)
class FolderFile:
    """The file of a day."""

    symbol: str
    day: dt.date

    @property
    def name(self) -> str:
        """Its own name."""
        return f"{self.symbol}-{self.day}.csv"

    @property
    def days(self) -> list[dt.date]:
        """The day it holds."""
        return [self.day]


@dataclass(frozen=True)
class FolderArchive(Archive):
    """A folder of CSV files."""

    name: ClassVar[str] = "folder"

    folder: Path

    @classmethod
    def at(cls, url: str | None, environment: Mapping[str, str]) -> Self:
        """Return the archive in a folder."""
        return cls(Path(url or environment["FOLDER_ARCHIVE"]))

    def check(self, series: Series) -> None:
        """Refuse any market but one."""
        if series.market != "spot":
            raise ValueError(f"market is {series.market!r} (folder has 'spot')")

    def day_file(self, series: Series, day: dt.date) -> FolderFile:
        """Return the file of a day."""
        return FolderFile(series.symbol, day)

    def is_published(self, file: ArchiveFile, today: dt.date) -> bool:
        """Return whether a file will not come any more: a day later."""
        return file.days[-1] < today

    def connect(self) -> "FolderConnection":
        """Return what copies files."""
        return FolderConnection(self.folder)

    def open(self, path: Path, file: ArchiveFile) -> TradeFile:
        """Return a copied file, to read its trades."""
        return FolderCsv(path, file.name)


@dataclass
class FolderConnection:
    """Copies files out of a folder."""

    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)

    def checksum(self, file: ArchiveFile) -> str | None:
        """Return the sum of a file."""
        path = self.folder / file.name
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None

    def download(
        self, file: ArchiveFile, body: io.BufferedRandom, on_bytes: Callable[[int], None]
    ) -> tuple[str, bool] | None:
        """Copy a file."""
        expected = self.checksum(file)
        if expected is None:
            return None
        body.truncate(0)
        body.seek(0)
        with (self.folder / file.name).open("rb") as source:
            shutil.copyfileobj(source, body)
        on_bytes(body.tell())
        return expected, True

    def symbols(self, market: str) -> list[str] | None:  # noqa: ARG002
        """Return the symbols that have files."""
        return sorted({path.name.rpartition("-20")[0] for path in self.folder.glob("*.csv")})

    def cancel(self) -> None:
        """End a copy, which is short."""
        self.stop.set()

    def close(self) -> None:
        """Close nothing."""


def write_days(folder: Path, symbol: str, trades: Mapping[dt.date, pl.DataFrame]) -> None:
    """Put days into the archive."""
    for day, rows in trades.items():
        rows.select(TRADE_SCHEMA.names()).with_columns(
            pl.col("timestamp").dt.epoch("us")
        ).write_csv(folder / FolderFile(symbol, day).name)
