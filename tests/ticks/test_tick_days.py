"""Trades of a symbol appear, cached by UTC day, from an archive."""

import datetime as dt
import re
import time
import warnings

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, day_csv
from support.assertions import says
from support.published_days import DAYS, daily, digests, loaded
from support.tick_caches import KeptTicks

import rangebar_polars as rb
from rangebar_polars._progress import FetchProgress
from rangebar_polars.schema import TRADE_SCHEMA

pytestmark = pytest.mark.usefixtures("published_days")


def test_trades_of_a_range_appear_in_order(server: ArchiveServer) -> None:
    got = rb.scan_ticks("BTCUSDT", DAYS[1], "2024-08-07", archive=server.url).collect()

    assert got.schema == TRADE_SCHEMA
    assert got["agg_trade_id"].to_list() == list(range(1100, 1300))
    assert got["timestamp"].dt.date().unique().sort().to_list() == DAYS[1:3]


@pytest.mark.usefixtures("kept")
def test_what_is_cached_is_not_fetched_again(server: ArchiveServer) -> None:
    first = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[2], archive=server.url).collect()
    asked = len(server.requests)

    again = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[2], archive=server.url).collect()
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[3], archive=server.url)

    assert again.equals(first)
    assert [request.path for request in server.requests[asked:]] == [
        f"{daily(DAYS[3]).path}.CHECKSUM",
        daily(DAYS[3]).path,
    ]


def test_only_files_and_columns_that_are_asked_for_are_read(server: ArchiveServer) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)

    plan = rb.scan_ticks("BTCUSDT", DAYS[1], DAYS[1]).select("price").explain()

    assert "PROJECT 1/7 COLUMNS" in plan
    assert f"{DAYS[1]}.parquet" in plan
    assert plan.count(".parquet") == 1


def test_a_range_knows_its_digests_and_coverage(server: ArchiveServer, kept: KeptTicks) -> None:
    del server.files[daily(DAYS[2]).path]

    got = loaded(server, kept.cache, DAYS[:4])

    assert got.covered() == [DAYS[0], DAYS[1], DAYS[3]]
    reports = [kept.cache.report(day) for day in got.covered()]
    assert list(digests(got).values()) == [report and report.digest for report in reports]
    assert len(set(digests(got).values())) == 3


def test_a_day_that_is_not_cached_has_neither_report_nor_trades(kept: KeptTicks) -> None:
    assert kept.cache.open(DAYS[0]) is None
    assert kept.cache.report(DAYS[0]) is None
    assert kept.cache.reports(DAYS) == {}
    assert kept.cache.damage(DAYS[0]) is None


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_days_are_utc_whatever_the_machines_zone(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        got = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url).collect()
        report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[0])
    finally:
        monkeypatch.undo()
        time.tzset()

    assert got["timestamp"][0] == dt.datetime(2024, 8, 5, tzinfo=dt.UTC)
    assert report["first_time"].to_list() == [dt.datetime(2024, 8, 5, tzinfo=dt.UTC)]
    assert report["outside_day"].to_list() == [0]


def test_a_day_in_ms_and_one_in_us_join_into_one_chain(server: ArchiveServer) -> None:
    for number, (day, unit) in enumerate(zip(DAYS[:2], ("ms", "us"), strict=True)):
        text = day_csv(day, 8640, first_id=8640 * number, unit="us" if unit == "us" else "ms")
        server.publish(daily(day), text)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url).collect()

    steps = got.select(pl.col("timestamp", "agg_trade_id").diff())[1:].unique()
    assert steps.rows() == [(dt.timedelta(seconds=10), 1)]
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["unit"].to_list() == ["ms", "us"]


# Progress


def test_progress_is_reported_in_the_callers_thread_and_to_the_end(server: ArchiveServer) -> None:
    reports: list[FetchProgress] = []

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url, progress=reports.append)

    assert reports[-1].days_done == reports[-1].days_total == 5
    assert reports[-1].bytes_done == sum(len(server.files[daily(day).path]) for day in DAYS)
    assert [p.days_done for p in reports] == sorted(p.days_done for p in reports)


def test_a_callback_that_raises_ends_the_fetch_and_leaves_nothing_half_written(
    server: ArchiveServer, kept: KeptTicks
) -> None:
    for day in DAYS[1:]:
        server.faults[daily(day).path].append(Fault("stall", 1000))

    def give_up(_: FetchProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url, progress=give_up)

    assert all(re.search(r"/\d{4}-\d\d-\d\d\.parquet$", name) for name in kept.files.names())
    assert rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url).collect().height == 500


def test_a_bar_is_shown_when_asked_for(
    server: ArchiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url, progress="tqdm")

    assert "binance spot BTCUSDT: 100%" in capsys.readouterr().err


# Arguments


def test_bad_arguments_are_refused_at_the_call() -> None:
    day = DAYS[0]
    with says(ValueError, "strictness is 'loud' (give 'report' or 'raise')"):
        rb.scan_ticks("BTCUSDT", day, day, strictness="loud")  # type: ignore[arg-type]
    with says(ValueError, "progress is 'bar' (give None, 'tqdm', or a callable)"):
        rb.scan_ticks("BTCUSDT", day, day, progress="bar")  # type: ignore[arg-type]
    with says(
        ValueError,
        "refresh compares with an archive, and source 'mine' has none (import_trades with "
        "replace=True replaces days)",
    ):
        rb.scan_ticks("BTCUSDT", day, day, source="mine", refresh=True)
    with says(ValueError, "symbol is empty (give a name)"):
        rb.scan_ticks("", day, day, source="mine")
    with says(TypeError, "market is 5 (give a name)"):
        rb.scan_ticks("X", day, day, source="mine", market=5)  # type: ignore[arg-type]
    with says(ValueError, "symbol 'btcusdt' is no symbol of binance (did you mean 'BTCUSDT'?)"):
        rb.archive_quality("btcusdt", day, day)
