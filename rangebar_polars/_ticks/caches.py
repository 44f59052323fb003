"""The tick caches of a folder or of a bucket."""

from collections.abc import Mapping
from pathlib import Path

from rangebar_polars._disk.cache_root import CacheRoot
from rangebar_polars._disk.path_names import to_name
from rangebar_polars._series import SERIES_SCHEMA, Series
from rangebar_polars._ticks import disk_cache, object_cache
from rangebar_polars._ticks.cache import IMPORT_AGAIN, TickCache
from rangebar_polars._ticks.day_file import DEFAULT, Compression
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars._ticks.object_cache import ObjectTickCache


def tick_cache(
    root: CacheRoot,
    series: Series,
    *,
    remedy: str = IMPORT_AGAIN,
    compression: Compression = DEFAULT,
) -> TickCache:
    """Return the cached days of a series.

    Parameters
    ----------
    root, series, remedy, compression
        As in `TickCache`.
    """
    if isinstance(root, Path):
        return DiskTickCache(root, series, remedy, compression)
    return ObjectTickCache(root, series, remedy, compression)


def cached_series(root: CacheRoot, names: Mapping[str, str] | None = None) -> list[Series]:
    """Return every series that is cached, in order.

    Parameters
    ----------
    root
        Where the cache is.
    names
        Only series of these, by column. Folders of others are not looked into.

    Raises
    ------
    CacheError
        A folder may not be read.
    """
    asked = names or {}
    try:
        written = {key: to_name(key, name) for key, name in asked.items()}
    except UnicodeEncodeError:
        # No folder has half a character in its name.
        return []
    patterns = [f"{key}={written.get(key, '*')}" for key in SERIES_SCHEMA]
    if isinstance(root, Path):
        return disk_cache.series_below(root, patterns)
    return object_cache.series_below(root, patterns)
