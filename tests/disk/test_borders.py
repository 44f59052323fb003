"""What a user's archive, file or store does wrong is one of our errors, which names it."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says, tree
from support.cached_trades import DAYS, SOURCE, SYMBOL, give, trades_of
from support.folder_archive import FolderArchive, FolderFile, write_days
from support.folder_csv import FolderCsv

import rangebar_polars as rb
from rangebar_polars._series import Series
from rangebar_polars._ticks.disk_cache import DiskTickCache
from rangebar_polars.archive import ArchiveFile, TradeFile
from rangebar_polars.errors import ArchiveError, QualityError, StoreError

DAY = DAYS[0]
FILE = FolderFile("A", DAY).name


@dataclass
class Pieces(FolderCsv):
    """A file that gives whatever it is to, or raises it."""

    given: list[Any] = field(default_factory=list)

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Yield or raise what is given."""
        for each in self.given:
            if isinstance(each, Exception):
                raise each
            yield each


@dataclass(frozen=True)
class WrongArchive(FolderArchive):
    """An archive whose files give other things than trades."""

    given: tuple[Any, ...] = ()

    def open(self, path: Path, file: ArchiveFile) -> TradeFile:
        """Return a file that gives them."""
        return Pieces(path, file.name, given=list(self.given))


def fetched(folder: Path, *given: Any) -> pl.LazyFrame:  # noqa: ANN401
    """Return the trades of an archive's file that gives these."""
    write_days(folder, "A", {DAY: trades_of([DAY])})
    archive = WrongArchive(folder, given)
    return rb.scan_ticks("A", DAY, DAY, source="folder", archive=archive)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty archive."""
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def test_columns_of_an_archive_that_are_no_trades_are_named(folder: Path) -> None:
    columns = (
        "timestamp Datetime(time_unit='us', time_zone='UTC'), price Float64, quantity Float64, "
        "is_buyer_maker Boolean, agg_trade_id Int64, first_trade_id Int64, last_trade_id Int64"
    )
    with says(
        ArchiveError,
        f"{FILE} gives other columns than trades: expected {columns}, got a Int64 (its archive is "
        "to give these, in this order)",
    ):
        fetched(folder, pl.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    "error",
    [
        pl.exceptions.SchemaError("no such column"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        RecursionError("maximum recursion depth exceeded"),
        ValueError("no number"),
    ],
)
def test_an_error_of_an_archives_reader_names_its_file(folder: Path, error: Exception) -> None:
    with says(
        ArchiveError, f"{FILE} cannot be read: {error} (is it what the archive should have?)"
    ):
        fetched(folder, trades_of([DAY]), error)


def test_what_an_archive_gives_stays_whole_when_it_is_as_it_should_be(folder: Path) -> None:
    trades = trades_of([DAY])

    assert fetched(folder, trades[:50], trades[50:]).collect().equals(trades)


def test_an_error_of_another_file_is_none_of_the_unfinished_one(folder: Path) -> None:
    error = PermissionError(13, "Permission denied", str(folder / FILE))

    with pytest.raises(PermissionError) as caught:
        fetched(folder, error)

    assert caught.value is error


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_named_pipe_is_no_file_to_import(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"trades.{suffix}"
    os.mkfifo(path)

    reason = "it is a named pipe, expected a regular file (give one file, or the frame)"
    with says(ValueError, f"{path} cannot be read: {reason}"):
        rb.import_trades(path, symbol=SYMBOL, source=SOURCE)


def test_a_line_that_no_reader_of_csv_takes_is_an_error_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    long = "1" * 200_000
    path.write_text(f"timestamp,price,quantity\n2024-08-08T00:00:00,100,1\n1,1,1,{long}\n")

    with pytest.raises(QualityError) as caught:
        rb.import_trades(path, symbol=SYMBOL, source=SOURCE)

    assert str(caught.value).startswith(f"{path} cannot be read: ")


@pytest.mark.parametrize("symbol", [SYMBOL, None])
def test_a_parquet_that_is_damaged_inside_is_named(symbol: str | None, tmp_path: Path) -> None:
    path = tmp_path / "trades.parquet"
    names = pl.lit("A") + pl.col("agg_trade_id").cast(str)
    trades_of([DAY]).with_columns(symbol=names).write_parquet(path)
    data = bytearray(path.read_bytes())
    data[4:3000] = bytes(2996)
    path.write_bytes(data)

    with pytest.raises(QualityError) as caught:
        rb.import_trades(path, symbol=symbol, source=SOURCE)

    assert str(caught.value).startswith(f"{path} cannot be read: ")


def test_a_file_that_is_named_by_the_home_folder_is_named_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "trades.csv").write_text("timestamp,price,quantity\n1,1,1,1\n")

    text = "line 2 has 4 fields, expected 3 as in the header (repair the line)"
    with says(QualityError, f"{tmp_path / 'trades.csv'} cannot be read: {text}"):
        rb.import_trades("~/trades.csv", symbol=SYMBOL, source=SOURCE)


def test_trades_are_cleared_while_the_store_cannot_be_reached(tmp_path: Path) -> None:
    pytest.importorskip("clickhouse_connect")
    give(tmp_path, trades_of([DAY]))

    with rb.Catalog(SOURCE, cache_dir=tmp_path, store="clickhouse://127.0.0.1:1") as catalog:
        assert catalog.clear("ticks")["days"].to_list() == [1]
        with pytest.raises(StoreError, match="no connection"):
            catalog.clear("bars")

    assert tree(tmp_path) == {}


def test_a_file_of_a_users_own_stays_where_days_are_cleared(tmp_path: Path) -> None:
    give(tmp_path, trades_of([DAY]))
    cache = DiskTickCache(tmp_path, Series(SOURCE, "spot", SYMBOL))
    (cache.folder / "notes.txt").write_text("mine")

    rb.cache_clear("ticks", cache_dir=tmp_path)

    assert [*tree(tmp_path).values()] == [b"mine"]
    assert cache.days() == []
    shutil.rmtree(cache.folder)
    assert rb.cache_status(cache_dir=tmp_path).is_empty()
    assert cache.report(dt.date(2024, 1, 26)) is None
