"""The bars of one symbol: computed, stored, and counted for the report of `populate`.

A `FillRequest` is sent as bytes to the process that fills the symbol, or a part of it, and that
returns an `Outcome`.
"""

import datetime as dt
import pickle
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal, Self

from rangebar_polars import _internal
from rangebar_polars._catalog.bars import StoredBars, load_bars
from rangebar_polars._catalog.chains import chains_of, stored_chains
from rangebar_polars._catalog.month_units import (
    FilledMonth,
    MonthUnit,
    UnitStore,
    month_units,
    remove_units,
)
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._core.options import Options
from rangebar_polars._disk.cache_root import cache_root
from rangebar_polars._progress import FetchProgress
from rangebar_polars._series import Series
from rangebar_polars.errors import RangeBarError
from rangebar_polars.schema import RULE, THRESHOLD
from rangebar_polars.store import BarKey, BarStore, open_store

Counts = tuple[int, int]
"""The number of finished days of a unit, and of received bytes."""
Report = Callable[[Counts], None]
Step = Literal["symbol", "split", "continue", "month", "join"]
"""What is done: a symbol at once; or its months found, the first filled, another filled, and, when
all are, joined. A symbol of which less than two months are missing is not split, but filled."""


def _token() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class FillRequest:
    """The bars of a symbol that must be computed and stored: a unit of work.

    Attributes
    ----------
    settings
        The cache and the archive of the trades.
    series
        The source, market and symbol.
    days
        The days, ascending and without holes.
    options
        The options of the bars.
    store
        What opens the store. The text of a request does not show its password.
    has_workers_cache
        Whether the trades are in the cache folder of the process that fills the symbol.
    step
        What is done with the days.
    filled
        What was done for the months that are joined.
    version
        The version of the caller's package.
    token
        Another for each call, because an engine may return the result of an equal task instead of
        running it again.
    """

    settings: Settings
    series: Series
    days: tuple[dt.date, ...]
    options: Options
    store: str = field(repr=False)
    has_workers_cache: bool = False
    step: Step = "symbol"
    filled: tuple[FilledMonth, ...] = ()
    version: str = _internal.VERSION
    token: str = field(default_factory=_token)

    @property
    def is_part(self) -> bool:
        """Whether it is of a month of the symbol."""
        return self.step in {"continue", "month"}

    @property
    def label(self) -> str:
        """The name of the unit in messages."""
        name = self.series.label
        return f"{name} {self.days[-1]:%Y-%m}" if self.is_part else name

    def of(self, unit: MonthUnit) -> Self:
        """Return the request for a part of the symbol."""
        return replace(
            self,
            days=unit.days,
            options=replace(self.options, rules=unit.rules),
            step="continue" if unit.continues else "month",
        )

    def localized(self) -> Self:
        """Return the request with the cache folder of this process, if that is the one wanted.

        Raises
        ------
        RangeBarError
            This process has another version of the package, which may know other options.
        """
        if self.version != _internal.VERSION:
            raise RangeBarError(
                f"the process that fills it has rangebar-polars {_internal.VERSION}, and the "
                f"caller {self.version} (install the same version on both)"
            )
        if not self.has_workers_cache:
            return self
        return replace(self, settings=replace(self.settings, root=cache_root()))


@dataclass(frozen=True)
class Outcome:
    """The result for a symbol, or for a part of it.

    Attributes
    ----------
    rows
        Its rows of the report, without the time; None if it failed, or is not done yet.
    error
        Type and text of the error with which it failed.
    seconds
        How long it took.
    months
        The months into which it is split.
    filled
        What was done for a month.
    """

    rows: list[dict[str, Any]] | None = None
    error: str | None = None
    seconds: float = 0.0
    months: tuple[MonthUnit, ...] = ()
    filled: FilledMonth | None = None


