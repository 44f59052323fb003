"""`populate` by months: the bars and the files of a call by symbols, and the same report."""

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_server import ArchiveServer, Fault
from support.assertions import says, tree
from support.cached_trades import SOURCE, SYMBOL, give, one_pass, trades_of
from support.entry_points import assert_same
from support.oracle_chains import few
from support.populating import ETH, FEW, Workers, populate, publish, rows_of

import rangebar_polars as rb
from rangebar_polars._days import day_range
from rangebar_polars._progress import FetchProgress
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import RangeBarWarning, StoreError
from rangebar_polars.store import BarStore, ParquetStore

DAYS = day_range("2024-01-20", "2024-04-05")
"""Four months, of which the first and the last are short."""
BORDERS = [day for day in DAYS if day.day == 1]
FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
pytestmark = pytest.mark.filterwarnings(
    "ignore:is_buyer_maker is null:rangebar_polars.RangeBarWarning",
    # Days that are lost at the end of a range.
    "ignore:.* missing:rangebar_polars.RangeBarWarning",
)


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with the trades of four months."""
    root = tmp_path_factory.mktemp("months")
    give(root, trades_of(DAYS, per_day=40))
    return root


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Return an executor that starts at once."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


def fill(root: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Fill the caches by months."""
    asked: dict[str, Any] = {"start": DAYS[0], "end": DAYS[-1], "unit": "month"} | options
    if asked.get("rule") is not None:
        asked["threshold_decimal_bps"] = None
    return populate(root, **asked)


def origins(store: BarStore) -> set[dt.date | None]:
    """Return the first days of the stored chains."""
    return {key.origin for key in store.keys()}  # noqa: SIM118 - not a dict


def test_processes_that_fill_months_leave_what_one_that_fills_the_symbol_does(
    months: Path, tmp_path: Path, workers: Workers
) -> None:
    give(months, trades_of(DAYS, seed=1, per_day=40), symbol=ETH)
    asked: dict[str, Any] = {"symbols": [SYMBOL, ETH], "threshold_decimal_bps": [20, 40]}
    seen = list[FetchProgress]()

    report = fill(months, store=tmp_path / "by month", processes=2, progress=seen.append, **asked)
    of_months = list(workers)

    assert len(of_months) == 2
    assert {worker.exitcode for worker in of_months} == {0}
    quiet = fill(months, store=tmp_path / "by symbol", unit="symbol", processes=1, **asked)
    assert rows_of(report) == rows_of(quiet)
    assert report["made"].to_list() == [len(DAYS)] * 4
    assert tree(tmp_path / "by month") == tree(tmp_path / "by symbol")
    done = [each.days_done for each in seen]
    assert done == sorted(done)
    assert seen[-1] == FetchProgress("2 of 2 symbols", 2 * len(DAYS), 2 * len(DAYS), 0)
    again = fill(months, store=tmp_path / "by month", processes=2, **asked)
    assert again.select("stored", "made").unique().rows() == [(len(DAYS), 0)]
    assert tree(tmp_path / "by month") == tree(tmp_path / "by symbol")


def test_in_every_store_chains_of_months_are_gone_afterwards(
    store: BarStore, months: Path, threads: ThreadPoolExecutor
) -> None:
    (row,) = rows_of(fill(months, store=store, executor=threads))

    assert (row["status"], row["days"], row["made"]) == ("ok", len(DAYS), len(DAYS))
    assert origins(store) == {DAYS[0]}
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": months}
    bars = rb.get_range_bars(SYMBOL, DAYS[0], DAYS[-1], 30, **own, **FULL)
    assert_same(one_pass(months, DAYS[0], DAYS[-1], threshold_decimal_bps=30, **FULL), bars)
    assert_same(bars.filter("is_complete"), store.scan_bars().collect().select(bars.columns))


