"""Trades whose file had no published checksum are used, and a caller hears of it each time."""

from collections.abc import Callable

import pytest
from support.archive_server import ArchiveServer, publish
from support.cached_trades import DAYS

import rangebar_polars as rb
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import RangeBarWarning

TEXT = (
    "trades of binance spot BTCUSDT are not verified, since their files had no published checksum: "
    f"{DAYS[1]} to {DAYS[2]} (fetch them from an archive that has checksums, with refresh=True)"
)


@pytest.fixture
def without_checksums(server: ArchiveServer) -> str:
    """Serve four days, two of them without a checksum; return the URL."""
    publish(server, DAYS[:4])
    for day in DAYS[1:3]:
        del server.files[f"{BinanceFile('spot', 'BTCUSDT', day).path}.CHECKSUM"]
    return server.url


@pytest.mark.parametrize("call", [rb.scan_ticks, rb.get_range_bars, rb.scan_range_bars])
def test_days_without_a_checksum_are_reported_at_every_call(
    without_checksums: str, call: Callable[..., object]
) -> None:
    for _ in range(2):
        with pytest.warns(RangeBarWarning) as warned:
            call("BTCUSDT", DAYS[0], DAYS[3], archive=without_checksums)

        assert [str(each.message) for each in warned] == [TEXT]


def test_the_reports_name_them_without_a_warning(without_checksums: str) -> None:
    quality = rb.archive_quality("BTCUSDT", DAYS[0], DAYS[3], archive=without_checksums)
    report = rb.populate("BTCUSDT", DAYS[0], DAYS[3], archive=without_checksums)

    assert quality["verified"].to_list() == [True, False, False, True]
    assert report["defects"].item() == "unverified 2"


def test_a_mirror_with_checksums_verifies_them(
    without_checksums: str, server: ArchiveServer
) -> None:
    rb.archive_quality("BTCUSDT", DAYS[0], DAYS[3], archive=without_checksums)
    publish(server, DAYS[:4])

    rb.scan_ticks("BTCUSDT", DAYS[0], DAYS[3], archive=server.url, refresh=True)
