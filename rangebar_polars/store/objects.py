"""The bar store in a bucket: the Parquet files of `ParquetStore` as objects, of the same names.

    s3://bucket/prefix/bars/source=binance/market=um/symbol=BTCUSDT/rule=range-250/reset=none/
        max_gap=none/origin=2024-01-01/version=2/2024-01.parquet

There is no lock, no clock and nothing to clean up: an object appears whole, and each write names
the version that it replaces. A writer that loses looks again at what the other one has written.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO

import polars as pl

from rangebar_polars._disk.disk_error import UNREADABLE
from rangebar_polars._disk.path_names import to_name
from rangebar_polars._objects.address import ObjectAddress
from rangebar_polars._objects.bucket import ATTEMPTS, THREADS, Bucket, Piece
from rangebar_polars._objects.parquet_end import parquet_end
from rangebar_polars._series import SERIES_SCHEMA
from rangebar_polars.errors import StoreError
from rangebar_polars.store.bar_key import BarKey
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


class ObjectStore(BarStore):
    """Bars in Parquet objects in a bucket of S3, Google Cloud Storage or Azure.

    Parameters
    ----------
    url
        ``"s3://bucket/prefix"``, ``"gs://bucket/prefix"`` or ``"az://container/prefix"``.
        Credentials, region and endpoint are those of the environment.

    Raises
    ------
    ValueError
        The URL is not of this form, or has credentials.
    ModuleNotFoundError
        obstore is not installed.
    StoreError
        The environment has a wrong setting.

    Examples
    --------
    >>> ObjectStore("s3://user:password@bucket")
    Traceback (most recent call last):
    ValueError: the URL of the store has '@' or '?', as if with credentials, which it must not have
    (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and give s3://bucket/prefix)
    """

    def __init__(self, url: str) -> None:
        self._at = ObjectAddress.parse(url)
        self._bucket = Bucket(self._at, StoreError, needed_by="a store in a bucket")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the URL, which opens the store with the credentials that are there."""
        return type(self), (self.url,)

    def __repr__(self) -> str:
        return f"ObjectStore({self.url!r})"

    @property
    def url(self) -> str:
        """The URL, which has no credentials."""
        return self._at.url

    def keys(self) -> list[BarKey]:
        """Return the chains that have an object."""
        return self._keys_below([BARS])

    def siblings(self, key: BarKey) -> list[BarKey]:
        """Return the chains of the same rule that have an object; see `BarStore.siblings`.

        Only the folder of the rule, reset, longest gap and statistics is listed.
        """
        folder = _folder(key).rsplit("/", 2)[0]
        return siblings_among(self._keys_below([folder]), key)

    def keys_of(self, wanted: Mapping[str, object]) -> list[BarKey]:
        """Return the stored chains with these values; see `BarStore.keys_of`.

        Only the folders of the wanted source, market and symbol are listed.
        """
        last = max((at for at, name in enumerate(SERIES_SCHEMA) if name in wanted), default=-1)
        folders = [BARS]
        for name in list(SERIES_SCHEMA)[: last + 1]:
            if name in wanted:
                part = f"{name}={to_name(name, str(wanted[name]))}"
                folders = [f"{folder}/{part}" for folder in folders]
            else:
                folders = [
                    f"{folder}/{part}"
                    for folder in folders
                    for part in self._bucket.folders(folder)
                ]
        keys = self._keys_below(folders)
        return [key for key in keys if wanted.items() <= key.values.items()]

    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return the stored months of a chain; see `BarStore.find`."""
        if months is None:
            months = months_named(self._files(key))
        wanted = sorted(months)
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(THREADS, len(wanted))) as pool:
            pieces = pool.map(self._end, [_name(key, month) for month in wanted])
            found = dict[dt.date, StoredMonth]()
            for month, piece in zip(wanted, pieces, strict=True):
                stored = self._stored(key, month, piece)
                if stored is not None and stored.month == month:
                    found[month] = stored
        return found

    def read(self, key: BarKey, month: StoredMonth, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return columns of the bars of a month; see `BarStore.read`."""
        name = _name(key, month.month)
        piece = self._bucket.whole(name, month.version)
        if piece is None:
            return None
        place = self._bucket.place(name)
        with _unreadable(place):
            return read_bars(BytesIO(piece.data), place, month, columns)

    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store a month; see `BarStore.write`."""
        name = _name(key, month.month)
        file = BytesIO()
        write_month(file, key, month, bars)
        for _ in range(ATTEMPTS):
            piece = self._end(name)
            try:
                stored = self._stored(key, month.month, piece)
            except StoreError:
                # An unreadable month is replaced.
                stored = None
            if stored is not None and stored.month == month.month and stored.holds(month):
                return
            if self._bucket.put(name, file.getvalue(), piece):
                return
        raise self._bucket.lost(name)

    def remove(self, key: BarKey) -> None:
        """Remove a chain; see `BarStore.remove`."""
        names = [name for name in self._files(key) if name.endswith(".parquet")]
        self._bucket.delete([f"{_folder(key)}/{name}" for name in names])

    def _files(self, key: BarKey) -> list[str]:
        """Return the names in the folder of a chain."""
        folder = f"{_folder(key)}/"
        names = (name.removeprefix(folder) for name in self._bucket.sizes(folder[:-1]))
        return [name for name in names if "/" not in name]

    def _keys_below(self, folders: Iterable[str]) -> list[BarKey]:
        paths = {
            name.removeprefix(f"{BARS}/").rpartition("/")[0]
            for folder in folders
            for name in self._bucket.sizes(folder)
        }
        keys = map(BarKey.from_path, sorted(paths))
        return [key for key in keys if key is not None]

    def _end(self, name: str) -> Piece | None:
        return parquet_end(self._bucket, name)

    def _stored(self, key: BarKey, month: dt.date, piece: Piece | None) -> StoredMonth | None:
        if piece is None:
            return None
        place = self._bucket.place(_name(key, month))
        with _unreadable(place):
            return read_month(BytesIO(piece.data), place, key, size=piece.size, version=piece.tag)


def _folder(key: BarKey) -> str:
    return f"{BARS}/{key.path}"


def _name(key: BarKey, month: dt.date) -> str:
    return f"{_folder(key)}/{file_name(month)}"


@contextmanager
def _unreadable(place: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise StoreError(f"{place} cannot be read: {error} ({REMEDY})") from error
