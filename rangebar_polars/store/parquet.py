"""The default bar store: Parquet files in hive folders, one for each month.

    <root>/bars/source=binance/market=um/symbol=BTCUSDT/rule=range-250/reset=none/max_gap=none/
        origin=2024-01-01/version=2/2024-01.parquet

Bars stored with more columns have folders before that of the origin, such as features=...,
lookback=..., vpin=... and footprint_settings=..., each if it was asked for. The last is not called
as the column of footprints, for which readers that make columns of folders would take it.

A file is written under a lock and appears whole. It is read through one open handle, so it may be
replaced at any time.
"""

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import locked, remove_abandoned
from rangebar_polars._disk.regular_file import entries, open_to_read, subfolders
from rangebar_polars.errors import StoreError
from rangebar_polars.store.bar_key import FIRST_FOLDERS, KEY_FOLDERS, BarKey
from rangebar_polars.store.bar_store import BarStore, siblings_among
from rangebar_polars.store.chain import StoredMonth
from rangebar_polars.store.month_file import (
    BARS,
    REMEDY,
    file_name,
    months_named,
    read_bars,
    read_month,
    write_month,
)

_FIRST: Final = tuple(f"{name}=*" for name in FIRST_FOLDERS)
_LAST: Final = tuple(
    tuple(f"{name}=*" for name in folders[len(FIRST_FOLDERS) :]) for folders in KEY_FOLDERS
)


@dataclass(frozen=True)
class ParquetStore(BarStore):
    """Bars in Parquet files under a folder.

    Examples
    --------
    >>> ParquetStore(Path("cache")).url
    'cache'
    """

    root: Path

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.root)

    def path(self, key: BarKey, month: dt.date) -> Path:
        """Return the path of a month, whether it exists or not."""
        return self._folder(key) / file_name(month)

    def _folder(self, key: BarKey) -> Path:
        return self.root / BARS / key.path

    def keys(self) -> list[BarKey]:
        """Return the chains that have a folder."""
        top = self.root / BARS
        with disk_errors(StoreError, top, doing="read"):
            first = subfolders(top, _FIRST)
            folders = [
                folder for levels in _LAST for each in first for folder in subfolders(each, levels)
            ]
        return self._keys_of(folders)

    def siblings(self, key: BarKey) -> list[BarKey]:
        """Return the chains of the same rule that have a folder; see `BarStore.siblings`."""
        top = self._folder(key).parents[1]
        with disk_errors(StoreError, top, doing="read"):
            folders = subfolders(top, _LAST[0])
        return siblings_among(self._keys_of(folders), key)

    def _keys_of(self, folders: Iterable[Path]) -> list[BarKey]:
        top = self.root / BARS
        keys = (BarKey.from_path(folder.relative_to(top).as_posix()) for folder in folders)
        return [key for key in keys if key is not None]

    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return the stored months of a chain; see `BarStore.find`."""
        if months is None:
            folder = self._folder(key)
            with disk_errors(StoreError, folder, doing="read"):
                months = months_named(path.name for path in entries(folder))
        found = dict[dt.date, StoredMonth]()
        for month in sorted(months):
            path = self.path(key, month)
            with _opened(path) as handle:
                if handle is not None and (stored := _month(handle, path, key)).month == month:
                    found[month] = stored
        return found

    def read(self, key: BarKey, month: StoredMonth, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return columns of the bars of a month; see `BarStore.read`."""
        path = self.path(key, month.month)
        with _opened(path) as handle:
            if handle is None:
                return None
            stored = _month(handle, path, key)
            if stored.version != month.version:
                return None
            handle.seek(0)
            return read_bars(handle, str(path), stored, columns)

    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store a month; see `BarStore.write`."""
        target = self.path(key, month.month)
        part = target.with_name(f".{target.name}.part")
        with disk_errors(StoreError, target, doing="written"), locked(part) as file:
            stored = self._stored(key, month.month)
            if stored is not None and stored.holds(month):
                return
            with file.written() as handle:
                write_month(handle, key, month, bars)
            file.move_to(target)
        with disk_errors(StoreError, target.parent, doing="cleared"):
            remove_abandoned(target.parent, ".*.parquet.part")

    def _stored(self, key: BarKey, month: dt.date) -> StoredMonth | None:
        """Return the month that a write would replace; None if it is absent or cannot be read."""
        try:
            return self.find(key, [month]).get(month)
        except StoreError:
            return None

    def remove(self, key: BarKey) -> None:
        """Remove a chain, and folders that are then empty; see `BarStore.remove`."""
        folder = self._folder(key)
        with disk_errors(StoreError, folder, doing="cleared"):
            for path in entries(folder, "*.parquet"):
                path.unlink(missing_ok=True)
            remove_abandoned(folder, ".*.parquet.part", strict=True)
        while folder != self.root:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                # Something else is in it.
                return
            folder = folder.parent


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    with disk_errors(StoreError, path, doing="read", remedy=REMEDY):
        try:
            handle = open_to_read(path)
        except FileNotFoundError:
            handle = None
        with handle or nullcontext():
            yield handle


def _month(handle: BinaryIO, path: Path, key: BarKey) -> StoredMonth:
    """Read the metadata of a file."""
    return read_month(handle, str(path), key, size=os.fstat(handle.fileno()).st_size)
