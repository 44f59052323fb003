"""`populate` on a Dask cluster: two worker processes, their own caches, and one store."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.archive_server import ArchiveServer, Fault
from support.assertions import tree
from support.cached_trades import DAYS, SYMBOL, give, trades_of
from support.dask_cluster import DaskCluster, busy, give_own_caches, kill_worker, tasks, wait_until
from support.entry_points import assert_same
from support.populating import ETH, is_whole, populate, publish, rows_of
from support.subprocesses import TIMEOUT

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._progress import FetchProgress
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import RangeBarWarning

pytest.importorskip("distributed", reason="Dask's distributed is not installed")
if TYPE_CHECKING:
    from distributed import Client

SYMBOLS = ["AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT", "FUSDT"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Run a cluster."""
    with DaskCluster(tmp_path_factory.mktemp("dask"), workers=2) as running:
        yield running


@pytest.fixture
def client(cluster: DaskCluster) -> "Iterator[Client]":
    """Return a client of two workers."""
    with cluster.client() as opened:
        yield opened


def test_workers_with_caches_of_their_own_fill_one_store(
    client: "Client", server: ArchiveServer, tmp_path: Path
) -> None:
    days = DAYS[:3]
    publish(server, days, *SYMBOLS)
    caches = give_own_caches(client, tmp_path)
    asked: dict[str, Any] = {"archive": server.url, "store": tmp_path / "store"}

    report = rb.populate(SYMBOLS, days[0], days[-1], 2, executor=client, **asked)

    assert report["status"].to_list() == ["ok"] * 6
    assert report.select("days", "made", "fetched").unique().rows() == [(3, 3, 3)]
    cached = [{*tree(cache)} for cache in caches]
    assert all(cached)
    assert len(cached[0] | cached[1]) == len(cached[0]) + len(cached[1]) == 18
    again = rb.populate(SYMBOLS, days[0], days[-1], 2, executor=client, **asked)
    assert again.select("stored", "made", "fetched").unique().rows() == [(3, 0, 0)]
    quiet: dict[str, Any] = {"archive": server.url, "cache_dir": tmp_path / "quiet"}
    rb.populate(SYMBOLS, days[0], days[-1], 2, processes=1, **quiet)
    assert tree(tmp_path / "store").items() <= tree(tmp_path / "quiet").items()
    for symbol in SYMBOLS:
        elsewhere = rb.get_range_bars(
            symbol, days[0], days[-1], 2, store=tmp_path / "store", fetch_if_missing=False
        )
        assert elsewhere.height > 0
        assert_same(rb.get_range_bars(symbol, days[0], days[-1], 2, **quiet), elsewhere)


def test_months_of_one_symbol_are_filled_by_workers_with_caches_of_their_own(
    client: "Client", server: ArchiveServer, tmp_path: Path
) -> None:
    days = day_range("2024-01-25", "2024-04-04")
    publish(server, days, "BTCUSDT")
    caches = give_own_caches(client, tmp_path)
    asked: dict[str, Any] = {"archive": server.url, "store": tmp_path / "store"}

    report = rb.populate("BTCUSDT", days[0], days[-1], 5, unit="month", executor=client, **asked)

    assert report.select("status", "days", "made", "fetched").row(0) == ("ok", 71, 71, 71)
    assert all(tree(cache) for cache in caches)
    quiet: dict[str, Any] = {"archive": server.url, "cache_dir": tmp_path / "quiet"}
    rb.populate("BTCUSDT", days[0], days[-1], 5, processes=1, **quiet)
    bars = {name: text for name, text in tree(tmp_path / "quiet").items() if "bars/" in name}
    assert tree(tmp_path / "store") == bars


def test_a_client_and_its_executor_are_the_same(
    client: "Client", cache: Path, tmp_path: Path
) -> None:
    executor = client.get_executor(pure=False, retries=2)

    of_client = rows_of(populate(cache, store=tmp_path / "one", executor=client))
    of_executor = rows_of(populate(cache, store=tmp_path / "two", executor=executor))

    assert of_client == of_executor
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_symbol_that_fails_on_a_worker_is_a_row(
    client: "Client", cache: Path, tmp_path: Path
) -> None:
    give(cache, trades_of(DAYS, seed=1), symbol=ETH)

    with pytest.warns(RangeBarWarning, match="1 of 3 symbols were not filled: NONE: CacheError: "):
        report = populate(cache, [SYMBOL, "NONE", ETH], store=tmp_path / "store", executor=client)

    assert report["status"].to_list() == ["ok", "failed", "ok"]


