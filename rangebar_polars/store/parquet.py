"""The default bar store: Parquet files in hive folders, one for each month.

    <root>/bars/source=binance/market=um/symbol=BTCUSDT/rule=range-250/reset=none/max_gap=none/
        origin=2024-01-01/version=2/2024-01.parquet

A file is written under a lock and appears whole. Its metadata has its links and no clock time, so
equal bars give equal bytes. It is read through one open handle, so it may be replaced at any time.
Polars writes no checksums of Parquet pages, so every column that is read is hashed and compared
with what was written.
"""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from rangebar_polars._core.unstable import unwarned
from rangebar_polars._days import days_named
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.fingerprint import checksums
from rangebar_polars._disk.locked_file import locked, remove_abandoned
from rangebar_polars._disk.regular_file import entries, open_to_read, subfolders
from rangebar_polars.errors import StoreError
from rangebar_polars.store.bar_key import KEY_FOLDERS, BarKey
from rangebar_polars.store.bar_store import BarStore, siblings_among
from rangebar_polars.store.chain import StoredMonth

LAYOUT_VERSION: Final = "4"
# Fixed, so that a file's bytes do not depend on the pieces in which its bars were computed.
ROW_GROUP_ROWS: Final = 1 << 18
_REMEDY: Final = "delete it, and its bars are computed again"
_LEVELS: Final = tuple(f"{name}=*" for name in KEY_FOLDERS)


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
        return self._folder(key) / f"{month:%Y-%m}.parquet"

    def _folder(self, key: BarKey) -> Path:
        return self.root / "bars" / key.path

    def keys(self) -> list[BarKey]:
        """Return the chains that have a folder."""
        top = self.root / "bars"
        with disk_errors(StoreError, top, doing="read"):
            folders = subfolders(top, _LEVELS)
        return self._keys_of(folders)

    def siblings(self, key: BarKey) -> list[BarKey]:
        """Return the chains of the same rule that have a folder; see `BarStore.siblings`."""
        top = self._folder(key).parents[1]
        with disk_errors(StoreError, top, doing="read"):
            folders = subfolders(top, _LEVELS[-2:])
        return siblings_among(self._keys_of(folders), key)

    def _keys_of(self, folders: Iterable[Path]) -> list[BarKey]:
        top = self.root / "bars"
        keys = (BarKey.from_path(folder.relative_to(top).as_posix()) for folder in folders)
        return [key for key in keys if key is not None]

    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return the stored months of a chain; see `BarStore.find`."""
        if months is None:
            folder = self._folder(key)
            with disk_errors(StoreError, folder, doing="read"):
                months = days_named(
                    f"{path.stem}-01" for path in entries(folder, "????-??.parquet")
                )
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
            bars = pl.read_parquet(handle, columns=list(columns), hive_partitioning=False)
        # By name: polars may give the columns in the order of the file.
        bars = bars.select(columns)
        damage = stored.damage(bars)
        if damage is not None:
            raise StoreError(f"{path} is damaged: {damage} ({_REMEDY})")
        return bars

    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store a month; see `BarStore.write`."""
        target = self.path(key, month.month)
        sums, links = json.dumps(checksums(bars)), month.to_json()
        metadata = {
            "rangebar.version": LAYOUT_VERSION,
            "rangebar.key": key.path,
            "rangebar.checksums": sums,
            "rangebar.month": links,
            "rangebar.sha256": _sha256(sums, links),
        }
        part = target.with_name(f".{target.name}.part")
        with disk_errors(StoreError, target, doing="written"), locked(part) as file:
            stored = self._stored(key, month.month)
            if stored is not None and stored.holds(month):
                return
            with unwarned(), file.written() as handle:
                bars.write_parquet(
                    handle,
                    compression="zstd",
                    row_group_size=ROW_GROUP_ROWS,
                    metadata=metadata,
                )
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
    with disk_errors(StoreError, path, doing="read", remedy=_REMEDY):
        try:
            handle = open_to_read(path)
        except FileNotFoundError:
            handle = None
        with handle or nullcontext():
            yield handle


def _month(handle: BinaryIO, path: Path, key: BarKey) -> StoredMonth:
    """Read the metadata of a file."""
    metadata = pl.read_parquet_metadata(handle)
    damaged = f"{path} cannot be read: what it says of itself is damaged ({_REMEDY})"
    got = metadata.get("rangebar.version")
    if got != LAYOUT_VERSION:
        raise StoreError(f"{path} has layout version {got}, expected {LAYOUT_VERSION} ({_REMEDY})")
    try:
        of, sums = metadata["rangebar.key"], metadata["rangebar.checksums"]
        text, size = metadata["rangebar.month"], os.fstat(handle.fileno()).st_size
        # The links and the checksums of the bars together identify the version.
        month = StoredMonth.from_json(text, sums=sums, version=f"{text}{sums}", size=size)
        is_whole = metadata["rangebar.sha256"] == _sha256(sums, text)
    except (KeyError, ValueError) as error:
        raise StoreError(damaged) from error
    if not is_whole:
        raise StoreError(damaged)
    if of != key.path:
        raise StoreError(f"{path} holds bars of {of} (it was moved: move it back, or {_REMEDY})")
    return month


def _sha256(sums: str, links: str) -> str:
    return hashlib.sha256(json.dumps([sums, links]).encode()).hexdigest()