def attempt(request: bytes, report: Report = lambda _: None) -> Outcome:
    """Fill a symbol; an error is part of the outcome.

    Parameters
    ----------
    request
        A pickled `FillRequest`.
    report
        As in `fill`.
    """
    began = time.monotonic()
    try:
        asked: FillRequest = pickle.loads(request)  # noqa: S301 - from the caller
        outcome = fill(asked.localized(), report)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001 - nothing is silent, not even a panic of Polars
        outcome = Outcome(error=describe(raised))
    return replace(outcome, seconds=time.monotonic() - began)


def describe(error: BaseException) -> str:
    """Return the type and the text of an error."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def fill(request: FillRequest, report: Report) -> Outcome:
    """Compute and store the bars of a symbol or of a part of it.

    Parameters
    ----------
    request
        The bars.
    report
        Is called often, with the number of finished days and of received bytes.
    """
    with open_store(request.store) as store:
        if request.step == "split":
            keys = chains_of(request.series, request.days[0], request.options)
            cache = request.settings.cache(request.series)
            # A chain with more statistics meets no chain of a month with fewer.
            is_own = stored_chains(store, keys, request.days[0]) == keys
            months = month_units(keys, request.days, store, cache) if is_own else []
            if len(months) > 1:
                return Outcome(months=tuple(months))
        if request.step == "month":
            return _filled(request, UnitStore(store), report)
        return _filled(request, store, report)


def _filled(request: FillRequest, store: BarStore, report: Report) -> Outcome:
    cache = request.settings.cache(request.series)
    cached = set(cache.days())
    runs, done = [FetchProgress("", 0, 0, 0)], 0

    def fetching(now: FetchProgress, /) -> None:
        # Every run of missing days counts from zero.
        if now.days_done < runs[-1].days_done or now.bytes_done < runs[-1].bytes_done:
            runs.append(now)
        runs[-1] = now
        report((done, received()))

    def received() -> int:
        return sum(run.bytes_done for run in runs)

    settings = replace(request.settings, progress=fetching)
    # A symbol may have been listed in the middle of the days.
    bars = load_bars(
        settings, request.series, request.days, request.options, store, allow_empty=request.is_part
    )
    if not bars.looked.is_complete():
        months = groupby(bars.days, lambda day: day.replace(day=1))
        for (_, days), _ in zip(months, bars.frames([]), strict=True):
            done += sum(day >= bars.shown_from for day in days)
            report((done, received()))
        bars.find_stored()
    fetched = frozenset(cache.days()).intersection(bars.days) - cached
    if request.is_part:
        made = {str(key.rule): frozenset(days) for key, days in bars.computed.items()}
        return Outcome(filled=FilledMonth(made, fetched))
    if request.step != "symbol":
        remove_units(bars, store)
    fetched = fetched.union(*(month.fetched for month in request.filled))
    return Outcome([_row(bars, key, request.filled, len(fetched)) for key in bars.keys])


def _row(
    bars: StoredBars, key: BarKey, filled: Sequence[FilledMonth], fetched: int
) -> dict[str, Any]:
    """Return the row of the report for one rule."""
    days = [day for day in bars.days if day >= bars.shown_from]
    made = [month.made.get(str(key.rule), frozenset()) for month in filled]
    stored, computed = bars.looked.own[key], bars.computed.get(key, set()).union(*made)
    links = [link for day, link in stored.items() if day >= bars.shown_from]
    traded = {link.day for link in links if link.trades_digest is not None}
    traded |= bars.traded.get(key, set()).intersection(days)
    lost = sorted(traded - stored.keys())
    defects = Counter[str]()
    for day in days:
        defects.update(bars.defects.get(day, {}))
    found = ", ".join(f"{name} {count}" for name, count in defects.items())
    why = (
        f"bars from {lost[0]} on are not stored, since trades before are missing" if lost else None
    )
    return {
        "symbol": key.series.symbol,
        RULE: key.values[RULE],
        THRESHOLD: key.values[THRESHOLD],
        "status": "incomplete" if lost else "ok",
        "days": len(traded),
        "stored": len(traded - computed),
        "made": len(traded & computed),
        "fetched": fetched,
        "trades": sum(link.trade_count for link in links),
        "bars": sum(link.bar_count for link in links),
        "defects": found or None,
        "message": why,
    }
