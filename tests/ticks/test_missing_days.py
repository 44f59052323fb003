"""Days and symbols that are missing: holes, days not published yet, days that are not cached."""

import datetime as dt
from collections.abc import Callable

import pytest
from support.archive_server import ArchiveServer, day_csv
from support.assertions import says
from support.published_days import DAYS, ROWS, SERIES, daily

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars._catalog.trades import last_published_day
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import (
    ArchiveError,
    CacheError,
    RangeBarWarning,
)

pytestmark = pytest.mark.usefixtures("published_days")

TODAY = dt.date(2024, 10, 1)


def archive(server: ArchiveServer) -> rb.BinanceArchive:
    """Return the archive that a server serves, with its listing."""
    return rb.BinanceArchive(server.url, server.listing_url, attempts=2, timeout=5)


def test_a_hole_is_warned_of_and_reported(server: ArchiveServer) -> None:
    del server.files[daily(DAYS[2]).path]

    with pytest.warns(RangeBarWarning) as caught:
        got = rb.scan_ticks("BTCUSDT", DAYS[1], DAYS[3], archive=server.url).collect()

    assert got.height == 2 * ROWS
    (warning,) = caught
    assert str(warning.message) == (
        "trades of binance spot BTCUSDT are missing: days the archive has no file for: "
        "2024-08-07; 100 agg_trade_ids are missing: 2024-08-08 (see archive_quality)"
    )
    assert warning.filename == __file__
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


@pytest.mark.parametrize("call", [rb.scan_ticks, rb.get_range_bars], ids=["trades", "bars"])
def test_days_to_come_are_refused_without_asking_the_archive(
    call: Callable[..., object], server: ArchiveServer
) -> None:
    with says(
        ArchiveError,
        "no file of binance spot BTCUSDT is published yet for 2999-01-01 to 2999-01-02 (a day's "
        "file appears on the next day, some days later at times)",
    ):
        call("BTCUSDT", "2999-01-01", "2999-01-02", archive=server.url)
    assert server.requests == []


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


def test_without_fetching_there_is_what_is_cached(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    with says(
        CacheError,
        "no trades of binance spot BTCUSDT are cached for 2024-08-05 to 2024-08-06 in "
        f"{tick_cache.root} (fetch_if_missing=True fetches them)",
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
