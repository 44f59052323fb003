"""A range of days of bars: asking for it, and what is stored and missing of it.

`BarRequest.fulfil` is where trades and stores meet: it finds which days of the chains are stored
and made from today's trades, has the trades of the others fetched, and returns a `BarRange` that
gives the bars as often as they are asked for.
"""

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

import polars as pl

from rangebar_polars._catalog.assemble import Found, TickDay, Walk, builder_of
from rangebar_polars._catalog.trades import TickRange, TickRequest, incomplete
from rangebar_polars._core.forks import use_threads
from rangebar_polars._core.options import Options, Reset, Threshold, check_flags
from rangebar_polars._core.rules import RangeRule
from rangebar_polars._days import day_range, runs
from rangebar_polars._progress import Progress
from rangebar_polars._ticks.cache import BINANCE, TickCache
from rangebar_polars._ticks.report import DayReport, DayStatus
from rangebar_polars.archive.binance import BinanceArchive
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import BAR_SCHEMA, COLUMNS, IS_COMPLETE, THRESHOLD, TRADE_SCHEMA
from rangebar_polars.store import BarKey, BarStore, Link, open_store
from rangebar_polars.store.chain import period_start, proven

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class BarRequest:
    """Which bars are wanted, and how they may be had; the arguments of `get_range_bars`."""

    symbol: str
    start_date: str | dt.date
    end_date: str | dt.date
    threshold_decimal_bps: Threshold = 250
    source: str = BINANCE
    market: str = "spot"
    include_microstructure: bool = False
    include_incomplete: bool = False
    prevent_same_timestamp_close: bool = True
    reset: Reset | None = None
    use_cache: bool = True
    fetch_if_missing: bool = True
    store: BarStore | str | os.PathLike[str] | None = None
    cache_dir: str | os.PathLike[str] | None = None
    archive: BinanceArchive | str | None = None
    progress: Progress | Literal["tqdm"] | None = None

    def ticks(self, start: dt.date | None = None, end: dt.date | None = None) -> TickRequest:
        """Return the request for the trades, or for those of some days."""
        return TickRequest(
            symbol=self.symbol,
            start=start or self.start_date,
            end=end or self.end_date,
            market=self.market,
            source=self.source,
            cache_dir=self.cache_dir,
            fetch_if_missing=self.fetch_if_missing,
            archive=self.archive,
            progress=self.progress,
        )

    def check(self) -> tuple[Options, list[dt.date], TickCache]:
        """Return what the arguments mean: options, days, and the series of trades.

        Raises
        ------
        ValueError, TypeError
            An argument is wrong.
        """
        options = Options.check(
            self.threshold_decimal_bps,
            columns=None,
            reset=self.reset,
            include_microstructure=self.include_microstructure,
            include_incomplete=self.include_incomplete,
            prevent_same_timestamp_close=self.prevent_same_timestamp_close,
        )
        check_flags(use_cache=self.use_cache, fetch_if_missing=self.fetch_if_missing)
        days = day_range(self.start_date, self.end_date, suffix="_date")
        _, cache, _ = self.ticks().check()
        return options, days, cache

    def fulfil(self, *, only_kept: bool = False, allow_nothing: bool = False) -> "BarRange":
        """Find what is stored, and fetch the trades that the rest is made of.

        Parameters
        ----------
        only_kept
            Store nothing of a chain of which nothing is stored.
        allow_nothing
            Whether days without any trades are no error.

        Raises
        ------
        ValueError, TypeError
            An argument is wrong.
        ArchiveError, ChecksumError, QualityError, CacheError
            As `scan_ticks`, of the days whose bars are not stored.
        StoreError
            The store cannot be reached, or what it has cannot be read.
        """
        options, wanted, cache = self.check()
        use_threads()
        days = wanted
        if options.reset is not None:
            days = day_range(period_start(wanted[0], options.reset), wanted[-1])
        keys = tuple(
            BarKey(
                series=cache.series,
                rule=RangeRule(threshold, options.prevent_same_timestamp_close),
                reset=options.reset,
                origin=days[0] if options.reset is None else None,
            )
            for threshold in options.thresholds
        )
        store: BarStore | None = None
        if self.use_cache:
            store = (
                self.store
                if isinstance(self.store, BarStore)
                else open_store(self.store, cache_dir=self.cache_dir)
            )
        if store is not None and only_kept:
            first = days[0].replace(day=1)
            store = store if all(store.find(key, [first]) for key in keys) else None
        bars = BarRange(self, options, cache, tuple(days), wanted[0], keys, store)
        bars.fetch(allow_nothing=allow_nothing)
        return bars


