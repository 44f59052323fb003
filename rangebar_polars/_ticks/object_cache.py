"""The tick cache in a bucket, whose days are put under the condition that they are absent.

There is no lock: of several writers of a day one wins, and the others find its day. A day that is
to be replaced is put under the condition that it is still the version that was looked at. Downloads
lie on this machine until their days are written.
"""

import contextlib
import datetime as dt
import fnmatch
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO, Final

import polars as pl

from rangebar_polars._core.unstable import unwarned
from rangebar_polars._disk.disk_error import UNREADABLE
from rangebar_polars._disk.locked_file import CancelledError
from rangebar_polars._objects.address import ObjectAddress
from rangebar_polars._objects.bucket import ATTEMPTS, THREADS, Bucket
from rangebar_polars._objects.parquet_end import parquet_end
from rangebar_polars._series import Series
from rangebar_polars._ticks.cache import TICKS, TickCache, days_of, file_name
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import TRADE_SCHEMA

_CLOUDS: Final = ("AWS_", "GOOGLE_", "AZURE_")
_KEPT_OPEN: Final = 8


@dataclass(frozen=True)
class ObjectTickCache(TickCache):
    """The cached days of a series in a bucket of S3, Google Cloud Storage or Azure.

    Examples
    --------
    >>> at = ObjectAddress.parse("s3://bucket/team")
    >>> cache = ObjectTickCache(at, Series("binance", "um", "BTCUSDT"))
    >>> cache.place(dt.date(2024, 8, 8))
    's3://bucket/team/ticks/source=binance/market=um/symbol=BTCUSDT/2024-08-08.parquet'
    """

    root: ObjectAddress

    writers = 3

    @property
    def _bucket(self) -> Bucket:
        # Not kept here, since plans that hold this object are pickled.
        return bucket_of(self.root)

    def _name(self, day: dt.date) -> str:
        return f"{self.folder_name}/{file_name(day)}"

    def place(self, day: dt.date) -> str:
        """Return the URL of a day's object; see `TickCache.place`."""
        return f"{self.root.url}/{self._name(day)}"

    def days(self) -> list[dt.date]:
        """Return the days that are cached; see `TickCache.days`."""
        return [*self.sizes()]

    def missing(self, days: Sequence[dt.date]) -> list[dt.date]:
        """Return those of some days that are not cached; see `TickCache.missing`."""
        if len(days) == 1:
            is_there = self._bucket.version(self._name(days[0])) is not None
            return [] if is_there else [*days]
        cached = self.sizes() if days else {}
        return [day for day in days if day not in cached]

    def sizes(self) -> dict[dt.date, int]:
        """Return the bytes of each day; see `TickCache.sizes`."""
        sizes = self._sizes()
        return {day: sizes[file_name(day)] for day in days_of(sizes)}

    def _sizes(self) -> dict[str, int]:
        """Return the bytes of each object in the folder of the days, by name."""
        folder = f"{self.folder_name}/"
        found = self._bucket.sizes(self.folder_name).items()
        sizes = {name.removeprefix(folder): size for name, size in found}
        return {name: size for name, size in sizes.items() if "/" not in name}

    def reports(
        self, days: Iterable[dt.date], *, listed: bool = False
    ) -> dict[dt.date, DayReport | CacheError]:
        """Return what is known of each day, of several at once; see `TickCache.reports`."""
        wanted = list(days)
        if len(wanted) > THREADS and not listed:
            cached = self.sizes()
            wanted = [day for day in wanted if day in cached]
        with ThreadPoolExecutor(max(1, min(THREADS, len(wanted)))) as pool:
            found = zip(wanted, pool.map(self._report_or_error, wanted), strict=True)
            return {day: report for day, report in found if report is not None}

    def scan(self, days: Iterable[dt.date]) -> pl.LazyFrame:
        """Return the trades of cached days; see `TickCache.scan`."""
        urls = [self.place(day) for day in days]
        if not urls:
            return pl.LazyFrame(schema=TRADE_SCHEMA)
        with unwarned():
            # Credentials come from the environment alone, here as in all other requests.
            return pl.scan_parquet(
                urls, glob=False, hive_partitioning=False, credential_provider=None
            )

    def clear(self) -> None:
        """Remove every day; see `TickCache.clear`."""
        names = [name for name in self._sizes() if name.endswith(".parquet")]
        self._bucket.delete([f"{self.folder_name}/{name}" for name in names])
        self.remove_abandoned(strict=True)

    @contextlib.contextmanager
    def _reading(self, day: dt.date) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            place = self.place(day)
            raise CacheError(f"{place} cannot be read: {error} ({self.remedy})") from error

    @contextlib.contextmanager
    def _opened(self, day: dt.date, *, whole: bool) -> Iterator[BinaryIO | None]:
        name = self._name(day)
        piece = self._bucket.whole(name) if whole else parquet_end(self._bucket, name)
        yield None if piece is None else BytesIO(piece.data)

    def _put(
        self,
        day: dt.date,
        write: Callable[[BinaryIO], None],
        stop: threading.Event | None,
        *,
        replace: bool,
    ) -> bool:
        file, name, bucket = BytesIO(), self._name(day), self._bucket
        write(file)
        for _ in range(ATTEMPTS if replace else 1):
            if stop is not None and stop.is_set():
                raise CancelledError
            seen = bucket.version(name) if replace else None
            if bucket.put(name, file.getvalue(), seen):
                return True
        if replace:
            raise bucket.lost(name)
        return False

    def _remove_abandoned(self, *, strict: bool) -> None:
        """Do nothing: a killed writer leaves nothing in a bucket."""


def series_below(root: ObjectAddress, patterns: Sequence[str]) -> list[Series]:
    """Return the series that have a day, in order.

    Parameters
    ----------
    root
        Where the cache is.
    patterns
        The patterns of their folders. Folders of others are not listed.

    Raises
    ------
    CacheError
        The bucket may not be listed.
    """
    bucket, folders = bucket_of(root), [TICKS]
    for level, pattern in enumerate(patterns, 1):
        if "*" not in pattern and level < len(patterns):
            # Whether it is there shows in the listing of the next level.
            folders = [f"{folder}/{pattern}" for folder in folders]
            continue
        folders = [
            f"{folder}/{name}"
            for folder in folders
            for name in sorted(bucket.folders(folder))
            if fnmatch.fnmatchcase(name, pattern)
        ]
    every = (Series.from_path(folder.removeprefix(f"{TICKS}/")) for folder in folders)
    return [series for series in every if series is not None]


def bucket_of(root: ObjectAddress) -> Bucket:
    """Return the bucket of a cache, which stays open while the environment is the same.

    Raises
    ------
    ModuleNotFoundError
        obstore is not installed.
    CacheError
        The environment has no account, or a wrong setting.
    """
    settings = {name: value for name, value in os.environ.items() if name.startswith(_CLOUDS)}
    return _opened_with(root, tuple(sorted(settings.items())))


@lru_cache(maxsize=_KEPT_OPEN)
def _opened_with(root: ObjectAddress, _: tuple[tuple[str, str], ...]) -> Bucket:
    return Bucket(root, CacheError, needed_by="a cache in a bucket")
