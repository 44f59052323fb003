"""Every archive passes the tests of `rangebar_polars.testing`: Binance's, and your own."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from support.archive_server import ArchiveServer, day_csv
from support.assertions import says
from support.cached_trades import trades_of
from support.folder_archive import FolderArchive, write_days

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars.archive import archive_of
from rangebar_polars.archive.binance import BinanceFile
from rangebar_polars.errors import ArchiveError
from rangebar_polars.schema import TRADE_SCHEMA
from rangebar_polars.testing import ArchiveTests
from rangebar_polars.testing.archives import Archived

DAYS = [dt.date(2024, 1, 30), dt.date(2024, 1, 31), dt.date(2024, 2, 1)]
HOLE = dt.date(2023, 1, 5)


def of_text(text: bytes) -> pl.DataFrame:
    """Return the trades of a file of Binance's, as another reader gives them."""
    names = ["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "ms", "side"]
    rows = pl.read_csv(text, has_header=False, new_columns=names)
    return rows.select(
        timestamp=pl.from_epoch("ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
        price="price",
        quantity="quantity",
        is_buyer_maker=pl.col("side").cast(pl.String).str.to_lowercase() == "true",
        agg_trade_id="agg_trade_id",
        first_trade_id="first_trade_id",
        last_trade_id="last_trade_id",
    )


class TestBinance(ArchiveTests):
    """Binance's archive, on a server that the test starts."""

    @pytest.fixture
    def archived(self, server: ArchiveServer) -> Archived:
        """Return the archive with three days."""
        archive = rb.BinanceArchive(server.url, None)
        series, trades = Series("binance", "spot", "BTCUSDT"), dict[dt.date, pl.DataFrame]()
        for number, day in enumerate(DAYS):
            file = BinanceFile("spot", "BTCUSDT", day)
            text = day_csv(day, 50, first_id=50 * number, spot=False)
            server.publish(file, text)
            trades[day] = of_text(text)
        return Archived(archive, series, trades, HOLE)


class TestFolder(ArchiveTests):
    """A folder of CSV files."""

    @pytest.fixture
    def archived(self, tmp_path: Path) -> Archived:
        """Return the archive with three days."""
        folder = tmp_path / "archive"
        folder.mkdir()
        trades = {day: trades_of([day]).select(TRADE_SCHEMA.names()) for day in DAYS}
        write_days(folder, "BTC-USD", trades)
        series = Series("folder", "spot", "BTC-USD")
        return Archived(FolderArchive(folder), series, trades, HOLE)


def test_an_archive_is_of_its_source(tmp_path: Path) -> None:
    with says(
        ValueError,
        "archive is that of source 'folder', expected one of 'binance' (give source='folder')",
    ):
        archive_of("binance", FolderArchive(tmp_path))


def test_a_symbol_that_the_archive_does_not_have_is_named(tmp_path: Path) -> None:
    write_days(tmp_path, "BTC-USD", {DAYS[0]: trades_of(DAYS[:1])})

    with says(ArchiveError, "folder spot has no symbol BTC-USDT (near names: BTC-USD)"):
        rb.scan_ticks(
            "BTC-USDT",
            DAYS[0],
            DAYS[0],
            source="folder",
            archive=FolderArchive(tmp_path),
            cache_dir=tmp_path / "cache",
        )


def test_an_archive_without_rising_ids_has_no_gaps(tmp_path: Path) -> None:
    thinned = trades_of(DAYS[:1]).gather_every(2)
    write_days(tmp_path, "BTC-USD", {DAYS[0]: thinned})
    catalog = rb.Catalog("folder", archive=FolderArchive(tmp_path), cache_dir=tmp_path / "cache")

    report = catalog.quality("BTC-USD", DAYS[0], DAYS[0])

    assert (report["missing_ids"].item(), report["gaps"].item().len()) == (0, 0)
