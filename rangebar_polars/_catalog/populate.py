"""Filling the caches: trades and bars of many symbols, by several processes, at one call.

A process takes one symbol at a time and does what `get_range_bars` does, so a symbol that is done
already costs a look, and one that was interrupted anywhere goes on where its last month was stored.
"""

import contextlib
import datetime as dt
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import IO, Any, Final, Literal, Self, SupportsIndex, cast

import polars as pl

from rangebar_polars._catalog.bars import StoredBars, check_options, load_bars
from rangebar_polars._catalog.settings import Settings
from rangebar_polars._core.options import Options, Reset, Threshold, check_count
from rangebar_polars._days import day_range
from rangebar_polars._progress import FetchProgress, Progress, check_progress, reporter
from rangebar_polars.archive import Archive
from rangebar_polars.errors import RangeBarWarning
from rangebar_polars.schema import THRESHOLD, Series
from rangebar_polars.store import BarKey, BarStore, open_store

REPORT_SCHEMA: Final = pl.Schema(
    {
        "symbol": pl.String(),
        THRESHOLD: pl.Int64(),
        "status": pl.String(),
        "days": pl.Int64(),
        "stored": pl.Int64(),
        "made": pl.Int64(),
        "fetched": pl.Int64(),
        "trades": pl.Int64(),
        "bars": pl.Int64(),
        "defects": pl.String(),
        "seconds": pl.Float64(),
        "message": pl.String(),
    }
)
POLL_SECONDS: Final = 0.1
GRACE_SECONDS: Final = 2.0
"""How long a process may take to put its work down before it is ended by force."""
_WORK: Final = """
import sys
from multiprocessing.connection import Connection
link = Connection(int(sys.argv[1]))
sys.path[:] = link.recv()
from rangebar_polars._catalog.populate import work
work(link)
"""


@dataclass(frozen=True)
class FillRequest:
    """The bars of a symbol, which a process makes and stores.

    Attributes
    ----------
    settings
        Where trades are, and how they may be had.
    series
        Whose bars.
    days
        The days, ascending and without holes.
    options
        What bars.
    store
        What opens the store.
    """

    settings: Settings
    series: Series
    days: tuple[dt.date, ...]
    options: Options
    store: str


Seen = tuple[int, int]
"""How many days of a symbol are done, and how many bytes have come."""
Tell = Callable[[Seen], None]


