"""`populate` by months, killed at random moments: the next call leaves what a quiet one does."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.archive_server import ArchiveServer
from support.assertions import tree
from support.entry_points import assert_same
from support.populating import is_whole, publish
from support.subprocesses import TIMEOUT

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars.store import ParquetStore

DAYS = day_range("2024-02-25", "2024-04-04")
THRESHOLDS = [20, 30]
FILL = """
import signal
import sys
# A test run in the background hands on an ignored SIGINT, which Python would keep.
signal.signal(signal.SIGINT, signal.default_int_handler)
import multiprocessing
import rangebar_polars as rb

def report(progress):
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)

rb.populate(
    "BTCUSDT", "2024-02-25", "2024-04-04", [20, 30], unit="month", processes=2,
    archive=rb.BinanceArchive(sys.argv[2], None, threads=2), cache_dir=sys.argv[1],
    progress=report,
)
"""


@pytest.fixture(scope="module")
def archive() -> Iterator[ArchiveServer]:
    """Serve the days."""
    with ArchiveServer() as running:
        publish(running, DAYS, "BTCUSDT")
        yield running


@pytest.fixture(scope="module")
def quiet(archive: ArchiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a quiet call by symbols."""
    root = tmp_path_factory.mktemp("quiet")
    fill(root, archive, unit="symbol", processes=1)
    return tree(root)


def fill(root: Path, archive: ArchiveServer, **options: Any) -> None:  # noqa: ANN401
    """Fill the caches in processes of this one."""
    asked: dict[str, Any] = {"unit": "month", "processes": 2, "archive": archive.url} | options
    report = rb.populate("BTCUSDT", DAYS[0], DAYS[-1], THRESHOLDS, cache_dir=root, **asked)
    assert report["status"].to_list() == ["ok"] * len(THRESHOLDS)
    assert report["days"].to_list() == [len(DAYS)] * len(THRESHOLDS)


def count_files(root: Path) -> int:
    """Return how many complete files there are."""
    return sum(name.endswith(".parquet") for _, _, names in os.walk(root) for name in names)


def begun_and_ended(
    root: Path, archive: ArchiveServer, victim: str, files: int
) -> "subprocess.CompletedProcess[str]":
    """Start a call, end a process of it when there are some files, and wait for all of them."""
    caller = subprocess.Popen(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", FILL, root, archive.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert caller.stdout is not None
    workers = list[int]()
    while not workers:
        line = caller.stdout.readline()
        assert line, caller.communicate()[1]
        workers = [int(pid) for pid in line.split()]
    while count_files(root) < files and caller.poll() is None:
        time.sleep(0.002)
    if victim == "worker":
        # It may have ended by itself.
        if caller.poll() is None:
            os.kill(workers[0], signal.SIGKILL)
    else:
        caller.send_signal(signal.SIGKILL if victim == "caller" else signal.SIGINT)
    out, errors = caller.communicate(timeout=TIMEOUT)
    return subprocess.CompletedProcess([], caller.returncode, out, errors)


@pytest.mark.parametrize("victim", ["caller", "worker", "keyboard"])
def test_after_a_kill_the_next_call_leaves_what_a_quiet_one_by_symbols_does(
    victim: str, archive: ArchiveServer, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    chance = random.Random(victim)  # noqa: S311 - not a secret
    for moment in range(2):
        root = tmp_path / f"{moment}"
        root.mkdir()
        # Files of trades come before those of bars.
        files = chance.randint(1, len(DAYS)) if moment == 0 else len(DAYS) + chance.randint(1, 6)

        done = begun_and_ended(root, archive, victim, files)

        assert is_whole(root) or victim == "worker"
        if victim == "worker":
            assert done.returncode == 0, done.stderr
            assert tree(root) == quiet
        fill(root, archive)
        assert tree(root) == quiet
        bars = rb.get_range_bars(
            "BTCUSDT", DAYS[0], DAYS[-1], THRESHOLDS, cache_dir=root, fetch_if_missing=False
        )
        ticks = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], cache_dir=root)
        assert_same(rb.bars(ticks.collect(), THRESHOLDS), bars)
        # A process that was killed may have left a folder without a file.
        store = ParquetStore(root)
        assert {key.origin for key in store.keys() if store.find(key)} == {DAYS[0]}  # noqa: SIM118
