"""Stores of bars: Parquet files by default; for a team a ClickHouse server, or a bucket."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rangebar_polars._argument_names import named
from rangebar_polars._disk.cache_root import cache_root, local_path
from rangebar_polars._objects.address import names_bucket
from rangebar_polars.store.bar_key import BarKey
from rangebar_polars.store.bar_store import BarStore
from rangebar_polars.store.chain import Link, StoredMonth
from rangebar_polars.store.clickhouse.store import ClickHouseStore
from rangebar_polars.store.objects import ObjectStore
from rangebar_polars.store.parquet import ParquetStore
from rangebar_polars.store.store_address import StoreAddress

__all__ = [
    "BarKey",
    "BarStore",
    "ClickHouseStore",
    "Link",
    "ObjectStore",
    "ParquetStore",
    "Store",
    "StoreAddress",
    "StoredMonth",
    "address_of",
    "open_store",
    "opened",
]


Store = BarStore | str | os.PathLike[str] | None
"""A store, or an argument of `open_store`."""


def opened(
    store: Store, cache_dir: str | os.PathLike[str] | None = None
) -> AbstractContextManager[BarStore]:
    """Yield an open store, and close it afterwards if it was opened here."""
    return address_of(store, cache_dir).opened()


def address_of(store: Store, cache_dir: str | os.PathLike[str] | None = None) -> StoreAddress:
    """Return the address of a store, which is opened when it is needed."""
    return StoreAddress(store, cache_root(cache_dir), open_store)


@named
def open_store(
    url: str | os.PathLike[str] | None = None,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
) -> BarStore:
    """Return a bar store.

    Parameters
    ----------
    url
        A folder, or ``"parquet:///folder"``; ``"clickhouse://user:password@host:port/database"``,
        or ``"clickhouse://"`` for the URL in ``CLICKHOUSE_URL``. By default ``RANGEBAR_STORE``, or
        else Parquet files beside the trades. Characters such as ``@`` in a password are
        percent-encoded; ``clickhouses://`` is encrypted. A bucket is ``"s3://bucket/prefix"``,
        ``"gs://bucket/prefix"`` or ``"az://container/prefix"``, with the credentials of the
        environment.
    cache_dir
        The cache folder, or one in a bucket: ``"s3://bucket/prefix"``, ``"gs://..."``,
        ``"az://..."``. By default ``RANGEBAR_CACHE_DIR``, or the cache folder of your platform.

    Returns
    -------
    BarStore
        Close it with `close`, or use it as a context manager.

    Raises
    ------
    TypeError, ValueError
        The URL is not one of these, or that of a bucket has credentials.
    ModuleNotFoundError
        The extra of the store is not installed: ``clickhouse``, or ``objects`` for a bucket.
    StoreError
        The server cannot be reached, refuses the user, or has another version.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
    ...     store.keys()
    []
    >>> open_store("postgres://db")
    Traceback (most recent call last):
    ValueError: no bar store has a URL that begins with 'postgres:' (give a folder,
    'parquet:///folder', 'clickhouse://user:password@host:port/database' or 's3://bucket/prefix',
    or gs:// or az://)
    """
    chosen = url if url is not None else os.environ.get("RANGEBAR_STORE") or None
    if chosen is None:
        root = cache_root(cache_dir)
        return ParquetStore(root) if isinstance(root, Path) else ObjectStore(root.url)
    if not isinstance(chosen, str | os.PathLike):
        raise TypeError(f"the store is {chosen!r} (give a URL, a folder or a BarStore)")
    if isinstance(chosen, os.PathLike) or "://" not in chosen:
        return ParquetStore(local_path(chosen, "the store"))
    scheme = chosen.partition("://")[0]
    if scheme == "parquet":
        place = urlsplit(chosen)
        if place.netloc:
            raise ValueError(
                f"the store is {chosen!r}: expected a path on this machine "
                f"('parquet:///{place.netloc}{place.path}' is that of a folder)"
            )
        return ParquetStore(Path(unquote(place.path)))
    if scheme in {"clickhouse", "clickhouses"}:
        return ClickHouseStore(chosen)
    if names_bucket(chosen):
        return ObjectStore(chosen)
    raise ValueError(
        f"no bar store has a URL that begins with '{scheme}:' (give a folder, "
        "'parquet:///folder', 'clickhouse://user:password@host:port/database' or "
        "'s3://bucket/prefix', or gs:// or az://)"
    )