def populate(
    symbols: str | Iterable[str],
    start: str | dt.date,
    end: str | dt.date,
    thresholds: Threshold = 250,
    *,
    source: str = "binance",
    market: str = "spot",
    prevent_same_timestamp_close: bool = True,
    reset: Reset | None = None,
    fetch_if_missing: bool = True,
    store: BarStore | str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    archive: Archive | str | None = None,
    processes: SupportsIndex | None = None,
    progress: Progress | Literal["tqdm"] | None = None,
) -> pl.DataFrame:
    """Fill the caches with trades and bars of many symbols.

    Afterwards `get_range_bars` with the same days answers from the store. Whatever ended an earlier
    call, the next one goes on; what is there and proven is not made again. A symbol that fails does
    not keep the others from being filled.

    Parameters
    ----------
    symbols
        One symbol, or several.
    start, end
        UTC days, both included; `start` is where the chains begin.
    thresholds
        One threshold, or several for one pass over the trades of each symbol.
    source, market, prevent_same_timestamp_close, reset, fetch_if_missing
        As in `get_range_bars`.
    store, cache_dir, archive
        As in `get_range_bars`. A `BarStore` of your own must be one that `open_store` opens by its
        `address`.
    processes
        How many symbols are worked at once, each in a process; by default one for two cores. Each
        holds a day of trades, or a month of bars of each threshold, in memory.
    progress
        A callable that is given each `FetchProgress`, with the days of all symbols, or ``"tqdm"``
        for a bar.

    Returns
    -------
    DataFrame
        A row for each symbol and threshold, symbols in the order given, thresholds ascending:
        ``symbol``, ``threshold_decimal_bps``; ``status``, "ok", "incomplete" (bars behind a day
        that was not to be had are not stored) or "failed"; ``days``, how many of the range have
        trades; of those ``stored``, whose bars were there, and ``made``, whose bars were made now;
        ``fetched``, how many days of trades came from the archive now; ``trades`` and ``bars``, how
        many of the range are stored, bars that a reset cut off among them; ``defects``, what is
        wrong with the trades, with the count of each; ``seconds``, of the symbol; ``message``, of
        an error. Of a symbol that failed only these last two are known.

    Raises
    ------
    ValueError, TypeError
        An argument is wrong.
    StoreError
        The store cannot be opened.

    Warns
    -----
    RangeBarWarning
        Once, if a symbol failed.

    Examples
    --------
    ``populate(["BTCUSDT", "ETHUSDT"], "2024-01-01", "2024-06-30", [250, 500], progress="tqdm")``
    fetches half a year of both. With trades of one's own:

    >>> import tempfile
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.3, 101.0],
    ...         "quantity": [1.0, 2.0, 0.5],
    ...     },
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     own = {"source": "mine", "cache_dir": folder}
    ...     report = rb.import_trades(trades, symbol="BTC-USD", **own)
    ...     filled = rb.populate("BTC-USD", "1970-01-01", "1970-01-01", [250, 500], **own)
    >>> filled.select("symbol", "threshold_decimal_bps", "status", "made", "bars").rows()
    [('BTC-USD', 250, 'ok', 1, 1), ('BTC-USD', 500, 'ok', 1, 1)]
    """
    names = _names(symbols)
    days = day_range(start, end)
    cores = os.cpu_count() or 1
    most = max(1, cores // 2) if processes is None else check_count(processes, "processes")
    settings = Settings.check(
        source=source,
        market=market,
        cache_dir=cache_dir,
        archive=archive,
        fetch_if_missing=fetch_if_missing,
        progress=None,
    )
    options = check_options(
        thresholds,
        include_microstructure=False,
        include_incomplete=False,
        prevent_same_timestamp_close=prevent_same_timestamp_close,
        reset=reset,
    )
    check_progress(progress)
    series = [settings.series(name) for name in names]
    with reporter(progress) as tell:
        address = _address(store, cache_dir)
        requests = [FillRequest(settings, each, tuple(days), options, address) for each in series]
        rows = _Pool(requests, min(most, len(names)), len(days), tell).run()
    failed = {row["symbol"]: row["message"] for row in rows if row["status"] == "failed"}
    if failed:
        told = "; ".join(f"{symbol}: {message}" for symbol, message in failed.items())
        text = f"{len(failed)} of {len(names)} symbols were not filled: {told}"
        warnings.warn(text, RangeBarWarning, stacklevel=2)
    return pl.DataFrame(rows, schema=REPORT_SCHEMA, orient="row")


def _names(symbols: str | Iterable[str]) -> list[str]:
    """Return the symbols; whether a source can have such ones is judged elsewhere."""
    if not isinstance(symbols, Iterable):
        raise TypeError(f"symbols is {symbols!r} (give one symbol or several)")
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"symbols holds {name!r} (give names such as 'BTCUSDT')")
    if not names:
        raise ValueError("symbols is empty (give one symbol or several)")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"symbols holds {repeated[0]!r} twice (give each once)")
    return names


def _address(
    store: BarStore | str | os.PathLike[str] | None, cache_dir: str | os.PathLike[str] | None
) -> str:
    """Return what other processes open the store by; it has been opened once."""
    given = store.address if isinstance(store, BarStore) else store
    with open_store(given, cache_dir=cache_dir) as opened:
        if isinstance(store, BarStore) and type(opened) is not type(store):
            raise TypeError(
                f"store is a {type(store).__name__}, whose address opens a {type(opened).__name__} "
                "(give a store that open_store opens by its address)"
            )
        return opened.address


