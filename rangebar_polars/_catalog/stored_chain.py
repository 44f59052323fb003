"""The progress of a chain over its days: bars are read, copied, or computed and stored."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from rangebar_polars import _internal
from rangebar_polars._catalog.chain_builders import builder_after
from rangebar_polars._catalog.siblings import Siblings
from rangebar_polars._catalog.stored_source import StoredSource
from rangebar_polars._catalog.tick_day import TickDay
from rangebar_polars._core.batches import batches
from rangebar_polars._days import day_after, month_days
from rangebar_polars._log import LOG
from rangebar_polars.errors import CacheError, StoreError
from rangebar_polars.schema import IS_COMPLETE, TRADE_SCHEMA, stored_schema
from rangebar_polars.store import BarKey, BarStore, Link, StoredMonth
from rangebar_polars.store.bar_key import KEY_SCHEMA
from rangebar_polars.store.chain import by_day, proven

ROW_NUMBER: Final = "rangebar place"
COUNTED_BY: Final = "agg_record_count"
_ATTEMPTS: Final = 100

Found = Mapping[dt.date, StoredMonth]
"""The stored months of a chain, by the first day of the month."""


@dataclass(frozen=True, kw_only=True)
class ChainSources:
    """Everything from which a chain takes its bars.

    Attributes
    ----------
    label
        The name of the trades in messages.
    shown_from
        The first day whose bars are wanted.
    store
        The store of the bars; None: bars are not stored.
    keeps_bars
        Whether computed bars are stored; False: those of the store are read only.
    digests
        The digests of cached days.
    siblings
        The stored months of other chains of the rule of each chain.
    rule_column
        The column that says which rule a bar is of, if any.
    open_day
        Returns the trades of a day.
    note
        Is called with each day of each chain: its link, and whether its bars were computed.
    """

    label: str
    shown_from: dt.date
    store: BarStore | None
    keeps_bars: bool
    digests: Mapping[dt.date, str]
    siblings: Mapping[BarKey, Siblings]
    rule_column: str | None
    open_day: Callable[[dt.date], TickDay]
    note: Callable[[BarKey, Link, bool], None]


class StoredChain:
    """The progress of a chain: its last day so far, and the current month."""

    def __init__(self, key: BarKey, found: Found, sources: ChainSources) -> None:
        self.key = key
        self._found = dict(found)
        self._sources = sources
        self._last: Link | None = None
        # The last link that has a state, the number of trades up to it, and the links after it.
        self._kept: Link | None = None
        self._kept_trade_count = 0
        self._stateless = list[Link]()
        # False after a day that is not final: nothing is stored until the next chain begins.
        self._lasting = True
        # The number of trades of the chain, or of its period, up to the last day.
        self._trade_count = 0
        # The number of trades in the bars so far, which is where the next bar begins.
        self._row_number = 0
        self._computed = list[Link]()
        self._met = list[Link]()

    def begin_month(self, days: list[dt.date], columns: list[str]) -> None:
        """Check and read the stored bars of the month of these days."""
        self._days = days
        self._new = dict[dt.date, tuple[Link, pl.DataFrame]]()
        self._not_final = set[dt.date]()
        first = _month_of(days[0])
        self._expected = [
            day for day in month_days(first) if self.key.origin is None or day >= self.key.origin
        ]
        follows = self._last is not None and day_after(self._last.day) == self._expected[0]
        self._before_month = self._last if follows else None
        for _ in range(_ATTEMPTS):
            if self._look_up(first, columns):
                siblings = self._sources.siblings.get(self.key, {}).get(first, ())
                self._siblings = [StoredSource(key, month) for key, month in siblings]
                return
        raise StoreError(
            f"{self.key.label} {days[0]:%Y-%m} is replaced all the time (another process writes "
            "it again and again: stop it, or call with use_cache=False)"
        )

    def _look_up(self, first: dt.date, columns: list[str]) -> bool:
        """Find the valid days of the month, and read their bars; return whether that was possible.

        It is not if they are just being replaced.
        """
        key, store = self.key, self._sources.store
        stored = self._found.pop(first, StoredMonth(month=first, links=()))
        self._own = StoredSource(key, stored)
        self._valid = proven(
            key,
            self._expected,
            by_day([stored]),
            self._sources.digests,
            before=self._before_month,
        )
        if not self._valid or store is None:
            return True
        whole = all(day in self._valid for day in self._days)
        bars = store.read(key, stored, columns if whole else list(stored_schema(key.statistics)))
        if bars is None:
            self._found |= store.find(key, [first])
            return False
        self._own.bars = bars
        return True

    def take_stored(self, day: dt.date) -> bool:
        """Use the stored bars of this day, if there are any; return whether there were."""
        if self.key.begins(day):
            self._last, self._lasting, self._trade_count = None, True, 0
            self._kept, self._kept_trade_count, self._stateless = None, 0, []
        link = self._valid.get(day) or self._copy(day)
        if link is None:
            return False
        self._pass(link, is_computed=False)
        return True

    def _copy(self, day: dt.date) -> Link | None:
        """Take the bars of a day that is stored after this state; return its link."""
        store = self._sources.store
        for source in [] if store is None else [self._own, *self._siblings]:
            link = source.link(day, self.key, self._last, self._sources.digests)
            if link is None or not self._continues(link, source):
                continue
            bars = source.bars_of(day, store)
            if bars is not None:
                # As this chain alone would have it.
                link = link.after(self._trade_count + link.trade_count)
                self._take(day, link, bars, is_final=True)
                self._met.append(replace(link, state=b""))
                return link
        return None

    def _continues(self, link: Link, source: StoredSource) -> bool:
        """Return whether a link is one of this chain, or has a state that can be continued."""
        if source is self._own or link.state_digest:
            return True
        try:
            builder_after(self.key, link)
        except StoreError:
            # The remedy would be to remove the other chain, of which the caller knows nothing.
            return False
        return True

    def begin_day(self) -> Link | None:
        """Return the link after which the bars of a day must be computed; None: from the start."""
        last = self._last
        if last is not None and last.state_digest:
            (state,) = self.continued().checkpoints()
            last = last.with_state(state)
            if last is None:
                raise StoreError(
                    f"{self.key.label} {self._stateless[-1].day} is stored with another state than "
                    "its trades give (remove the chain with BarStore.remove, and its bars are "
                    "computed again)"
                )
            self._keep(last)
        # The state may be that of a chain with more or fewer trades before.
        return None if last is None else last.after(self._trade_count)

    def _keep(self, last: Link) -> None:
        """Note the last link, with its state."""
        self._last = self._kept = last
        self._kept_trade_count, self._stateless = self._trade_count, []

    def end_day(self, day: dt.date, bars: pl.DataFrame, state: bytes, opened: TickDay) -> None:
        """Link the bars of the day to the chain."""
        link = Link(
            day=day,
            trades_digest=None if opened.report is None else opened.report.digest,
            trade_count=0 if opened.report is None else opened.report.rows_after,
            defects=opened.defects,
            bar_count=bars.height,
            state=state,
        ).sealed(self.key, self._last)
        self._computed.append(replace(link, state=b""))
        self._take(day, link, bars, is_final=opened.is_final)
        self._pass(link, is_computed=True)

    def _take(self, day: dt.date, link: Link, bars: pl.DataFrame, *, is_final: bool) -> None:
        """Keep the bars of a day, which are stored with the month if they are final."""
        if self._new:
            before, (last, of_last) = self._new.popitem()
            self._new[before] = last.without_large_state(), of_last
        self._new[day] = link, bars
        self._lasting = self._lasting and is_final
        if not self._lasting:
            self._not_final.add(day)

    def _pass(self, link: Link, *, is_computed: bool) -> None:
        """Continue the chain over a day."""
        self._trade_count += link.trade_count
        if link.state:
            self._keep(link)
        else:
            self._last = link
            self._stateless.append(link)
        self._sources.note(self.key, link, is_computed)

    def end_month(self, columns: list[str], *, placed: bool) -> pl.DataFrame:
        """Store the computed bars, and return the bars of the wanted days."""
        month, bars = self._joined()
        bars = self._with_rule(month.of_days(bars, self._days).select(columns))
        if placed:
            # The trade at which a bar ends; a bar that is cut off ends at the next trade.
            ends = pl.col(COUNTED_BY).cum_sum()
            ends = ends + ~pl.col(IS_COMPLETE) if IS_COMPLETE in columns else ends
            rows = int(bars[COUNTED_BY].sum())
            bars = bars.with_columns((ends + self._row_number).alias(ROW_NUMBER))
            self._row_number += rows
        links = {link.day: link for link in month.links}
        early = sum(links[day].bar_count for day in self._days if day < self._sources.shown_from)
        return bars[early:]

    def _joined(self) -> tuple[StoredMonth, pl.DataFrame]:
        """Return the stored and the new bars in the order of days, and store them if any is new."""
        own = self._own
        if not self._new and own.bars is not None:
            return own.month, own.bars
        store, digests = self._sources.store, self._sources.digests
        links = by_day([own.month]) | {day: [link] for day, (link, _) in self._new.items()}
        # What was computed is of trades that may have been replaced since the digests were read.
        ticks = {day: digest for day, digest in digests.items() if day not in self._new}
        kept = list[Link]()
        parts = list[pl.DataFrame]()
        before = self._before_month
        # Stored days that follow, beyond the wanted ones, stay.
        for link in proven(self.key, self._expected, links, ticks, before=before).values():
            is_new = link.day in self._new
            bars = self._new[link.day][1] if is_new else own.bars_of(link.day, store)
            if bars is not None:
                kept.append(link)
                parts.append(bars)
        month = StoredMonth(month=own.month.month, links=tuple(kept))
        bars = pl.concat(parts, rechunk=True)
        self._store(month, bars)
        return month, bars

    def _store(self, month: StoredMonth, bars: pl.DataFrame) -> None:
        """Store the days that a later call will find unchanged."""
        final = [link for link in month.links if link.day not in self._not_final]
        store = self._sources.store if self._sources.keeps_bars else None
        if store is not None and any(link.day in self._new for link in final):
            bars = month.of_days(bars, [link.day for link in final])
            month = replace(month, links=tuple(final)).without_large_states()
            store.write(self.key, month, bars)

    def log(self) -> None:
        """Log the bars that were computed, and those of days that follow and were found stored."""
        if self._met:
            LOG.info(
                "%s: %d bars of %d days found in stored chains, %s to %s",
                self.key.label,
                sum(link.bar_count for link in self._met),
                len(self._met),
                self._met[0].day,
                self._met[-1].day,
            )
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
        last = self._last
        is_open = last is None or not self.key.ends(last.day)
        builder = self.continued() if is_open else builder_after(self.key, None)
        return self._with_rule(builder.finish())

    def continued(self) -> _internal.BarBuilder:
        """Return what makes the bars after the last day.

        The trades of the days after the last state that is kept are folded again. A period's last
        link has none, because the chain ends with it: a pass over all trades ends the open bar only
        at the next trade. Neither have links whose states are large, but for the last of a month.
        """
        kept = self._kept
        builder = builder_after(
            self.key, None if kept is None else kept.after(self._kept_trade_count)
        )
        for link in self._stateless:
            if link.trades_digest is not None:
                self._fold(link, builder)
        return builder

    def _fold(self, link: Link, builder: _internal.BarBuilder) -> None:
        """Fold the trades of a day again."""
        opened = self._sources.open_day(link.day)
        if opened.report is None:
            why = f"the end of a {self.key.period}, " if self.key.ends(link.day) else ""
            raise CacheError(
                f"{self.key.label} cannot be continued after {link.day}, {why}because the trades "
                "of the day are not cached (fetch_if_missing=True fetches them, and import_trades "
                "imports your own)"
            )
        if opened.report.digest != link.trades_digest:
            raise CacheError(
                f"the trades of {self._sources.label} {link.day} differ from those of its stored "
                "bars (call again, and the bars are computed again)"
            )
        for batch in opened.proven(batches(opened.trades, TRADE_SCHEMA)):
            builder.push(batch)

    def _with_rule(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Add what distinguishes the bars of this chain from those of others."""
        name = self._sources.rule_column
        if name is None:
            return bars
        return bars.with_columns(pl.lit(self.key.values[name], KEY_SCHEMA[name]).alias(name))


def _month_of(day: dt.date) -> dt.date:
    return day.replace(day=1)