@pytest.mark.parametrize("reset", ["day", "week", "month", "year", "17:00@America/New_York"])
def test_with_a_reset_units_are_months_or_years(
    reset: str, months: Path, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    named = rb.TradingDay("17:00", "America/New_York") if "@" in reset else reset
    asked: dict[str, Any] = {"executor": threads, "reset": named, "start": DAYS[3]}

    report = fill(months, store=tmp_path / "by month", **asked)

    quiet = fill(months, store=tmp_path / "by symbol", unit="symbol", **asked)
    assert rows_of(report) == rows_of(quiet)
    assert tree(tmp_path / "by month") == tree(tmp_path / "by symbol")


RULES = ("range-10", "range-60", "range-3000", "tick-150", "dollar-3000", "highlow-0.1")


@given(data=st.data())
@settings(few, max_examples=7)
def test_by_months_the_bars_are_those_of_one_pass_whatever_was_there(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("units")
    store = ParquetStore(root / "store")
    starts = [*DAYS[:3], *BORDERS[:2]]
    # Each range has a day with trades.
    some_days = [day for day in DAYS if day - dt.timedelta(days=1) not in starts]
    lost = data.draw(st.sets(st.sampled_from(some_days), max_size=4))
    give(root, trades_of([day for day in DAYS if day not in lost], per_day=30))
    texts = data.draw(st.lists(st.sampled_from(RULES), min_size=1, max_size=3, unique=True))
    max_gap = data.draw(st.sampled_from([None, None, "2h"]))
    for _ in range(data.draw(st.integers(1, 3))):
        if data.draw(st.booleans()):
            day, seed = data.draw(st.sampled_from(DAYS)), data.draw(st.integers(0, 1))
            give(root, trades_of([day], seed, per_day=30))
        start = data.draw(st.sampled_from(starts))
        end = data.draw(st.sampled_from([day for day in DAYS if day > start]))
        some = data.draw(st.sets(st.sampled_from(texts), min_size=1))
        asked: dict[str, Any] = {"rule": [rb.parse_rule(text) for text in sorted(some)]}
        asked["max_gap"] = max_gap
        unit = data.draw(st.sampled_from(["month", "month", "symbol"]))
        with ThreadPoolExecutor(2) as threads:
            fill(root, start=start, end=end, store=store, executor=threads, unit=unit, **asked)

        own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": root} | FULL
        bars = rb.get_range_bars(SYMBOL, start, end, **asked, **own)
        assert_same(one_pass(root, start, end, **asked, **FULL), bars)


def test_months_that_are_stored_are_not_units(
    months: Path, tmp_path: Path, threads: ThreadPoolExecutor, read: list[dt.date]
) -> None:
    own: dict[str, Any] = {"store": tmp_path / "store", "executor": threads}
    fill(months, end=BORDERS[1], **own)
    read.clear()

    fill(months, **own)

    # The chain continues to the end of March, while April begins apart; then it meets it.
    assert sorted(read) == sorted([*DAYS[DAYS.index(BORDERS[1]) + 1 :], BORDERS[2]])


def test_a_rule_that_is_stored_is_not_computed_for_one_that_is_not(
    months: Path, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    own: dict[str, Any] = {"store": tmp_path / "store", "executor": threads}
    fill(months, threshold_decimal_bps=20, **own)

    report = fill(months, threshold_decimal_bps=[20, 40], **own)

    assert report.select("stored", "made").rows() == [(len(DAYS), 0), (0, len(DAYS))]


def test_a_chain_of_your_own_that_begins_with_a_month_stays(
    months: Path, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    store = ParquetStore(tmp_path / "store")
    own: dict[str, Any] = {"store": store, "executor": threads}
    fill(months, start=BORDERS[1], end=BORDERS[1] + dt.timedelta(days=4), unit="symbol", **own)

    fill(months, **own)

    assert origins(store) == {DAYS[0], BORDERS[1]}
    mine = next(key for key in store.keys() if key.origin == BORDERS[1])  # noqa: SIM118
    (month,) = store.find(mine).values()
    assert month.links[0].day == BORDERS[1]


def test_of_a_unit_that_is_left_over_nobody_sees_bars_and_the_next_call_removes_it(
    months: Path, tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ParquetStore(tmp_path / "store")
    own: dict[str, Any] = {"source": SOURCE, "store": store, "cache_dir": months}
    with monkeypatch.context() as patch:
        patch.setattr("rangebar_polars._catalog.fill.remove_units", lambda *_: None)
        fill(months, store=store, executor=threads)
    assert origins(store) == {DAYS[0], *BORDERS}
    shown = store.scan_bars().collect()
    assert shown["origin"].unique().to_list() == [DAYS[0]]

    # A chain from the border on is its own, although a unit began there.
    bars = rb.get_range_bars(SYMBOL, BORDERS[0], DAYS[-1], 30, **own)
    assert_same(one_pass(months, BORDERS[0], DAYS[-1], threshold_decimal_bps=30), bars)
    fill(months, store=store, executor=threads)

    assert origins(store) == {DAYS[0], BORDERS[0]}


def test_a_chain_of_a_month_that_cannot_be_removed_is_logged(
    months: Path,
    tmp_path: Path,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("it is read-only")

    monkeypatch.setattr(ParquetStore, "remove", refuse)

    report = fill(months, store=tmp_path, executor=threads)

    assert report["status"].to_list() == ["ok"]
    text = f"the chain of a month of mine spot {SYMBOL} range-30 was not removed: it is read-only"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        text
    ] * len(BORDERS)


def test_a_month_that_fails_is_the_error_of_its_symbol_and_the_others_are_kept(
    server: ArchiveServer, tmp_path: Path, workers: Workers
) -> None:
    publish(server, DAYS, "BTCUSDT", "ETHUSDT")
    path = BinanceFile("spot", "BTCUSDT", BORDERS[0]).path
    server.faults[path].extend([Fault("status", 500)] * 9)
    archive = rb.BinanceArchive(server.url, None, attempts=2)
    asked: dict[str, Any] = {"archive": archive, "unit": "month", "processes": 2}

    with pytest.warns(RangeBarWarning, match="1 of 2 symbols were not filled: BTCUSDT: 2024-02: "):
        report = rb.populate(
            ["BTCUSDT", "ETHUSDT"], DAYS[0], DAYS[-1], 30, cache_dir=tmp_path, **asked
        )

    assert report["status"].to_list() == ["failed", "ok"]
    assert report["message"][0].startswith("2024-02: DownloadError: ")
    assert {worker.exitcode for worker in workers} == {0}
    server.faults.clear()
    again = rb.populate("BTCUSDT", DAYS[0], DAYS[-1], 30, cache_dir=tmp_path, **asked)
    assert again.select("status", "trades").row(0) == ("ok", FEW * len(DAYS))
    # The error ended the fetch of its month alone.
    assert 1 <= again["fetched"].item() <= 29
    assert origins(ParquetStore(tmp_path)) == {DAYS[0]}


def test_a_symbol_that_is_listed_in_the_middle_is_filled(
    server: ArchiveServer, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    publish(server, DAYS[30:], "BTCUSDT")
    asked: dict[str, Any] = {"archive": server.url, "executor": threads}
    for name in ("month", "symbol"):
        own: dict[str, Any] = {"cache_dir": tmp_path / name, "store": tmp_path / name}
        report = rb.populate("BTCUSDT", DAYS[0], DAYS[-1], 30, unit=name, **own, **asked)
        assert report.select("status", "days").row(0) == ("ok", len(DAYS) - 30)

    assert tree(tmp_path / "month") == tree(tmp_path / "symbol")


def test_an_unknown_unit_is_named(tmp_path: Path) -> None:
    with says(ValueError, "unit is 'week': expected 'symbol' or 'month'"):
        fill(tmp_path, unit="week")
