"""A stored month as a source of bars: its days are found one by one, and its bars are read once."""

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import polars as pl

from rangebar_polars.errors import StoreError
from rangebar_polars.schema import stored_schema
from rangebar_polars.store import BarKey, BarStore, Link, StoredMonth


@dataclass
class StoredSource:
    """A month of a chain, whose bars are read when the first of them is needed.

    Attributes
    ----------
    key
        The chain that has the month.
    month
        The month.
    bars
        Its bars, if they have been read.
    """

    key: BarKey
    month: StoredMonth
    bars: pl.DataFrame | None = None
    _links: dict[dt.date, Link] = field(init=False)

    def __post_init__(self) -> None:
        self._links = {link.day: link for link in self.month.links}

    def link(
        self, day: dt.date, key: BarKey, before: Link | None, ticks: Mapping[dt.date, str]
    ) -> Link | None:
        """Return the link of a day if it continues a chain of the same rule.

        Parameters
        ----------
        day
            The day.
        key
            The chain, which need not be the one of this month.
        before
            Its link before; None if it begins.
        ticks
            The digests of cached trades.
        """
        link = self._links.get(day)
        return link if link is not None and link.fits(key, before, ticks) else None

    def bars_of(self, day: dt.date, store: BarStore | None) -> pl.DataFrame | None:
        """Return the bars of a day; None if the month is gone or damaged, and then for good."""
        if self.bars is None and self._links and store is not None:
            # Bars that cannot be read are computed, as if they had never been stored.
            with suppress(StoreError):
                self.bars = store.read(
                    self.key, self.month, list(stored_schema(self.key.statistics))
                )
        if self.bars is None:
            self._links = {}
            return None
        return self.month.of_days(self.bars, [day])
