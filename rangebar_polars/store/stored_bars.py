"""Bars as stores keep them, and what is computed from them when they are read.

A store keeps the times, prices and ids of a bar and its sums, as exact decimals. Ratios, features
and sums as floats are computed by the functions that compute them for bars that are new, so that
they have the same bits, and a new feature is there for bars that were stored before it.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars.schema import BAR_SCHEMA, COLUMNS, STORED_SCHEMA

_COMPUTED: Final = frozenset(
    name for name, dtype in BAR_SCHEMA.items() if STORED_SCHEMA.get(name) != dtype
)
_COMPUTED_FROM: Final = {output.name: output.computed_from for output in COLUMNS}


def stored_columns(names: Iterable[str]) -> list[str]:
    """Return the columns of `STORED_SCHEMA` from which columns of bars are computed, in its order.

    There is at least one, because a frame without columns has no height.

    Examples
    --------
    >>> stored_columns(["close", "ofi"])
    ['close', 'volume', 'buy_volume', 'sell_volume', 'agg_record_count']
    """
    needed = {stored for name in names for stored in _COMPUTED_FROM.get(name, [name])}
    return [name for name in STORED_SCHEMA if name in needed] or ["close_time"]


def bar_columns(stored: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return columns of bars that are kept in the form of stores.

    Parameters
    ----------
    stored
        At least the `stored_columns` of `names`.
    names
        Columns of `BAR_SCHEMA`, or others of `stored`, which are taken as they are.

    Returns
    -------
    DataFrame
        The columns in the order of `names`.
    """
    if _COMPUTED.isdisjoint(names):
        return stored.select(names)
    return _internal.derive(stored, list(names))
