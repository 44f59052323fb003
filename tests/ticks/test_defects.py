"""Defects of published days: what is reported, what is refused, and what a new file changes."""

import pytest
from support.archive_server import ArchiveServer, Fault, day_csv
from support.assertions import says, tree
from support.published_days import DAYS, ROWS, daily, digests, loaded

import rangebar_polars as rb
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.errors import (
    ChecksumError,
    DownloadError,
    QualityError,
    RangeBarWarning,
)

pytestmark = pytest.mark.usefixtures("published_days")


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


def test_a_day_that_is_refused_leaves_the_others(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
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
    assert tick_cache.days() == [DAYS[0], DAYS[4]]
    assert report["status"].to_list() == ["ok", "refused", "unreadable", "unreadable", "ok"]
    assert report["message"][1] == str(caught.value)
    with pytest.raises(ChecksumError):
        rb.scan_ticks("BTCUSDT", DAYS[2], DAYS[2], archive=server.url)


def test_a_replaced_archive_replaces_its_day_alone(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    before = loaded(server, tick_cache, DAYS[:3])
    server.publish(daily(DAYS[1]), day_csv(DAYS[1], ROWS - 1, first_id=1100))
    old = tree(tick_cache.root)

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[2], archive=server.url)
    assert tree(tick_cache.root) == old

    asked = len(server.requests)
    after = loaded(server, tick_cache, DAYS[:3], refresh=True)
    assert after.scan().collect().height == 3 * ROWS - 1
    changed = [day for day in DAYS[:3] if digests(before)[day] != digests(after)[day]]
    assert changed == [DAYS[1]]
    assert [r.path for r in server.requests[asked:] if r.path.endswith(".zip")] == [
        daily(DAYS[1]).path
    ]


def test_a_checksum_published_later_verifies_a_day_and_leaves_its_digest(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    path = f"{daily(DAYS[0]).path}.CHECKSUM"
    text = server.files.pop(path)
    with pytest.warns(RangeBarWarning, match="are not verified"):
        rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url)
    before = tick_cache.report(DAYS[0])
    server.files[path] = text

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[0], archive=server.url, refresh=True)

    after = tick_cache.report(DAYS[0])
    assert before is not None
    assert after is not None
    assert (before.origin.verified, after.origin.verified) == (False, True)
    assert before.digest == after.digest


def test_a_checksum_that_is_none_fails_its_day_alone(
    server: ArchiveServer, tick_cache: DiskTickCache
) -> None:
    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[1], archive=server.url)
    server.files[f"{daily(DAYS[1]).path}.CHECKSUM"] = b"<html>"

    report = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[2], archive=server.url, refresh=True)

    assert report["status"].to_list() == ["ok", "unreadable", "ok"]
    assert tick_cache.days() == DAYS[:3]


def test_a_server_that_fails_is_an_error_and_leaves_whole_days(
    server: ArchiveServer, tick_cache: DiskTickCache
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

    assert tick_cache.days()[:1] == DAYS[:1]
    assert all(name.endswith(".parquet") for name in tree(tick_cache.root))
