"""The files of cached days: whole, of one version each, and named where they are not as written.

Each test runs on a folder and on a bucket.
"""

import re
from io import BytesIO

import polars as pl
import pytest
from support.archive_server import ArchiveServer, day_csv
from support.assertions import says
from support.published_days import DAYS, ROWS, daily
from support.tick_caches import KeptTicks

import rangebar_polars as rb
from rangebar_polars._ticks.caches import cached_series
from rangebar_polars._ticks.report import DayReport
from rangebar_polars.errors import CacheError
from rangebar_polars.schema import TRADE_SCHEMA

pytestmark = pytest.mark.usefixtures("published_days")

FOLDER = "ticks/source=binance/market=spot/symbol=BTCUSDT"
NAMES = [f"{FOLDER}/{day}.parquet" for day in DAYS]
REMEDY = "delete the file, or call scan_ticks with refresh=True, to have it made again"


def test_the_cache_has_only_whole_files_that_say_what_they_are(
    server: ArchiveServer, kept: KeptTicks
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[-1], archive=server.url)

    assert kept.files.names() == NAMES
    assert kept.cache.days() == DAYS
    assert kept.cache.missing([*DAYS, DAYS[0].replace(day=1)]) == [DAYS[0].replace(day=1)]
    assert kept.cache.sizes() == {
        day: len(kept.files.read(name)) for day, name in zip(DAYS, NAMES, strict=True)
    }
    assert cached_series(kept.cache.root) == [kept.cache.series]
    assert cached_series(kept.cache.root, {"source": "mine", "symbol": "BTCUSDT"}) == []
    report = kept.cache.report(DAYS[1])
    assert report is not None
    assert kept.cache.reports([DAYS[1], DAYS[0].replace(day=1)]) == {DAYS[1]: report}
    assert report.origin.archive == "BTCUSDT-aggTrades-2024-08-06.zip"
    assert report.origin.verified
    assert (report.first_agg_trade_id, report.last_agg_trade_id) == (1100, 1199)
    metadata = pl.read_parquet_metadata(BytesIO(kept.files.read(NAMES[1])))
    assert metadata["rangebar.series"] == "binance spot BTCUSDT"


def test_a_day_that_is_there_is_replaced_only_if_that_is_asked(kept: KeptTicks) -> None:
    cache = kept.cache
    empty, report = TRADE_SCHEMA.to_frame(), DayReport(day=DAYS[0], fingerprint="first")

    assert cache.write(empty, report, replace=False)
    before = kept.files.every()
    assert not cache.write(empty, DayReport(day=DAYS[0], fingerprint="other"), replace=False)
    assert kept.files.every() == before
    assert cache.write(empty, DayReport(day=DAYS[0], fingerprint="other"))

    assert cache.report(DAYS[0]) == DayReport(day=DAYS[0], fingerprint="other")
    assert cache.scan([]).collect().equals(empty)
    cache.clear()
    assert kept.files.names() == []
    assert cached_series(cache.root) == []


def test_the_pieces_of_a_day_do_not_show_in_its_bytes(kept: KeptTicks) -> None:
    rows = pl.DataFrame(schema=TRADE_SCHEMA).join(
        pl.DataFrame({"agg_trade_id": range(700_000)}), on="agg_trade_id", how="right"
    )
    whole = rows.select(TRADE_SCHEMA.names()).cast(TRADE_SCHEMA)
    pieces = pl.concat([whole[:1], whole[1:333_333], whole[333_333:]])

    written = []
    for form in (whole.rechunk(), pieces):
        kept.cache.write(form, DayReport(day=DAYS[0], fingerprint=""))
        written.append(kept.files.read(NAMES[0]))

    assert written[0] == written[1]


def test_what_killed_processes_left_is_removed_at_the_next_call(
    server: ArchiveServer, kept: KeptTicks
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    before = kept.files.every()
    kept.cache.unfinished(daily(DAYS[0]).name).write_bytes(b"half")
    if "://" not in kept.cache.place(DAYS[0]):
        kept.files.write(f"{FOLDER}/.{DAYS[0]}.parquet.part", b"half")

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)

    assert kept.files.every() == before
    assert not kept.cache.unfinished(daily(DAYS[0]).name).exists()


def test_a_days_report_and_trades_are_of_one_file_even_if_it_is_replaced(
    server: ArchiveServer, kept: KeptTicks
) -> None:
    cache = kept.cache
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


# A file that is not what it should be


def test_a_file_that_cannot_be_read_is_named_and_left(
    server: ArchiveServer, kept: KeptTicks
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    place, half = kept.cache.place(DAYS[0]), kept.files.read(NAMES[0])[:1000]
    kept.files.write(NAMES[0], half)

    with pytest.raises(pl.exceptions.ComputeError) as why:
        pl.read_parquet_metadata(BytesIO(half))
    with says(CacheError, f"{place} cannot be read: {why.value} ({REMEDY})"):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    with pytest.raises(CacheError, match=f"^{re.escape(place)} cannot be read: "):
        kept.cache.open(DAYS[0])
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["status"].to_list() == ["damaged", "ok"]
    assert rb.cache_status()["message"][0].startswith(f"{place} cannot be read: ")

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url, refresh=True)
    assert rb.archive_quality("BTCUSDT", DAYS[0], DAYS[1])["status"].to_list() == ["ok", "ok"]


def test_a_file_of_another_layout_or_place_is_named(
    server: ArchiveServer, kept: KeptTicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    kept.files.write(NAMES[1], kept.files.read(NAMES[0]))

    with says(
        CacheError,
        f"{kept.cache.place(DAYS[1])} holds binance spot BTCUSDT of 2024-08-05, expected binance "
        "spot BTCUSDT of 2024-08-06 (the file was moved: move it back, or delete it)",
    ):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)

    monkeypatch.setattr("rangebar_polars._ticks.cache.LAYOUT_VERSION", "4")
    place = kept.cache.place(DAYS[0])
    with says(CacheError, f"{place} has layout version 3, expected 4 ({REMEDY})"):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0])


def test_archive_quality_sees_values_that_were_not_written(
    server: ArchiveServer, kept: KeptTicks
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    file, place = kept.files.read(NAMES[0]), kept.cache.place(DAYS[0])
    metadata = pl.read_parquet_metadata(BytesIO(file))
    rows = pl.read_parquet(BytesIO(file)).with_columns(quantity=pl.col("quantity") + 1e-8)
    other = BytesIO()
    rows.write_parquet(other, metadata={k: v for k, v in metadata.items() if "rangebar" in k})
    kept.files.write(NAMES[0], other.getvalue())

    report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[0])

    assert report["status"][0] == "damaged"
    assert report["message"][0] == (
        f"{place} holds other trades than were written to it ({REMEDY})"
    )
    with pytest.raises(CacheError, match="holds other trades than were written to it"):
        rb.get_range_bars("BTCUSDT", DAYS[0], DAYS[0], 30)
    kept.files.write(NAMES[0], file[:100] + b"\xff" * 300 + file[400:])
    message = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[0])["message"][0]
    assert message.startswith(f"{place} ")
