"""How the trades of a day are laid out in its Parquet file, and written."""

import os
from collections.abc import Mapping
from typing import BinaryIO, Final, Literal, get_args

import polars as pl

from rangebar_polars import _internal

Compression = Literal["lz4", "uncompressed"]
"""How days are written. Files of both kinds may lie in one cache."""

COMPRESSIONS: Final[tuple[Compression, ...]] = get_args(Compression)
DEFAULT: Final[Compression] = "lz4"
VARIABLE: Final = "RANGEBAR_CACHE_COMPRESSION"
# Fixed, so that a file's bytes do not depend on the pieces its rows were read in. A reader holds
# a few row groups at a time, so they are small.
ROW_GROUP_ROWS: Final = 1 << 18


def cache_compression(given: Compression | None = None) -> Compression:
    """Return how days are written: the argument, ``RANGEBAR_CACHE_COMPRESSION``, or ``"lz4"``.

    Raises
    ------
    ValueError
        It is something else.

    Examples
    --------
    >>> cache_compression("uncompressed")
    'uncompressed'
    >>> cache_compression("zip")
    Traceback (most recent call last):
    ValueError: cache_compression is 'zip': expected lz4 or uncompressed
    """
    name, value = "cache_compression", str(given)
    if given is None:
        name, value = VARIABLE, os.environ.get(VARIABLE) or DEFAULT
    for compression in COMPRESSIONS:
        if value == compression:
            return compression
    raise ValueError(f"{name} is {value!r}: expected {' or '.join(COMPRESSIONS)}")


def write_day(
    handle: BinaryIO, rows: pl.DataFrame, compression: Compression, metadata: Mapping[str, str]
) -> None:
    """Write trades to an empty file, one row group at a time.

    Parameters
    ----------
    handle
        The file.
    rows
        The trades, with the columns of `TRADE_SCHEMA`.
    compression
        Equal trades of the same compression give equal bytes.
    metadata
        What the file says of itself.

    Raises
    ------
    OSError
        The disk is full, or fails otherwise.
    """
    file = _internal.TradeWriter(rows.head(0), compression, list(metadata.items()))
    # Each chunk of a table would be a row group of its own.
    groups = (group.rechunk() for group in rows.iter_slices(ROW_GROUP_ROWS))
    handle.writelines(map(file.push, groups))
    handle.write(file.finish())
