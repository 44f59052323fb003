"""Many symbols at one call: what is filled, and what is reported of it."""

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.archive_server import ArchiveServer
from support.assertions import tree
from support.cached_trades import DAYS, PER_DAY, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.populating import (
    ETH,
    FEW,
    Workers,
    populate,
    publish,
    rows_of,
    stored,
    zeros,
)

import rangebar_polars as rb
from rangebar_polars._progress import FetchProgress
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import RangeBarWarning
from rangebar_polars.store import BarStore, ParquetStore


def test_the_first_call_computes_the_bars_and_the_second_finds_them(
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
        row
        | {
            "rule": f"range-{threshold}",
            "threshold_decimal_bps": threshold,
            "bars": bars.height,
        }
        for threshold, bars in want.items()
    ]

    assert rows_of(populate(cache, threshold_decimal_bps=[50, 30])) == expected
    before = tree(cache)
    found = [each | {"stored": 14, "made": 0} for each in expected]
    assert rows_of(populate(cache, threshold_decimal_bps=[30, 50])) == found

    assert tree(cache) == before
    for threshold, bars in want.items():
        assert_same(bars, stored(cache, threshold_decimal_bps=threshold))
    assert read == []
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_a_later_end_computes_the_new_days_alone(cache: Path, read: list[dt.date]) -> None:
    populate(cache, end=DAYS[8])

    (row,) = rows_of(populate(cache))

    assert (row["days"], row["stored"], row["made"]) == (14, 9, 5)
    assert row["trades"] == 14 * PER_DAY
    assert_same(one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30), stored(cache))
    assert read == []


def test_a_replaced_day_computes_it_and_the_days_until_the_chain_is_met(cache: Path) -> None:
    populate(cache)
    give(cache, trades_of([DAYS[6]], seed=1))

    (row,) = rows_of(populate(cache))

    assert (row["days"], row["stored"], row["made"]) == (14, 12, 2)
    assert_same(one_pass(cache, DAYS[0], DAYS[-1], threshold_decimal_bps=30), stored(cache))


def test_a_failing_symbol_is_reported_and_the_others_are_filled_in_the_order_given(
    cache: Path, workers: Workers
) -> None:
    give(cache, trades_of(DAYS[:2], seed=1), symbol=ETH)
    days, message = "2024-01-26 to 2024-01-27", "(import_trades puts them there)"
    reason = f"CacheError: no trades of mine spot NONE are cached for {days} in {cache} {message}"

    with pytest.warns(RangeBarWarning) as warned:
        report = populate(
            cache, [SYMBOL, "NONE", ETH], end=DAYS[1], threshold_decimal_bps=[30, 50], processes=2
        )

    assert [str(each.message) for each in warned] == [
        f"1 of 3 symbols were not filled: NONE: {reason}"
    ]
    assert warned[0].filename == populate.__code__.co_filename
    assert report["symbol"].to_list() == [SYMBOL] * 2 + ["NONE"] * 2 + [ETH] * 2
    assert report["threshold_decimal_bps"].to_list() == [30, 50] * 3
    assert report["status"].to_list() == ["ok"] * 2 + ["failed"] * 2 + ["ok"] * 2
    failed = dict.fromkeys(report.drop("seconds").columns)
    failed |= {"symbol": "NONE", "status": "failed", "message": reason}
    assert rows_of(report)[2:4] == [
        failed | {"rule": f"range-{each}", "threshold_decimal_bps": each} for each in (30, 50)
    ]
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_bars_after_missing_trades_are_not_stored_and_that_is_reported(tmp_path: Path) -> None:
    give(tmp_path, trades_of(DAYS[:3]))
    give(tmp_path, trades_of(DAYS[12:]))
    row = {
        "symbol": SYMBOL, "rule": "range-30", "threshold_decimal_bps": 30,
        "status": "incomplete", "days": 5,
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
def test_with_a_reset_whole_periods_are_computed_and_the_days_asked_for_reported(
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
