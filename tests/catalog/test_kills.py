"""Calls that are killed, or run at once, leave the caches and bars that one quiet run leaves."""

import datetime as dt
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self

import polars as pl
import pytest
from support.archive_server import ArchiveServer, day_csv
from support.assertions import tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.subprocesses import TIMEOUT

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.store import ParquetStore

START, END = dt.date(2024, 5, 30), dt.date(2024, 6, 2)
SYMBOLS = ["BTCUSDT", "ETHUSDT"]
THRESHOLDS = [20, 30]
FOLDERS, KILLS_A_FOLDER = 10, 3

# A server that has imported the package forks a process for each: hundreds would be long imports.
FORKS = multiprocessing.get_context("forkserver")
# The server reports once how a process ended, and starting a process reads that of all others too:
# of two threads that read it at once, one gets nothing and takes that for exit code 255.
FORKING = threading.Lock()
BEGIN = """
import os
os.setpgid(0, 0)
os.environ.update(POLARS_MAX_THREADS="1", no_proxy="*")
os.dup2(link.fileno(), 1)
os.dup2(link.fileno(), 2)
link.send_bytes(b"go")
link.close()
import rangebar_polars as rb
archive = url and rb.BinanceArchive(url, None, threads=2)
"""
GET = """
os.write(1, b"at work")
rb.get_range_bars(
    "BTCUSDT", "2024-05-30", "2024-06-02", [20, 30], cache_dir=folder, archive=archive
)
"""
POPULATE = """
def report(progress):
    if progress.bytes_done or progress.days_done:
        os.write(1, b"at work")

rb.populate(
    ["BTCUSDT", "ETHUSDT"], "2024-05-30", "2024-06-02", [20, 30],
    cache_dir=folder, archive=archive, processes=1, progress=report,
)
"""


@dataclass
class Child:
    """A process at the head of a group; what it and those it starts print comes through a pipe."""

    process: ForkServerProcess
    link: Connection

    @classmethod
    def begun(cls, code: str, folder: Path, url: str = "", **names: object) -> Self:
        """Start a process, and return when it begins with its work."""
        FORKS.set_forkserver_preload(["__main__", "rangebar_polars._catalog.catalog"])
        ours, theirs = FORKS.Pipe(duplex=False)
        names |= {"link": theirs, "folder": str(folder), "url": url}
        process = FORKS.Process(target=exec, args=(BEGIN + code, names))
        with FORKING:
            process.start()
        theirs.close()
        assert ours.recv_bytes() == b"go"
        return cls(process, ours)

    def wait(self) -> float:
        """Wait until it is at work, or has ended; return when that was."""
        assert self.link.poll(TIMEOUT)
        return time.perf_counter()

    def exit_code(self, seconds: float) -> int | None:
        """Return how it ended, or None if it has not ended after some seconds."""
        wait([self.process.sentinel], seconds)
        with FORKING:
            return self.process.exitcode

    def wait_for_files(self, folder: Path, count: int) -> None:
        """Wait until a folder has this many files, or the process has ended."""
        while count_files(folder) < count and self.exit_code(0.002) is None:
            pass

    def kill_after(self, seconds: float, *, group: bool) -> bool:
        """Kill it without a warning, unless it ends before; return whether it was killed."""
        if self.exit_code(seconds) is None and self.process.ident is not None:
            with suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(self.process.ident, signal.SIGKILL)
        code = self.end()
        # Semaphores outlive a group that was killed with the process that would remove them.
        memory = Path("/dev/shm")  # noqa: S108 - where Linux has them
        for path in memory.glob(f"sem.loky-{self.process.ident}-*") if group else ():
            path.unlink(missing_ok=True)
        return code != 0

    def end(self) -> int:
        """Wait until it and all that it started have ended; return how it did."""
        text = b""
        while self.link.poll(TIMEOUT) and (piece := os.read(self.link.fileno(), 1 << 16)):
            text += piece
        code = self.exit_code(TIMEOUT)
        assert code in {0, -signal.SIGKILL}, text.decode()
        self.link.close()
        return code


def count_files(folder: Path) -> int:
    """Return how many files there are, while others make and remove them."""
    return sum(len(names) for _, _, names in os.walk(folder))


@dataclass(frozen=True)
class Quiet:
    """What an undisturbed run gives and leaves."""

    bars: pl.DataFrame
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def server() -> Iterator[ArchiveServer]:
    """Serve the days of two symbols."""
    with ArchiveServer() as running:
        for first, symbol in enumerate(SYMBOLS):
            for number, day in enumerate(day_range(START, END)):
                text = day_csv(day, 500, first_id=500 * number + first)
                running.publish(BinanceFile("spot", symbol, day), text)
        yield running


@pytest.fixture(scope="module")
def quiet(server: ArchiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Quiet]:
    """Return what quiet runs give and leave, by symbol."""
    ended = {}
    for symbol in SYMBOLS:
        folder = tmp_path_factory.mktemp(symbol)
        ended[symbol] = Quiet(bars_of(server, folder, symbol), tree(folder))
    return ended


