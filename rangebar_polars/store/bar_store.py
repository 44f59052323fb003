"""The interface of bar stores: find the months of a chain, read, write and remove them."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Self

import polars as pl

from rangebar_polars._argument_names import named_methods
from rangebar_polars._core.arguments import SingleThreshold
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._days import day_after
from rangebar_polars._pruning import Span, kept, may_hold
from rangebar_polars.schema import (
    CHAIN_STATISTICS,
    RICH_BAR_SCHEMA,
    RULE_VERSION,
)
from rangebar_polars.store.bar_key import CHAIN_BAR_SCHEMA, KEY_SCHEMA, BarKey, values_of_rule
from rangebar_polars.store.chain import Link, StoredMonth, by_day, proven
from rangebar_polars.store.stored_bars import bar_columns, stored_columns


@named_methods()
class BarStore(ABC):
    """A store of bars, by chain and month.

    It keeps the columns of `stored_schema`: the cuts and the exact sums of bars, and the statistics
    and footprints of the chain's key. Other columns are computed when bars are read, by the same
    functions for every store.

    A month is replaced as a whole or not at all, even if several processes write it at the same
    time. A caller that found a month reads the bars of exactly that version, or gets None if it is
    gone. The links of a month show whether its bars match the current trades; `chain.proven`
    checks them, for every store in the same way.

    A store that finds the chains of one rule without listing all of them overrides `siblings`.
    """

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for `open_store`, without a password."""

    @property
    def address(self) -> str:
        """The address with which `open_store` opens it again, with its password."""
        return self.url

    @abstractmethod
    def keys(self) -> list[BarKey]:
        """Return the stored chains, of any version of the rule."""

    def siblings(self, key: BarKey) -> list[BarKey]:
        """Return the stored chains of the same rule that begin on other days.

        They have the same source, market, symbol, rule, reset, longest gap, statistics and
        version. With a UTC period of reset there are none, because no chain has a first day.

        Parameters
        ----------
        key
            The chain, whether it is stored or not.

        Returns
        -------
        list of BarKey
            By the first day, ascending.

        Raises
        ------
        StoreError
            The store cannot be reached or read.
        """
        return siblings_among(self.keys(), key)

    @abstractmethod
    def find(
        self, key: BarKey, months: Iterable[dt.date] | None = None
    ) -> dict[dt.date, StoredMonth]:
        """Return the stored months of a chain by their first day, ascending.

        Parameters
        ----------
        key
            The chain.
        months
            First days of the wanted months; None: all.

        Raises
        ------
        StoreError
            The store cannot be reached or read.
        """

    def keys_of(self, wanted: Mapping[str, object]) -> list[BarKey]:
        """Return the stored chains with these values, of any version of the rule.

        Parameters
        ----------
        wanted
            Values of columns of `KEY_SCHEMA`.

        Raises
        ------
        StoreError
            The store cannot be reached or read.
        """
        return [key for key in self.keys() if wanted.items() <= key.values.items()]

    @abstractmethod
    def read(self, key: BarKey, month: StoredMonth, columns: Sequence[str]) -> pl.DataFrame | None:
        """Return columns of the bars of a month, in order.

        Parameters
        ----------
        key
            The chain.
        month
            The month that `find` returned.
        columns
            Names of the `stored_schema` of the chain's statistics.

        Returns
        -------
        DataFrame or None
            One row for each bar; None if the month was replaced or removed since it was found.

        Raises
        ------
        StoreError
            The store cannot be reached, or the bars are damaged.
        """

    @abstractmethod
    def write(self, key: BarKey, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store a month, as a whole or not at all.

        A stored version that has all of its days is not replaced.

        Parameters
        ----------
        key
            The chain.
        month
            Its days, whose numbers of bars add up to the rows of `bars`.
        bars
            Bars with the columns of the `stored_schema` of the chain's statistics, in order.

        Raises
        ------
        StoreError
            The store cannot be reached or written.
        """

    @abstractmethod
    def remove(self, key: BarKey) -> None:
        """Remove a chain, even if it is damaged; do nothing if it does not exist.

        Raises
        ------
        StoreError
            The store cannot be reached or written.
        """

    def close(self) -> None:  # noqa: B027 - files need no closing
        """Close the connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def scan_bars(
        self,
        *,
        source: str | None = None,
        market: str | None = None,
        symbol: str | None = None,
        threshold_decimal_bps: SingleThreshold | None = None,
        rule: Rule | None = None,
        start: dt.date | None = None,
        end: dt.date | None = None,
    ) -> pl.LazyFrame:
        """Return the stored bars of all chains as a lazy frame.

        Chains follow one another; the rows of each are in the order in which bars end. Bars of
        other versions of the rule, and bars after a day that no longer fits, are left out. Filters
        on the columns of the key, and comparisons of ``close_time`` and ``open_time`` with a
        constant, limit the months that are read. Only columns that are used are read.

        Parameters
        ----------
        source, market, symbol
            Only chains with these values.
        threshold_decimal_bps
            Only chains of this threshold.
        rule
            Only chains of this rule.
        start, end
            Only bars that ended in UTC days from `start` to `end`, both included.

        Returns
        -------
        LazyFrame
            The columns of `KEY_SCHEMA` and of `RICH_BAR_SCHEMA`.
            ``threshold_decimal_bps`` is null for rules that have none, and ``origin`` with a UTC
            period of ``reset``. ``features`` has the names of the statistics that a chain stores,
            with commas between them, or is null; ``lookback`` and ``vpin`` say what was looked at
            before its bars, and ``footprint_settings`` how their footprints are made. A column
            that needs the trades is null in chains that do not store it.

        Raises
        ------
        TypeError, ValueError
            The threshold or the rule is wrong, or both are given.
        """
        series = {"source": source, "market": market, "symbol": symbol}
        wanted: dict[str, object] = {
            name: value for name, value in series.items() if value is not None
        }
        wanted |= values_of_rule(threshold_decimal_bps, rule)
        days = _Days(start or dt.date.min, end or dt.date.max)

        def frames(columns: list[str] | None, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
            return self.frames(columns, predicate, wanted, days)

        return lazy_source(frames, CHAIN_BAR_SCHEMA)

    def frames(
        self,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        wanted: Mapping[str, object] = MappingProxyType({}),
        days: "_Days | None" = None,
    ) -> Iterator[pl.DataFrame]:
        """Yield the stored bars of all chains, month by month, for `scan_bars`.

        Parameters
        ----------
        columns
            The wanted columns of `CHAIN_BAR_SCHEMA`; None: all.
        predicate
            Rows that do not pass this filter need not be read.
        wanted
            Only chains with these values in columns of the key.
        days
            Only bars that ended on these days; None: all.
        """
        asked = list(CHAIN_BAR_SCHEMA) if columns is None else columns
        chains = [key for key in self.keys_of(wanted) if key.version == RULE_VERSION]
        values = pl.DataFrame([key.values for key in chains], schema=KEY_SCHEMA)
        for key in kept(chains, values, predicate):
            yield from self._bars_of(key, asked, predicate, days or _EVERY_DAY)

    def _bars_of(
        self, key: BarKey, columns: list[str], predicate: pl.Expr | None, days: "_Days"
    ) -> Iterator[pl.DataFrame]:
        of_key = [pl.lit(key.values[name], dtype).alias(name) for name, dtype in KEY_SCHEMA.items()]
        lacking = [name for name in CHAIN_STATISTICS if name not in key.statistics]
        absent = [pl.lit(None, RICH_BAR_SCHEMA[name]).alias(name) for name in lacking]
        there = RICH_BAR_SCHEMA.keys() - {*lacking}
        of_bars = [name for name in columns if name in there] or ["close_time"]
        before: Link | None = None
        for found in self.find(key).values():
            month: StoredMonth | None = found
            while month is not None:
                good = _proven(key, month, before)
                shown = [day for day in good if days.first <= day <= days.last]
                if not (shown and may_hold(_times(key, month, shown, before), predicate)):
                    break
                stored = self.read(key, month, stored_columns(of_bars))
                if stored is not None:
                    bars = bar_columns(month.of_days(stored, shown), of_bars)
                    yield bars.with_columns(of_key + absent).select(columns)
                    break
                # It was replaced since it was found.
                month = self.find(key, [month.month]).get(month.month)
            before = None if month is None else good.get(month.links[-1].day)


def siblings_among(keys: Iterable[BarKey], key: BarKey) -> list[BarKey]:
    """Return the chains of the same rule that begin on other days, by that day."""
    return sorted(filter(key.is_sibling, keys), key=lambda other: other.path)


def _times(
    key: BarKey, month: StoredMonth, days: list[dt.date], before: Link | None
) -> dict[str, Span]:
    """Return the range of the times of bars that ended on these days of trades.

    ``before`` is the last link before the month, if it is known.
    """
    links = month.links if before is None else (before, *month.links)
    if any(link.defects.get("outside_day") for link in links):
        return {}
    first: dt.date | None = days[0]
    if key.max_gap is not None or (key.reset is not None and key.period is None):
        # A bar that the first trade of a day cuts off closed with the trade before.
        earlier = (link for link in reversed(links) if link.day < days[0] and link.trade_count)
        first = next((link.day for link in earlier), None)
    earliest = None if first is None else dt.datetime.combine(first, dt.time.min, dt.UTC)
    latest = dt.datetime.combine(days[-1], dt.time.max, dt.UTC)
    # A bar may have opened at any earlier time.
    return {"close_time": (earliest, latest), "open_time": (None, latest)}


def _proven(key: BarKey, month: StoredMonth, before: Link | None) -> dict[dt.date, Link]:
    links = by_day([month])
    if before is not None and day_after(before.day) != month.links[0].day:
        before = None
    return proven(key, links, links, {}, before=before)


@dataclass(frozen=True)
class _Days:
    first: dt.date
    last: dt.date


_EVERY_DAY = _Days(dt.date.min, dt.date.max)
