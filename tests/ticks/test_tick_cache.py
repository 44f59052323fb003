"""Trades of a symbol appear, cached by UTC day, from an archive or from a user's own files."""

import datetime as dt
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from support.archive_server import ArchiveServer, Fault, day_csv, publish
from support.assertions import says, tree
from support.cached_trades import settings_of

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars._catalog.trades import CachedTrades, last_published_day, load_trades
from rangebar_polars._days import day_range
from rangebar_polars._progress import FetchProgress
from rangebar_polars._ticks.cache import TickCache, caches
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import (
    ArchiveError,
    CacheError,
    ChecksumError,
    DownloadError,
    QualityError,
    RangeBarWarning,
)
from rangebar_polars.schema import TRADE_SCHEMA, Series

DAYS = day_range("2024-08-05", "2024-08-09")
TODAY = dt.date(2024, 10, 1)
ROWS = 100


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """Serve five days of a spot symbol, ids going on from day to day."""
    with ArchiveServer() as running:
        publish(running, DAYS, rows=ROWS, first_day=DAYS[0])
        yield running


def daily(day: dt.date, symbol: str = "BTCUSDT") -> BinanceFile:
    """Return the file of a day."""
    return BinanceFile("spot", symbol, day)


def archive(server: ArchiveServer) -> rb.BinanceArchive:
    """Return the archive that a server serves, with its listing."""
    return rb.BinanceArchive(server.url, server.listing_url, attempts=2, timeout=5)


@pytest.fixture
def cache(tmp_path: Path) -> TickCache:
    """Return the cache that calls fill by default."""
    return TickCache(tmp_path / "cache", Series("binance", "spot", "BTCUSDT"))


# From the archive


def test_trades_of_a_range_appear_in_order(server: ArchiveServer) -> None:
    got = rb.scan_ticks("BTCUSDT", DAYS[1], "2024-08-07", archive=server.url).collect()

    assert got.schema == TRADE_SCHEMA
    assert got["agg_trade_id"].to_list() == list(range(1100, 1300))
    assert got["timestamp"].dt.date().unique().sort().to_list() == DAYS[1:3]


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


def test_the_cache_has_only_whole_files_that_say_what_they_are(
    server: ArchiveServer, cache: TickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)

    names = [f"ticks/source=binance/market=spot/symbol=BTCUSDT/{day}.parquet" for day in DAYS]
    assert sorted(tree(cache.root)) == names
    assert cache.days() == DAYS
    assert caches(cache.root) == [cache]
    report = cache.report(DAYS[1])
    assert report is not None
    assert report.origin.archive == "BTCUSDT-aggTrades-2024-08-06.zip"
    assert report.origin.verified
    assert (report.first_agg_trade_id, report.last_agg_trade_id) == (1100, 1199)
    metadata = pl.read_parquet_metadata(cache.path(DAYS[1]))
    assert metadata["rangebar.series"] == "binance spot BTCUSDT"


def test_the_pieces_of_a_day_do_not_show_in_its_bytes(cache: TickCache) -> None:
    rows = pl.DataFrame(schema=TRADE_SCHEMA).join(
        pl.DataFrame({"agg_trade_id": range(700_000)}), on="agg_trade_id", how="right"
    )
    whole = rows.select(TRADE_SCHEMA.names()).cast(TRADE_SCHEMA)
    pieces = pl.concat([whole[:1], whole[1:333_333], whole[333_333:]])

    written = []
    for form in (whole.rechunk(), pieces):
        cache.write(form, DayReport(day=DAYS[0], fingerprint=""))
        written.append(cache.path(DAYS[0]).read_bytes())

    assert written[0] == written[1]


def test_what_killed_processes_left_is_swept_at_the_next_call(
    server: ArchiveServer, cache: TickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    before = tree(cache.root)
    cache.unfinished(daily(DAYS[0]).name).write_bytes(b"half")
    (cache.folder / f".{DAYS[0]}.parquet.part").write_bytes(b"half")

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)

    assert tree(cache.root) == before


SERIES = Series("binance", "spot", "BTCUSDT")


def loaded(
    server: ArchiveServer, cache: TickCache, days: list[dt.date], *, refresh: bool = False
) -> CachedTrades:
    """Return the days as the cache has them after a fetch."""
    settings = settings_of("binance", cache.root, archive=server.url)
    return load_trades(settings, SERIES, days, refresh=refresh)


def digests(trades: CachedTrades) -> dict[dt.date, str]:
    """Return what tells the trades of cached days apart."""
    return {entry.day: entry.report.digest for entry in trades.days if entry.report is not None}


