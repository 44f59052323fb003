"""Bars of a range of days: stored bars are found, and the trades of the others are fetched.

`load_bars` is where trades and stores meet: it finds the days whose bars are stored and match the
cached trades, and fetches the trades of days whose bars must be computed. Where the bars of earlier
days decide that, trades are fetched when the bars are read. The `StoredBars` that it returns can be
read any number of times.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from rangebar_polars._catalog.assemble import Assembly
from rangebar_polars._catalog.chain_builders import builder_after
from rangebar_polars._catalog.chains import chains_of, stored_chains
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._catalog.stored_days import StoredDays
from rangebar_polars._catalog.tick_day import TickDay
from rangebar_polars._catalog.trades import (
    CachedTrades,
    incomplete,
    load_trades,
    warn_of_unverified,
)
from rangebar_polars._core.borders import check_named_borders, utc_period
from rangebar_polars._core.caller import warn_caller
from rangebar_polars._core.lazy_source import lazy_source
from rangebar_polars._core.options import Options
from rangebar_polars._core.spans import gap_text
from rangebar_polars._days import day_before, day_range, runs
from rangebar_polars._forks import use_threads
from rangebar_polars._series import Series
from rangebar_polars._ticks.report import DayReport, DayStatus
from rangebar_polars._validation.tier1 import validate_tier1
from rangebar_polars.errors import CacheError, StoreError
from rangebar_polars.schema import (
    COLUMNS,
    FOOTPRINT_NAMES,
    IS_COMPLETE,
    RICH_BAR_SCHEMA,
    RULE,
    THRESHOLD,
    TRADE_SCHEMA,
    VPIN,
)
from rangebar_polars.store import BarKey, BarStore, Link, StoreAddress
from rangebar_polars.store.bar_key import period_start


def load_bars(  # noqa: PLR0917
    settings: Settings,
    series: Series,
    days: Sequence[dt.date],
    options: Options,
    store: BarStore | None,
    *,
    keeps_bars: bool = True,
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
    keeps_bars
        Whether computed bars are stored; False: those of the store are read only.
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
    if store is not None:
        keys = stored_chains(store, keys, first)
    if (period := utc_period(options.reset)) is not None:
        days = day_range(period_start(first, period), days[-1])
    bars = StoredBars(settings, series, options, tuple(days), first, keys, store, keeps_bars)
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
        Every day of the chains, ascending; with a period from its border.
    shown_from
        The first wanted day.
    keys
        The chains, in the order of the rules.
    store
        The store of the bars; None: bars are not stored.
    keeps_bars
        Whether computed bars are stored; False: those of the store are read only.
    looked
        What store and cache had when they were read last.
    fetched
        The days whose trades were fetched, or looked for.
    computed
        The days whose bars were computed, by chain.
    traded
        The days with trades over which a chain passed, by chain.
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
    keeps_bars: bool = True
    looked: StoredDays = field(default_factory=lambda: StoredDays(()))
    fetched: dict[dt.date, DayStatus] = field(default_factory=dict)
    computed: dict[BarKey, set[dt.date]] = field(default_factory=dict)
    traded: dict[BarKey, set[dt.date]] = field(default_factory=dict)
    defects: dict[dt.date, Mapping[str, int]] = field(default_factory=dict)
    _warned: dict[dt.date, Mapping[str, int]] = field(default_factory=dict)
    _late: set[dt.date] = field(default_factory=set)

    @property
    def schema(self) -> pl.Schema:
        """The columns of the bars."""
        options = self.options
        dtypes = {**RICH_BAR_SCHEMA, THRESHOLD: pl.Int64(), RULE: pl.String()}
        names = [] if options.rule_column is None else [options.rule_column]
        names += [c.name for c in COLUMNS if options.include_microstructure or c.group == "bar"]
        names += options.features
        names += [] if options.vpin is None else [VPIN.name]
        names += [] if options.footprint is None else FOOTPRINT_NAMES
        names += [IS_COMPLETE] if options.include_incomplete else []
        return pl.Schema({name: dtypes[name] for name in names})

    def __post_init__(self) -> None:
        """Find the cached trades."""
        self.cache = self.settings.cache(self.series)

    def _trades(self, days: Iterable[DayStatus]) -> CachedTrades:
        return CachedTrades(self.cache, tuple(days), self.settings.archive)

    def fetch_missing(self, *, allow_empty: bool = False) -> None:
        """Find which days are stored, and fetch the trades of those that are surely computed."""
        self.find_stored()
        for run in runs(self.looked.to_compute()):
            self._fetch(run)
        trades = self._trades(self.fetched.values())
        trades.raise_first_error()
        likely = list(self.looked.likely())
        if not allow_empty and not any(link.trades_digest for link in likely):
            trades.raise_if_empty()
        for link in likely:
            if link.defects:
                self.defects.setdefault(link.day, link.defects)

    def find_stored(self) -> None:
        """Find the days whose bars are stored and match the cached trades."""
        self.looked = StoredDays.find(self.keys, self.days, self.store, self.cache)

    def _fetch(self, run: list[dt.date]) -> None:
        """Fetch the trades of consecutive days, and find their defects."""
        trades = load_trades(self.settings, self.series, run)
        after = self.fetched.get(run[-1] + dt.timedelta(days=1)) if run[-1] < dt.date.max else None
        checked = self._trades([*self._before(run[0]), *trades.days, *([after] if after else [])])
        self.fetched |= {entry.day: entry for entry in trades.days}
        wrong = checked.defects()
        for day in [*run, *([after.day] if after else [])]:
            self.defects.pop(day, None)
            if day in wrong:
                self.defects[day] = wrong[day]

    def _before(self, day: dt.date) -> list[DayStatus]:
        """Return the days before a day up to the last one with trades, as far as they are known."""
        known = list[DayStatus]()
        before = day_before(day)
        while before in self.fetched:
            known.insert(0, self.fetched[before])
            if known[0].report is not None and known[0].report.rows_after:
                return known
            before = day_before(before)
        position = None if before is None else self._position(before)
        return known if position is None else [position, *known]

    def _position(self, day: dt.date) -> DayStatus | None:
        """Return the end of the stored trades up to a day, if it is known."""
        for key, link in self.looked.links_of(day):
            if not link.state or key.ends(day):
                continue
            try:
                position = builder_after(key, link).position()
            except StoreError:
                # It is reported where the chain is to continue from it.
                continue
            for last_time, last_id in position.rows():
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
        """Warn the caller about missing trades, if those known were not warned of yet."""
        defects = dict(sorted(self.defects.items()))
        if defects == self._warned:
            return
        self._warned = defects
        missing = incomplete(defects)
        if missing:
            warn_caller(
                f"bars of {self.series.label} run over missing trades: {missing} (see "
                "archive_quality)"
            )
        warn_of_unverified(defects, self.series)

    def collect(self, *, validate: bool) -> pl.DataFrame:
        """Return all bars; with `validate`, warn the caller of those that fail a check."""
        bars = pl.concat(self.frames())
        # Stored bars were checked when they were computed, and are proven to be the same.
        if validate and self.fetched:
            self._warn_of_wrong(bars)
        return bars

    def _warn_of_wrong(self, bars: pl.DataFrame) -> None:
        options = self.options
        # Trades without sides or ids have columns without a value, and null ids do not rise.
        ids = [name for name in ("first_agg_trade_id", "last_agg_trade_id") if name in bars.columns]
        ignored = {"values", *(["ids"] if any(bars[name].has_nulls() for name in ids) else [])}
        is_split = options.rule_column == RULE
        parts = bars.partition_by(RULE, maintain_order=True) if is_split else [bars]
        wrong = {check for part in parts for check in self._failures(part)} - ignored
        if wrong:
            checks = ", ".join(sorted(wrong))
            warn_caller(
                f"bars of {self.series.label} fail checks that all bars should pass: {checks} "
                "(validate_tier1 shows the rows; please report it, with the days and the options)"
            )

    def _failures(self, bars: pl.DataFrame) -> set[str]:
        """Return which checks bars of one rule, or of thresholds, fail."""
        options = self.options
        # A column says which rule a bar is of, except whether a threshold has the guard.
        has_thresholds = options.rule_column == THRESHOLD
        report = validate_tier1(
            bars,
            rule=options.rules[0] if options.rule_column is None else None,
            reset=check_named_borders(options.reset),
            max_gap=gap_text(options.max_gap),
            include_microstructure=options.include_microstructure,
            prevent_same_timestamp_close=(
                options.rules[0].prevent_same_timestamp_close if has_thresholds else None
            ),
            # Records are missing at times, which is warned of already.
            consecutive_ids=False,
        )
        return {*report.failures["check"]}

    def scan(self, address: StoreAddress | None) -> pl.LazyFrame:
        """Return the bars as a lazy frame; each run opens the store and closes it."""
        unopened = replace(self, store=None)

        def frames(columns: list[str] | None, _: pl.Expr | None) -> Iterator[pl.DataFrame]:
            with nullcontext() if address is None else address.opened() as store:
                # Runs may overlap, and what one of them finds may be otherwise for the next.
                bars = replace(
                    unopened,
                    store=store,
                    fetched=dict(self.fetched),
                    computed={},
                    traded={},
                    defects=dict(self.defects),
                    _late=set(),
                )
                yield from bars.frames(columns, refresh=True)
                bars.warn_of_missing()

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
        if refresh:
            self.find_stored()
            self._forget_absent()
        return self._assembly().bars(
            self.looked.found,
            list(self.schema) if columns is None else columns,
            include_incomplete=self.options.include_incomplete,
        )

    def _forget_absent(self) -> None:
        """Forget that days had no trades, if they are cached by now."""
        absent = [day for day, entry in self.fetched.items() if entry.report is None]
        for day in set(absent).difference(self.cache.missing(absent)):
            del self.fetched[day]

    def checkpoint(self) -> bytes:
        """Compute and store missing bars, and return the state after the last day."""
        return self._assembly().builders(self.looked.found)[0].checkpoint(self.series.symbol)

    def _assembly(self) -> Assembly:
        return Assembly(
            label=self.cache.label,
            keys=self.keys,
            days=self.days,
            shown_from=self.shown_from,
            store=self.store,
            keeps_bars=self.keeps_bars,
            digests=self.looked.digests,
            siblings=self.looked.siblings,
            rule_column=self.options.rule_column,
            open_day=self.open_day,
            note=self._note,
        )

    def _note(self, key: BarKey, link: Link, is_computed: bool) -> None:  # noqa: FBT001
        """Note how the bars of a day were found."""
        if link.trades_digest is not None:
            self.traded.setdefault(key, set()).add(link.day)
        if is_computed:
            self.computed.setdefault(key, set()).add(link.day)
        elif link.day not in self.fetched:
            self.defects.pop(link.day, None)
            if link.defects:
                self.defects[link.day] = link.defects

    def open_day(self, day: dt.date) -> TickDay:
        """Return a day of trades from which bars are computed.

        Raises
        ------
        ArchiveError, QualityError, CacheError
            The trades are no longer available.
        """
        if day not in self.fetched:
            self._fetch(self._ahead(day))
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
                f"{self.cache.place(day)} was removed while its bars were computed (call again)"
            )
        report, trades = opened
        proven = partial(self.cache.proven, report)
        return TickDay(report=report, trades=trades, proven=proven, defects=defects, is_final=True)

    def _ahead(self, day: dt.date) -> list[dt.date]:
        """Return a day whose bars could not be found in the store, and perhaps days after it.

        They are as many as were fetched so just before: a chain that finds none of its bars would
        otherwise fetch day after day, one at a time.
        """
        place = self.days.index(day)
        first = place
        while first and self.days[first - 1] in self._late:
            first -= 1
        run = [day]
        for later in self.days[place + 1 : place + max(place - first, 1)]:
            if later in self.fetched:
                break
            run.append(later)
        self._late.update(run)
        return run

    def _last_covered(self) -> dt.date:
        """Return the last day that has trades; a later day without a file may still come."""
        covered = [entry.day for entry in self.fetched.values() if entry.report is not None]
        stored = [link.day for link in self.looked.likely() if link.trades_digest]
        return max(covered + stored, default=dt.date.min)
