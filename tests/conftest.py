"""Fixtures of several test files: settings, an archive, cached trades, and every kind of store."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.archive_server import ArchiveServer
from support.cached_trades import DAYS, give, trades_of
from support.clickhouse_server import (  # noqa: F401
    clickhouse_server,
    clickhouse_store,
    clickhouse_url,
    own_server,
)
from support.duckdb_cache import connection, sql_cache  # noqa: F401
from support.object_server import object_server, objects_url  # noqa: F401
from support.populating import stalling, workers  # noqa: F401
from support.published_days import published_days, tick_cache  # noqa: F401
from support.published_file import published_file  # noqa: F401
from support.tick_caches import cache_url, kept  # noqa: F401

import rangebar_polars as rb
from rangebar_polars._catalog import trades as catalog_trades
from rangebar_polars._catalog.bars import StoredBars
from rangebar_polars._catalog.tick_day import TickDay
from rangebar_polars.store import BarStore, ParquetStore

TODAY = dt.date(2024, 10, 1)
SETTINGS = (
    "RANGEBAR_BINANCE_URL",
    "RANGEBAR_BINANCE_LISTING_URL",
    "RANGEBAR_CACHE_COMPRESSION",
    "RANGEBAR_STORE",
)
# A busy machine is slow, and no fault of a test.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the user's settings, proxies and cache, and fix the day.

    It has the scope of the session, so that it holds for the fixtures of a module too.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in (*SETTINGS, *PROXIES, *map(str.upper, PROXIES)):
            patch.delenv(name, raising=False)
        patch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path_factory.mktemp("no-cache")))
        patch.setattr(catalog_trades, "_today", lambda: TODAY)
        yield


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test an empty cache folder, which is the default of every call."""
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """Serve nothing yet."""
    with ArchiveServer() as running:
        yield running


@pytest.fixture(params=["parquet", "clickhouse", "objects"])
def open_one(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BarStore]:
    """Return what opens one and the same store, of each kind in turn; empty at first."""
    if request.param == "parquet":
        return lambda: ParquetStore(tmp_path / "store")
    url: str = request.getfixturevalue(f"{request.param}_url")
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
    """Record of which days trades are read to compute bars."""
    days = list[dt.date]()
    original = StoredBars.open_day

    def spied(bars: StoredBars, day: dt.date) -> TickDay:
        days.append(day)
        return original(bars, day)

    monkeypatch.setattr(StoredBars, "open_day", spied)
    return days
