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
    """Return 32 hex digits for each column, so that some of the columns can be compared.

    A column of lists of structs has 64: those of the lengths, and those of the structs.
    """
    lists = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.List)]
    plain = rows.drop(lists)
    sums = dict(_hashed(plain).hexdigests()) if plain.width > 0 else {}
    return sums | {name: _of_lists(rows[name]) for name in lists}


def _of_lists(lists: pl.Series) -> str:
    lengths = lists.list.len().cast(pl.Int64)
    structs = lists.filter(lengths > 0).explode().struct.unnest()
    return fingerprint(lengths.to_frame()) + fingerprint(structs)


def _hashed(rows: pl.DataFrame) -> TableHash:
    found = TableHash(rows.head(0))
    # Polars copies a frame whose columns have different chunks before it gives it away.
    for part in rows.iter_slices(_SLICE_ROWS):
        found.push(part)
    return found
