"""A closed month comes as one file, and is the same as its days."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from support.archive_server import ArchiveServer, day_csv
from support.published_days import daily

import rangebar_polars as rb
from rangebar_polars._catalog import trades as cached_trades
from rangebar_polars._days import month_days
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import RangeBarWarning


def month_server(server: ArchiveServer, absent: tuple[int, ...] = ()) -> list[dt.date]:
    """Serve June 2024 as one file and as a file each day; return its days."""
    days = month_days(dt.date(2024, 6, 1))
    texts = {
        day: day_csv(day, 20, first_id=20 * number)
        for number, day in enumerate(days)
        if day.day not in absent
    }
    for day, text in texts.items():
        server.publish(daily(day), text)
    month = BinanceFile("spot", "BTCUSDT", days[0], monthly=True)
    server.publish(month, b"".join(texts.values()))
    return days


@pytest.mark.parametrize("piece_bytes", [3000, 1 << 24])
def test_a_month_comes_as_one_file_and_is_the_same_as_its_days(
    server: ArchiveServer, tmp_path: Path, piece_bytes: int
) -> None:
    archive = rb.BinanceArchive(server.url, None, piece_bytes=piece_bytes)
    days = month_server(server)

    got = rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=archive).collect()

    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        "BTCUSDT-aggTrades-2024-06.zip.CHECKSUM",
        "BTCUSDT-aggTrades-2024-06.zip",
    ]
    parts = [
        rb.scan_ticks("BTCUSDT", day, day, archive=server.url, cache_dir=tmp_path / "other")
        for day in days
    ]
    assert got.equals(pl.concat(parts).collect())


def test_a_day_has_one_digest_from_a_months_file_and_from_its_own(
    server: ArchiveServer, tick_cache: DiskTickCache, tmp_path: Path
) -> None:
    days = month_server(server)
    rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)
    rb.scan_ticks("BTCUSDT", days[4], days[4], archive=server.url, cache_dir=tmp_path / "other")

    of_month = tick_cache.report(days[4])
    of_day = replace(tick_cache, root=tmp_path / "other").report(days[4])

    assert of_month is not None
    assert of_day is not None
    assert of_month.origin.archive == "BTCUSDT-aggTrades-2024-06.zip"
    assert of_day.origin.archive == "BTCUSDT-aggTrades-2024-06-05.zip"
    assert of_month.digest == of_day.digest


def test_less_than_half_a_month_or_an_open_one_comes_by_day(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = month_server(server)
    rb.scan_ticks("BTCUSDT", days[0], days[14], archive=server.url)
    assert not server.asked("2024-06.zip")

    monkeypatch.setattr(cached_trades, "_today", lambda: dt.date(2024, 7, 10))
    rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)
    assert not server.asked("2024-06.zip")


def test_days_that_a_months_file_lacks_are_asked_for_one_by_one(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    days = month_server(server, absent=(10, 20))
    server.publish(daily(days[9]), day_csv(days[9], 20, first_id=180))

    with pytest.warns(RangeBarWarning, match="has no file for: 2024-06-20; 20 agg_trade_ids"):
        rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)
    with pytest.warns(RangeBarWarning, match="has no file for: 2024-06-20; 20 agg_trade_ids"):
        rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)

    assert tick_cache.days() == [day for day in days if day.day != 20]
    assert len(server.asked("2024-06.zip")) == 1
    assert len(server.asked("2024-06-20.zip")) == 2


def test_a_month_without_a_file_comes_by_day(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    days = month_server(server)
    del server.files[BinanceFile("spot", "BTCUSDT", days[0], monthly=True).path]

    rb.scan_ticks("BTCUSDT", days[0], days[-1], archive=server.url)

    assert tick_cache.days() == days
