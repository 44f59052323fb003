"""Many symbols at one call: what is filled and told, and whatever may end it in the middle."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, day_csv
from support.assertions import says, tree
from support.cached_trades import DAYS, PER_DAY, SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.subprocesses import TIMEOUT, run

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._progress import FetchProgress
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import RangeBarWarning, StoreError
from rangebar_polars.store import BarStore, ParquetStore

ETH = "ETH-USD"
FEW = 50
"""Trades of a day of the archive."""
Workers = list[BaseProcess]


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:  # noqa: ARG001
    """Have no settings of the user's."""
    for name in ("RANGEBAR_BINANCE_URL", "RANGEBAR_BINANCE_LISTING_URL", "RANGEBAR_STORE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Tell which processes are started."""
    started = Workers()
    original = BaseProcess.start

    def spied(process: BaseProcess) -> None:
        started.append(process)
        original(process)

    monkeypatch.setattr(BaseProcess, "start", spied)
    return started


def populate(
    root: Path,
    symbols: Any = SYMBOL,  # noqa: ANN401
    start: dt.date = DAYS[0],
    end: dt.date = DAYS[-1],
    thresholds: Any = 30,  # noqa: ANN401
    **options: Any,  # noqa: ANN401
) -> pl.DataFrame:
    """Fill with trades of one's own."""
    return rb.populate(symbols, start, end, thresholds, source=SOURCE, cache_dir=root, **options)


def stored(
    root: Path,
    start: dt.date = DAYS[0],
    end: dt.date = DAYS[-1],
    **options: Any,  # noqa: ANN401
) -> pl.DataFrame:
    """Return the bars as the store has them."""
    asked: dict[str, Any] = {"symbol": SYMBOL, "threshold_decimal_bps": 30} | options
    return rb.get_range_bars(
        start_date=start, end_date=end, source=SOURCE, cache_dir=root, **asked
    )  # fmt: skip


def publish(
    server: ArchiveServer,
    days: list[dt.date],
    *symbols: str,
    market: str = "spot",
) -> int:
    """Serve days of the archive, ids going on from day to day; return their bytes."""
    received = 0
    for symbol in symbols:
        for day in days:
            number = (day - dt.date(2024, 1, 1)).days
            csv = day_csv(day, FEW, first_id=1000 + FEW * number, spot=market == "spot")
            file = BinanceFile(market, symbol, day)
            server.publish(file, csv)
            received += len(server.files[file.path])
    return received


def zeros(days: list[dt.date], seed: int = 0) -> str:
    """Return what is told of the defects of these days."""
    trades = trades_of(days, seed)
    return f"zero_quantities {trades.filter(pl.col('quantity') == 0).height}"


def rows_of(report: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a report, without the seconds that each symbol took."""
    assert report["seconds"].is_between(0, TIMEOUT).all()
    return report.drop("seconds").to_dicts()


# What is filled, and what is told of it


def test_the_first_call_makes_the_bars_and_the_second_finds_them(
    cache: Path, read: list[dt.date], workers: Workers
) -> None:
    want = {
        threshold: one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=threshold)
        for threshold in (30, 50)
    }
    row = {
        "symbol": SYMBOL, "status": "ok", "days": 14, "stored": 0, "made": 14, "fetched": 0,
        "trades": 14 * PER_DAY, "defects": zeros(DAYS), "message": None,
    }  # fmt: skip
    expected = [
        row | {"threshold_decimal_bps": threshold, "bars": bars.height}
        for threshold, bars in want.items()
    ]

    assert rows_of(populate(cache, thresholds=[50, 30])) == expected
    before = tree(cache)
    found = [each | {"stored": 14, "made": 0} for each in expected]
    assert rows_of(populate(cache, thresholds=[30, 50])) == found

    assert tree(cache) == before
    for threshold, bars in want.items():
        assert_same(bars, stored(cache, threshold_decimal_bps=threshold))
    assert read == []
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_a_later_end_makes_the_new_days_alone(cache: Path, read: list[dt.date]) -> None:
    populate(cache, end=DAYS[8])

    (row,) = rows_of(populate(cache))

    assert (row["days"], row["stored"], row["made"]) == (14, 9, 5)
    assert row["trades"] == 14 * PER_DAY
    assert_same(one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30), stored(cache))
    assert read == []


def test_a_replaced_day_makes_the_days_from_it_on(cache: Path) -> None:
    populate(cache)
    give(cache, trades_of([DAYS[6]], seed=1))

    (row,) = rows_of(populate(cache))

    assert (row["days"], row["stored"], row["made"]) == (14, 6, 8)
    assert_same(one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30), stored(cache))


def test_a_symbol_that_fails_is_told_and_the_others_are_filled_in_the_order_given(
    cache: Path, workers: Workers
) -> None:
    give(cache, trades_of(DAYS[:2], seed=1), symbol=ETH)
    days, message = "2024-01-26 to 2024-01-27", "(import_trades puts them there)"
    told = f"CacheError: no trades of mine spot NONE are cached for {days} in {cache} {message}"

    with pytest.warns(RangeBarWarning) as warned:
        report = populate(
            cache, [SYMBOL, "NONE", ETH], end=DAYS[1], thresholds=[30, 50], processes=2
        )

    assert [str(each.message) for each in warned] == [
        f"1 of 3 symbols were not filled: NONE: {told}"
    ]
    assert warned[0].filename == __file__
    assert report["symbol"].to_list() == [SYMBOL] * 2 + ["NONE"] * 2 + [ETH] * 2
    assert report["threshold_decimal_bps"].to_list() == [30, 50] * 3
    assert report["status"].to_list() == ["ok"] * 2 + ["failed"] * 2 + ["ok"] * 2
    failed = dict.fromkeys(report.drop("seconds").columns)
    failed |= {"symbol": "NONE", "status": "failed", "message": told}
    assert rows_of(report)[2:4] == [failed | {"threshold_decimal_bps": each} for each in (30, 50)]
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_bars_behind_missing_trades_are_not_stored_and_that_is_told(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:3]))
    give(tmp_path, trades_of(DAYS[12:]))
    row = {
        "symbol": SYMBOL, "threshold_decimal_bps": 30, "status": "incomplete", "days": 5,
        "stored": 0, "made": 5, "fetched": 0, "trades": 3 * PER_DAY,
        "bars": one_pass(tmp_path, DAYS[0], DAYS[2], threshold_decimal_bps=30).height,
        "defects": f"{zeros(DAYS[:3] + DAYS[12:])}, not cached 9",
        "message": "bars from 2024-02-07 on are not stored, since trades before are missing",
    }  # fmt: skip

    assert rows_of(populate(tmp_path)) == [row]
    assert rows_of(populate(tmp_path)) == [row | {"stored": 3, "made": 2}]
    give(tmp_path, trades_of(DAYS[3:12]))
    (whole,) = rows_of(populate(tmp_path))
    assert (whole["status"], whole["stored"], whole["made"]) == ("ok", 3, 11)


@pytest.mark.parametrize(("reset", "start"), [("day", DAYS[1]), ("week", DAYS[5])])
def test_with_a_reset_whole_periods_are_made_and_the_days_asked_for_told(
    reset: str, start: dt.date, cache: Path, read: list[dt.date]
) -> None:
    (row,) = rows_of(populate(cache, start=start, reset=reset, prevent_same_timestamp_close=False))

    asked: dict[str, Any] = {"reset": reset, "prevent_same_timestamp_close": False}
    bars = stored(cache, start, include_incomplete=True, **asked)
    # The last bar of the last week is open yet.
    assert row["bars"] == bars.height - (reset == "week")
    assert (row["status"], row["days"], row["made"]) == ("ok", *[14 - DAYS.index(start)] * 2)
    assert read == []


def test_a_store_is_known_by_object_and_by_address(
    store: BarStore, cache: Path, read: list[dt.date]
) -> None:
    own: dict[str, Any] = {"end": DAYS[2], "store": store}

    assert populate(cache, **own)["made"].item() == 3

    assert_same(
        one_pass(cache, DAYS[0], DAYS[2], threshold_decimal_bps=30),
        stored(cache, end=DAYS[2], store=store),
    )
    assert read == []
    again = populate(cache, **own | {"store": store.address})
    assert again.select("stored", "made").row(0) == (3, 0)
    if isinstance(store, ParquetStore):
        assert populate(cache, **own | {"store": store.root})["made"].item() == 0
    assert list(tree(cache)) == [name for name in tree(cache) if name.startswith("ticks/")]


@pytest.mark.parametrize("market", ["spot", "um"])
def test_trades_that_are_missing_are_fetched(
    market: str, server: ArchiveServer, tmp_path: Path, read: list[dt.date]
) -> None:
    days = DAYS[4:8]
    received = publish(server, days, "BTCUSDT", "ETHUSDT", market=market)
    lost = BinanceFile(market, "ETHUSDT", days[2])
    received -= len(server.files.pop(lost.path))
    seen = list[FetchProgress]()
    archive = server.url if market == "spot" else rb.BinanceArchive(server.url, None, threads=1)
    asked: dict[str, Any] = {"market": market, "archive": archive, "cache_dir": tmp_path}

    report = rb.populate(
        ["BTCUSDT", "ETHUSDT"], str(days[0]), str(days[-1]), 30,
        processes=2, progress=seen.append, **asked,
    )  # fmt: skip

    btc, eth = rows_of(report)
    names = ["status", "days", "stored", "made", "fetched", "trades", "defects"]
    assert [btc[name] for name in names] == ["ok", 4, 0, 4, 4, 4 * FEW, None]
    defects = f"hole 1, missing_ids {FEW}"
    assert [eth[name] for name in names] == ["ok", 3, 0, 3, 3, 3 * FEW, defects]
    assert [each.days_done for each in seen] == sorted(each.days_done for each in seen)
    assert [each.bytes_done for each in seen] == sorted(each.bytes_done for each in seen)
    assert {each.days_total for each in seen} == {8}
    assert seen[0].label == "0 of 2 symbols"
    assert seen[-1] == FetchProgress("2 of 2 symbols", 8, 8, received)
    asked_before = len(server.requests)
    bars = rb.get_range_bars("BTCUSDT", days[0], days[-1], 30, **asked)
    ticks = rb.scan_ticks("BTCUSDT", days[0], days[-1], **asked)
    assert_same(rb.bars(ticks, 30).collect(), bars)
    assert read == []
    assert len(server.requests) == asked_before


def test_what_must_not_be_fetched_is_not(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, DAYS[:1], "BTCUSDT")
    monkeypatch.setenv("RANGEBAR_BINANCE_URL", server.url)

    with pytest.warns(RangeBarWarning, match="fetch_if_missing=True fetches them"):
        rb.populate("BTCUSDT", DAYS[0], DAYS[0], cache_dir=tmp_path, fetch_if_missing=False)
    assert server.requests == []
    assert rb.populate("BTCUSDT", DAYS[0], DAYS[0], cache_dir=tmp_path)["fetched"].item() == 1


def test_progress_goes_up_to_the_days_of_all_symbols(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    give(cache, trades_of(DAYS, seed=1), symbol=ETH)
    seen = list[FetchProgress]()

    with pytest.warns(RangeBarWarning):
        populate(cache, [SYMBOL, "NONE", ETH], processes=1, progress=seen.append)
    populate(cache, [SYMBOL, ETH], progress="tqdm")

    done = [each.days_done for each in seen]
    assert done == sorted(done)
    # January, February, and so for each of the three.
    assert {0, 6, 14, 28, 34, 42} <= set(done)
    assert seen[-1] == FetchProgress("3 of 3 symbols", 42, 42, 0)
    out, errors = capfd.readouterr()
    assert out == ""
    assert "2 of 2 symbols: 100%" in errors
    assert "28/28" in errors


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


def test_two_calls_at_once_for_the_same_symbols_leave_what_one_leaves(
    server: ArchiveServer, tmp_path: Path
) -> None:
    symbols, days = ["BTCUSDT", "ETHUSDT"], DAYS[4:8]
    publish(server, days, *symbols)
    reports = list[pl.DataFrame]()

    def call(folder: Path) -> None:
        archive = rb.BinanceArchive(server.url, None)
        asked: dict[str, Any] = {"cache_dir": folder, "archive": archive, "processes": 2}
        reports.append(rb.populate(symbols, days[0], days[-1], [20, 30], **asked))

    threads = [threading.Thread(target=call, args=(tmp_path / "two",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    call(tmp_path / "one")

    assert tree(tmp_path / "two") == tree(tmp_path / "one")
    for report in reports:
        assert report["status"].to_list() == ["ok"] * 4
        assert report["days"].to_list() == [4] * 4
        assert_same(reports[-1].select("symbol", "trades", "bars"),
                    report.select("symbol", "trades", "bars"))  # fmt: skip


# Processes


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
    # The folder one is in is no place for modules where it is not that of the script.
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


def test_an_import_loads_no_module_of_the_caller_and_tells_nothing() -> None:
    assert run("from rangebar_polars._catalog.populate import populate") == ""


def test_a_killed_process_fails_its_symbol_alone_and_is_replaced(
    server: ArchiveServer, tmp_path: Path, workers: Workers
) -> None:
    publish(server, DAYS[:1], "BTCUSDT", "ETHUSDT", "LTCUSDT")
    lost = BinanceFile("spot", "ETHUSDT", DAYS[0])
    server.faults[lost.path].append(Fault("stall", 100))
    seen = list[FetchProgress]()

    def kill(progress: FetchProgress, /) -> None:
        seen.append(progress)
        if server.asked(lost.name):
            workers[0].kill()

    told = "its process ended with SIGKILL(-9) (was it killed, or out of memory?)"
    with pytest.warns(RangeBarWarning) as warned:
        report = rb.populate(
            ["BTCUSDT", "ETHUSDT", "LTCUSDT"], DAYS[0], DAYS[0],
            processes=1, archive=server.url, progress=kill, cache_dir=tmp_path,
        )  # fmt: skip

    assert str(warned[0].message) == f"1 of 3 symbols were not filled: ETHUSDT: {told}"
    assert report["status"].to_list() == ["ok", "failed", "ok"]
    assert report["message"].to_list() == [None, told, None]
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, 0]
    assert seen[-1].days_done == 3
    again = rb.populate("ETHUSDT", DAYS[0], DAYS[0], archive=server.url, cache_dir=tmp_path)
    assert again["status"].item() == "ok"
    assert is_whole(tmp_path)


@dataclass(frozen=True)
class Strange(rb.BinanceArchive):
    """An archive that another process cannot make out."""

    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        """Be what is an error."""
        return int, ("x",)


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (Strange(), "ValueError: invalid literal for int() with base 10: 'x'"),
        # What urllib3 says.
        (rb.BinanceArchive(timeout="soon"), "ValueError: Timeout value "),  # type: ignore[arg-type]
    ],
)
def test_an_error_that_nobody_foresaw_is_told_too(
    archive: rb.BinanceArchive, told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.warns(RangeBarWarning) as warned:
        report = rb.populate("BTCUSDT", DAYS[0], DAYS[0], archive=archive, cache_dir=tmp_path)

    told = f"1 of 1 symbols were not filled: BTCUSDT: {told}"
    assert str(warned[0].message).startswith(told)
    assert str(warned[0].message).endswith(report["message"].item())
    assert report["status"].item() == "failed"
    assert capfd.readouterr() == ("", "")


# What ends it


INTERRUPTIBLE = """
import signal
import sys
# A test run in the background hands on an ignored SIGINT, which Python would keep.
signal.signal(signal.SIGINT, signal.default_int_handler)
import rangebar_polars as rb

def told(progress):
    if progress.bytes_done or progress.days_done:
        print("at work", flush=True)

"""
FETCH = f"""{INTERRUPTIBLE}
rb.populate(
    ["BTCUSDT", "ETHUSDT"], "2024-01-30", "2024-02-02", 30,
    archive=rb.BinanceArchive(sys.argv[2], None), cache_dir=sys.argv[1],
    processes=2, progress=told,
)
"""
MAKE = f"""{INTERRUPTIBLE}
rb.populate(
    "BTC-USD", "2024-01-01", "2024-03-31", [1, 10, 20, 30, 40, 50],
    source="mine", cache_dir=sys.argv[1], progress=told,
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
    """Wait until it and the processes it started have ended; return what they told of errors."""
    # Each of them has the pipe open until it ends.
    _, errors = caller.communicate(timeout=TIMEOUT / 4)
    return errors


def is_whole(root: Path) -> bool:
    """Tell whether no unfinished file is left."""
    return not any(name.endswith(".part") for name in tree(root))


@pytest.fixture
def stalling(server: ArchiveServer) -> ArchiveServer:
    """Serve days of two symbols, of which one comes whole only at the second time."""
    publish(server, DAYS[4:8], "BTCUSDT", "ETHUSDT")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        server.faults[BinanceFile("spot", symbol, DAYS[6]).path].append(Fault("stall", 500))
    return server


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


def test_an_interrupt_while_bars_are_made_leaves_whole_months_and_no_process(
    tmp_path: Path,
) -> None:
    days = day_range("2024-01-01", "2024-03-31")
    give(tmp_path, trades_of(days, per_day=10))
    caller = begun(MAKE, tmp_path)

    os.killpg(caller.pid, signal.SIGINT)
    errors = end(caller)

    assert caller.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert is_whole(tmp_path)
    left = tree(tmp_path)
    (row, *_) = rows_of(populate(tmp_path, start=days[0], end=days[-1], thresholds=[1, 10]))
    assert 31 <= row["stored"] < len(days)
    assert left.items() <= tree(tmp_path).items()


def test_processes_end_with_a_caller_that_is_killed(
    stalling: ArchiveServer, tmp_path: Path
) -> None:
    caller = begun(FETCH, tmp_path, stalling.url)

    caller.kill()

    assert end(caller) == ""
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


# Arguments


class OwnStore(ParquetStore):
    """A store that `open_store` knows nothing of."""


NOT_NAMED = "(give names such as 'BTCUSDT')"
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"symbols": []}, ValueError, "symbols is empty (give one symbol or several)"),
    ({"symbols": 5}, TypeError, "symbols is 5 (give one symbol or several)"),
    ({"symbols": None}, TypeError, "symbols is None (give one symbol or several)"),
    ({"symbols": ["A", 5]}, TypeError, f"symbols holds 5 {NOT_NAMED}"),
    ({"symbols": [["A"]]}, TypeError, f"symbols holds ['A'] {NOT_NAMED}"),
    ({"symbols": ["A", "B", "A"]}, ValueError, "symbols holds 'A' twice (give each once)"),
    ({"symbols": ["A", ""]}, ValueError, "symbol is empty (give a name)"),
    (
        {"symbols": ["BTCUSDT", "ethusdt"], "source": "binance"},
        ValueError,
        "symbol 'ethusdt' is no symbol of binance (did you mean 'ETHUSDT'?)",
    ),
    (
        {"market": "coin", "source": "binance"},
        ValueError,
        "market is 'coin' (binance has 'spot', 'um' and 'cm')",
    ),
    ({"start": "01/02/2024"}, ValueError, "start is '01/02/2024' (write a UTC day as YYYY-MM-DD)"),
    (
        {"end": 20240102},
        TypeError,
        "end is 20240102 (give a UTC day: 'YYYY-MM-DD' or datetime.date)",
    ),
    (
        {"start": "2024-01-03", "end": "2024-01-02"},
        ValueError,
        "end 2024-01-02 lies before start 2024-01-03 (both days are included)",
    ),
    (
        {"thresholds": []},
        ValueError,
        "threshold_decimal_bps is empty: expected one threshold or several",
    ),
    (
        {"thresholds": [250, 250]},
        ValueError,
        "threshold_decimal_bps holds 250 twice: expected each once",
    ),
    (
        {"thresholds": 0},
        ValueError,
        "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
    ),
    ({"processes": 0}, ValueError, "processes is 0: expected 1 or more"),
    ({"processes": True}, TypeError, "processes is True: expected an integer"),
    ({"processes": 1.5}, TypeError, "processes is 1.5: expected an integer"),
    (
        {"reset": "hour"},
        ValueError,
        "reset is 'hour': expected 'day', 'week', 'month', 'year' or None",
    ),
    ({"fetch_if_missing": 1}, TypeError, "fetch_if_missing is 1: expected True or False"),
    (
        {"prevent_same_timestamp_close": None},
        TypeError,
        "prevent_same_timestamp_close is None: expected True or False",
    ),
    ({"archive": 5}, TypeError, "archive is 5 (give a URL or an Archive)"),
    ({"progress": "bar"}, ValueError, "progress is 'bar' (give None, 'tqdm', or a callable)"),
    ({"store": 5}, TypeError, "the store is 5 (give a URL, a folder or a BarStore)"),
    (
        {"store": "postgres://db"},
        ValueError,
        (
            "no bar store has a URL that begins with 'postgres:' (give a folder, "
            "'parquet:///folder' or 'clickhouse://user:password@host:port/database')"
        ),
    ),
    (
        {"store": OwnStore(Path("elsewhere"))},
        TypeError,
        (
            "store is a OwnStore, whose address opens a ParquetStore "
            "(give a store that open_store opens by its address)"
        ),
    ),
]


@pytest.mark.parametrize(("wrong", "error", "text"), WRONG)
def test_a_wrong_argument_is_named_at_the_call(
    wrong: dict[str, Any], error: type[Exception], text: str, tmp_path: Path, workers: Workers
) -> None:
    right: dict[str, Any] = {
        "symbols": SYMBOL,
        "start": "2024-01-02",
        "end": "2024-01-02",
        "thresholds": 250,
        "source": SOURCE,
        "cache_dir": tmp_path,
    }

    with says(error, text):
        rb.populate(**right | wrong)

    assert workers == []
    assert tree(tmp_path) == {}


def test_a_store_that_cannot_be_opened_is_an_error_at_the_call(
    tmp_path: Path, workers: Workers
) -> None:
    pytest.importorskip("clickhouse_connect")
    with pytest.raises(StoreError, match="no connection"):
        populate(tmp_path, store="clickhouse://127.0.0.1:1")

    assert workers == []