def bars_of(server: ArchiveServer, folder: Path, symbol: str) -> pl.DataFrame:
    """Compute the bars of all days in this process."""
    archive = rb.BinanceArchive(server.url, None, threads=4)
    return rb.get_range_bars(symbol, START, END, THRESHOLDS, cache_dir=folder, archive=archive)


@pytest.mark.parametrize(
    ("code", "symbols"), [(GET, SYMBOLS[:1]), (POPULATE, SYMBOLS)], ids=["get", "populate"]
)
def test_killed_at_any_moment_the_next_call_gives_and_leaves_what_a_quiet_one_does(
    server: ArchiveServer, quiet: dict[str, Quiet], tmp_path: Path, code: str, symbols: list[str]
) -> None:
    want = {name: text for symbol in symbols for name, text in quiet[symbol].files.items()}
    alone = Child.begun(code, tmp_path / "alone", server.url)
    at_work = alone.wait()
    alone.end()
    seconds_a_file = (time.perf_counter() - at_work) / len(want)
    assert tree(tmp_path / "alone") == want

    def killed(number: int) -> list[set[str]]:
        moments = random.Random(number)  # noqa: S311 - not a secret
        left = list[set[str]]()
        folder = tmp_path / f"{number}"
        while len(left) < KILLS_A_FOLDER:
            child = Child.begun(code, folder, server.url)
            if left:
                child.wait()
            # Files show how far it has come, however slow it is on a busy machine.
            last = len(want) - 1
            child.wait_for_files(folder, moments.randint(min(count_files(folder), last), last))
            # Without its group, only the one that was asked: those it started end themselves.
            group = (number + len(left)) % 2 == 0
            if child.kill_after(moments.uniform(0, seconds_a_file), group=group):
                left.append({*tree(folder)})
            else:
                # It was quicker than this process: the next kills are of another folder.
                assert tree(folder) == want
                folder = folder.with_name(f"{folder.name} and more")
        for symbol in symbols:
            assert_same(quiet[symbol].bars, bars_of(server, folder, symbol))
        assert tree(folder) == want
        return left

    with ThreadPoolExecutor(2) as lanes:
        left = [names for each in lanes.map(killed, range(FOLDERS)) for names in each]

    assert len(left) == 30
    middle = [names for names in left if names and names != want.keys()]
    assert len(middle) > 4, "too few kills met the work"
    assert len(set(map(len, middle))) > 2, "the kills met the work at few moments"


# Ends the process before its n-th step that changes something in the folder.
KILLED_AT = """
import signal
import sys

left = step

def hook(event, arguments):
    global left
    changes = event in ("os.mkdir", "os.rename", "os.remove")
    changes = changes or (event == "open" and str(arguments[0]).endswith(".part"))
    if changes and str(arguments[0]).startswith(folder):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""
GET_OWN = """
rb.get_range_bars(
    "BTC-USD", "2024-01-26", "2024-02-08", [20, 30], source="mine", cache_dir=folder,
    features=["intra_kaufman_er"],
)
"""


def killed_at_every_step(code: str, folder: Path, url: str = "") -> list[set[str]]:
    """Have it killed later and later until it ends; return which files there were each time."""
    left = list[set[str]]()
    while Child.begun(KILLED_AT + code, folder, url, step=len(left) + 1).end() != 0:
        left.append({*tree(folder)})
    return left


def test_killed_before_any_step_the_next_call_gives_and_leaves_what_a_quiet_one_does(
    server: ArchiveServer, quiet: dict[str, Quiet], tmp_path: Path
) -> None:
    left = killed_at_every_step(GET, tmp_path, server.url)

    assert len(left) > 5
    assert any(name.endswith(".zip.part") for names in left for name in names)
    assert any(name.endswith(".parquet.part") for names in left for name in names)
    assert tree(tmp_path) == quiet["BTCUSDT"].files
    assert_same(quiet["BTCUSDT"].bars, bars_of(server, tmp_path, "BTCUSDT"))


def test_killed_before_any_step_of_replacing_months_the_next_call_does_it(tmp_path: Path) -> None:
    for name in ("killed", "quiet"):
        give(tmp_path / name, trades_of(DAYS))
        Child.begun(GET_OWN, tmp_path / name).end()
        give(tmp_path / name, trades_of([DAYS[2], DAYS[8]], seed=1))
    before = tree(tmp_path / "killed")
    Child.begun(GET_OWN, tmp_path / "quiet").end()

    left = killed_at_every_step(GET_OWN, tmp_path / "killed")

    assert len(left) > 3
    assert any(name.endswith(".parquet.part") for names in left for name in names)
    after = tree(tmp_path / "killed")
    assert after == tree(tmp_path / "quiet")
    replaced = [name for name, text in before.items() if after[name] != text]
    assert len(replaced) == 2 * len(THRESHOLDS)
    question: dict[str, Any] = {
        "threshold_decimal_bps": [20, 30],
        "features": ["intra_kaufman_er"],
    }
    own: dict[str, Any] = {"source": SOURCE, "cache_dir": tmp_path / "killed"}
    assert_same(
        one_pass(tmp_path / "quiet", DAYS[0], DAYS[-1], **question),
        rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], **own, **question),
    )


GET_PART = """
bars = rb.get_range_bars(
    "BTCUSDT", start, end, [20, 30], reset=reset, cache_dir=folder, archive=archive
)
bars.write_ipc(result)
"""


def test_processes_that_want_overlapping_days_at_once_all_get_the_bars_of_one_pass(
    server: ArchiveServer, quiet: dict[str, Quiet], tmp_path: Path
) -> None:
    folder, days = tmp_path / "cache", day_range(START, END)
    asked = len(server.requests)
    ranges = [(days[0], days[-1]), (days[0], days[2]), (days[1], days[-1]), (days[0], days[1])]
    resets: list[Any] = [None, "day"]
    wanted = [(str(first), str(last), reset) for first, last in ranges for reset in resets]
    children = [
        Child.begun(
            GET_PART, folder, server.url,
            start=start, end=end, reset=reset, result=str(tmp_path / f"{number}.arrow"),
        )
        for number, (start, end, reset) in enumerate(wanted)
    ]  # fmt: skip
    assert [child.end() for child in children] == [0] * 8

    for number, (start, end, reset) in enumerate(wanted):
        archive = rb.BinanceArchive(server.url, None)
        trades = rb.scan_ticks("BTCUSDT", start, end, cache_dir=folder, archive=archive).collect()
        bars = pl.read_ipc(tmp_path / f"{number}.arrow")
        assert_same(rb.bars(trades, THRESHOLDS, reset=reset), bars)
    paths = [request.path for request in server.requests[asked:]]
    zips = [path for path in paths if path.endswith(".zip")]
    assert len(zips) == len(set(zips)) == len(days)
    assert quiet["BTCUSDT"].files.items() <= tree(folder).items()
    assert not any(name.endswith(".part") for name in tree(folder))


REWRITE = """
from pathlib import Path