def test_a_range_knows_its_digests_and_coverage(server: ArchiveServer, cache: TickCache) -> None:
    del server.files[daily(DAYS[2]).path]

    got = loaded(server, cache, DAYS[:4])

    assert got.covered() == [DAYS[0], DAYS[1], DAYS[3]]
    reports = [cache.report(day) for day in got.covered()]
    assert list(digests(got).values()) == [report and report.digest for report in reports]
    assert len(set(digests(got).values())) == 3


def test_a_days_report_and_trades_are_of_one_file_even_if_it_is_replaced(
    server: ArchiveServer, cache: TickCache
) -> None:
    before = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url).collect()
    opened = cache.open(DAYS[0])
    server.publish(daily(DAYS[0]), day_csv(DAYS[0], ROWS - 1))

    after = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url, refresh=True).collect()

    for held, expected in ((opened, before), (cache.open(DAYS[0]), after)):
        assert held is not None
        report, trades = held
        assert trades.collect_schema() == TRADE_SCHEMA
        assert trades.collect().equals(expected)
        assert trades.select("price").tail(3).collect()["price"].equals(expected["price"][-3:])
        assert report.rows_after == expected.height
    assert after.height == before.height - 1
    assert cache.report(DAYS[0]) == report


def test_a_day_that_is_not_cached_has_neither_report_nor_trades(cache: TickCache) -> None:
    assert cache.open(DAYS[0]) is None
    assert cache.report(DAYS[0]) is None
    assert cache.damage(DAYS[0]) is None


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


# What is missing


def test_a_hole_is_warned_of_and_reported(server: ArchiveServer) -> None:
    del server.files[daily(DAYS[2]).path]

    with pytest.warns(RangeBarWarning) as caught:
        got = rb.scan_ticks("BTCUSDT", DAYS[1], DAYS[3], archive=server.url).collect()

    assert got.height == 2 * ROWS
    (told,) = caught
    assert str(told.message) == (
        "trades of binance spot BTCUSDT are missing: days the archive has no file for: "
        "2024-08-07; 100 agg_trade_ids are missing: 2024-08-08 (see archive_quality)"
    )
    assert told.filename == __file__
    report = rb.archive_quality("BTCUSDT", DAYS[1], DAYS[3], archive=server.url)
    assert report["status"].to_list() == ["ok", "hole", "ok"]
    assert report["missing_ids"].to_list() == [0, None, 100]


def test_a_file_without_trades_is_warned_of(server: ArchiveServer) -> None:
    text = day_csv(DAYS[1], 0, header=True, spot=False)
    server.publish(daily(DAYS[1]), text)

    with pytest.warns(RangeBarWarning, match="missing: days whose file has no trades: 2024-08-06;"):
        got = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[2], archive=server.url).collect()

    assert got.height == 2 * ROWS


def test_a_recent_day_is_not_published_yet(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_trades, "_today", lambda: dt.date(2024, 8, 11))

    with pytest.warns(
        RangeBarWarning, match="missing: days not published yet: 2024-08-10 to 2024-08-12 "
    ):
        rb.scan_ticks("BTCUSDT", DAYS[-1], "2024-08-12", archive=server.url)
    assert not server.asked("2024-08-11.zip")

    with says(
        ArchiveError,
        "no file of binance spot BTCUSDT is published yet for 2024-08-10 to 2024-08-11 "
        "(a day's file appears on the next day, some days later at times)",
    ):
        rb.scan_ticks("BTCUSDT", "2024-08-10", "2024-08-11", archive=server.url)


def test_a_symbol_that_never_existed_is_reported_with_near_names(server: ArchiveServer) -> None:
    with says(ArchiveError, "binance spot has no symbol BTCUSDC (near names: BTCUSDT)"):
        rb.scan_ticks("BTCUSDC", DAYS[0], DAYS[1], archive=archive(server))
    with says(ArchiveError, "binance um has no symbol BTCUSDT (it has 0 others)"):
        rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1], market="um", archive=archive(server))
    with says(
        ArchiveError,
        "the archive has no file of binance spot BTCUSDC for 2024-08-05 to 2024-08-06 "
        "(check the symbol, the market and when it was traded)",
    ):
        rb.scan_ticks("BTCUSDC", DAYS[0], DAYS[1], archive=server.url)


def test_a_listing_that_cannot_be_fetched_is_reported(server: ArchiveServer) -> None:
    there = rb.BinanceArchive(server.url, f"{server.url}/none")
    with says(
        ArchiveError,
        "no file of binance spot XYZ was found, and whether there is such a symbol is not "
        f"known: {server.url}/none?delimiter=%2F&prefix=data%2Fspot%2Fdaily%2FaggTrades%2F is not "
        "there (HTTP 404), expected a listing",
    ):
        rb.scan_ticks("XYZ", DAYS[0], DAYS[0], archive=there)


