"""The settings that calls about one source and market share."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

from rangebar_polars._core.arguments import check_flags
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._progress import Progress, check_progress
from rangebar_polars._ticks import day_file
from rangebar_polars._ticks.cache import TickCache, caches
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars.archive import ARCHIVES, Archive, archive_of
from rangebar_polars.schema import Series

_FETCH_AGAIN: Final = "delete the file, or call scan_ticks with refresh=True, to have it made again"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where trades are kept and fetched from; the arguments of `Catalog`, checked.

    Attributes
    ----------
    source, market
        The source and market of the trades.
    root
        The cache folder.
    archive
        The archive of missing days; None if trades are imported.
    compression
        How days are written.
    fetch_if_missing
        Whether missing days are fetched.
    progress
        Receives the progress of a fetch.
    """

    source: str
    market: str
    root: Path
    archive: Archive | None
    compression: Compression
    fetch_if_missing: bool
    progress: Progress | Literal["tqdm"] | None

    @classmethod
    def check(
        cls,
        *,
        source: str,
        market: str,
        cache_dir: str | os.PathLike[str] | None,
        archive: Archive | str | None,
        cache_compression: Compression | None,
        fetch_if_missing: bool,
        progress: Progress | Literal["tqdm"] | None,
    ) -> Self:
        """Return the settings.

        Raises
        ------
        ValueError, TypeError
            An argument is wrong.
        """
        check_flags(fetch_if_missing=fetch_if_missing)
        check_progress(progress)
        root, found = cache_root(cache_dir), archive_of(source, archive)
        return cls(
            source=source,
            market=market if found is None else found.market_of(market),
            root=root,
            archive=found,
            compression=day_file.cache_compression(cache_compression),
            fetch_if_missing=fetch_if_missing,
            progress=progress,
        )

    def absolute(self) -> Self:
        """Return the settings for a process that may have another working directory."""
        return replace(self, root=self.root.absolute())

    def series(self, symbol: str) -> Series:
        """Return the series of a symbol.

        Raises
        ------
        ValueError, TypeError
            The source has no such market or symbol.
        """
        series = Series(self.source, self.market, symbol)
        if self.archive is not None:
            self.archive.check(series)
        return series.check()

    def cache(self, series: Series) -> TickCache:
        """Return the cached days of a series."""
        cache = _cache(self.root, series, self.archive)
        return replace(cache, compression=self.compression)


def every_cache(root: Path, names: Mapping[str, str] | None = None) -> list[TickCache]:
    """Return the cached days of every series that has a folder, in order; see `caches`."""
    series = [cache.series for cache in caches(root, names)]
    return [_cache(root, each, ARCHIVES.get(each.source)) for each in series]


def _cache(root: Path, series: Series, archive: Archive | type[Archive] | None) -> TickCache:
    if archive is None:
        return TickCache(root, series)
    return TickCache(root, series, _FETCH_AGAIN)


def check_symbols(symbols: str | Iterable[str]) -> list[str]:
    """Return symbols as a list; whether the source has such symbols is checked later.

    Raises
    ------
    TypeError
        It is neither a name nor an iterable of names.
    ValueError
        There is no symbol, or one repeats.
    """
    if isinstance(symbols, str):
        return [symbols]
    if not isinstance(symbols, Iterable):
        raise TypeError(f"symbol is {symbols!r} (give a name such as 'BTCUSDT', or several)")
    names = list(symbols)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"symbols holds {name!r} (give names such as 'BTCUSDT')")
    if not names:
        raise ValueError("symbols is empty (give one symbol or several)")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"symbols holds {repeated[0]!r} twice (give each once)")
    return names