import polars as pl

trades = {
    (day, seed): pl.read_ipc(f"{given}/{day}-{seed}.arrow") for day in changing for seed in (0, 1)
}
own = {"source": "mine", "cache_dir": folder}
steps = [(day, seed) for seed in (1, 0) for day in changing]
while not Path(enough).exists():
    for day, seed in steps:
        rb.import_trades(trades[day, seed], symbol="BTC-USD", replace=True, **own)
        rb.get_range_bars("BTC-USD", "2024-01-26", "2024-02-08", 20, store=store, **own)
"""


def test_a_reader_sees_the_bars_of_one_version_or_another_while_months_are_rewritten(
    tmp_path: Path,
) -> None:
    changing, folder = [DAYS[2], DAYS[9]], tmp_path / "cache"
    store, versions = ParquetStore(tmp_path / "store"), {}
    for day in changing:
        for seed in (0, 1):
            trades_of([day], seed).write_ipc(tmp_path / f"{day}-{seed}.arrow")
    give(folder, trades_of(DAYS))
    for first in (0, 1):
        for second in (0, 1):
            give(folder, trades_of([changing[0]], first))
            give(folder, trades_of([changing[1]], second))
            versions[first, second] = one_pass(folder, DAYS[0], DAYS[-1], threshold_decimal_bps=20)
    february = dt.datetime(2024, 2, 1, tzinfo=dt.UTC)
    # Where February does not follow from January, there is nothing proven in it.
    januaries = [bars.filter(pl.col("close_time") < february) for bars in versions.values()]

    def is_one_of(bars: pl.DataFrame, possible: list[pl.DataFrame]) -> bool:
        return any(bars.equals(each) for each in possible)

    def asked() -> pl.DataFrame:
        return rb.get_range_bars(
            SYMBOL, DAYS[0], DAYS[-1], 20, source=SOURCE, store=store, cache_dir=folder
        )

    seen = set[tuple[int, int]]()
    asked()
    writer = Child.begun(
        REWRITE, folder,
        store=store.address, given=str(tmp_path), changing=list(map(str, changing)),
        enough=str(tmp_path / "enough"),
    )  # fmt: skip
    reads = 0
    while writer.exit_code(0) is None:
        bars = asked()
        assert is_one_of(bars, [*versions.values()])
        seen |= {version for version, each in versions.items() if bars.equals(each)}
        shown = store.scan_bars().select(bars.columns).collect()
        assert is_one_of(shown, [*versions.values(), *januaries])
        reads += 1
        if reads >= 16 and len(seen) > 1:
            (tmp_path / "enough").touch()
    assert writer.end() == 0
    assert len(seen) > 1, "the writer ended by itself"

    assert_same(asked(), versions[0, 0])
