"""The Parquet file of a month of bars, wherever it is kept: its name, its metadata, its bars.

The metadata has the links of the month and no clock time, so equal bars give equal bytes. Polars
writes no checksums of Parquet pages, so every column that is read is hashed and compared with what
was written.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import IO, Final

import polars as pl

from rangebar_polars._core.unstable import unwarned
from rangebar_polars._days import days_named
from rangebar_polars._disk.fingerprint import checksums
from rangebar_polars.errors import StoreError
from rangebar_polars.store.bar_key import BarKey
from rangebar_polars.store.chain import StoredMonth

BARS: Final = "bars"
"""The folder of a store in which the folders of its chains are."""

LAYOUT_VERSION: Final = "4"
# Fixed, so that a file's bytes do not depend on the pieces in which its bars were computed.
ROW_GROUP_ROWS: Final = 1 << 18
REMEDY: Final = "delete it, and its bars are computed again"
_SUFFIX: Final = ".parquet"


def file_name(month: dt.date) -> str:
    """Return the name of the file of a month.

    >>> file_name(dt.date(2024, 1, 1))
    '2024-01.parquet'
    """
    return f"{month:%Y-%m}{_SUFFIX}"


def months_named(names: Iterable[str]) -> list[dt.date]:
    """Return the first days of the months whose files have these names, ascending.

    >>> months_named(["2024-02.parquet", "2024-02.parquet.part", "2024-01.parquet"])
    [datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)]
    """
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    return days_named(f"{stem}-01" for stem in stems)


def write_month(handle: IO[bytes], key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
    """Write the file of a month."""
    sums, links = json.dumps(checksums(bars)), month.to_json()
    metadata = {
        "rangebar.version": LAYOUT_VERSION,
        "rangebar.key": key.path,
        "rangebar.checksums": sums,
        "rangebar.month": links,
        "rangebar.sha256": _sha256(sums, links),
    }
    with unwarned():
        bars.write_parquet(
            handle, compression="zstd", row_group_size=ROW_GROUP_ROWS, metadata=metadata
        )


def read_month(
    handle: IO[bytes], place: str, key: BarKey, *, size: int, version: str | None = None
) -> StoredMonth:
    """Read the metadata of the file of a month, of which the end is enough.

    Parameters
    ----------
    handle
        The file, or its end.
    place
        Its path or address, for messages.
    key
        The chain that it should belong to.
    size
        The bytes of the whole file.
    version
        The token of this version; by default the metadata itself.

    Raises
    ------
    StoreError
        It is of another version or of another chain, or damaged.
    """
    metadata = pl.read_parquet_metadata(handle)
    damaged = f"{place} cannot be read: what it says of itself is damaged ({REMEDY})"
    got = metadata.get("rangebar.version")
    if got != LAYOUT_VERSION:
        raise StoreError(f"{place} has layout version {got}, expected {LAYOUT_VERSION} ({REMEDY})")
    try:
        of, sums, text = (metadata[f"rangebar.{name}"] for name in ("key", "checksums", "month"))
        # The links and the checksums of the bars together identify the version.
        token = f"{text}{sums}" if version is None else version
        month = StoredMonth.from_json(text, sums=sums, version=token, size=size)
        is_whole = metadata["rangebar.sha256"] == _sha256(sums, text)
    except (KeyError, ValueError) as error:
        raise StoreError(damaged) from error
    if not is_whole:
        raise StoreError(damaged)
    if of != key.path:
        raise StoreError(f"{place} holds bars of {of} (it was moved: move it back, or {REMEDY})")
    return month


def read_bars(
    handle: IO[bytes], place: str, month: StoredMonth, columns: Sequence[str]
) -> pl.DataFrame:
    """Read columns of the bars of a month from its file, whose metadata gave the month.

    Raises
    ------
    StoreError
        The bars are not those that were written.
    """
    bars = pl.read_parquet(handle, columns=list(columns), hive_partitioning=False)
    # By name: polars may give the columns in the order of the file.
    bars = bars.select(columns)
    damage = month.damage(bars)
    if damage is not None:
        raise StoreError(f"{place} is damaged: {damage} ({REMEDY})")
    return bars


def _sha256(sums: str, links: str) -> str:
    return hashlib.sha256(json.dumps([sums, links]).encode()).hexdigest()
