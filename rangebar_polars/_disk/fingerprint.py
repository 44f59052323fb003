"""Hashes of trades and bars, by which files are compared with what was written to them.

They find damage, and rows that were exchanged. They are no proof against a forger, who can make
other rows of the same hash.
"""

from typing import Final

import polars as pl

from rangebar_polars import _internal

__all__ = ["TableHash", "checksums", "fingerprint"]

TableHash = _internal.TableHash
_SLICE_ROWS: Final = 1 << 18


def fingerprint(rows: pl.DataFrame) -> str:
    """Return 32 hex digits that depend on the columns and values of a frame and on their order.

    Examples
    --------
    >>> rows = pl.DataFrame({"price": [1.0, 2.0]})
    >>> fingerprint(rows) == fingerprint(rows.reverse())
    False
    """
    return _hashed(rows).hexdigest()


def checksums(rows: pl.DataFrame) -> dict[str, str]:
    """Return 32 hex digits for each column, so that some of the columns can be compared."""
    return dict(_hashed(rows).hexdigests())


def _hashed(rows: pl.DataFrame) -> TableHash:
    found = TableHash(rows.head(0))
    # Polars copies a frame whose columns have different chunks before it gives it away.
    for part in rows.iter_slices(_SLICE_ROWS):
        found.push(part)
    return found
