"""`populate` with your own executor: threads, processes, and what goes wrong."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from pathlib import Path
from typing import Any

import pytest
from support.assertions import tree
from support.cached_trades import DAYS, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.populating import ETH, Workers, populate, rows_of, stored
from support.subprocesses import TIMEOUT, run

from rangebar_polars._catalog.executors import IN_FLIGHT
from rangebar_polars._progress import FetchProgress
from rangebar_polars.errors import RangeBarWarning


@pytest.mark.parametrize("kind", ["threads", "spawned processes"])
def test_an_executor_fills_what_processes_of_the_call_fill(
    kind: str, cache: Path, tmp_path: Path
) -> None:
    give(cache, trades_of(DAYS, seed=1), symbol=ETH)
    own: Executor = ThreadPoolExecutor(2)
    if kind == "spawned processes":
        own = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    asked: dict[str, Any] = {"symbols": [SYMBOL, ETH], "threshold_decimal_bps": [30, 50]}

    with own:
        report = populate(cache, store=tmp_path / "own", executor=own, **asked)
        # It is not shut down.
        assert own.submit(abs, -1).result() == 1

    assert rows_of(report) == rows_of(populate(cache, store=tmp_path / "default", **asked))
    assert tree(tmp_path / "own") == tree(tmp_path / "default")


def test_threads_start_no_process_and_bars_are_those_of_one_pass(
    cache: Path, tmp_path: Path, workers: Workers
) -> None:
    with ThreadPoolExecutor(1) as threads:
        populate(cache, store=tmp_path / "store", executor=threads)

    assert workers == []
    expected = one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30)
    assert_same(expected, stored(cache, store=tmp_path / "store"))


def test_progress_counts_the_days_of_symbols_that_are_done(cache: Path, tmp_path: Path) -> None:
    give(cache, trades_of(DAYS, seed=1), symbol=ETH)
    seen = list[FetchProgress]()

    with ThreadPoolExecutor(1) as threads:
        populate(cache, [SYMBOL, ETH], store=tmp_path, executor=threads, progress=seen.append)

    assert seen[0] == FetchProgress("0 of 2 symbols", 0, 28, 0)
    assert seen[-1] == FetchProgress("2 of 2 symbols", 28, 28, 0)
    assert {each.days_done for each in seen} <= {0, 14, 28}


class Counting(ThreadPoolExecutor):
    """A thread that counts what it was given and is not done, and begins when that is enough."""

    def __init__(self) -> None:
        super().__init__(1)
        self.unfinished = self.most = 0
        self._lock, self._enough = threading.Lock(), threading.Event()
        super().submit(self._enough.wait, TIMEOUT)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:  # noqa: ANN401
        """Submit and count."""
        with self._lock:
            self.unfinished += 1
            self.most = max(self.most, self.unfinished)
        if self.most >= IN_FLIGHT:
            self._enough.set()
        future = super().submit(fn, *args, **options)
        future.add_done_callback(self._count)
        return future

    def _count(self, _: Future[Any]) -> None:
        with self._lock:
            self.unfinished -= 1


def test_many_symbols_are_not_given_to_an_executor_at_once(tmp_path: Path) -> None:
    symbols = [f"S{number}" for number in range(IN_FLIGHT + 40)]

    with (
        Counting() as own,
        pytest.warns(RangeBarWarning, match=f"{len(symbols)} of {len(symbols)} symbols"),
    ):
        report = populate(tmp_path, symbols, store=tmp_path / "store", executor=own)

    assert own.most == IN_FLIGHT
    assert report["symbol"].to_list() == symbols


def failed(root: Path, executor: Executor) -> list[str]:
    """Return why the symbols failed."""
    with pytest.warns(RangeBarWarning) as warned:
        report = populate(root, [SYMBOL, ETH], store=root / "store", executor=executor)
    assert len(warned) == 1
    assert report["status"].to_list() == ["failed"] * 2
    return report["message"].to_list()


def test_an_executor_that_takes_nothing_is_reported_as_it_is(cache: Path) -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()

    message = "RuntimeError: cannot schedule new futures after shutdown"
    assert failed(cache, threads) == [message] * 2


class Broken(Executor):
    """An executor that loses what it is given."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def submit(self, *_: object, **__: object) -> Future[Any]:
        """Return a future that has failed."""
        future = Future[Any]()
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BrokenExecutor("a worker was lost"), "BrokenExecutor: a worker was lost"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_an_executor_says_is_the_message(
    error: BaseException, message: str, cache: Path
) -> None:
    assert failed(cache, Broken(error)) == [message] * 2