def test_without_fetching_there_is_what_is_cached(server: ArchiveServer, cache: TickCache) -> None:
    with says(
        CacheError,
        "no trades of binance spot BTCUSDT are cached for 2024-08-05 to 2024-08-06 in "
        f"{cache.root} (fetch_if_missing=True fetches them)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], fetch_if_missing=False)
    rb.scan_ticks("BTCUSDT", DAYS[1], DAYS[1], archive=server.url)

    with pytest.warns(RangeBarWarning, match="missing: days not cached: 2024-08-05 "):
        got = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], fetch_if_missing=False)

    assert got.collect().height == ROWS


def test_the_last_published_day_is_the_newest_with_a_checksum(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_trades, "_today", lambda: dt.date(2024, 8, 12))
    assert last_published_day(rb.BinanceArchive(server.url, None), SERIES) == DAYS[-1]

    monkeypatch.setattr(cached_trades, "_today", lambda: TODAY)
    with says(
        ArchiveError,
        "binance spot BTCUSDT has no file of the days from 2024-09-17 to 2024-09-30 (give the end "
        "of the range)",
    ):
        last_published_day(rb.BinanceArchive(server.url, None), SERIES)


# What is wrong


def test_defects_raise_only_where_they_are_to(server: ArchiveServer) -> None:
    lines = day_csv(DAYS[1], ROWS, first_id=1100).splitlines(keepends=True)
    server.publish(daily(DAYS[1]), b"".join([*lines[:50], *lines[48:]]))
    del server.files[f"{daily(DAYS[2]).path}.CHECKSUM"]
    del server.files[daily(DAYS[3]).path]

    with pytest.warns(RangeBarWarning, match=f"no published checksum: {DAYS[2]} "):
        got = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[2], archive=server.url)

    assert got.collect().height == 3 * ROWS
    with says(
        QualityError,
        "binance spot BTCUSDT has defects: 2024-08-06: out_of_order 1, duplicates 2; 2024-08-07: "
        "unverified 1; 2024-08-08: hole 1 (archive_quality shows them, strictness='report' "
        "accepts them)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[3], archive=server.url, strictness="raise")
    with pytest.raises(QualityError):
        rb.archive_quality("BTCUSDT", DAYS[0], DAYS[3], archive=server.url, strictness="raise")
    assert rb.archive_quality("BTCUSDT", DAYS[2], DAYS[2])["verified"].to_list() == [False]


def test_a_day_that_is_refused_leaves_the_others(server: ArchiveServer, cache: TickCache) -> None:
    lines = day_csv(DAYS[1], ROWS).splitlines(keepends=True)
    first_times = lines[0].split(b",")[5]
    lines[60] = lines[60].replace(lines[60].split(b",")[5], first_times)
    server.publish(daily(DAYS[1]), b"".join(lines))
    server.publish(daily(DAYS[2]), day_csv(DAYS[2]), checksum="0" * 64)
    server.publish(daily(DAYS[3]), b"")

    with pytest.raises(QualityError) as caught:
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[4], archive=server.url)
    report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[4], archive=server.url)

    assert str(caught.value) == (
        "time goes back in binance spot BTCUSDT 2024-08-06 (BTCUSDT-aggTrades-2024-08-06.zip) "
        "although ids rise: row 60 (agg_trade_id 1060, 2024-08-06 00:00:00.000000) (the day is "
        "refused: re-timing or dropping them would invent trades)"
    )
    assert cache.days() == [DAYS[0], DAYS[4]]
    assert report["status"].to_list() == ["ok", "refused", "unreadable", "unreadable", "ok"]
    assert report["message"][1] == str(caught.value)
    with pytest.raises(ChecksumError):
        rb.scan_ticks("BTCUSDT", DAYS[2], DAYS[2], archive=server.url)


def test_a_replaced_archive_replaces_its_day_alone(server: ArchiveServer, cache: TickCache) -> None:
    before = loaded(server, cache, DAYS[:3])
    server.publish(daily(DAYS[1]), day_csv(DAYS[1], ROWS - 1, first_id=1100))
    old = tree(cache.root)

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[2], archive=server.url)
    assert tree(cache.root) == old

    asked = len(server.requests)
    after = loaded(server, cache, DAYS[:3], refresh=True)
    assert after.scan().collect().height == 3 * ROWS - 1
    changed = [day for day in DAYS[:3] if digests(before)[day] != digests(after)[day]]
    assert changed == [DAYS[1]]
    assert [r.path for r in server.requests[asked:] if r.path.endswith(".zip")] == [
        daily(DAYS[1]).path
    ]