def test_the_symbol_of_a_killed_worker_is_filled_by_another(
    client: "Client", server: ArchiveServer, tmp_path: Path
) -> None:
    publish(server, DAYS[:2], *SYMBOLS[:3])
    lost = BinanceFile("spot", SYMBOLS[1], DAYS[1])
    server.faults[lost.path].append(Fault("stall", 100))
    give_own_caches(client, tmp_path)
    killed = list[str]()

    def kill(progress: FetchProgress, /) -> None:
        # The others are done, so that one worker is at work, and it waits for the archive.
        if progress.days_done == 4 and server.asked(lost.name) and not killed:
            killed.extend(busy(client))
            kill_worker(client, *killed)

    report = rb.populate(
        SYMBOLS[:3], DAYS[0], DAYS[1], 2,
        archive=server.url, store=tmp_path / "store", executor=client, progress=kill,
    )  # fmt: skip

    assert len(killed) == 1
    assert report["status"].to_list() == ["ok"] * 3
    assert is_whole(tmp_path / "store")


CALLER = """
import signal
import sys
# A test run in the background hands on an ignored SIGINT, which Python would keep.
signal.signal(signal.SIGINT, signal.default_int_handler)
from distributed import Client
import rangebar_polars as rb

address, url, store, start, end, *symbols = sys.argv[1:]
with Client(address) as client:
    rb.populate(symbols, start, end, 2, archive=url, store=store, executor=client)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_after_a_caller_ended_what_runs_is_completed_and_nothing_else_begins(
    ending: signal.Signals,
    cluster: DaskCluster,
    client: "Client",
    server: ArchiveServer,
    tmp_path: Path,
) -> None:
    days, store = DAYS[:2], tmp_path / "store"
    publish(server, days, *SYMBOLS)
    give_own_caches(client, tmp_path)
    last = {symbol: BinanceFile("spot", symbol, days[-1]) for symbol in SYMBOLS}
    for file in last.values():
        server.faults[file.path].append(Fault("stall", 100))

    def begun() -> set[str]:
        return {symbol for symbol, file in last.items() if server.asked(file.name)}

    arguments = [cluster.address, server.url, str(store), *map(str, days), *SYMBOLS]
    with subprocess.Popen(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", CALLER, *arguments], stderr=subprocess.PIPE, text=True
    ) as caller:
        try:
            wait_until(lambda: len(begun()) == 2)
            os.kill(caller.pid, ending)
            caller.communicate(timeout=TIMEOUT)
        finally:
            caller.kill()
    assert caller.returncode == -ending
    completed = begun()
    wait_until(lambda: tasks(client) == [0, 1, 1])
    server.closing.set()
    wait_until(lambda: tasks(client) == [0, 0, 0])

    assert begun() == completed
    asked: dict[str, Any] = {"archive": server.url, "store": store, "executor": client}
    again = rb.populate(SYMBOLS, days[0], days[-1], 2, **asked)
    assert again["status"].to_list() == ["ok"] * 6
    assert {row["symbol"] for row in again.filter(made=0).to_dicts()} == completed
    assert is_whole(tmp_path)


def test_a_client_whose_loop_would_wait_is_refused(cluster: DaskCluster, tmp_path: Path) -> None:
    from distributed import Client  # noqa: PLC0415 - it may be absent

    address = cluster.address

    async def called() -> None:
        async with Client(address, asynchronous=True) as client:
            populate(tmp_path, store=tmp_path / "store", executor=client)

    with pytest.raises(ValueError, match="whose event loop would wait for this call") as raised:
        asyncio.run(called())

    assert str(raised.value).endswith("(give Client(address), without asynchronous)")


def test_a_scheduler_that_ends_is_a_failure(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS[:1], "BTCUSDT")
    lost = BinanceFile("spot", "BTCUSDT", DAYS[0])
    server.faults[lost.path].append(Fault("stall", 100))
    with DaskCluster(tmp_path, workers=1) as cluster, cluster.client() as client:

        def end(_: FetchProgress, /) -> None:
            if server.asked(lost.name):
                cluster.end_scheduler()

        with pytest.warns(RangeBarWarning, match="1 of 1 symbols were not filled"):
            report = rb.populate(
                "BTCUSDT", DAYS[0], DAYS[0], 2,
                archive=server.url, store=tmp_path / "store", executor=client, progress=end,
            )  # fmt: skip

    assert report["message"].item() == (
        "the executor cancelled it (did its scheduler or its workers end?)"
    )
