"""What an archive of trades has to offer, so that its days can be fetched and cached."""

import datetime as dt
import io
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Protocol, Self

import polars as pl

from rangebar_polars._series import Series


class ArchiveFile(Protocol):
    """A file of an archive: the trades of a series on one day, or on the days of a month."""

    @property
    def name(self) -> str:
        """Its own name, which messages and reports call it by; unique within the series."""

    @property
    def days(self) -> list[dt.date]:
        """The UTC days it should hold, ascending."""


class TradeFile(Protocol):
    """A fetched file, read piece by piece, and what is known of it after the last piece."""

    @property
    def header(self) -> bool | None:
        """Whether the first line named the columns; None for files without such lines."""

    @property
    def repeated_headers(self) -> int:
        """Header lines after the first line, which were left out."""

    @property
    def times_cut(self) -> Counter[dt.date]:
        """How many times of each day had nanoseconds, which a trade does not keep."""

    @property
    def unit(self) -> str | None:
        """The time unit of the file."""

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield the trades in the order of the file, with the columns of `TRADE_SCHEMA`.

        Raises
        ------
        ArchiveError
            The file is not what a file of the archive should be; the error names it and the line.
        """


class Connection(Protocol):
    """Connections to one archive, which the threads of a call share."""

    stop: threading.Event
    """Set by `cancel`: every request and wait then ends with a CancelledError."""

    def checksum(self, file: ArchiveFile) -> str | None:
        """Return the SHA-256 that is published for a file; None where none is.

        Raises
        ------
        DownloadError
            The archive cannot be reached.
        """

    def download(
        self, file: ArchiveFile, body: io.BufferedRandom, on_bytes: Callable[[int], None]
    ) -> tuple[str, bool] | None:
        """Write a file's bytes to `body`, whole.

        Parameters
        ----------
        file
            The file.
        body
            Where its bytes go. What an earlier call left there may be continued.
        on_bytes
            Is called with the number of bytes that have come.

        Returns
        -------
        tuple of str and bool, or None
            The SHA-256 of the bytes, and whether it is the published one. None: the archive has no
            such file.

        Raises
        ------
        DownloadError, ChecksumError
            The file cannot be had, or is not the published one.
        """

    def symbols(self, market: str) -> list[str] | None:
        """Return the symbols of a market; None where the archive has no list of them.

        Raises
        ------
        DownloadError
            The list cannot be had.
        """

    def cancel(self) -> None:
        """End every request that is under way in other threads."""

    def close(self) -> None:
        """Let connections go."""


class Archive(ABC):
    """An archive of trades, in a file for each UTC day, and perhaps for each month.

    A subclass is a value: equal settings are equal archives. CONTRIBUTING describes how one is
    added, and `rangebar_polars.testing` has the tests that it should pass.

    Attributes
    ----------
    name
        The source of its series.
    contiguous_ids
        Whether agg_trade_id rises by one from record to record, so that a jump is a gap.
    threads
        How many files are fetched at once.
    first_day
        The first day that any file of it may be of: earlier ones are holes without being asked for.
    """

    name: ClassVar[str]
    first_day: ClassVar[dt.date] = dt.date.min
    contiguous_ids: ClassVar[bool] = False
    threads: int = 1

    @classmethod
    @abstractmethod
    def at(cls, url: str | None, environment: Mapping[str, str]) -> Self:
        """Return the archive at a base URL, or where the environment says that it is.

        Parameters
        ----------
        url
            The argument ``archive`` of a call.
        environment
            The variables of the environment.
        """

    @classmethod
    def market_of(cls, market: str) -> str:
        """Return the archive's own name for a market, which may have been given by another name."""
        return market

    @abstractmethod
    def check(self, series: Series) -> None:
        """Refuse a series that the archive cannot have.

        Raises
        ------
        ValueError, TypeError
            Naming what it has.
        """

    @abstractmethod
    def day_file(self, series: Series, day: dt.date) -> ArchiveFile:
        """Return the file of a day, whether or not it is there."""

    def month_file(self, series: Series, month: dt.date) -> ArchiveFile | None:  # noqa: ARG002
        """Return the file of the month that begins with a day; None where months have no file."""
        return None

    @abstractmethod
    def is_published(self, file: ArchiveFile, today: dt.date) -> bool:
        """Return whether a file that is not there will not come any more."""

    @abstractmethod
    def connect(self) -> Connection:
        """Return connections for one call."""

    @abstractmethod
    def open(self, path: Path, file: ArchiveFile) -> TradeFile:
        """Return a fetched file, to read its trades."""