@dataclass
class _Worker:
    """A process, and the symbol it is at."""

    process: subprocess.Popen[bytes]
    link: Connection
    number: int | None = None
    began: float = 0.0

    @classmethod
    def started(cls, threads: int) -> Self:
        """Start a process that waits for a request."""
        ours, theirs = Pipe()
        # Ctrl-C goes to every process of a terminal, but the caller's ends the others. Blocked
        # here it is blocked there, from their first moment on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process = subprocess.Popen(  # noqa: S603 - this package itself
                [sys.executable, "-P", "-c", _WORK, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env={"POLARS_MAX_THREADS": str(threads)} | os.environ,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        worker = cls(process, ours)
        worker.send(sys.path)
        return worker

    def send(self, what: object) -> None:
        """Send; that it has ended is heard where its answer is waited for."""
        with contextlib.suppress(OSError):
            self.link.send_bytes(pickle.dumps(what))

    def take(self, number: int, request: FillRequest) -> None:
        """Begin with a symbol."""
        self.number, self.began = number, time.monotonic()
        self.send(request)


@dataclass
class _Pool:
    """The processes of a call."""

    requests: list[FillRequest]
    most: int
    days: int
    tell: Progress
    workers: list[_Worker] = field(default_factory=list)
    rows: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    seen: dict[int, Seen] = field(default_factory=dict)

    def run(self) -> list[dict[str, Any]]:
        """Have every request fulfilled; return the rows of the report.

        However it ends, no process of it goes on.
        """
        left = deque(range(len(self.requests)))
        threads = max(1, (os.cpu_count() or 1) // self.most)
        try:
            while len(self.rows) < len(self.requests):
                while len(self.workers) < min(self.most, len(self.requests) - len(self.rows)):
                    self.workers.append(_Worker.started(threads))
                for worker in self.workers:
                    if worker.number is None and left:
                        number = left.popleft()
                        worker.take(number, self.requests[number])
                # Short waits, because Ctrl-C is seen only between them once Polars is loaded.
                ready = wait([worker.link for worker in self.workers], POLL_SECONDS)
                for worker in [each for each in self.workers if each.link in ready]:
                    self._hear(worker)
                self.tell(self._progress())
        finally:
            _end(self.workers)
        return [row for number in sorted(self.rows) for row in self.rows[number]]

    def _hear(self, worker: _Worker) -> None:
        """Take in what a worker says; one that has ended without a word fails its symbol."""
        said: Seen | list[dict[str, Any]] | str
        try:
            said = worker.link.recv()
        except (EOFError, OSError):
            self.workers.remove(worker)
            _end([worker])
            status = worker.process.returncode
            said = f"its process ended with status {status} (was it killed, or out of memory?)"
        number = worker.number
        if number is None:
            return
        if isinstance(said, tuple):
            self.seen[number] = said
            return
        seconds = time.monotonic() - worker.began
        rows = _failed(self.requests[number], said) if isinstance(said, str) else said
        self.rows[number] = [row | {"seconds": seconds} for row in rows]
        self.seen[number] = self.days, self.seen.get(number, (0, 0))[1]
        worker.number = None

    def _progress(self) -> FetchProgress:
        days = sum(days for days, _ in self.seen.values())
        received = sum(received for _, received in self.seen.values())
        label = f"{len(self.rows)} of {len(self.requests)} symbols"
        return FetchProgress(label, days, self.days * len(self.requests), received)


def _end(workers: list[_Worker]) -> None:
    """Have processes end: by themselves, so that nothing half-written is left, or else by force."""
    for worker in workers:
        cast("IO[bytes]", worker.process.stdin).close()
    latest = time.monotonic() + GRACE_SECONDS
    for worker in workers:
        try:
            worker.process.wait(max(0.0, latest - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.link.close()


def work(link: Connection) -> None:
    """Fulfil requests that come through a pipe: what a process of `populate` does.

    Parameters
    ----------
    link
        The pipe.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def tell(seen: Seen) -> None:
        # Where the caller has gone, the signal ends the work, and nothing else before it.
        with contextlib.suppress(OSError):
            link.send(seen)

    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        threading.Thread(target=_end_with_caller, daemon=True).start()
        while True:
            link.send(_answer(link.recv_bytes(), tell))
    # A pool does not know, and does not wait for, a thread that was just being started.
    while sum(not thread.daemon for thread in threading.enumerate()) > 1:
        time.sleep(POLL_SECONDS / 10)
    # Without the rest of a shutdown, into which the end of the caller would fall once more.
    os._exit(0)


def _end_with_caller() -> None:
    """Wait until the caller has closed its end of stdin, be it by its death; then end the work."""
    while os.read(0, 1):
        pass
    signal.pthread_kill(cast("int", threading.main_thread().ident), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def _answer(request: bytes, tell: Tell) -> list[dict[str, Any]] | str:
    """Return the rows of a symbol, or what stands against them."""
    try:
        return fill(pickle.loads(request), tell)  # noqa: S301 - from the caller
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - nothing is silent, not even a panic of Polars
        return f"{type(error).__name__}: {error}"


def fill(request: FillRequest, tell: Tell) -> list[dict[str, Any]]:
    """Have the bars of a symbol made and stored; return its rows of the report.

    Parameters
    ----------
    request
        The bars.
    tell
        Is told how many days are done and how many bytes have come, often.
    """
    cache = request.settings.cache(request.series)
    cached = set(cache.days())
    runs, done = [FetchProgress("", 0, 0, 0)], 0

    def fetching(now: FetchProgress, /) -> None:
        # Every run of days that is missing counts its own.
        if now.days_done < runs[-1].days_done or now.bytes_done < runs[-1].bytes_done:
            runs.append(now)
        runs[-1] = now
        tell((done, received()))

    def received() -> int:
        return sum(run.bytes_done for run in runs)

    settings = replace(request.settings, progress=fetching)
    with open_store(request.store) as store:
        bars = load_bars(settings, request.series, request.days, request.options, store)
        before = {key: set(links) for key, links in bars.stored.items()}
        if bars.fetched:
            months = groupby(bars.days, lambda day: day.replace(day=1))
            for (_, days), _ in zip(months, bars.frames([THRESHOLD]), strict=True):
                done += sum(day >= bars.shown_from for day in days)
                tell((done, received()))
            bars.find_stored()
    fetched = len(set(cache.days()).intersection(bars.days) - cached)
    return [_row(bars, key, before[key], fetched) for key in bars.keys]


def _row(bars: StoredBars, key: BarKey, before: set[dt.date], fetched: int) -> dict[str, Any]:
    """Return what became of the bars of one threshold."""
    days = [day for day in bars.days if day >= bars.shown_from]
    links = [link for day, link in bars.stored[key].items() if day >= bars.shown_from]
    traded = {link.day for link in links if link.ticks is not None}
    traded |= {day for day in days if day in bars.fetched and bars.fetched[day].report is not None}
    lost = sorted(traded - bars.stored[key].keys())
    defects = Counter[str]()
    for day in days:
        defects.update(bars.defects.get(day, {}))
    told = ", ".join(f"{name} {count}" for name, count in defects.items())
    why = (
        f"bars from {lost[0]} on are not stored, since trades before are missing" if lost else None
    )
    return {
        "symbol": key.series.symbol,
        THRESHOLD: key.rule.threshold_decimal_bps,
        "status": "incomplete" if lost else "ok",
        "days": len(traded),
        "stored": len(traded & before),
        "made": len(traded - before),
        "fetched": fetched,
        "trades": sum(link.trades for link in links),
        "bars": sum(link.bars for link in links),
        "defects": told or None,
        "message": why,
    }


def _failed(request: FillRequest, message: str) -> list[dict[str, Any]]:
    """Return the rows of a symbol that could not be filled."""
    of_all = {"symbol": request.series.symbol, "status": "failed", "message": message}
    return [of_all | {THRESHOLD: each} for each in request.options.thresholds]
