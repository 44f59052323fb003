"""The settings that calls about one source and market share."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Self

from rangebar_polars._core.arguments import check_flags
from rangebar_polars._disk.cache_root import CacheRoot, cache_root
from rangebar_polars._objects.address import ObjectAddress
from rangebar_polars._progress import Progress, check_progress
from rangebar_polars._series import Series
from rangebar_polars._ticks import day_file
from rangebar_polars._ticks.cache import IMPORT_AGAIN, TickCache
from rangebar_polars._ticks.caches import cached_series, tick_cache
from rangebar_polars._ticks.day_file import Compression
from rangebar_polars.archive import ARCHIVES, Archive, archive_of

_FETCH_AGAIN: Final = "delete the file, or call scan_ticks with refresh=True, to have it made again"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where trades are kept and fetched from; the arguments of `Catalog`, checked.

    Attributes
    ----------
    source, market
        The source and market of the trades.
    root
        Where the cache is: a folder, or one in a bucket.
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
    root: CacheRoot
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

    @property
    def cache_dir(self) -> str:
        """The argument that gives `root`."""
        return str(self.root)

    def absolute(self) -> Self:
        """Return the settings for a process that may have another working directory."""
        if isinstance(self.root, ObjectAddress):
            return self
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
        remedy = IMPORT_AGAIN if self.archive is None else _FETCH_AGAIN
        return tick_cache(self.root, series, remedy=remedy, compression=self.compression)


def every_cache(root: CacheRoot, names: Mapping[str, str] | None = None) -> list[TickCache]:
    """Return the cached days of every cached series, in order; see `cached_series`."""
    return [
        tick_cache(root, series, remedy=_FETCH_AGAIN if series.source in ARCHIVES else IMPORT_AGAIN)
        for series in cached_series(root, names)
    ]


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