@dataclass
class BarRange:
    """The bars of a range of days.

    Attributes
    ----------
    request, options
        What was asked for.
    cache
        The trades.
    days
        Every day of the chains, ascending: from the border of the period with ``reset``.
    shown_from
        The first day asked for.
    keys
        The chains, ascending by threshold.
    store
        Where bars are kept, if anywhere.
    stored
        Days whose bars need not be made, by chain, as they were found.
    fetched
        Days whose bars are to be made.
    defects
        What is wrong with each day, by name, without the days that are right.
    """

    request: BarRequest
    options: Options
    cache: TickCache
    days: tuple[dt.date, ...]
    shown_from: dt.date
    keys: tuple[BarKey, ...]
    store: BarStore | None
    stored: dict[BarKey, dict[dt.date, Link]] = field(default_factory=dict)
    fetched: dict[dt.date, DayStatus] = field(default_factory=dict)
    defects: dict[dt.date, Mapping[str, int]] = field(default_factory=dict)
    _looked: "_Looked | None" = None

    @property
    def schema(self) -> pl.Schema:
        """The columns of the bars."""
        options, dtypes = self.options, {**BAR_SCHEMA, THRESHOLD: pl.Int64()}
        names = [THRESHOLD] if options.threshold_column else []
        names += [c.name for c in COLUMNS if options.include_microstructure or c.group == "bar"]
        names += [IS_COMPLETE] if options.include_incomplete else []
        return pl.Schema({name: dtypes[name] for name in names})

    def fetch(self, *, allow_nothing: bool = False) -> None:
        """Find which days are stored, and have the trades of the others."""
        self.judge()
        missing = [
            day for day in self.days if not all(day in self.stored[key] for key in self.keys)
        ]
        for run in runs(missing):
            self._fetch(run)
        ticks = TickRange(self.cache, tuple(self.fetched.values()))
        ticks.refuse_errors()
        known = any(link.ticks for links in self.stored.values() for link in links.values())
        if not known and not allow_nothing:
            ticks.refuse_nothing()
        for links in self.stored.values():
            for day, link in links.items():
                if link.defects:
                    self.defects.setdefault(day, link.defects)
        self.defects = dict(sorted(self.defects.items()))

    def judge(self) -> None:
        """Find which days are stored and made of today's trades."""
        self._looked = looked = self._look_up()
        for key in self.keys:
            months = looked.found[key].values()
            links = {link.day: link for month in months for link in month.links}
            self.stored[key] = proven(key, self.days, links, looked.digests)

    def _look_up(self) -> "_Looked":
        """Ask the store for the chains, and the cache for the digests of their days."""
        months = sorted({day.replace(day=1) for day in self.days})
        found: dict[BarKey, Found] = {
            key: {} if self.store is None else self.store.find(key, months) for key in self.keys
        }
        linked = {
            link.day
            for of_key in found.values()
            for month in of_key.values()
            for link in month.links
        }
        digests = dict[dt.date, str]()
        for day in linked.intersection(self.cache.days() if linked else ()):
            try:
                report = self.cache.report(day)
            except CacheError:
                # Trades that cannot be read say nothing against bars that were made of them.
                continue
            if report is not None:
                digests[day] = report.digest
        return _Looked(found, digests)

    def _fetch(self, run: list[dt.date]) -> None:
        """Have the trades of days that follow one another, and see what is wrong with them."""
        ticks = self.request.ticks(run[0], run[-1]).fulfil()
        before = [self._position(run[0])]
        judged = TickRange(self.cache, (*filter(None, before), *ticks.days))
        self.fetched |= {entry.day: entry for entry in ticks.days}
        wrong = judged.defects()
        self.defects |= {day: wrong[day] for day in run if day in wrong}

    def _position(self, day: dt.date) -> DayStatus | None:
        """Return where the trades of the stored chain end before a day, as far as it is known."""
        for key, links in self.stored.items():
            link = links.get(day - _DAY)
            if link is not None and link.state and not key.begins(day):
                for last_time, last_id in builder_of(key, link.state).position().rows():
                    report = DayReport(
                        day=link.day,
                        fingerprint="",
                        rows_after=1,
                        last_time=last_time,
                        last_agg_trade_id=last_id,
                    )
                    return DayStatus(link.day, "ok", report)
        return None

    def missing(self) -> str | None:
        """Say which trades are missing, or return None for none."""
        return incomplete(self.defects)

    def tail(self, count: int) -> tuple[int, pl.DataFrame]:
        """Return how many bars there are, up to `count`, and the last of them."""
        last = list[pl.DataFrame]()
        for frame in self.frames():
            last.append(frame)
            while sum(each.height for each in last[1:]) >= count:
                last.pop(0)
        bars = pl.concat(last).tail(count)
        return bars.height, bars

    def frames(
        self, columns: Sequence[str] | None = None, *, later: bool = False
    ) -> Iterator[pl.DataFrame]:
        """Yield the bars, month by month.

        Parameters
        ----------
        columns
            Those of `schema` that are wanted; None: all.
        later
            Whether store and cache may have changed since they were judged, so that they are
            looked at again.
        """
        looked = self._look_up() if later or self._looked is None else self._looked
        walk = Walk(
            label=self.cache.label,
            keys=self.keys,
            days=self.days,
            shown_from=self.shown_from,
            store=self.store,
            digests=looked.digests,
            open_day=self.open_day,
        )
        return walk.bars(
            looked.found,
            list(self.schema) if columns is None else columns,
            include_incomplete=self.options.include_incomplete,
        )

    def open_day(self, day: dt.date) -> TickDay:
        """Return a day of trades that bars are to be made of.

        Raises
        ------
        ArchiveError, QualityError, CacheError
            It cannot be had any more.
        """
        if day not in self.fetched:
            # It was stored when the trades were fetched, and is no longer.
            self._fetch([day])
            TickRange(self.cache, (self.fetched[day],)).refuse_errors()
        entry, defects = self.fetched[day], self.defects.get(day, {})
        if entry.report is None:
            lasting = entry.status == "hole" and day < self._last_covered()
            none = pl.LazyFrame(schema=TRADE_SCHEMA)
            return TickDay(report=None, trades=none, proven=iter, defects=defects, lasting=lasting)
        opened = self.cache.open(day)
        if opened is None:
            raise CacheError(
                f"{self.cache.path(day)} was removed while bars were made of it (call again)"
            )
        report, trades = opened
        proven = partial(self.cache.proven, report)
        return TickDay(report=report, trades=trades, proven=proven, defects=defects, lasting=True)

    def _last_covered(self) -> dt.date:
        """Return the last day that has trades; a day without a file behind it may still come."""
        covered = [entry.day for entry in self.fetched.values() if entry.report is not None]
        stored = [
            day for links in self.stored.values() for day, link in links.items() if link.ticks
        ]
        return max(covered + stored, default=dt.date.min)


@dataclass(frozen=True)
class _Looked:
    """What store and cache have at one time."""

    found: dict[BarKey, Found]
    digests: dict[dt.date, str]
