"""The files of cached days: whole, of one version each, and named where they are not as written."""

import re

import polars as pl
import pytest
from support.archive_server import ArchiveServer, day_csv
from support.assertions import says, tree
from support.published_days import DAYS, ROWS, daily

import rangebar_polars as rb
from rangebar_polars._ticks.caches import cached_series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.errors import (
    CacheError,
)
from rangebar_polars.schema import TRADE_SCHEMA

pytestmark = pytest.mark.usefixtures("published_days")


def test_the_cache_has_only_whole_files_that_say_what_they_are(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)

    names = [f"ticks/source=binance/market=spot/symbol=BTCUSDT/{day}.parquet" for day in DAYS]
    assert sorted(tree(tick_cache.root)) == names
    assert tick_cache.days() == DAYS
    assert cached_series(tick_cache.root) == [tick_cache.series]
    report = tick_cache.report(DAYS[1])
    assert report is not None
    assert report.origin.archive == "BTCUSDT-aggTrades-2024-08-06.zip"
    assert report.origin.verified
    assert (report.first_agg_trade_id, report.last_agg_trade_id) == (1100, 1199)
    metadata = pl.read_parquet_metadata(tick_cache.path(DAYS[1]))
    assert metadata["rangebar.series"] == "binance spot BTCUSDT"


def test_the_pieces_of_a_day_do_not_show_in_its_bytes(tick_cache: DiskTickCache) -> None:
    rows = pl.DataFrame(schema=TRADE_SCHEMA).join(
        pl.DataFrame({"agg_trade_id": range(700_000)}), on="agg_trade_id", how="right"
    )
    whole = rows.select(TRADE_SCHEMA.names()).cast(TRADE_SCHEMA)
    pieces = pl.concat([whole[:1], whole[1:333_333], whole[333_333:]])

    written = []
    for form in (whole.rechunk(), pieces):
        tick_cache.write(form, DayReport(day=DAYS[0], fingerprint=""))
        written.append(tick_cache.path(DAYS[0]).read_bytes())

    assert written[0] == written[1]


def test_what_killed_processes_left_is_removed_at_the_next_call(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    before = tree(tick_cache.root)
    tick_cache.unfinished(daily(DAYS[0]).name).write_bytes(b"half")
    (tick_cache.folder / f".{DAYS[0]}.parquet.part").write_bytes(b"half")

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)

    assert tree(tick_cache.root) == before


def test_a_days_report_and_trades_are_of_one_file_even_if_it_is_replaced(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    before = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url).collect()
    opened = tick_cache.open(DAYS[0])
    server.publish(daily(DAYS[0]), day_csv(DAYS[0], ROWS - 1))

    after = rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url, refresh=True).collect()

    for held, expected in ((opened, before), (tick_cache.open(DAYS[0]), after)):
        assert held is not None
        report, trades = held
        assert trades.collect_schema() == TRADE_SCHEMA
        assert trades.collect().equals(expected)
        assert trades.select("price").tail(3).collect()["price"].equals(expected["price"][-3:])
        assert report.rows_after == expected.height
    assert after.height == before.height - 1
    assert tick_cache.report(DAYS[0]) == report


# A file that is not what it should be


def test_a_file_that_cannot_be_read_is_named_and_left(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    path = tick_cache.path(DAYS[0])
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
        tick_cache.open(DAYS[0])
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["status"].to_list() == ["damaged", "ok"]

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url, refresh=True)
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["status"].to_list() == ["ok", "ok"]


def test_a_file_of_another_layout_or_place_is_named(
    server: ArchiveServer, tick_cache: DiskTickCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    moved = tick_cache.path(DAYS[1])
    moved.write_bytes(tick_cache.path(DAYS[0]).read_bytes())

    with says(
        CacheError,
        f"{moved} holds binance spot BTCUSDT of 2024-08-05, expected binance spot BTCUSDT of "
        "2024-08-06 (the file was moved: move it back, or delete it)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)

    monkeypatch.setattr("rangebar_polars._ticks.cache.LAYOUT_VERSION", "4")
    with says(
        CacheError,
        f"{tick_cache.path(DAYS[0])} has layout version 3, expected 4 (delete the file, or call "
        "scan_ticks with refresh=True, to have it made again)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0])


def test_archive_quality_sees_values_that_were_not_written(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    path = tick_cache.path(DAYS[0])
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
