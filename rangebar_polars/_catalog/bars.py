"""Bars of a range of days: stored bars are found, and the trades of the others are fetched.

`load_bars` is where trades and stores meet: it finds the days whose bars are stored and match the
cached trades, and fetches the trades of the other days. The `StoredBars` that it returns can be
read any number of times.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from rangebar_polars._catalog.assemble import Assembly, Found
from rangebar_polars._catalog.chain_builders import builder_after
from rangebar_polars._catalog.chains import chains_of
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._catalog.tick_day import TickDay
from rangebar_polars._catalog.trades import (
    CachedTrades,
    incomplete,
    load_trades,
    warn_of_unverified,
)
from rangebar_polars._core.arguments import check_reset, gap_text
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.forks import use_threads
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._core.options import Options
from rangebar_polars._days import day_before, day_range, runs
from rangebar_polars._ticks.report import DayReport, DayStatus
from rangebar_polars._validation.tier1 import validate_tier1
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import (
    BAR_SCHEMA,
    COLUMNS,
    IS_COMPLETE,
    RULE,
    THRESHOLD,
    TRADE_SCHEMA,
    Series,
)
from rangebar_polars.store import BarKey, BarStore, Link, StoreAddress
from rangebar_polars.store.bar_key import period_start
from rangebar_polars.store.chain import proven


def load_bars(  # noqa: PLR0917
    settings: Settings,
    series: Series,
    days: Sequence[dt.date],
    options: Options,
    store: BarStore | None,
    *,
    allow_empty: bool = False,
) -> "StoredBars":
    """Find which bars are stored, and fetch the trades of the others.

    Parameters
    ----------
    settings
        The cache and the archive of the trades.
    series
        The source, market and symbol.
    days
        The wanted days, ascending and without holes.
    options
        The options of the bars.
    store
        The store of the bars; None: bars are not stored.
    allow_empty
        Whether days without any trades are accepted.

    Raises
    ------
    ArchiveError, ChecksumError, QualityError, CacheError
        As in `scan_ticks`, for days whose bars are not stored.
    StoreError
        The store cannot be reached or read.
    """
    use_threads()
    keys, first = chains_of(series, days[0], options), days[0]
    if (reset := check_reset(options.reset)) is not None:
        days = day_range(period_start(first, reset), days[-1])
    bars = StoredBars(settings, series, options, tuple(days), first, keys, store)
    bars.fetch_missing(allow_empty=allow_empty)
    return bars


@dataclass
class StoredBars:
    """The bars of a range of days.

    Attributes
    ----------
    settings
        The cache and the archive of the trades.
    series
        The source, market and symbol.
    options
        The options of the bars.
    days
        Every day of the chains, ascending; with ``reset`` from the border of the period.
    shown_from
        The first wanted day.
    keys
        The chains, in the order of the rules.
    store
        The store of the bars; None: bars are not stored.
    stored
        The links of days whose bars are stored and valid, by chain.
    fetched
        Days whose bars must be computed.
    defects
        The defects of each day that has any, by name.
    """

    settings: Settings
    series: Series
    options: Options
    days: tuple[dt.date, ...]
    shown_from: dt.date
    keys: tuple[BarKey, ...]
    store: BarStore | None
    stored: dict[BarKey, dict[dt.date, Link]] = field(default_factory=dict)
    fetched: dict[dt.date, DayStatus] = field(default_factory=dict)
    defects: dict[dt.date, Mapping[str, int]] = field(default_factory=dict)
    _snapshot: "_Snapshot | None" = None

    @property
    def schema(self) -> pl.Schema:
        """The columns of the bars."""
        options = self.options
        dtypes = {**BAR_SCHEMA, THRESHOLD: pl.Int64(), RULE: pl.String()}
        names = [] if options.rule_column is None else [options.rule_column]
        names += [c.name for c in COLUMNS if options.include_microstructure or c.group == "bar"]
        names += [IS_COMPLETE] if options.include_incomplete else []
        return pl.Schema({name: dtypes[name] for name in names})

    def __post_init__(self) -> None:
        """Find the cached trades."""
        self.cache = self.settings.cache(self.series)

    def _trades(self, days: Iterable[DayStatus]) -> CachedTrades:
        return CachedTrades(self.cache, tuple(days), self.settings.archive)

    def fetch_missing(self, *, allow_empty: bool = False) -> None:
        """Find which days are stored, and fetch the trades of the others."""
        self.find_stored()
        missing = [
            day for day in self.days if not all(day in self.stored[key] for key in self.keys)
        ]
        for run in runs(missing):
            self._fetch(run)
        trades = self._trades(self.fetched.values())
        trades.raise_first_error()
        known = any(link.trades_digest for links in self.stored.values() for link in links.values())
        if not known and not allow_empty:
            trades.raise_if_empty()
        for links in self.stored.values():
            for day, link in links.items():
                if link.defects:
                    self.defects.setdefault(day, link.defects)
        self.defects = dict(sorted(self.defects.items()))

    def find_stored(self) -> None:
        """Find the days whose bars are stored and match the cached trades."""
        self._snapshot = looked = self._look_up()
        for key in self.keys:
            months = looked.found[key].values()
            links = {link.day: link for month in months for link in month.links}
            self.stored[key] = proven(key, self.days, links, looked.digests)

    def _look_up(self) -> "_Snapshot":
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
                # Trades that cannot be read do not prove that their stored bars are wrong.
                continue
            if report is not None:
                digests[day] = report.digest
        return _Snapshot(found, digests)

    def _fetch(self, run: list[dt.date]) -> None:
        """Fetch the trades of consecutive days, and find their defects."""
        trades = load_trades(self.settings, self.series, run)
        before = [self._position(run[0])]
        checked = self._trades([*filter(None, before), *trades.days])
        self.fetched |= {entry.day: entry for entry in trades.days}
        wrong = checked.defects()
        self.defects |= {day: wrong[day] for day in run if day in wrong}

    def _position(self, day: dt.date) -> DayStatus | None:
        """Return the end of the stored trades before a day, if it is known."""
        for key, links in self.stored.items():
            before = day_before(day)
            link = None if before is None else links.get(before)
            if link is not None and link.state and not key.begins(day):
                for last_time, last_id in builder_after(key, link).position().rows():
                    report = DayReport(
                        day=link.day,
                        fingerprint="",
                        rows_after=1,
                        last_time=last_time,
                        last_agg_trade_id=last_id,
                    )
                    return DayStatus(link.day, "ok", report)
        return None

    def warn_of_missing(self) -> None:
        """Warn the caller about missing trades."""
        missing = incomplete(self.defects)
        if missing:
            warn_caller(
                f"bars of {self.series.label} run over missing trades: {missing} (see "
                "archive_quality)"
            )
        warn_of_unverified(self.defects, self.series)

    def collect(self, *, validate: bool) -> pl.DataFrame:
        """Return all bars; with `validate`, warn the caller of those that fail a check."""
        bars = pl.concat(self.frames())
        # Stored bars were checked when they were computed, and are proven to be the same.
        if validate and self.fetched:
            self._warn_of_wrong(bars)
        return bars

    def _warn_of_wrong(self, bars: pl.DataFrame) -> None:
        options = self.options
        # A column says which rule each bar is of, except whether a threshold has the guard.
        has_thresholds = options.rule_column == THRESHOLD
        report = validate_tier1(
            bars,
            rule=options.rules[0] if options.rule_column is None else None,
            reset=check_reset(options.reset),
            max_gap=gap_text(options.max_gap),
            include_microstructure=options.include_microstructure,
            prevent_same_timestamp_close=(
                options.rules[0].prevent_same_timestamp_close if has_thresholds else None
            ),
            # Records are missing at times, which is warned of already.
            consecutive_ids=False,
        )
        # Trades without sides or ids have columns without a value, and null ids do not rise.
        ids = [name for name in ("first_agg_trade_id", "last_agg_trade_id") if name in bars.columns]
        ignored = ["values", *(["ids"] if any(bars[name].has_nulls() for name in ids) else [])]
        wrong = report.failures.filter(~pl.col("check").is_in(ignored))
        if not wrong.is_empty():
            checks = ", ".join(sorted(set(wrong["check"])))
            warn_caller(
                f"bars of {self.series.label} fail checks that all bars should pass: {checks} "
                "(validate_tier1 shows the rows; please report it, with the days and the options)"
            )

    def scan(self, address: StoreAddress | None) -> pl.LazyFrame:
        """Return the bars as a lazy frame; each run opens the store and closes it."""
        unopened = replace(self, store=None)

        def frames(columns: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
            with nullcontext() if address is None else address.opened() as store:
                yield from replace(unopened, store=store).frames(columns, refresh=True)

        return lazy_source(frames, self.schema)

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
        self, columns: Sequence[str] | None = None, *, refresh: bool = False
    ) -> Iterator[pl.DataFrame]:
        """Yield the bars, month by month.

        Parameters
        ----------
        columns
            The wanted columns of `schema`; None: all.
        refresh
            Whether store and cache are read again, because they may have changed since
            `find_stored`.
        """
        looked = self._look_up() if refresh or self._snapshot is None else self._snapshot
        return self._assembly(looked).bars(
            looked.found,
            list(self.schema) if columns is None else columns,
            include_incomplete=self.options.include_incomplete,
        )

    def checkpoint(self) -> bytes:
        """Compute and store missing bars, and return the state after the last day."""
        looked = self._snapshot or self._look_up()
        return self._assembly(looked).builders(looked.found)[0].checkpoint(self.series.symbol)

    def _assembly(self, looked: "_Snapshot") -> Assembly:
        return Assembly(
            label=self.cache.label,
            keys=self.keys,
            days=self.days,
            shown_from=self.shown_from,
            store=self.store,
            digests=looked.digests,
            rule_column=self.options.rule_column,
            open_day=self.open_day,
        )

    def open_day(self, day: dt.date) -> TickDay:
        """Return a day of trades from which bars are computed.

        Raises
        ------
        ArchiveError, QualityError, CacheError
            The trades are no longer available.
        """
        if day not in self.fetched:
            # Its bars were stored when trades were fetched, and no longer are.
            self._fetch([day])
            self._trades([self.fetched[day]]).raise_first_error()
        entry, defects = self.fetched[day], self.defects.get(day, {})
        if entry.report is None:
            is_final = entry.status == "hole" and day < self._last_covered()
            none = pl.LazyFrame(schema=TRADE_SCHEMA)
            return TickDay(
                report=None, trades=none, proven=iter, defects=defects, is_final=is_final
            )
        opened = self.cache.open(day)
        if opened is None:
            raise CacheError(
                f"{self.cache.path(day)} was removed while its bars were computed (call again)"
            )
        report, trades = opened
        proven = partial(self.cache.proven, report)
        return TickDay(report=report, trades=trades, proven=proven, defects=defects, is_final=True)

    def _last_covered(self) -> dt.date:
        """Return the last day that has trades; a later day without a file may still come."""
        covered = [entry.day for entry in self.fetched.values() if entry.report is not None]
        stored = [
            day
            for links in self.stored.values()
            for day, link in links.items()
            if link.trades_digest
        ]
        return max(covered + stored, default=dt.date.min)


@dataclass(frozen=True)
class _Snapshot:
    """The contents of store and cache at one time."""

    found: dict[BarKey, Found]
    digests: dict[dt.date, str]
