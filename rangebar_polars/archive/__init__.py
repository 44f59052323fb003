"""Archives that trades are downloaded from, by the name of their source."""

import os
from typing import Final

from rangebar_polars.archive.archive import Archive, ArchiveFile, Connection, TradeFile
from rangebar_polars.archive.binance import BinanceArchive

__all__ = [
    "ARCHIVES",
    "Archive",
    "ArchiveFile",
    "BinanceArchive",
    "Connection",
    "TradeFile",
    "archive_of",
]

ARCHIVES: Final[dict[str, type[Archive]]] = {
    BinanceArchive.name: BinanceArchive,
}
"""Every archive that this package knows, by the name of its source."""


def archive_of(source: str, archive: Archive | str | None = None) -> Archive | None:
    """Return the archive of a source; None for a source whose trades are imported.

    Parameters
    ----------
    source
        The name of the source.
    archive
        The archive itself, or the base URL of a mirror of it; by default that of the source.

    Raises
    ------
    TypeError, ValueError
        It is no archive, or that of another source.

    Examples
    --------
    >>> archive_of("binance", "https://mirror.example").url
    'https://mirror.example'
    >>> archive_of("mine") is None
    True
    """
    if isinstance(archive, Archive):
        if archive.name != source:
            raise ValueError(
                f"archive is that of source {archive.name!r}, expected one of {source!r} "
                f"(give source={archive.name!r})"
            )
        return archive
    if archive is not None and not isinstance(archive, str):
        raise TypeError(f"archive is {archive!r} (give a URL or an Archive)")
    known = ARCHIVES.get(source)
    return None if known is None else known.at(archive, os.environ)
