"""A fetch that is interrupted, or runs beside others, leaves the cache that one quiet run leaves.

An interrupted month is continued by the files of its days, so a day may name another file of the
archive as its origin: the trades and the digests are those of the quiet run, its bytes need not be.
"""

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.archive_server import ArchiveServer, Fault, day_csv
from support.assertions import tree

import rangebar_polars as rb
from rangebar_polars._days import day_range, month_days
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.archive.binance import BinanceFile

START, END = dt.date(2024, 5, 28), dt.date(2024, 7, 9)
KILLS = 20
PROCESSES = 8

# Run as a process of its own: imports first, prints `ready`, and fetches after a line of its input.
FETCH = """
import signal
import sys
import rangebar_polars as rb

signal.signal(signal.SIGINT, signal.default_int_handler)
url, cache, start, end = sys.argv[1:]
rb.scan_ticks  # loads with its first use
print("ready", flush=True)
sys.stdin.readline()
archive = rb.BinanceArchive(url, None, threads=4)
rb.scan_ticks("BTCUSDT", start, end, cache_dir=cache, archive=archive)
print("done", flush=True)
"""


class Quiet(NamedTuple):
    """What an uninterrupted fetch leaves."""

    files: dict[str, bytes]
    digests: dict[str, str]


SERIES = Series("binance", "spot", "BTCUSDT")


@pytest.fixture(scope="module")
def server() -> Iterator[ArchiveServer]:
    """Serve a month as one file and the days around it as a file each."""
    with ArchiveServer() as running:
        month = []
        for number, day in enumerate(day_range(START, END)):
            text = day_csv(day, 3000, first_id=3000 * number)
            running.publish(BinanceFile("spot", "BTCUSDT", day), text)
            if day.month == 6:
                month.append(text)
        june = BinanceFile("spot", "BTCUSDT", dt.date(2024, 6, 1), monthly=True)
        running.publish(june, b"".join(month))
        yield running


@pytest.fixture(scope="module")
def quiet(server: ArchiveServer, tmp_path_factory: pytest.TempPathFactory) -> Quiet:
    """Return what an uninterrupted fetch leaves."""
    folder = tmp_path_factory.mktemp("quiet")
    finish(server, folder)
    return Quiet(tree(folder), digests(folder))


def digests(cache: Path) -> dict[str, str]:
    """Return the digest of each file in a cache, which holds sound days and nothing else."""
    days, found = DiskTickCache(cache, SERIES), dict[str, str]()
    for name in tree(cache):
        report = days.report(dt.date.fromisoformat(Path(name).stem))
        assert report is not None, name
        assert days.damage(report.day) is None, name
        found[name] = report.digest
    return found


def finish(server: ArchiveServer, cache: Path) -> None:
    """Fetch the whole range in this process."""
    archive = rb.BinanceArchive(server.url, None, threads=4)
    rb.scan_ticks("BTCUSDT", START, END, cache_dir=cache, archive=archive)


def begun(server: ArchiveServer, cache: Path) -> "subprocess.Popen[str]":
    """Start a process that waits for a line before it fetches."""
    return subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", FETCH, server.url, str(cache), str(START), str(END)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"no_proxy": "*", "POLARS_MAX_THREADS": "1"},
    )


def go(*processes: "subprocess.Popen[str]") -> None:
    """Let processes fetch, once they all have imported."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def seconds_alone(server: ArchiveServer, cache: Path) -> float:
    """Return how long the fetch takes one process that is left alone."""
    process = begun(server, cache)
    go(process)
    started = time.perf_counter()
    end(process)
    return time.perf_counter() - started


def kill_after(process: "subprocess.Popen[str]", seconds: float) -> None:
    """Kill a process without a warning, unless it ends before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()


def end(process: "subprocess.Popen[str]") -> None:
    """Wait for a process and close its pipes."""
    process.communicate(timeout=60)


def test_a_quiet_run_leaves_the_days_and_nothing_else(quiet: Quiet) -> None:
    folder = "ticks/source=binance/market=spot/symbol=BTCUSDT"

    assert sorted(quiet.files) == [f"{folder}/{day}.parquet" for day in day_range(START, END)]


def test_killed_at_any_moment_and_run_again_the_cache_is_that_of_a_quiet_run(
    server: ArchiveServer, quiet: Quiet, tmp_path: Path
) -> None:
    moments = random.Random(6)  # noqa: S311
    unfinished, whole = 0, set()
    longest = seconds_alone(server, tmp_path / "alone")
    waiting = begun(server, tmp_path / "0")
    for kill in range(KILLS):
        process, cache = waiting, tmp_path / f"{kill}"
        go(process)
        kill_after(process, moments.uniform(0, longest))
        end(process)
        left = tree(cache)
        whole.add(sum(name.endswith(".parquet") for name in left))
        unfinished += any(name.endswith(".part") for name in left)
        # The next process imports while this one's work is finished.
        waiting = begun(server, tmp_path / f"{kill + 1}")

        finish(server, cache)

        assert {
            n: b for n, b in left.items() if n.endswith(".parquet")
        }.items() <= quiet.files.items()
        assert digests(cache) == quiet.digests, f"kill {kill}"
    waiting.kill()
    end(waiting)
    assert unfinished > KILLS // 10, "too few kills met an unfinished file"
    assert len(whole) > KILLS // 10, "the kills did not meet the fetch at different moments"


def test_processes_that_fill_the_same_days_leave_what_one_leaves(
    server: ArchiveServer, quiet: Quiet, tmp_path: Path
) -> None:
    asked = len(server.requests)
    processes = [begun(server, tmp_path) for _ in range(PROCESSES)]
    go(*processes)
    for process in processes:
        end(process)

    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert tree(tmp_path) == quiet.files
    zips = [request.path for request in server.requests[asked:] if request.path.endswith(".zip")]
    assert len(zips) == len(set(zips)), "a file was fetched twice"


def test_processes_of_which_half_are_killed_leave_what_one_leaves(
    server: ArchiveServer, quiet: Quiet, tmp_path: Path
) -> None:
    processes = [begun(server, tmp_path) for _ in range(PROCESSES)]
    go(*processes)
    for process in processes[::2]:
        kill_after(process, 0.1)
    for process in processes:
        end(process)

    assert [process.returncode for process in processes[1::2]] == [0] * (PROCESSES // 2)
    finish(server, tmp_path)
    assert digests(tmp_path) == quiet.digests


def test_days_fetched_in_another_order_are_the_same_bytes(
    server: ArchiveServer, quiet: Quiet, tmp_path: Path
) -> None:
    archive = rb.BinanceArchive(server.url, None)
    days = [day for day in day_range(START, END) if day.month != 6]
    random.Random(6).shuffle(days)  # noqa: S311
    for day in [*days, *days[:3]]:
        rb.scan_ticks("BTCUSDT", day, day, cache_dir=tmp_path, archive=archive)
    june = month_days(dt.date(2024, 6, 1))
    rb.scan_ticks("BTCUSDT", june[0], june[-1], cache_dir=tmp_path, archive=archive)

    assert tree(tmp_path) == quiet.files


def test_an_interrupt_from_the_keyboard_leaves_only_whole_days(
    server: ArchiveServer, quiet: Quiet, tmp_path: Path
) -> None:
    stalled = BinanceFile("spot", "BTCUSDT", END).path
    server.faults[stalled].append(Fault("stall", 1000))
    process = begun(server, tmp_path)
    go(process)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGINT)
    process.wait(5)
    end(process)

    server.faults.clear()
    assert process.returncode != 0
    assert tree(tmp_path).items() <= quiet.files.items()
