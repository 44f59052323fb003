"""Many at once in a ClickHouse store, and what is left when a server or a writer is killed."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from support.clickhouse_months import (
    ALL,
    FEBRUARY,
    JANUARY,
    KEY,
    bars_of,
    check_whole,
    month_of,
    put,
)
from support.clickhouse_server import ClickHouseServer, ask
from support.entry_points import assert_same
from support.subprocesses import TIMEOUT

from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars.errors import StoreError
from rangebar_polars.store import (
    ClickHouseStore,
)
from rangebar_polars.store.clickhouse import store as clickhouse

# Many at once


def test_sixteen_writers_neither_double_nor_lose_a_bar(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 100)
    keys = [replace(KEY, rule=RangeRule(bps)) for bps in (250, 500)]
    failed = list[str]()

    def write(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - not a secret
        own = ClickHouseStore(clickhouse_url) if number % 2 else clickhouse_store
        try:
            for _ in range(2):
                rows, seed = chance.randrange(200), chance.randrange(1000)
                month = chance.choice([JANUARY, FEBRUARY])
                own.write(
                    chance.choice(keys), month_of(rows, seed, month=month), bars_of(rows, seed)
                )
        except StoreError as error:
            failed.append(str(error))
        finally:
            own.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sorted(clickhouse_store.keys(), key=lambda key: str(key.rule)) == keys
    expected = 0
    for key in keys:
        found = check_whole(clickhouse_store, key)
        assert list(found) == [JANUARY, FEBRUARY]
        expected += sum(month.bar_count for month in found.values())
    assert ask(clickhouse_store.address, "SELECT count() FROM current_bars") == [(expected,)]


def test_a_reader_gets_a_whole_version_or_none(
    clickhouse_store: ClickHouseStore, clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 100)
    versions = set[int]()
    ended = threading.Event()

    def look() -> None:
        with ClickHouseStore(clickhouse_url) as own:
            while not ended.is_set():
                for month in own.find(KEY).values():
                    bars = own.read(KEY, month, ALL)
                    if bars is not None:
                        rows, seed = map(int, str(month.links[0].trades_digest).split())
                        assert_same(bars_of(rows, seed), bars)
                        versions.add(seed)

    put(clickhouse_store, 300)
    failed = list[BaseException]()
    threads = [threading.Thread(target=catching(look, failed)) for _ in range(2)]
    for thread in threads:
        thread.start()
    seeds = iter(range(1, 100))
    while len(versions) < 4 and not failed:
        seed = next(seeds)
        put(clickhouse_store, 200 + seed, seed)
    ended.set()
    for thread in threads:
        thread.join()

    assert failed == []


def catching(act: Callable[[], None], caught: list[BaseException]) -> Callable[[], None]:
    """Return what keeps what an act in another thread raises."""

    def acting() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            caught.append(error)

    return acting


# Servers and writers that are killed


def test_a_server_killed_in_an_insert_has_the_old_month(
    own_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 3_000_000
    bars, month = bars_of(rows, 1), month_of(rows, 1)
    store = ClickHouseStore(own_server.url("b"))
    old = put(store, 4)
    begun = threading.Event()
    insert, pieces = store._insert, iter(range(6))  # noqa: SLF001 - shows how far it is

    def report(*arguments: object) -> None:
        if next(pieces) == 2:
            begun.set()
        insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_insert", report)
    failed = list[BaseException]()
    writer = threading.Thread(target=catching(lambda: store.write(KEY, month, bars), failed))
    writer.start()
    begun.wait(TIMEOUT)
    # Some way into the insert.
    writer.join(0.2)
    own_server.kill()
    writer.join()
    own_server.start()
    monkeypatch.undo()

    assert [type(error) for error in failed] == [StoreError]
    assert check_whole(store, KEY) == {JANUARY: old}
    put(store, 100_000, 2)
    assert check_whole(store, KEY)[JANUARY].bar_count == 100_000
    store.close()


def test_whenever_a_server_is_killed_it_has_whole_months(
    own_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "INSERT_ROWS", 100)
    chance = random.Random(0)  # noqa: S311 - not a secret
    store = ClickHouseStore(own_server.url("b"))
    seeds, wrote = iter(range(10**6)), threading.Semaphore(0)

    def write() -> None:
        for seed in seeds:
            put(store, 300 + seed % 100, seed)
            wrote.release()

    for _ in range(3):
        failed = list[BaseException]()
        writer = threading.Thread(target=catching(write, failed))
        writer.start()
        assert wrote.acquire(timeout=TIMEOUT)
        writer.join(chance.random() / 4)
        own_server.kill()
        writer.join()
        own_server.start()

        assert [type(error) for error in failed] == [StoreError]
        assert list(check_whole(store, KEY)) == [JANUARY]
    store.close()


ENDLESS_WRITERS = """
import os, random, signal, sys
sys.path[:0] = TESTS
from test_clickhouse_crowd import *

# Forked before Polars has threads, which a fork does not take along.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
clickhouse.INSERT_ROWS = 500
for line in sys.stdin:
    if pid := os.fork():
        print(pid, flush=True)
        continue
    chance = random.Random(int(line))
    store = ClickHouseStore(URL)
    while True:
        rows, seed = chance.randrange(2000), chance.randrange(10**6)
        month = month_of(rows, seed, month=chance.choice([JANUARY, FEBRUARY]))
        store.write(KEY, month, bars_of(rows, seed))
"""


class Writers:
    """Processes that write until they are killed; a context manager."""

    def __init__(self, url: str) -> None:
        code = ENDLESS_WRITERS.replace(
            "TESTS", repr([str(folder) for folder in Path(__file__).parents[:2]])
        )
        self._nursery = subprocess.Popen(  # noqa: S603 - the tests' own code
            [sys.executable, "-c", code.replace("URL", repr(url), 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._number = 0
        self.alive = list[int]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self.alive:
            self.kill()
        with self._nursery:
            pass

    def start(self) -> None:
        """Start one more."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(f"{self._number}\n")
        self._nursery.stdin.flush()
        self._number += 1
        self.alive.append(int(self._nursery.stdout.readline()))

    def kill(self) -> None:
        """Kill the last; one that ended by itself is an error."""
        os.kill(self.alive.pop(), signal.SIGKILL)


def test_whenever_a_writer_is_killed_every_month_is_whole(
    clickhouse_store: ClickHouseStore,
) -> None:
    chance = random.Random(0)  # noqa: S311 - not a secret
    pause = threading.Event().wait
    seen = set[str]()
    with Writers(clickhouse_store.address) as writers:
        for _ in range(10):
            for _ in range(3):
                writers.start()
            # One of them perhaps before it has begun, the others in the middle of their work.
            pause(chance.random() / 5)
            writers.kill()
            for _ in range(TIMEOUT * 100):
                written = {month.version for month in clickhouse_store.find(KEY).values()}
                if not written <= seen:
                    break
                pause(0.01)
            else:
                pytest.fail("nothing is written")
            seen |= written
            while writers.alive:
                pause(chance.random() / 10)
                writers.kill()

            check_whole(clickhouse_store, KEY)
    rows = sum(month.bar_count for month in check_whole(clickhouse_store, KEY).values())
    assert ask(clickhouse_store.address, "SELECT count() FROM current_bars") == [(rows,)]