def test_a_checksum_published_later_verifies_a_day_and_leaves_its_digest(
    server: ArchiveServer, cache: TickCache
) -> None:
    path = f"{daily(DAYS[0]).path}.CHECKSUM"
    text = server.files.pop(path)
    with pytest.warns(RangeBarWarning, match="are not verified"):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    before = cache.report(DAYS[0])
    server.files[path] = text

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url, refresh=True)

    after = cache.report(DAYS[0])
    assert before is not None
    assert after is not None
    assert (before.origin.verified, after.origin.verified) == (False, True)
    assert before.digest == after.digest


# A cache file that is not what it should be


def test_a_file_that_cannot_be_read_is_named_and_left(
    server: ArchiveServer, cache: TickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    path = cache.path(DAYS[0])
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(pl.exceptions.ComputeError) as why:
        pl.read_parquet_metadata(path)
    with says(
        CacheError,
        f"{path} cannot be read: {why.value} (delete the file, or call scan_ticks with "
        "refresh=True, to have it made again)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    with pytest.raises(CacheError, match=f"^{re.escape(str(path))} cannot be read: "):
        cache.open(DAYS[0])
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["status"].to_list() == ["damaged", "ok"]

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url, refresh=True)
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["status"].to_list() == ["ok", "ok"]


def test_a_file_of_another_layout_or_place_is_named(
    server: ArchiveServer, cache: TickCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    moved = cache.path(DAYS[1])
    moved.write_bytes(cache.path(DAYS[0]).read_bytes())

    with says(
        CacheError,
        f"{moved} holds binance spot BTCUSDT of 2024-08-05, expected binance spot BTCUSDT of "
        "2024-08-06 (the file was moved: move it back, or delete it)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)

    monkeypatch.setattr("rangebar_polars._ticks.cache.LAYOUT_VERSION", "4")
    with says(
        CacheError,
        f"{cache.path(DAYS[0])} has layout version 3, expected 4 (delete the file, or call "
        "scan_ticks with refresh=True, to have it made again)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0])


def test_the_doctor_sees_values_that_were_not_written(
    server: ArchiveServer, cache: TickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    path = cache.path(DAYS[0])
    metadata = pl.read_parquet_metadata(path)
    rows = pl.read_parquet(path).with_columns(quantity=pl.col("quantity") + 1e-8)
    rows.write_parquet(path, metadata={k: v for k, v in metadata.items() if "rangebar" in k})

    report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[0])

    assert report["status"][0] == "damaged"
    assert report["message"][0] == (
        f"{path} holds other trades than were written to it (delete the file, or call scan_ticks "
        "with refresh=True, to have it made again)"
    )
    pages = path.read_bytes()
    path.write_bytes(pages[:100] + b"\xff" * 300 + pages[400:])
    message = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[0])["message"][0]
    assert message.startswith(f"{path} ")


def test_a_checksum_that_is_none_fails_its_day_alone(
    server: ArchiveServer, cache: TickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    server.files[f"{daily(DAYS[1]).path}.CHECKSUM"] = b"<html>"

    report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[2], archive=server.url, refresh=True)

    assert report["status"].to_list() == ["ok", "unreadable", "ok"]
    assert cache.days() == DAYS[:3]


def test_a_server_that_fails_is_an_error_and_leaves_whole_days(
    server: ArchiveServer, cache: TickCache
) -> None:
    path = daily(DAYS[1]).path
    server.faults[path].extend([Fault("status", 503)] * 2)
    there = rb.BinanceArchive(server.url, None, attempts=2, threads=1)

    with says(
        DownloadError,
        f"{server.url}/{path} could not be fetched: HTTP 503, 2 times in a row (check the network "
        "and the archive's address, or try again later)",
    ):
        rb.archive_quality("BTCUSDT", DAYS[0], DAYS[2], archive=there)

    assert cache.days()[:1] == DAYS[:1]
    assert all(name.endswith(".parquet") for name in tree(cache.root))


# Progress


def test_progress_is_reported_in_the_callers_thread_and_to_the_end(server: ArchiveServer) -> None:
    told: list[FetchProgress] = []

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url, progress=told.append)

    assert told[-1].days_done == told[-1].days_total == 5
    assert told[-1].bytes_done == sum(len(server.files[daily(day).path]) for day in DAYS)
    assert [p.days_done for p in told] == sorted(p.days_done for p in told)


def test_a_callback_that_raises_ends_the_fetch_and_leaves_nothing_half_written(
    server: ArchiveServer, cache: TickCache
) -> None:
    for day in DAYS[1:]:
        server.faults[daily(day).path].append(Fault("stall", 1000))

    def give_up(_: FetchProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url, progress=give_up)

    assert all(re.search(r"/\d{4}-\d\d-\d\d\.parquet$", name) for name in tree(cache.root))
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
