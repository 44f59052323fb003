"""Stored months of other chains of a rule, in which a chain may find its bars.

Chains of one rule that begin on different days have the same bars from the first trade on that
opens a bar of both. A link shows whether a chain is in the same state, so months are only looked
for here, and compared where the bars are assembled.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from rangebar_polars.errors import StoreError
from rangebar_polars.store import BarKey, BarStore, StoredMonth

Siblings = Mapping[dt.date, Sequence[tuple[BarKey, StoredMonth]]]
"""The months of other chains, by the first day of the month."""

_MOST: Final = 4
"""The most chains that are looked at which begin before the days, and as many which begin later."""


def find_siblings(store: BarStore, key: BarKey, days: Sequence[dt.date]) -> Siblings:
    """Return the months of other chains of the rule that may have the bars of some days.

    The store is asked once for the chains, and once for each month of each of them. Of many chains
    those are taken that begin shortly before the days, since they are the likeliest to have the
    whole month, and then those that begin first in the month. A chain that began before a month and
    does not have it has no later one either, and is not asked for it.

    Parameters
    ----------
    store
        The store.
    key
        The chain.
    days
        The days whose bars the chain does not have, ascending.

    Raises
    ------
    StoreError
        The store cannot be reached or read.
    """
    # Chains of UTC periods have no first day in which they could differ.
    others = store.siblings(key) if days and key.origin is not None else []
    begun = {other: other.origin for other in others if other.origin is not None}
    found = dict[dt.date, list[tuple[BarKey, StoredMonth]]]()
    for month, of_month in groupby(days, lambda day: day.replace(day=1)) if others else ():
        first, *later = of_month
        last = later[-1] if later else first
        before = [other for other, origin in begun.items() if origin < first]
        inside = [other for other, origin in begun.items() if first <= origin < last]
        ended = list[BarKey]()
        found[month] = [
            *_having(store, reversed(before), month, ended),
            *_having(store, inside, month, []),
        ]
        for other in ended:
            del begun[other]
    return found


def _having(
    store: BarStore, keys: Iterable[BarKey], month: dt.date, lacking: list[BarKey]
) -> list[tuple[BarKey, StoredMonth]]:
    """Return a month of the first few chains that have it; note those that lack it."""
    found = list[tuple[BarKey, StoredMonth]]()
    for key in keys:
        try:
            stored = store.find(key, [month]).get(month)
        except StoreError:
            # Damage of another chain is reported where that chain is asked for.
            continue
        if stored is None:
            lacking.append(key)
        else:
            found.append((key, stored))
        if len(found) == _MOST:
            break
    return found
