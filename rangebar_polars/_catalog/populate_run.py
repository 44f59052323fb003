"""The work of a call of `populate`: units are given to a pool, and tried again, split and joined.

A unit is a symbol. Where months are the units, the first unit of a symbol says into which months it
is split; each of these is a unit, and when all are done, so is joining them.
"""

import datetime as dt
import time
from collections import Counter, deque
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final

from rangebar_polars._catalog.chains import chains_of
from rangebar_polars._catalog.executors import OwnExecutor
from rangebar_polars._catalog.fill import Counts, FillRequest, Outcome, describe
from rangebar_polars._catalog.month_units import FilledMonth
from rangebar_polars._catalog.workers import Workers
from rangebar_polars._log import LOG
from rangebar_polars._progress import FetchProgress, Progress
from rangebar_polars.archive.url import with_logins
from rangebar_polars.schema import RULE, THRESHOLD

_OF_KEYS: Final = ("symbol", RULE, THRESHOLD)
POLL_SECONDS: Final = 0.1


@dataclass
class _Symbol:
    """What is known of a symbol."""

    request: FillRequest
    units: list[int] = field(default_factory=list)
    outcome: Outcome | None = None
    seconds: float = 0.0
    months_left: int = 0
    filled: list[FilledMonth] = field(default_factory=list)
    errors: dict[dt.date, str] = field(default_factory=dict)

    def error(self) -> str:
        """Return why its months failed."""
        first = min(self.errors)
        others = f" (and {len(self.errors) - 1} other months)" if len(self.errors) > 1 else ""
        return f"{first:%Y-%m}: {self.errors[first]}{others}"

    def rows(self) -> list[dict[str, Any]]:
        """Return its rows of the report."""
        rows = None if self.outcome is None else self.outcome.rows
        if rows is None:
            why = None if self.outcome is None else self.outcome.error
            failed = {"status": "failed", "message": why}
            request = self.request
            keys = chains_of(request.series, request.days[0], request.options)
            rows = [{name: key.values[name] for name in _OF_KEYS} | failed for key in keys]
        return [row | {"seconds": self.seconds} for row in rows]


@dataclass(frozen=True)
class _Unit:
    """What is given to the pool at once."""

    symbol: _Symbol
    request: FillRequest


