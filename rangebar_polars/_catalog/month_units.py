"""Months of a symbol as units of work of `populate`: chains that begin in the month.

Chains of one rule that begin on different days meet, so the bars of a month can be computed before
those of the months before it. The chain from the first day on then computes the first days of the
month, meets the unit's chain, and copies the rest.

A unit's chain is stored without the day with which it begins. So nobody who asks for a chain from
this day on takes it for his own, `scan_bars` does not show it, and a later call knows it, also if
the caller of this one was killed: it is removed when its days are in the chain that found them.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

import polars as pl

from rangebar_polars._catalog.bars import StoredBars
from rangebar_polars._catalog.stored_days import StoredDays
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._days import day_before
from rangebar_polars._log import LOG
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars.errors import StoreError
from rangebar_polars.store import BarKey, BarStore, StoredMonth


@dataclass(frozen=True)
class MonthUnit:
    """A part of a symbol's chains that can be computed apart.

    Attributes
    ----------
    days
        The days, ascending and without holes.
    rules
        The rules whose chains lack them.
    continues
        Whether it is the chains themselves that are computed, from their first day to the end of
        the unit, because they lack nothing before it.
    """

    days: tuple[dt.date, ...]
    rules: tuple[Rule, ...]
    continues: bool = False


@dataclass(frozen=True)
class FilledMonth:
    """What was done for a `MonthUnit`.

    Attributes
    ----------
    made
        The days whose bars were computed, by the text of the rule.
    fetched
        The days whose trades were fetched.
    """

    made: dict[str, frozenset[dt.date]]
    fetched: frozenset[dt.date]


def month_units(
    keys: Sequence[BarKey], days: Sequence[dt.date], store: BarStore, cache: TickCache
) -> list[MonthUnit]:
    """Return the months of which more than half of the days must be computed.

    Of a month that lacks less, the chain computes these days and soon meets the bars that follow.
    Chains that begin anew at each year have no months that could be computed apart, so their units
    are years.

    Parameters
    ----------
    keys
        The chains.
    days
        Their days, ascending and without holes.
    store
        The store of the bars.
    cache
        The cached trades.

    Raises
    ------
    StoreError
        The store cannot be reached or read.
    """
    looked = StoredDays.find(keys, days, store, cache)
    lacking = {key: set(looked.lacking(key)) for key in keys}
    units = list[MonthUnit]()
    by_year = keys[0].period == "year"
    for _, group in groupby(days, lambda day: (day.year, 0 if by_year else day.month)):
        month = list(group)
        due = [key for key in keys if 2 * len(lacking[key].intersection(month)) > len(month)]
        wanted = [day for day in month if any(day in lacking[key] for key in due)]
        if not wanted:
            continue
        rules, end = tuple(key.rule for key in due), wanted[-1]
        if not units and _has_day_before(looked, due, wanted[0]):
            whole = tuple(day for day in days if day <= end)
            units.append(MonthUnit(whole, rules, continues=True))
        # Without the day with which it begins nothing would be left of a single one.
        elif wanted[0] < end:
            units.append(MonthUnit(tuple(day for day in month if wanted[0] <= day <= end), rules))
    return units


def _has_day_before(looked: StoredDays, keys: Iterable[BarKey], day: dt.date) -> bool:
    """Return whether nothing must be computed before a day."""
    return day == looked.days[0] or all(day_before(day) in looked.valid[key] for key in keys)


@dataclass(frozen=True)
class UnitStore(BarStore):
    """A store to which the chain of a unit is written without the day with which it begins."""

    store: BarStore

    @property
    def url(self) -> str:
        """The address of the store."""
        return self.store.url

    def keys(self) -> list[BarKey]:
        """Return the stored chains."""
        return self.store.keys()

    def siblings(self, key: BarKey) -> list[BarKey]:
        """Return the stored chains of the same rule; see `BarStore.siblings`."""
        return self.store.siblings(key)

    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return the stored months of a chain; see `BarStore.find`."""
        return self.store.find(key, months)

    def read(self, key: BarKey, month: StoredMonth, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return columns of the bars of a month; see `BarStore.read`."""
        return self.store.read(key, month, columns)

    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store a month; see `BarStore.write`."""
        first, *later = month.links
        # Where somebody has asked for this chain, it stays his.
        if first.day == key.origin and not self._has(key, first.day):
            bars = month.of_days(bars, [link.day for link in later])
            month = replace(month, links=tuple(later))
        if month.links:
            self.store.write(key, month, bars)

    def _has(self, key: BarKey, day: dt.date) -> bool:
        """Return whether a day of a chain is stored."""
        month = day.replace(day=1)
        with suppress(StoreError):
            stored = self.store.find(key, [month]).get(month)
            return stored is not None and stored.links[0].day == day
        return False

    def remove(self, key: BarKey) -> None:
        """Remove a chain."""
        self.store.remove(key)


def remove_units(bars: StoredBars, store: BarStore) -> None:
    """Remove the chains of units of which every day is stored in the chains that found them.

    Parameters
    ----------
    bars
        The chains, after `StoredBars.find_stored`.
    store
        The store.

    Raises
    ------
    StoreError
        The store cannot be reached.
    """
    for key in bars.keys:
        # Chains of UTC periods are computed as what they are.
        others = [] if key.origin is None else store.siblings(key)
        for other in others:
            days = _days_of_unit(other, store) if other.origin in bars.days else []
            if days and all(day in bars.looked.own[key] for day in days):
                _remove(other, store)


def _days_of_unit(key: BarKey, store: BarStore) -> list[dt.date]:
    """Return the days of the chain of a unit; none if it is another chain, or damaged."""
    month = None if key.origin is None else key.origin.replace(day=1)
    with suppress(StoreError):
        stored = None if month is None else store.find(key, [month]).get(month)
        if stored is not None and stored.links[0].day != key.origin:
            return [link.day for link in stored.links]
    return []


def _remove(key: BarKey, store: BarStore) -> None:
    try:
        store.remove(key)
    except StoreError as error:
        # The bars are stored, which is what was asked for.
        LOG.warning("the chain of a month of %s was not removed: %s", key.label, error)
