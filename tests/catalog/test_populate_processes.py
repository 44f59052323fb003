"""The processes of `populate`: how many there are, and what becomes of those that fail."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault
from support.assertions import tree
from support.cached_trades import DAYS, give, trades_of
from support.populating import (
    ETH,
    Workers,
    is_whole,
    populate,
    publish,
)
from support.subprocesses import TIMEOUT, run

import rangebar_polars as rb
from rangebar_polars._progress import FetchProgress
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.archive.http import Client
from rangebar_polars.errors import RangeBarWarning


@pytest.mark.parametrize(("processes", "cores", "expected"), [(None, 4, 2), (9, 4, 3), (1, 4, 1)])
def test_no_more_processes_are_started_than_asked_for_and_of_use(
    processes: int | None,
    cores: int,
    expected: int,
    tmp_path: Path,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    symbols = ["A", "B", "C"]
    for symbol in symbols:
        give(tmp_path, trades_of(DAYS[:1]), symbol=symbol)

    populate(tmp_path, symbols, end=DAYS[0], processes=processes)

    assert len(workers) == expected
    assert {worker.exitcode for worker in workers} == {0}


SCRIPT = """
print("the caller's main module", flush=True)
import sys
import rangebar_polars as rb
report = rb.populate(
    ["BTC-USD", "ETH-USD"], "2024-01-26", "2024-02-08", source="mine", cache_dir=sys.argv[1]
)
print(report["status"].to_list())
"""


def test_a_script_needs_no_guard_and_runs_once(cache: Path, tmp_path: Path) -> None:
    give(cache, trades_of(DAYS[:2]), symbol=ETH)
    scripts, other = tmp_path / "scripts", tmp_path / "other"
    scripts.mkdir()
    other.mkdir()
    (scripts / "fill.py").write_text(SCRIPT)
    # Modules are not imported from the current folder unless the script is there.
    (other / "socket.py").write_text("raise RuntimeError")

    done = subprocess.run(  # noqa: S603 - the tests' own code
        [sys.executable, scripts / "fill.py", cache],
        cwd=other,
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT,
    )

    assert done.stderr == ""
    assert done.stdout == "the caller's main module\n['ok', 'ok']\n"


def test_an_import_loads_no_module_of_the_caller_and_prints_nothing() -> None:
    assert run("from rangebar_polars._catalog.populate import populate") == ""


THREE = ["BTCUSDT", "ETHUSDT", "LTCUSDT"]


def killed(
    server: ArchiveServer, cache: Path, workers: Workers, times: int, seen: list[FetchProgress]
) -> pl.DataFrame:
    """Fill three symbols, of which one loses its process some times."""
    lost = BinanceFile("spot", "ETHUSDT", DAYS[0])
    server.faults[lost.path] += [Fault("stall", 100)] * times
    kills = list[int]()

    def kill(progress: FetchProgress, /) -> None:
        seen.append(progress)
        process = workers[-1].pid
        if len(kills) < times and len(server.asked(lost.name)) > len(kills) and process is not None:
            kills.append(process)
            os.kill(process, signal.SIGKILL)

    return rb.populate(
        THREE, DAYS[0], DAYS[0],
        processes=1, archive=server.url, progress=kill, cache_dir=cache,
    )  # fmt: skip


def test_a_symbol_whose_process_is_killed_is_filled_by_another(
    server: ArchiveServer, tmp_path: Path, workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    received = publish(server, DAYS[:1], *THREE)
    rb.populate(THREE, DAYS[0], DAYS[0], archive=server.url, cache_dir=tmp_path / "quiet")
    server.requests.clear()
    workers.clear()

    seen = list[FetchProgress]()
    report = killed(server, tmp_path / "killed", workers, 2, seen)

    assert report["status"].to_list() == ["ok"] * 3
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert tree(tmp_path / "killed") == tree(tmp_path / "quiet")
    assert (seen[-1].label, seen[-1].days_done) == ("3 of 3 symbols", 3)
    # What the killed processes had received counts too.
    assert seen[-1].bytes_done >= received
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"binance spot ETHUSDT: attempt {attempt} of 3: its process ended with SIGKILL(-9) (was it "
        "killed, or out of memory?)"
        for attempt in (1, 2)
    ]


def test_a_symbol_whose_processes_are_all_killed_fails_alone(
    server: ArchiveServer, tmp_path: Path, workers: Workers
) -> None:
    publish(server, DAYS[:1], *THREE)

    reason = "its process ended with SIGKILL(-9) (was it killed, or out of memory?)"
    with pytest.warns(RangeBarWarning) as warned:
        report = killed(server, tmp_path, workers, 3, [])

    assert str(warned[0].message) == f"1 of 3 symbols were not filled: ETHUSDT: {reason}"
    assert report["status"].to_list() == ["ok", "failed", "ok"]
    assert report["message"].to_list() == [None, reason, None]
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL] * 3
    again = rb.populate("ETHUSDT", DAYS[0], DAYS[0], archive=server.url, cache_dir=tmp_path)
    assert again["status"].item() == "ok"
    assert is_whole(tmp_path)


@dataclass(frozen=True)
class Killing(rb.BinanceArchive):
    """An archive that kills the first process that uses it, before a step that changes a file."""

    step: int = 0
    folder: Path = Path()

    def connect(self) -> Client:
        """Wait for the step, if no process was killed before."""
        left, killed = self.step, self.folder / "killed"

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            changes = event in {"os.mkdir", "os.rename", "os.remove"}
            changes |= event == "open" and str(arguments[0]).endswith(".part")
            if changes and str(arguments[0]).startswith(str(self.folder / "cache")):
                left -= 1
                if left == 0:
                    killed.touch()
                    os.kill(os.getpid(), signal.SIGKILL)

        if not killed.exists():
            sys.addaudithook(hook)
        return super().connect()


def test_whenever_a_process_is_killed_the_call_leaves_what_a_quiet_one_does(
    server: ArchiveServer, tmp_path: Path
) -> None:
    publish(server, DAYS[4:8], "BTCUSDT")
    asked: dict[str, Any] = {"threshold_decimal_bps": [20, 30], "processes": 1}
    rb.populate(
        "BTCUSDT", DAYS[4], DAYS[7], archive=server.url, cache_dir=tmp_path / "quiet", **asked
    )

    for step in (4, 11, 18):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        archive = Killing(server.url, None, step=step, folder=folder)
        report = rb.populate(
            "BTCUSDT", DAYS[4], DAYS[7], archive=archive, cache_dir=folder / "cache", **asked
        )

        assert (folder / "killed").exists()
        assert report["status"].to_list() == ["ok", "ok"]
        assert tree(folder / "cache") == tree(tmp_path / "quiet")


@dataclass(frozen=True)
class Strange(rb.BinanceArchive):
    """An archive that another process cannot restore."""

    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        """Return what raises in another process."""
        return int, ("x",)


@dataclass(frozen=True)
class Failing(rb.BinanceArchive):
    """An archive with an error of its own."""

    def connect(self) -> Client:
        """Raise it."""
        raise RuntimeError("no connection can be had")


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (Strange(), "ValueError: invalid literal for int() with base 10: 'x'"),
        (Failing(), "RuntimeError: no connection can be had"),
    ],
)
def test_an_unforeseen_error_is_reported_too(
    archive: rb.BinanceArchive, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.warns(RangeBarWarning) as warned:
        report = rb.populate("BTCUSDT", DAYS[0], DAYS[0], archive=archive, cache_dir=tmp_path)

    message = f"1 of 1 symbols were not filled: BTCUSDT: {reason}"
    assert str(warned[0].message).startswith(message)
    assert str(warned[0].message).endswith(report["message"].item())
    assert report["status"].item() == "failed"
    assert capfd.readouterr() == ("", "")


OWN_ARCHIVE = """
import sys
import rangebar_polars as rb

class Own(rb.BinanceArchive):
    pass

report = rb.populate(
    "BTCUSDT", "2024-01-30", "2024-01-30", 30, archive=Own(sys.argv[2], None), cache_dir=sys.argv[1]
)
print(report["status"].item(), report["fetched"].item())
"""


def test_an_archive_may_be_defined_in_the_script(server: ArchiveServer, tmp_path: Path) -> None:
    publish(server, DAYS[4:5], "BTCUSDT")

    done = subprocess.run(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", OWN_ARCHIVE, tmp_path / "cache", server.url],
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT,
    )

    assert (done.stdout, done.stderr) == ("ok 1\n", "")
