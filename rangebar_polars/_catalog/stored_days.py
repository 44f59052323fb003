"""The days of chains that are stored, at one time: which are valid, and which must be computed."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from rangebar_polars._catalog.siblings import Siblings, find_siblings
from rangebar_polars._catalog.stored_chain import Found
from rangebar_polars._days import day_before
from rangebar_polars._ticks.cache import TickCache
from rangebar_polars.errors import CacheError
from rangebar_polars.store import BarKey, BarStore, Link, StoredMonth
from rangebar_polars.store.chain import by_day, proven


@dataclass
class StoredDays:
    """The contents of a store and of a cache at one time, as far as chains need them.

    Attributes
    ----------
    days
        Every day of the chains, ascending.
    found
        The stored months of each chain.
    siblings
        The stored months of other chains of its rule, for the days that are not valid.
    digests
        The digests of cached days.
    links
        For each chain and day, the links of its cached trades, the chain's own first. A link of
        trades that are not cached is among them.
    own
        The valid days of each chain.
    valid
        The valid days, those of other chains included. The first day after these is computed; then
        it depends on its bars which of the links are valid.
    """

    days: Sequence[dt.date]
    found: dict[BarKey, Found] = field(default_factory=dict)
    siblings: dict[BarKey, Siblings] = field(default_factory=dict)
    digests: dict[dt.date, str] = field(default_factory=dict)
    links: dict[BarKey, dict[dt.date, list[Link]]] = field(default_factory=dict)
    own: dict[BarKey, dict[dt.date, Link]] = field(default_factory=dict)
    valid: dict[BarKey, dict[dt.date, Link]] = field(default_factory=dict)

    @classmethod
    def find(
        cls,
        keys: Iterable[BarKey],
        days: Sequence[dt.date],
        store: BarStore | None,
        cache: TickCache,
    ) -> Self:
        """Ask the store for the chains, and the cache for the digests of their days.

        Raises
        ------
        StoreError
            The store cannot be reached or read.
        """
        looked = cls(days)
        months = sorted({day.replace(day=1) for day in days})
        for key in keys:
            looked.found[key] = {} if store is None else store.find(key, months)
            looked._find_days(key, store, cache)
        return looked

    def _find_days(self, key: BarKey, store: BarStore | None, cache: TickCache) -> None:
        months = list(self.found[key].values())
        self._compare(key, months, cache)
        self.own[key] = self.valid[key]
        missing = list(self.lacking(key))
        self.siblings[key] = {} if store is None else find_siblings(store, key, missing)
        others = [month for found in self.siblings[key].values() for _, month in found]
        if others:
            self._compare(key, [*months, *others], cache)

    def _compare(self, key: BarKey, months: Sequence[StoredMonth], cache: TickCache) -> None:
        """Compare the links of months with the cached trades, and with each other."""
        self._read_digests(cache, months)
        every = by_day(months)
        self.links[key] = {
            day: fitting
            for day in self.days
            if (fitting := [link for link in every.get(day, ()) if link.fits_trades(self.digests)])
        }
        self.valid[key] = proven(key, self.days, self.links[key], self.digests)

    def _read_digests(self, cache: TickCache, months: Sequence[StoredMonth]) -> None:
        """Read the digests of the cached days that are linked in some months."""
        linked = by_day(months).keys() - self.digests.keys()
        for day, report in cache.reports(sorted(linked.intersection(self.days))).items():
            # Trades that cannot be read do not prove that their stored bars are wrong.
            if not isinstance(report, CacheError):
                self.digests[day] = report.digest

    def is_complete(self) -> bool:
        """Return whether every day of every chain is stored as its own."""
        return all(day in own for own in self.own.values() for day in self.days)

    def to_compute(self) -> list[dt.date]:
        """Return the days that are surely computed; for others links may turn out to be valid."""
        return sorted({day for key in self.valid for day in self.lacking(key)})

    def lacking(self, key: BarKey) -> Iterator[dt.date]:
        """Yield the days of a chain that are surely computed."""
        valid, links = self.valid[key], self.links[key]
        for day in self.days:
            # Where the state before is known, a link of the day that fits is valid already.
            is_known = key.begins(day) or day_before(day) in valid
            if day not in valid and (is_known or day not in links):
                yield day

    def likely(self) -> Iterator[Link]:
        """Yield a link for each chain and day that has one: the valid one, or else the first."""
        for key, links in self.links.items():
            for day, of_day in links.items():
                yield self.valid[key].get(day, of_day[0])

    def links_of(self, day: dt.date) -> Iterator[tuple[BarKey, Link]]:
        """Yield the links of a day, valid ones first."""
        for key, valid in self.valid.items():
            if day in valid:
                yield key, valid[day]
        for key, links in self.links.items():
            yield from ((key, link) for link in links.get(day, ()))
