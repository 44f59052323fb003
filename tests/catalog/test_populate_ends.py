"""What may end `populate` in the middle: whole files are left, and no process."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.archive_server import ArchiveServer
from support.assertions import tree
from support.cached_trades import DAYS, give, trades_of
from support.populating import (
    Workers,
    is_whole,
    populate,
    rows_of,
)
from support.subprocesses import TIMEOUT

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._progress import FetchProgress

INTERRUPTIBLE = """
import signal
import sys
# A test run in the background hands on an ignored SIGINT, which Python would keep.
signal.signal(signal.SIGINT, signal.default_int_handler)
import rangebar_polars as rb

def report(progress):
    if progress.bytes_done or progress.days_done:
        print("at work", flush=True)

"""
FETCH = f"""{INTERRUPTIBLE}
rb.populate(
    ["BTCUSDT", "ETHUSDT"], "2024-01-30", "2024-02-02", 30,
    archive=rb.BinanceArchive(sys.argv[2], None), cache_dir=sys.argv[1],
    processes=2, progress=report,
)
"""
MAKE = f"""{INTERRUPTIBLE}
rb.populate(
    "BTC-USD", "2024-01-01", "2024-03-31", [1, 10, 20, 30, 40, 50],
    source="mine", cache_dir=sys.argv[1], progress=report,
)
"""


def begun(code: str, folder: Path, url: str = "") -> "subprocess.Popen[str]":
    """Start a call in a process of its own, at the head of a group; return when it is at work."""
    caller = subprocess.Popen(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", code, folder, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == "at work\n"
    return caller


def end(caller: "subprocess.Popen[str]") -> str:
    """Wait until it and the processes it started have ended; return what they printed of errors."""
    # Each of them has the pipe open until it ends.
    _, errors = caller.communicate(timeout=TIMEOUT / 4)
    return errors


@pytest.mark.parametrize("group", [True, False], ids=["of the terminal", "of the caller"])
def test_an_interrupt_while_days_are_fetched_leaves_whole_days_and_no_process(
    stalling: ArchiveServer, tmp_path: Path, *, group: bool
) -> None:
    caller = begun(FETCH, tmp_path, stalling.url)

    os.kill(-caller.pid if group else caller.pid, signal.SIGINT)
    errors = end(caller)

    assert caller.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert errors.endswith("KeyboardInterrupt\n")
    assert is_whole(tmp_path)
    stalling.faults.clear()
    left, days = tree(tmp_path), (DAYS[4], DAYS[7])
    rb.populate(["BTCUSDT", "ETHUSDT"], *days, archive=stalling.url, cache_dir=tmp_path)
    assert left.items() <= tree(tmp_path).items()


def test_an_interrupt_while_bars_are_computed_leaves_whole_months_and_no_process(
    tmp_path: Path,
) -> None:
    days = day_range("2024-01-01", "2024-03-31")
    give(tmp_path, trades_of(days, per_day=10))
    caller = begun(MAKE, tmp_path)

    os.killpg(caller.pid, signal.SIGINT)
    errors = end(caller)

    assert caller.returncode == -signal.SIGINT
    # Older versions of Polars panic where an interrupt ends a plan, and print that.
    assert 1 <= errors.count("Traceback") <= 1 + errors.count("panicked at")
    assert errors.endswith("KeyboardInterrupt\n")
    assert is_whole(tmp_path)
    left = tree(tmp_path)
    (row, *_) = rows_of(
        populate(tmp_path, start=days[0], end=days[-1], threshold_decimal_bps=[1, 10])
    )
    assert 31 <= row["stored"] < len(days)
    assert left.items() <= tree(tmp_path).items()


def test_processes_end_with_a_caller_that_is_killed(
    stalling: ArchiveServer, tmp_path: Path
) -> None:
    caller = begun(FETCH, tmp_path, stalling.url)

    caller.kill()

    # What loky starts to clear up after a crash says that it did.
    assert "Traceback" not in end(caller)
    assert is_whole(tmp_path)


class StopError(Exception):
    """What a caller's own code may raise."""


def test_an_exception_of_the_callback_ends_it_and_leaves_whole_files(
    stalling: ArchiveServer, tmp_path: Path, workers: Workers
) -> None:
    def stop(progress: FetchProgress, /) -> None:
        if progress.bytes_done:
            raise StopError

    symbols = ["BTCUSDT", "ETHUSDT"]
    archive: dict[str, Any] = {"archive": stalling.url, "cache_dir": tmp_path}
    with pytest.raises(StopError):
        rb.populate(symbols, DAYS[4], DAYS[7], processes=2, progress=stop, **archive)

    assert [worker.exitcode for worker in workers] == [0, 0]
    assert is_whole(tmp_path)


def test_a_process_that_does_not_end_by_itself_is_ended(
    cache: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["rangebar_polars._catalog.workers"], "GRACE_SECONDS", 0.0)

    def stop(_: FetchProgress, /) -> None:
        os.kill(workers[0].pid or 0, signal.SIGSTOP)
        raise StopError

    with pytest.raises(StopError):
        populate(cache, progress=stop)

    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL]
