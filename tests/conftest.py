"""Fixtures of several test files: an archive, a cache with trades, and every kind of bar store."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.archive_server import ArchiveServer
from support.cached_trades import DAYS, give, trades_of
from support.clickhouse_server import clickhouse_server, clickhouse_url, own_server  # noqa: F401

import rangebar_polars as rb
from rangebar_polars._catalog.assemble import TickDay
from rangebar_polars._catalog.bars import StoredBars
from rangebar_polars.archive import http as download
from rangebar_polars.store import BarStore, ParquetStore


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Retry at once, with a cache of the test's own and no proxy."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """Serve nothing yet."""
    with ArchiveServer() as running:
        yield running


@pytest.fixture(params=["parquet", "clickhouse"])
def open_one(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BarStore]:
    """Return what opens one and the same store, of each kind in turn; empty at first."""
    if request.param == "parquet":
        return lambda: ParquetStore(tmp_path / "store")
    url: str = request.getfixturevalue("clickhouse_url")
    return lambda: rb.open_store(url)


@pytest.fixture
def store(open_one: Callable[[], BarStore]) -> Iterator[BarStore]:
    """Return an empty store, of each kind in turn."""
    with open_one() as opened:
        yield opened


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a cache with two weeks of trades."""
    give(tmp_path / "cache", trades_of(DAYS))
    return tmp_path / "cache"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[dt.date]:
    """Tell of which days trades are read to make bars."""
    days = list[dt.date]()
    original = StoredBars.open_day

    def spied(bars: StoredBars, day: dt.date) -> TickDay:
        days.append(day)
        return original(bars, day)

    monkeypatch.setattr(StoredBars, "open_day", spied)
    return days