class StopError(Exception):
    """What a callback may raise."""


def test_what_has_not_begun_is_taken_back_when_the_call_ends_early(cache: Path) -> None:
    before, release = tree(cache), threading.Event()

    def stop(_: FetchProgress, /) -> None:
        raise StopError

    with ThreadPoolExecutor(1) as threads:
        threads.submit(release.wait)
        with pytest.raises(StopError):
            populate(cache, store=cache / "store", executor=threads, progress=stop)
        release.set()

    assert tree(cache) == before


FORK = """
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
import polars as pl
import rangebar_polars as rb

folder = tempfile.mkdtemp()
own = {"source": "mine", "cache_dir": folder}
trades = pl.DataFrame(
    {
        "timestamp": pl.Series([0, 1000, 2000]).cast(pl.Datetime("ms")),
        "price": [100.0, 101.0, 100.0],
        "quantity": [1.0] * 3,
    }
)

def imported():
    rb.import_trades(trades, symbol="S", **own)

def filled():
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        day = "1970-01-01"
        report = rb.populate("S", day, day, store=folder, executor=executor, **own)
    print(report["status"].item(), report["message"].item())
"""
REFUSED = (
    "failed RangeBarError: this process was forked after its parent had begun the threads of "
    "Polars, and would wait for ever for threads that a fork does not copy (start it by "
    'multiprocessing.get_context("spawn") or "forkserver", or make bars of frames, without by, '
    "aggs, events and expressions of your own)\n"
)


def test_processes_that_were_forked_after_threads_were_used_are_refused() -> None:
    assert run(f"{FORK}\nimported()\nfilled()") == REFUSED


def test_processes_that_were_forked_before_any_use_fill() -> None:
    code = f"""{FORK}
spawned = multiprocessing.get_context("fork").Process(target=imported)
spawned.start()
spawned.join()
filled()
"""

    assert run(code) == "ok None\n"


class Cancelling(Executor):
    """An executor whose scheduler ends."""

    def submit(self, *_: object, **__: object) -> Future[Any]:
        """Return a future that is cancelled."""
        future = Future[Any]()
        future.cancel()
        return future


class Foreign(Executor):
    """An executor whose results are no futures."""

    def submit(self, *_: object, **__: object) -> Any:  # noqa: ANN401
        """Return something else."""
        return "ObjectRef(1)"


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        (
            Cancelling(),
            "the executor cancelled it (did its scheduler or its workers end?)",
        ),
        (
            Foreign(),
            (
                "TypeError: submit of the executor returned a str (give an executor whose submit "
                "returns a concurrent.futures.Future)"
            ),
        ),
    ],
)
def test_what_no_result_comes_from_is_a_failure(
    executor: Executor, message: str, cache: Path
) -> None:
    assert failed(cache, executor) == [message] * 2


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (
            {"executor": 5},
            TypeError,
            "executor is 5 (give a concurrent.futures.Executor or a Dask client)",
        ),
        (
            {"executor": Broken},
            TypeError,
            (
                f"executor is {Broken!r} (give a concurrent.futures.Executor or a Dask client, not "
                "the class of one)"
            ),
        ),
        (
            {"processes": 2},
            ValueError,
            "processes is 2 although an executor is given (give one of them)",
        ),
        (
            {"store": None},
            ValueError,
            (
                "store is None although an executor is given, whose machines may have caches of "
                "their own (give a store that means the same to all: a URL or a shared folder)"
            ),
        ),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_submitted(
    wrong: dict[str, Any], error: type[Exception], text: str, tmp_path: Path
) -> None:
    right: dict[str, Any] = {"executor": Broken(AssertionError()), "store": tmp_path / "store"}

    with pytest.raises(error) as raised:
        populate(tmp_path, **right | wrong)

    assert str(raised.value) == text
    assert tree(tmp_path) == {}
