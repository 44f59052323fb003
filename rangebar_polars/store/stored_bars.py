"""Bars in the form of stores, and the columns that are computed when they are read.

A store keeps the times, prices and ids of a bar and its sums, as exact decimals. Ratios, features
and sums as floats are computed by the same functions as for new bars, so they have the same bits,
and bars that were stored before a feature was added have it too. Only statistics that need the
trades of a bar are stored themselves, in chains that were asked for them.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars.schema import CHAIN_STATISTICS, OUTPUTS, RICH_BAR_SCHEMA, stored_schema

_STORED: Final = stored_schema(CHAIN_STATISTICS)
_COMPUTED: Final = frozenset(
    name for name, dtype in RICH_BAR_SCHEMA.items() if _STORED.get(name) != dtype
)
_COMPUTED_FROM: Final = {
    output.name: output.computed_from for output in OUTPUTS if output.computed_from
}


def stored_columns(names: Iterable[str]) -> list[str]:
    """Return the stored columns, in their order, from which columns of bars are computed.

    There is at least one, because a frame without columns has no height.

    Examples
    --------
    >>> stored_columns(["close", "ofi"])
    ['close', 'volume', 'buy_volume', 'sell_volume', 'agg_record_count']
    >>> stored_columns(["intra_kaufman_er"])
    ['intra_kaufman_er']
    """
    needed = {stored for name in names for stored in _COMPUTED_FROM.get(name, [name])}
    return [name for name in _STORED if name in needed] or ["close_time"]


def bar_columns(stored: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return columns of bars from bars in the form of stores.

    Parameters
    ----------
    stored
        At least the `stored_columns` of `names`.
    names
        Columns of `RICH_BAR_SCHEMA`, or others of `stored`, which are returned unchanged.

    Returns
    -------
    DataFrame
        The columns in the order of `names`.
    """
    if _COMPUTED.isdisjoint(names):
        return stored.select(names)
    return _internal.derive(stored, list(names))