class PopulateRun:
    """The work of a call.

    Parameters
    ----------
    requests
        The symbols, as units to begin with.
    pool
        Does the work.
    report
        Receives the progress.
    """

    def __init__(
        self, requests: list[FillRequest], pool: Workers | OwnExecutor, report: Progress
    ) -> None:
        self._symbols = [_Symbol(request) for request in requests]
        self._pool = pool
        self._progress = report
        self._units = list[_Unit]()
        self._left = deque[int]()
        self._counts = dict[int, Counts]()
        self._received_before = 0
        self._attempts = Counter[int]()
        self._at_work = dict[int, float]()
        self._ended = SimpleQueue[tuple[int, Future[Outcome]]]()

    def rows(self) -> list[dict[str, Any]]:
        """Fill every symbol; return the rows of the report.

        No process that was started here outlives this call, even if it is interrupted.
        """
        for symbol in self._symbols:
            self._left.append(self._add(symbol, symbol.request))
        try:
            while any(symbol.outcome is None for symbol in self._symbols):
                while self._left and len(self._at_work) < self._pool.size:
                    self._begin(self._left.popleft())
                self._report()
                self._wait()
            self._report()
        finally:
            self._pool.end()
        return [row for symbol in self._symbols for row in symbol.rows()]

    def _add(self, symbol: _Symbol, request: FillRequest) -> int:
        """Add a unit; return its number."""
        number = len(self._units)
        self._units.append(_Unit(symbol, request))
        symbol.units.append(number)
        return number

    def _begin(self, number: int) -> None:
        """Submit a unit. If that fails, the error is its outcome."""
        # cloudpickle can also pickle functions and classes of the caller's script.
        from cloudpickle import dumps  # noqa: PLC0415 - slow to import

        with with_logins():
            request = dumps(self._units[number].request)
        self._at_work[number] = time.monotonic()
        self._attempts[number] += 1
        try:
            future = self._pool.submit(request, number)
        except Exception as error:  # noqa: BLE001 - an executor may raise anything
            self._end(number, describe(error))
        else:
            future.add_done_callback(partial(self._note, number))

    def _note(self, number: int, future: "Future[Outcome]") -> None:
        """Note that a unit is done; any thread may call this."""
        self._ended.put((number, future))

    def _wait(self) -> None:
        """Wait briefly for a unit to be done; read the counts that were sent."""
        if not self._at_work:
            return
        done = []
        try:
            # Waits are short, because once Polars is loaded Ctrl-C is only noticed between them.
            done.append(self._ended.get(timeout=POLL_SECONDS))
            while True:
                done.append(self._ended.get_nowait())
        except Empty:
            pass
        # The counts of a unit are in the pipe before its future is done.
        for number, counts in self._pool.counts():
            self._counts[number] = counts
            self._report()
        for number, future in done:
            self._take(number, future)

    def _take(self, number: int, future: "Future[Outcome]") -> None:
        """Record the outcome of a unit, or fill it again if its process ended."""
        error = CancelledError() if future.cancelled() else future.exception()
        if error is None:
            request = self._units[number].request
            self._end(number, self._pool.checked(request, future.result()))
        elif isinstance(error, BrokenExecutor) and self._attempts[number] < self._pool.attempts:
            self._retry(number, self._pool.describe(error))
        else:
            self._end(number, self._pool.describe(error))

    def _retry(self, number: int, why: str) -> None:
        """Fill a unit again, after the others."""
        label, attempt = self._units[number].request.label, self._attempts[number]
        LOG.warning("%s: attempt %d of %d: %s", label, attempt, self._pool.attempts, why)
        del self._at_work[number]
        self._received_before += self._counts.pop(number, (0, 0))[1]
        self._left.append(number)

    def _end(self, number: int, outcome: Outcome | str) -> None:
        """Record the outcome of a unit; add those that follow from it."""
        seconds = time.monotonic() - self._at_work.pop(number)
        if isinstance(outcome, str):
            outcome = Outcome(error=outcome, seconds=seconds)
        unit = self._units[number]
        symbol, request = unit.symbol, unit.request
        symbol.seconds += outcome.seconds
        days = 0 if outcome.months else len(request.days)
        self._counts[number] = days, self._counts.get(number, (0, 0))[1]
        if outcome.months:
            symbol.months_left = len(outcome.months)
            months = [self._add(symbol, request.of(month)) for month in outcome.months]
            self._left.extend(months)
        elif request.is_part:
            self._end_month(symbol, request, outcome)
        else:
            symbol.outcome = outcome

    def _end_month(self, symbol: _Symbol, request: FillRequest, outcome: Outcome) -> None:
        """Record a month, and join the months after the last one, unless one of them failed."""
        if outcome.filled is not None:
            symbol.filled.append(outcome.filled)
        elif outcome.error is not None:
            symbol.errors[request.days[-1]] = outcome.error
        symbol.months_left -= 1
        if symbol.months_left:
            return
        if symbol.errors:
            symbol.outcome = Outcome(error=symbol.error())
            return
        joined = replace(symbol.request, step="join", filled=tuple(symbol.filled))
        # Before other months, since those of this symbol need no more to be kept.
        self._left.appendleft(self._add(symbol, joined))

    def _report(self) -> None:
        days = sum(self._days(symbol) for symbol in self._symbols)
        received = self._received_before + sum(received for _, received in self._counts.values())
        done = sum(symbol.outcome is not None for symbol in self._symbols)
        total = sum(len(symbol.request.days) for symbol in self._symbols)
        label = f"{done} of {len(self._symbols)} symbols"
        self._progress(FetchProgress(label, days, total, received))

    def _days(self, symbol: _Symbol) -> int:
        """Return how many days of a symbol are done; a day that is joined was done before."""
        if symbol.outcome is not None:
            return len(symbol.request.days)
        days = {number: self._counts.get(number, (0, 0))[0] for number in symbol.units}
        parts = {number for number in days if self._units[number].request.is_part}
        others = (done for number, done in days.items() if number not in parts)
        return max(sum(days[number] for number in parts), *others)
