"""The bars of several chains, day by day: stored bars are read, the others are computed.

All chains are of one symbol and begin on the same day, so a day of trades that any of them needs
is read once. A month is stored when its last day is reached, so a killed process loses at most a
month of work.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._catalog.chain_builders import ChainBuilders, builder_after
from rangebar_polars._catalog.tick_day import TickDay
from rangebar_polars._core.batches import batches
from rangebar_polars._core.caller import warn_of
from rangebar_polars._days import day_after, month_days
from rangebar_polars._log import LOG
from rangebar_polars.errors import CacheError, QualityError, StoreError
from rangebar_polars.schema import (
    COLUMNS,
    IS_COMPLETE,
    STORED_SCHEMA,
    TRADE_SCHEMA,
)
from rangebar_polars.store import BarKey, BarStore, Link, StoredMonth
from rangebar_polars.store.bar_key import KEY_SCHEMA
from rangebar_polars.store.chain import proven
from rangebar_polars.store.stored_bars import bar_columns, stored_columns

_ROW_NUMBER: Final = "rangebar place"
_COUNTED_BY: Final = "agg_record_count"
_ATTEMPTS: Final = 100
_BY_SIDE: Final = frozenset(output.name for output in COLUMNS if "is_buyer_maker" in output.reads)
_SIDES: Final = ("buy_trade_count", "sell_trade_count")
_SIDE: Final = _internal.null_side([])[0]

Found = Mapping[dt.date, StoredMonth]
"""The stored months of a chain, by the first day of the month."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Everything from which the bars of chains are assembled.

    Attributes
    ----------
    label
        The name of the trades in messages.
    keys
        The chains, in the order of the rules.
    days
        Every day from the first day of the chains, ascending and without holes.
    shown_from
        The first day whose bars are wanted.
    store
        The store of the bars; None: bars are not stored.
    digests
        The digests of cached days.
    rule_column
        The column that says which rule a bar is of, if any.
    open_day
        Returns the trades of a day.
    """

    label: str
    keys: Sequence[BarKey]
    days: Sequence[dt.date]
    shown_from: dt.date
    store: BarStore | None
    digests: Mapping[dt.date, str]
    rule_column: str | None
    open_day: Callable[[dt.date], TickDay]

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
            The wanted columns, of `BAR_SCHEMA` and `rule_column`.
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

    def _chains(self, found: Mapping[BarKey, Found]) -> list["_Chain"]:
        return [_Chain(key, found.get(key, {}), self) for key in self.keys]

    def _months(
        self, chains: list["_Chain"], columns: Sequence[str], *, include_incomplete: bool
    ) -> Iterator[pl.DataFrame]:
        """Yield the bars that end in each month."""
        several = len(chains) > 1
        read = {*columns, *([_COUNTED_BY] if several else [])}
        # Otherwise every stored bar is complete.
        is_cut = any(key.reset is not None or key.max_gap is not None for key in self.keys)
        read |= {IS_COMPLETE} if is_cut else set()
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
            if by_side and _has_sideless(bars):
                warn_of([_internal.null_side(by_side)], warned_of_sides)
            yield bar_columns(bars, columns)

    def _pass(
        self, day: dt.date, chains: list["_Chain"], builders: ChainBuilders, warned: set[str]
    ) -> None:
        """Continue every chain over a day."""
        due = {chain.key: chain for chain in chains if not chain.take_stored(day)}
        if not due:
            return
        opened = self.open_day(day)
        builders.begin_day({key: chain.begin_day(day) for key, chain in due.items()})
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
    places = [name for name in (_ROW_NUMBER, IS_COMPLETE) if name in bars.columns]
    return bars.sort(places, maintain_order=True)


def _has_sideless(bars: pl.DataFrame) -> bool:
    """Return whether the sides of all trades of a bar are null."""
    return bool(bars.select((pl.sum_horizontal(_SIDES) == 0).any()).item())


class _Chain:
    """The progress of a chain: its last day so far, and the current month."""

    def __init__(self, key: BarKey, found: Found, assembly: Assembly) -> None:
        self.key = key
        self._found = dict(found)
        self._assembly = assembly
        self._last: Link | None = None
        # The link before the last one, if it is of the same period.
        self._before: Link | None = None
        # False after a day that is not final: nothing is stored until the next chain begins.
        self._lasting = True
        # The number of trades in the bars so far, which is where the next bar begins.
        self._row_number = 0
        self._computed = list[Link]()

    def begin_month(self, days: list[dt.date], columns: list[str]) -> None:
        """Check and read the stored bars of the month of these days."""
        self._days = days
        self._new = dict[dt.date, tuple[Link, pl.DataFrame]]()
        self._not_final = set[dt.date]()
        for _ in range(_ATTEMPTS):
            kept = self._look_up(columns)
            if kept is not None:
                self._stored_bars = kept
                return
        raise StoreError(
            f"{self.key.label} {days[0]:%Y-%m} is replaced all the time (another process writes "
            "it again and again: stop it, or call with use_cache=False)"
        )

    def _look_up(self, columns: list[str]) -> pl.DataFrame | None:
        """Return the stored bars of the month; None if they are just being replaced."""
        key, store, first = self.key, self._assembly.store, _month_of(self._days[0])
        self._stored = self._found.pop(first, StoredMonth(month=first, links=()))
        expected = [day for day in month_days(first) if key.origin is None or day >= key.origin]
        follows = self._last is not None and day_after(self._last.day) == expected[0]
        links = {link.day: link for link in self._stored.links}
        before = self._last if follows else None
        self._valid = proven(key, expected, links, self._assembly.digests, before=before)
        whole = all(day in self._valid for day in self._days)
        wanted = columns if whole else list(STORED_SCHEMA)
        if not self._valid or store is None:
            return pl.DataFrame(schema=STORED_SCHEMA).select(wanted)
        kept = store.read(key, self._stored, wanted)
        if kept is None:
            self._found |= store.find(key, [first])
        return kept

    def take_stored(self, day: dt.date) -> bool:
        """Use the stored bars of this day, if there are any; return whether there were."""
        if day not in self._valid:
            return False
        self._before = None if self.key.begins(day) else self._last
        self._last, self._lasting = self._valid[day], True
        return True

    def begin_day(self, day: dt.date) -> Link | None:
        """Return the link after which the bars of a day must be computed; None: from the start."""
        if self.key.begins(day):
            self._last, self._lasting = None, True
        return self._last

    def end_day(self, day: dt.date, bars: pl.DataFrame, state: bytes, opened: TickDay) -> None:
        """Link the bars of the day to the chain."""
        link = Link(
            day=day,
            trades_digest=None if opened.report is None else opened.report.digest,
            trade_count=0 if opened.report is None else opened.report.rows_after,
            defects=opened.defects,
            bar_count=bars.height,
            state=state,
        )
        self._before, self._last = self._last, link.sealed(self.key, self._last)
        self._new[day] = self._last, bars
        self._computed.append(replace(self._last, state=b""))
        self._lasting = self._lasting and opened.is_final
        if not self._lasting:
            self._not_final.add(day)

    def end_month(self, columns: list[str], *, placed: bool) -> pl.DataFrame:
        """Store the computed bars, and return the bars of the wanted days."""
        month, bars = self._stored, self._stored_bars
        if self._new:
            month, bars = self._joined()
            self._store(month, bars)
        bars = self._with_rule(month.of_days(bars, self._days).select(columns))
        if placed:
            # The trade at which a bar ends; a bar that is cut off ends at the next trade.
            ends = pl.col(_COUNTED_BY).cum_sum()
            ends = ends + ~pl.col(IS_COMPLETE) if IS_COMPLETE in columns else ends
            rows = int(bars[_COUNTED_BY].sum())
            bars = bars.with_columns((ends + self._row_number).alias(_ROW_NUMBER))
            self._row_number += rows
        links = {link.day: link for link in month.links}
        early = sum(links[day].bar_count for day in self._days if day < self._assembly.shown_from)
        return bars[early:]

    def _joined(self) -> tuple[StoredMonth, pl.DataFrame]:
        """Merge the stored and the computed bars in the order of days."""
        links, parts = list[Link](), list[pl.DataFrame]()
        for day in sorted({*self._valid, *self._new}):
            if day in self._new:
                link, bars = self._new[day]
            else:
                link, bars = self._valid[day], self._stored.of_days(self._stored_bars, [day])
            links.append(link)
            parts.append(bars)
        month = StoredMonth(month=self._stored.month, links=tuple(links))
        return month, pl.concat(parts, rechunk=True)

    def _store(self, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store the days that a later call will find unchanged."""
        final = [link for link in month.links if link.day not in self._not_final]
        if self._assembly.store is not None and any(link.day in self._new for link in final):
            bars = month.of_days(bars, [link.day for link in final])
            self._assembly.store.write(self.key, replace(month, links=tuple(final)), bars)

    def log(self) -> None:
        """Log the bars that were computed, if any were."""
        if self._computed:
            LOG.info(
                "%s: %d bars computed from %d trades of %d days, %s to %s",
                self.key.label,
                sum(link.bar_count for link in self._computed),
                sum(link.trade_count for link in self._computed),
                len(self._computed),
                self._computed[0].day,
                self._computed[-1].day,
            )

    def open_bar(self) -> pl.DataFrame:
        """Return the bar that is open after the last day, with its rule, if there is one."""
        return self._with_rule(builder_after(self.key, self._last).finish())

    def continued(self) -> _internal.BarBuilder:
        """Return what makes the bars after the last day.

        A period's last link has no state, because the chain ends with it. A pass over all trades
        ends the open bar only at the next trade, so the trades of that day are folded again.
        """
        last = self._last
        if last is None or not self.key.ends(last.day):
            return builder_after(self.key, last)
        builder = builder_after(self.key, self._before)
        if last.trades_digest is None:
            return builder
        opened = self._assembly.open_day(last.day)
        if opened.report is None:
            raise CacheError(
                f"{self.key.label} cannot be continued after {last.day}, the end of a "
                f"{self.key.reset}, because the trades of the day are not cached "
                "(fetch_if_missing=True fetches them, and import_trades imports your own)"
            )
        if opened.report.digest != last.trades_digest:
            raise CacheError(
                f"the trades of {self._assembly.label} {last.day} differ from those of its stored "
                "bars (call again, and the bars are computed again)"
            )
        for batch in opened.proven(batches(opened.trades, TRADE_SCHEMA)):
            builder.push(batch)
        return builder

    def _with_rule(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Add what distinguishes the bars of this chain from those of others."""
        name = self._assembly.rule_column
        if name is None:
            return bars
        return bars.with_columns(pl.lit(self.key.values[name], KEY_SCHEMA[name]).alias(name))


def _month_of(day: dt.date) -> dt.date:
    return day.replace(day=1)
