"""The bars of several chains, day by day: stored bars are read, the others are computed.

All chains are of one symbol and begin on the same day, so a day of trades that any of them needs
is read once. A day that is stored after the same state, in the chain or in another chain of its
rule, is not computed: its bars are copied. A month is stored when its last day is reached, so a
killed process loses at most a month of work.
"""

import datetime as dt
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._catalog.chain_builders import ChainBuilders
from rangebar_polars._catalog.stored_chain import (
    COUNTED_BY,
    ROW_NUMBER,
    ChainSources,
    Found,
    StoredChain,
)
from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_of
from rangebar_polars.errors import QualityError
from rangebar_polars.schema import IS_COMPLETE, OUTPUTS, TRADE_SCHEMA
from rangebar_polars.store import BarKey
from rangebar_polars.store.stored_bars import bar_columns, stored_columns

_BY_SIDE: Final = frozenset(output.name for output in OUTPUTS if "is_buyer_maker" in output.reads)
_SIDES: Final = ("buy_trade_count", "sell_trade_count")
_CLOSE_TIME: Final = "close_time"
_SIDE: Final = _internal.null_side([])[0]


@dataclass(frozen=True, kw_only=True)
class Assembly(ChainSources):
    """Everything from which the bars of chains are assembled.

    Attributes
    ----------
    keys
        The chains, in the order of the rules.
    days
        Every day from the first day of the chains, ascending and without holes.
    """

    keys: Sequence[BarKey]
    days: Sequence[dt.date]

    def bars(
        self,
        found: Mapping[BarKey, Found],
        columns: Sequence[str],
        *,
        include_incomplete: bool,
    ) -> Iterator[pl.DataFrame]:
        """Yield the bars month by month, in the order in which they end.

        Parameters
        ----------
        found
            The stored months of each chain.
        columns
            The wanted columns, of `RICH_BAR_SCHEMA` and `rule_column`.
        include_incomplete
            Add bars that a reset or a gap cut off and, last, those still open.

        Raises
        ------
        QualityError
            Trades of a day are invalid.
        CacheError
            Trades of a day are not those that were written to its file. None of their bars are
            stored.
        StoreError
            Bars cannot be read or stored.
        """
        chains = self._chains(found)
        try:
            yield from self._months(chains, columns, include_incomplete=include_incomplete)
        finally:
            # A plan may need the first months only.
            for chain in chains:
                chain.log()
        if include_incomplete:
            for chain in chains:
                yield bar_columns(chain.open_bar(), columns)

    def builders(self, found: Mapping[BarKey, Found]) -> list[_internal.BarBuilder]:
        """Return what makes the bars after the last day, in the state of one pass over all trades.

        Parameters
        ----------
        found
            The stored months of each chain. Bars that are not stored are computed and stored.

        Raises
        ------
        QualityError, CacheError, StoreError
            As in `bars`.
        """
        chains = self._chains(found)
        deque(self._months(chains, [], include_incomplete=False), maxlen=0)
        for chain in chains:
            chain.log()
        return [chain.continued() for chain in chains]

    def _chains(self, found: Mapping[BarKey, Found]) -> list[StoredChain]:
        return [StoredChain(key, found.get(key, {}), self) for key in self.keys]

    def _months(
        self, chains: list[StoredChain], columns: Sequence[str], *, include_incomplete: bool
    ) -> Iterator[pl.DataFrame]:
        """Yield the bars that end in each month."""
        several = len(chains) > 1
        read = {*columns, *([COUNTED_BY] if several else [])}
        # Otherwise every stored bar is complete.
        is_cut = any(key.reset is not None or key.max_gap is not None for key in self.keys)
        read |= {IS_COMPLETE} if is_cut else set()
        # A gap before the first wanted day cuts off a bar whose trades are all of earlier days.
        has_early = include_incomplete and is_cut and self.shown_from > self.days[0]
        read |= {_CLOSE_TIME} if has_early else set()
        by_side = [name for name in columns if name in _BY_SIDE]
        read |= {*_SIDES} if by_side else set()
        in_order = stored_columns(read - {self.rule_column})
        builders = ChainBuilders()
        # Every column is computed, so there would be warnings about unwanted columns too.
        warned, warned_of_sides = {_SIDE}, set[str]()
        for _, month in groupby(self.days, _month_of):
            days = list(month)
            for chain in chains:
                chain.begin_month(days, in_order)
            for day in days:
                self._pass(day, chains, builders, warned)
            parts = [chain.end_month(in_order, placed=several) for chain in chains]
            bars = _in_order(parts) if several else parts[0]
            bars = bars.filter(IS_COMPLETE) if is_cut and not include_incomplete else bars
            if has_early:
                bars = bars.filter(pl.col(_CLOSE_TIME).dt.date() >= self.shown_from)
            if by_side and _has_sideless(bars):
                warn_of([_internal.null_side(by_side)], warned_of_sides)
            yield bar_columns(bars, columns)

    def _pass(
        self, day: dt.date, chains: list[StoredChain], builders: ChainBuilders, warned: set[str]
    ) -> None:
        """Continue every chain over a day."""
        due = {chain.key: chain for chain in chains if not chain.take_stored(day)}
        if not due:
            return
        opened = self.open_day(day)
        builders.begin_day({key: chain.begin_day() for key, chain in due.items()})
        # A range may have years without a file, and a plan costs more than a look.
        plan = () if opened.report is None else batches(opened.trades, TRADE_SCHEMA)
        trades = opened.proven(plan)
        try:
            for batch in trades:
                builders.push(batch)
        except pl.exceptions.ComputeError as error:
            # Damaged trades may look unsorted: read to the end, which reports the damage instead.
            deque(trades, maxlen=0)
            raise QualityError(f"{self.label} {day}: {error}") from error
        warn_of(builders.notices(), warned)
        for key, (bars, state) in builders.end_day(day).items():
            due[key].end_day(day, bars, state, opened)


def _in_order(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the bars of several chains in the order in which they end, as one pass gives them."""
    bars = pl.concat(parts)
    # A bar that was cut off comes before one that ends with the same trade.
    places = [name for name in (ROW_NUMBER, IS_COMPLETE) if name in bars.columns]
    return bars.sort(places, maintain_order=True)


def _has_sideless(bars: pl.DataFrame) -> bool:
    """Return whether the sides of all trades of a bar are null."""
    return bool(bars.select((pl.sum_horizontal(_SIDES) == 0).any()).item())


def _month_of(day: dt.date) -> dt.date:
    return day.replace(day=1)
